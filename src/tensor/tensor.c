/* The dense row-major tensor behind the public handle. */
#include "tensor/tensor.h"

#include <math.h>
#include <string.h>

#include "base/context.h"

const char *rf_dtype_name(rf_dtype dtype)
{
    switch (dtype) {
#define DTYPE_NAME(name, value, text, bytes)                                                       \
    case RF_DTYPE_##name:                                                                          \
        return text;
        RF_DTYPE_MAP(DTYPE_NAME)
#undef DTYPE_NAME
    }
    return "unknown";
}

size_t rf_dtype_bytes(rf_dtype dtype)
{
    switch (dtype) {
#define DTYPE_BYTES(name, value, text, bytes)                                                      \
    case RF_DTYPE_##name:                                                                          \
        return bytes;
        RF_DTYPE_MAP(DTYPE_BYTES)
#undef DTYPE_BYTES
    }
    return 0;
}

rf_status rf_tensor_new_unfilled(rf_context *ctx, rf_dtype dtype, const rf_shape *shape,
                                 rf_tensor **out)
{
    int64_t count = 0;
    size_t bytes = 0;
    RF_TRY(rf_shape_count(ctx, shape, &count));
    if (__builtin_mul_overflow((size_t)count, rf_dtype_bytes(dtype), &bytes))
        return rf_fail(ctx, RF_ENOMEM, "a tensor of %lld elements is larger than memory can be",
                       (long long)count);
    rf_tensor *t = NULL;
    RF_NEW_ARRAY(ctx, t, 1);
    *t = (rf_tensor){ .ctx = ctx, .dtype = dtype, .shape = *shape, .count = count };
    t->data = rf_alloc(ctx, bytes);
    if (!t->data) {
        rf_free(ctx, t);
        return RF_ENOMEM;
    }
    *out = t;
    return RF_OK;
}

rf_status rf_tensor_new_shape(rf_context *ctx, rf_dtype dtype, const rf_shape *shape,
                              rf_tensor **out)
{
    RF_TRY(rf_tensor_new_unfilled(ctx, dtype, shape, out));
    memset((*out)->data, 0, (size_t)(*out)->count * rf_dtype_bytes(dtype));
    return RF_OK;
}

rf_status rf_tensor_new(rf_context *ctx, rf_dtype dtype, int rank, const int64_t *dims,
                        rf_tensor **out)
{
    if (rank < 0 || rank > RF_MAX_RANK)
        return rf_fail(ctx, RF_EARG, "rank %d, expected 0 to %d", rank, RF_MAX_RANK);
    if (!rf_dtype_bytes(dtype))
        return rf_fail(ctx, RF_EARG, "unknown dtype %d", (int)dtype);
    for (int i = 0; i < rank; i++)
        if (dims[i] < 0)
            return rf_fail(ctx, RF_EARG, "dim %d is %lld, expected at least 0", i,
                           (long long)dims[i]);
    const rf_shape shape = rf_shape_of(rank, dims);
    return rf_tensor_new_shape(ctx, dtype, &shape, out);
}

rf_status rf_tensor_copy(const rf_tensor *src, rf_tensor **out)
{
    rf_tensor *t = NULL;
    RF_TRY(rf_tensor_new_unfilled(src->ctx, src->dtype, &src->shape, &t));
    memcpy(t->data, src->data, (size_t)src->count * rf_dtype_bytes(src->dtype));
    *out = t;
    return RF_OK;
}

void rf_tensor_free(rf_tensor *t)
{
    if (!t)
        return;
    rf_free(t->ctx, t->data);
    rf_free(t->ctx, t);
}

rf_dtype rf_tensor_dtype(const rf_tensor *t)
{
    return t->dtype;
}

int rf_tensor_rank(const rf_tensor *t)
{
    return t->shape.rank;
}

const int64_t *rf_tensor_dims(const rf_tensor *t)
{
    return t->shape.dims;
}

int64_t rf_tensor_count(const rf_tensor *t)
{
    return t->count;
}

void *rf_tensor_data(rf_tensor *t)
{
    return t->data;
}

const void *rf_tensor_const_data(const rf_tensor *t)
{
    return t->data;
}

int64_t rf_truncate(double x)
{
    if (isnan(x))
        return 0;
    if (x >= 9223372036854775807.0)
        return INT64_MAX;
    return x <= -9223372036854775808.0 ? INT64_MIN : (int64_t)x;
}

int64_t rf_tensor_get_i64(const rf_tensor *t, int64_t i)
{
    switch (t->dtype) {
    case RF_DTYPE_I64:
        return ((const int64_t *)t->data)[i];
    case RF_DTYPE_I32:
        return ((const int32_t *)t->data)[i];
    case RF_DTYPE_I16:
        return ((const int16_t *)t->data)[i];
    case RF_DTYPE_U16:
        return ((const uint16_t *)t->data)[i];
    case RF_DTYPE_I8:
        return ((const int8_t *)t->data)[i];
    case RF_DTYPE_U8:
    case RF_DTYPE_BOOL:
        return ((const uint8_t *)t->data)[i];
    case RF_DTYPE_F32:
        return rf_truncate((double)((const float *)t->data)[i]);
    case RF_DTYPE_F64:
        return rf_truncate(((const double *)t->data)[i]);
    case RF_DTYPE_F16:
        break;
    }
    return 0;
}
