/*
 * Networks as Keras and TensorFlow describe them, built as ONNX graphs: there channels lie last, here first. The readers
 * of both formats share it. Shapes, axes and weights of the arguments are the framework's; a tensor of rank 3 and more
 * lies channels first in the graph from the first layer that wants it so until one that cannot have it, and Transpose
 * nodes stand only there.
 *
 * A net carries the first failure: after it every function does nothing, so that readers check once, at the end.
 */
#ifndef RF_FORMATS_NET_H
#define RF_FORMATS_NET_H

#include "graph/graph.h"

/* A tensor as the framework sees it. A constant is put into the graph where it is used, in the form needed there. */
typedef struct rf_net_tensor {
    const char *name;    /* the framework's, as conv1/kernel:0; NULL after a failure */
    rf_value *value;     /* NULL: a constant */
    rf_tensor *constant; /* the net's, in the framework's order; NULL: computed */
    rf_dtype dtype;
    rf_shape shape; /* the framework's order; -1: unknown */
    bool turned;    /* the value has its last dim as dim 1: channels first */
} rf_net_tensor;

typedef struct rf_net {
    rf_graph *g;
    rf_status st;
    const char *at; /* what is being built, for messages: "Conv2D node 'conv1'" */
    rf_map other;   /* value name -> the same tensor in the other layout */
    rf_map forms;   /* constant and order of dims -> what was made of it */
    RF_VEC(rf_tensor *) tensors;
} rf_net;

/* Names of a node and of what it makes. */
typedef struct rf_net_name {
    const char *node, *output;
} rf_net_name;

rf_status rf_net_init(rf_net *net, rf_context *ctx, const char *name);
/* Drops what leads nowhere, sorts, checks; *out is the caller's. The net is released in any case. */
rf_status rf_net_finish(rf_net *net, rf_graph **out);
void rf_net_release(rf_net *net);
/* Sets net->st and a message that begins with net->at; returns the status. */
rf_status rf_net_fail(rf_net *net, rf_status status, const char *format, ...) RF_PRINTF(3, 4);
/* "a/b" in the graph's arena; "" and a failure when out of memory. */
const char *rf_net_text(rf_net *net, const char *format, ...) RF_PRINTF(2, 3);

/* --- tensors --- */

/* channels_last: the framework's data has the channels last. rf_port of the finished graph says so too. */
rf_net_tensor rf_net_input(rf_net *net, const char *name, rf_dtype dtype, const rf_shape *shape,
                           bool channels_last);
/* The net owns t from here on, even on failure. */
rf_net_tensor rf_net_constant(rf_net *net, const char *name, rf_tensor *t);
rf_net_tensor rf_net_scalar(rf_net *net, const char *name, float value);
/* Under the name that the tensor has, or `name` where that is not NULL. */
void rf_net_output(rf_net *net, rf_net_tensor t, const char *name);
/* Dim d of the constant is dim from[d] of t. */
rf_net_tensor rf_net_permuted(rf_net *net, const rf_net_tensor *t, const int *from);
bool rf_net_is_constant(const rf_net_tensor *t);
/* The graph's value with the dims in the framework's order, or with channels first (rank 3 and more). */
rf_value *rf_net_plain(rf_net *net, const rf_net_tensor *t);
rf_value *rf_net_turned(rf_net *net, const rf_net_tensor *t);
/* The constant, seen as `shape`, with its dims in the framework's order or with channels first. */
rf_value *rf_net_put_constant(rf_net *net, const rf_net_tensor *t, const rf_shape *shape,
                              bool turned);
/* For NumPy's broadcasting in a tensor of `rank` that lies `turned`. */
rf_value *rf_net_operand(rf_net *net, const rf_net_tensor *t, int rank, bool turned);
/* Constant of any form for attributes that became inputs: int64 vector, float scalar. */
rf_value *rf_net_ints(rf_net *net, const char *name, const int64_t *values, int64_t count);
rf_value *rf_net_float(rf_net *net, const char *name, float value);

/* --- nodes --- */

/* The general form. `shape` is the framework's; inputs may hold NULL for those left out. */
rf_net_tensor rf_net_node(rf_net *net, const char *op_type, rf_net_name name,
                          rf_value *const *inputs, int count, rf_dtype dtype, const rf_shape *shape,
                          bool turned);
/* Attributes of the node that made t. */
void rf_net_set_int(rf_net *net, rf_net_tensor t, const char *name, int64_t value);
void rf_net_set_float(rf_net *net, rf_net_tensor t, const char *name, double value);
void rf_net_set_string(rf_net *net, rf_net_tensor t, const char *name, const char *value);
void rf_net_set_ints(rf_net *net, rf_net_tensor t, const char *name, const int64_t *values,
                     int64_t count);

rf_net_tensor rf_net_unary(rf_net *net, const char *op_type, rf_net_name name, rf_net_tensor x);
/* With broadcasting. `dtype` is the result's. */
rf_net_tensor rf_net_binary(rf_net *net, const char *op_type, rf_net_name name, rf_net_tensor a,
                            rf_net_tensor b, rf_dtype dtype);
/* Sum, Max and others of n operands as a chain of two; the last one carries the name. */
rf_net_tensor rf_net_chain(rf_net *net, const char *op_type, rf_net_name name,
                           const rf_net_tensor *x, int count);
/* -INFINITY, INFINITY: no end. */
rf_net_tensor rf_net_clip(rf_net *net, rf_net_name name, rf_net_tensor x, float min, float max);
/* Softmax, LogSoftmax, ArgMax: nodes with an axis. */
rf_net_tensor rf_net_softmax(rf_net *net, const char *op_type, rf_net_name name, rf_net_tensor x,
                             int axis);
rf_net_tensor rf_net_arg_max(rf_net *net, rf_net_name name, rf_net_tensor x, int axis);
rf_net_tensor rf_net_cast(rf_net *net, rf_net_name name, rf_net_tensor x, rf_dtype dtype);

/* --- layers --- */

typedef enum rf_net_padding { RF_NET_VALID, RF_NET_SAME, RF_NET_EXPLICIT } rf_net_padding;

/* Of 1 to 3 spatial dims. Zeros in strides and dilations count as 1. */
typedef struct rf_net_window {
    int64_t kernel[3], strides[3], dilations[3]; /* kernel: pools only */
    rf_net_padding padding;
    int64_t pads[3][2];  /* RF_NET_EXPLICIT: before and behind each spatial dim */
    bool channels_first; /* the framework's data_format NCHW */
} rf_net_window;

/* filter: constant [k..., in / groups, out]; with depthwise [k..., in, multiplier]. bias: NULL or a constant [out]. */
rf_net_tensor rf_net_conv(rf_net *net, rf_net_name name, rf_net_tensor src, rf_net_tensor filter,
                          const rf_net_tensor *bias, const rf_net_window *w, bool depthwise);
/* filter: constant [k..., out, in]. dst_spatial: sizes of the result; NULL: the framework's rule
   (SAME: in * stride; VALID: in * stride + max(kernel - stride, 0)). */
rf_net_tensor rf_net_conv_transpose(rf_net *net, rf_net_name name, rf_net_tensor src,
                                    rf_net_tensor filter, const rf_net_tensor *bias,
                                    const rf_net_window *w, const int64_t *dst_spatial);
/* MaxPool or AveragePool (padding not counted). */
rf_net_tensor rf_net_pool(rf_net *net, const char *op_type, rf_net_name name, rf_net_tensor src,
                          const rf_net_window *w);
/* Constants of [c]; axis: of the channels. */
rf_net_tensor rf_net_batch_norm(rf_net *net, rf_net_name name, rf_net_tensor src, int axis,
                                const rf_net_tensor parameters[4], float epsilon);
/* x [..., in] times constant [in, out] (or [out, in] where transposed) plus bias (may be NULL). Gemm for rank 2, else
   MatMul and Add. */
rf_net_tensor rf_net_dense(rf_net *net, rf_net_name name, rf_net_tensor x, rf_net_tensor weight,
                           bool transposed, const rf_net_tensor *bias);
rf_net_tensor rf_net_matmul(rf_net *net, rf_net_name name, rf_net_tensor a, rf_net_tensor b);

/* --- shapes; axes may count from the end --- */

/* At most one -1 in `dims` besides dim 0, which then is the source's. */
rf_net_tensor rf_net_reshape(rf_net *net, rf_net_name name, rf_net_tensor x, int rank,
                             const int64_t *dims);
rf_net_tensor rf_net_transpose(rf_net *net, rf_net_name name, rf_net_tensor x, const int *perm);
rf_net_tensor rf_net_squeeze(rf_net *net, rf_net_name name, rf_net_tensor x, const int64_t *axes,
                             int count);
rf_net_tensor rf_net_unsqueeze(rf_net *net, rf_net_name name, rf_net_tensor x, int axis);
rf_net_tensor rf_net_concat(rf_net *net, rf_net_name name, const rf_net_tensor *x, int count,
                            int axis);
/* begin, end, step: one a dim; end may lie beyond. */
rf_net_tensor rf_net_slice(rf_net *net, rf_net_name name, rf_net_tensor x, const int64_t *begin,
                           const int64_t *end, const int64_t *step);
/* before, behind: one a dim; mode: "constant", "reflect", "edge". */
rf_net_tensor rf_net_pad(rf_net *net, rf_net_name name, rf_net_tensor x, const int64_t *before,
                         const int64_t *behind, const char *mode, float value);
/* Mean over all spatial dims and Max become global pools. op_type: "ReduceMean", "ReduceMax", "ReduceSum". */
rf_net_tensor rf_net_reduce(rf_net *net, const char *op_type, rf_net_name name, rf_net_tensor x,
                            const int64_t *axes, int count, bool keepdims);
/* sizes: of the spatial dims; mode, coordinates and nearest are ONNX Resize's (nearest may be NULL). */
rf_net_tensor rf_net_resize(rf_net *net, rf_net_name name, rf_net_tensor x, const int64_t *sizes,
                            const char *mode, const char *coordinates, const char *nearest,
                            bool channels_first);
/* 0 .. rank - 1 for an axis that may count from the end; a failure beyond. */
int rf_net_axis(rf_net *net, int64_t axis, int rank);
/* Where the framework's axis lies in a turned value of that rank. */
int rf_net_turned_axis(int axis, int rank);

#endif
