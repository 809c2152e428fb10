/* The dense row-major tensor behind the public handle. */
#ifndef RF_TENSOR_TENSOR_H
#define RF_TENSOR_TENSOR_H

#include "tensor/shape.h"

struct rf_tensor {
    rf_context *ctx;
    rf_dtype dtype;
    rf_shape shape;
    int64_t count;
    void *data; /* count * rf_dtype_bytes, 64-byte aligned, owned */
};

rf_status rf_tensor_new_shape(rf_context *ctx, rf_dtype dtype, const rf_shape *shape,
                              rf_tensor **out); /* of zeros */
/* For who writes every element: large models open a quarter faster without the zeros. */
rf_status rf_tensor_new_unfilled(rf_context *ctx, rf_dtype dtype, const rf_shape *shape,
                                 rf_tensor **out);
rf_status rf_tensor_copy(const rf_tensor *src, rf_tensor **out);
static inline float *rf_tensor_f32(const rf_tensor *t)
{
    return (float *)t->data;
}
static inline int64_t *rf_tensor_i64(const rf_tensor *t)
{
    return (int64_t *)t->data;
}
/* Toward zero; what int64 cannot hold becomes the nearest that it can, NaN 0. */
int64_t rf_truncate(double x);
/* Element `i` of an integer, bool or float tensor as int64 (floats truncate). */
int64_t rf_tensor_get_i64(const rf_tensor *t, int64_t i);

#endif
