/* TensorFlow's models -> graph: SavedModel folders, frozen GraphDef files. */
#ifndef RF_FORMATS_TENSORFLOW_H
#define RF_FORMATS_TENSORFLOW_H

#include "graph/graph.h"

bool rf_tensorflow_is_mine(const char *path);
rf_status rf_tensorflow_read(rf_context *ctx, const char *path, const rf_import_options *options,
                             rf_graph **out);
/* A GraphDef or a SavedModel in memory; variables lie at `prefix`.index, or nowhere where it is NULL. `name` appears in
 * messages. */
rf_status rf_tensorflow_decode(rf_context *ctx, const void *bytes, size_t size, const char *prefix,
                               const char *name, const rf_import_options *options, rf_graph **out);

#endif
