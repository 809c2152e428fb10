/* A convolution as the files of this room see it: conv.c makes it, conv_run.c runs it. */
#ifndef RF_DNN_CONV_IMPL_H
#define RF_DNN_CONV_IMPL_H

#include "dnn/conv_geometry.h"
#include "dnn/conv_own.h"

enum { RF_CONV_FORWARD, RF_CONV_BACKWARD_DATA, RF_CONV_BACKWARD_WEIGHTS, RF_CONV_PARTS };

extern const char *const rf_conv_part_names[RF_CONV_PARTS]; /* for messages */

/*
 * One direction: its primitive, its weights' way into or out of oneDNN's format, and where each
 * block lies in scratch.
 */
typedef struct rf_conv_part {
    dnnl_primitive_t run, reorder;
    dnnl_memory_t src, weights, bias, dst; /* gradients where the direction computes them */
    dnnl_memory_t plain; /* weights as the model has them; NULL: oneDNN takes them so */
    dnnl_memory_t run_pad, reorder_pad; /* oneDNN's scratchpads */
    size_t weights_at, bias_at, run_pad_at, reorder_pad_at;
} rf_conv_part;

struct rf_dnn_conv {
    rf_context *ctx;
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    size_t scratch;
    bool with_bias, integers;
    bool is_own; /* the forward direction, on codes */
    rf_code_conv own;
    dnnl_memory_t zero_point; /* of the source, read at each call */
    int32_t zero_point_value;
    rf_conv_part parts[RF_CONV_PARTS];
    rf_winograd winograd; /* of the backward directions that have no primitive */
};

#endif
