/* A convolution's shape, checked and in oneDNN's words. */
#ifndef RF_DNN_CONV_GEOMETRY_H
#define RF_DNN_CONV_GEOMETRY_H

#include <oneapi/dnnl/dnnl.h>

#include "dnn/dnn.h"

/* One spatial dim becomes two with height 1: oneDNN's fast depthwise kernels are 2-D. */
typedef struct rf_conv_geometry {
    int spatial;
    bool transposed;
    dnnl_dims_t strides, dilates, pad_begin, pad_end;
    dnnl_memory_desc_t src, dst, bias;
    dnnl_memory_desc_t any_weights, plain_weights;
} rf_conv_geometry;

rf_status rf_conv_check(rf_context *ctx, const rf_conv_shape *s); /* RF_ESHAPE, RF_EUNSUPPORTED */
/* integers: source u8, weights s8, result s32; else all float32. */
rf_status rf_conv_geometry_init(rf_context *ctx, const rf_conv_shape *s, bool integers,
                                rf_conv_geometry *g);

/* A oneDNN status as ours; `what` is the kind of convolution, for the message. */
rf_status rf_dnn_check(rf_context *ctx, dnnl_status_t status, const char *what);
#define RF_DNN_TRY(ctx, call, what) RF_TRY(rf_dnn_check((ctx), (call), (what)))

#endif
