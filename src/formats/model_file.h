/* What the table of model formats asks of each. */
#ifndef RF_FORMATS_MODEL_FILE_H
#define RF_FORMATS_MODEL_FILE_H

#include "graph/graph.h"

typedef struct rf_model_format {
    const char *name;
    bool (*is_mine)(const char *path); /* by the first bytes, the kind of file, the ending */
    rf_status (*read)(rf_context *ctx, const char *path, const rf_import_options *options,
                      rf_graph **out); /* options may be NULL */
} rf_model_format;

/* Messages from inside name the node or tensor; here they get the file's name in front. Returns `status`. */
rf_status rf_with_file_name(rf_context *ctx, rf_status status, const char *name);

#endif
