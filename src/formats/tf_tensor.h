/* TensorFlow's tensors, as constants of a graph have them and as checkpoints do. */
#ifndef RF_FORMATS_TF_TENSOR_H
#define RF_FORMATS_TF_TENSOR_H

#include <tensorflow.pb-c.h>

#include "tensor/tensor.h"

/* DataType. Refold computes in float32 and int64: all floats and integers arrive as these, truth values as bool. */
typedef struct rf_tf_type {
    int number;
    const char *name;
    size_t bytes; /* of an element in files */
    rf_dtype dtype;
    bool held; /* false: strings, resources and others without numbers */
} rf_tf_type;
/* References (number + 100) count as what they refer to. NULL: unknown. */
const rf_tf_type *rf_tf_type_find(int number);
const char *rf_tf_type_name(int number); /* "float", ...; "of an unknown type" */

/* -1 where the file leaves a dim open, rank -1 where it leaves all. `what` appears in messages. */
rf_status rf_tf_shape(rf_context *ctx, const Tf__TensorShapeProto *proto, const char *what,
                      rf_shape *out);
/* Elements as they lie in little-endian files; size must be what the shape says. */
rf_status rf_tf_tensor_of_bytes(rf_context *ctx, int type, const rf_shape *shape,
                                const uint8_t *bytes, size_t size, const char *what,
                                rf_tensor **out);
rf_status rf_tf_tensor_decode(rf_context *ctx, const Tf__TensorProto *proto, const char *what,
                              rf_tensor **out);

#endif
