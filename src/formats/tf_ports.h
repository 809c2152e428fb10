/* What goes in and out of a TensorFlow graph: by the user's word, by a signature, or by what the graph leaves open. */
#ifndef RF_FORMATS_TF_PORTS_H
#define RF_FORMATS_TF_PORTS_H

#include "formats/tf_import.h"

typedef struct rf_tf_output {
    rf_tf_ref ref;
    const char *name; /* as the graph's output is called; NULL: as what makes it */
} rf_tf_output;

typedef struct rf_tf_ports {
    RF_VEC(rf_tf_output) outputs;
} rf_tf_ports;

/* Fills in->inputs, in->shapes and the outputs. `signature` may be NULL. */
rf_status rf_tf_choose_ports(rf_tf_import *in, const Tf__SignatureDef *signature,
                             const rf_import_options *options, rf_tf_ports *out);
/* By options->signature, else serving_default, else the only one; *out NULL where the model has none and none is asked for. */
rf_status rf_tf_choose_signature(rf_context *ctx, const Tf__MetaGraphDef *meta,
                                 const rf_import_options *options, const Tf__SignatureDef **out);

#endif
