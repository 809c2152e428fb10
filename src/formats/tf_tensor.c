/* TensorFlow's tensors -> tensors. */
#include "formats/tf_tensor.h"

#include <string.h>

#include "tensor/half.h"

/* A constant that repeats one number may be larger than its file, but no network needs it this large. */
enum { LARGEST_FILL = 1 << 24 };

enum number {
    DT_FLOAT = 1,
    DT_DOUBLE = 2,
    DT_INT32 = 3,
    DT_UINT8 = 4,
    DT_INT16 = 5,
    DT_INT8 = 6,
    DT_STRING = 7,
    DT_INT64 = 9,
    DT_BOOL = 10,
    DT_BFLOAT16 = 14,
    DT_UINT16 = 17,
    DT_HALF = 19,
    DT_RESOURCE = 20,
    DT_VARIANT = 21,
    DT_UINT32 = 22,
    FIRST_REFERENCE = 100
};

static const rf_tf_type types[] = {
    { DT_FLOAT, "float32", 4, RF_DTYPE_F32, true },
    { DT_DOUBLE, "float64", 8, RF_DTYPE_F32, true },
    { DT_HALF, "float16", 2, RF_DTYPE_F32, true },
    { DT_BFLOAT16, "bfloat16", 2, RF_DTYPE_F32, true },
    { DT_INT32, "int32", 4, RF_DTYPE_I64, true },
    { DT_INT64, "int64", 8, RF_DTYPE_I64, true },
    { DT_INT16, "int16", 2, RF_DTYPE_I64, true },
    { DT_INT8, "int8", 1, RF_DTYPE_I64, true },
    { DT_UINT8, "uint8", 1, RF_DTYPE_I64, true },
    { DT_UINT16, "uint16", 2, RF_DTYPE_I64, true },
    { DT_UINT32, "uint32", 4, RF_DTYPE_I64, true },
    { DT_BOOL, "bool", 1, RF_DTYPE_BOOL, true },
    { DT_STRING, "string", 0, RF_DTYPE_F32, false },
    { DT_RESOURCE, "resource", 0, RF_DTYPE_F32, false },
    { DT_VARIANT, "variant", 0, RF_DTYPE_F32, false },
};

const rf_tf_type *rf_tf_type_find(int number)
{
    if (number > FIRST_REFERENCE)
        number -= FIRST_REFERENCE;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (types[i].number == number)
            return &types[i];
    return NULL;
}

const char *rf_tf_type_name(int number)
{
    const rf_tf_type *type = rf_tf_type_find(number);
    return type ? type->name : "of an unknown type";
}

rf_status rf_tf_shape(rf_context *ctx, const Tf__TensorShapeProto *proto, const char *what,
                      rf_shape *out)
{
    rf_shape shape = { .rank = -1 };
    if (!proto || proto->unknown_rank) {
        *out = shape;
        return RF_OK;
    }
    if (proto->n_dim > RF_MAX_RANK)
        return rf_fail(ctx, RF_EUNSUPPORTED, "%s has %zu dims; refold has up to %d", what,
                       proto->n_dim, RF_MAX_RANK);
    shape.rank = (int)proto->n_dim;
    for (int d = 0; d < shape.rank; d++) {
        shape.dims[d] = proto->dim[d]->size;
        if (shape.dims[d] < -1)
            return rf_fail(ctx, RF_EMODEL, "%s has a dim of %lld", what, (long long)shape.dims[d]);
    }
    *out = shape;
    return RF_OK;
}

/* --- elements --- */

static float float_at(int type, const uint8_t *at)
{
    uint16_t half;
    double wide;
    float x;
    uint32_t bits;
    switch (type) {
    case DT_DOUBLE:
        memcpy(&wide, at, sizeof wide);
        return (float)wide;
    case DT_HALF:
        memcpy(&half, at, sizeof half);
        return rf_half_to_f32(half);
    case DT_BFLOAT16:
        memcpy(&half, at, sizeof half);
        bits = (uint32_t)half << 16;
        memcpy(&x, &bits, sizeof x);
        return x;
    default:
        memcpy(&x, at, sizeof x);
        return x;
    }
}

static int64_t int_at(int type, const uint8_t *at)
{
    uint64_t bits = 0;
    const size_t bytes = rf_tf_type_find(type)->bytes;
    const bool is_signed = type == DT_INT8 || type == DT_INT16 || type == DT_INT32;
    memcpy(&bits, at, bytes);
    if (is_signed && bits >> (8 * bytes - 1))
        bits |= ~UINT64_C(0) << (8 * bytes);
    return (int64_t)bits;
}

static void put_element(rf_tensor *t, int64_t i, int type, const uint8_t *at)
{
    if (t->dtype == RF_DTYPE_F32)
        rf_tensor_f32(t)[i] = float_at(type, at);
    else if (t->dtype == RF_DTYPE_BOOL)
        ((uint8_t *)t->data)[i] = *at != 0;
    else
        rf_tensor_i64(t)[i] = int_at(type, at);
}

static rf_status check_type(rf_context *ctx, int number, const char *what, const rf_tf_type **out)
{
    *out = rf_tf_type_find(number);
    if (*out && (*out)->held)
        return RF_OK;
    return rf_fail(ctx, RF_EUNSUPPORTED, "%s is %s (type %d); refold takes numbers", what,
                   rf_tf_type_name(number), number);
}

rf_status rf_tf_tensor_of_bytes(rf_context *ctx, int type, const rf_shape *shape,
                                const uint8_t *bytes, size_t size, const char *what,
                                rf_tensor **out)
{
    const rf_tf_type *t = NULL;
    rf_tensor *tensor = NULL;
    int64_t count = 0;
    RF_TRY(check_type(ctx, type, what, &t));
    RF_TRY(rf_shape_count(ctx, shape, &count));
    if ((uint64_t)count > SIZE_MAX / t->bytes || (size_t)count * t->bytes != size)
        return rf_fail(ctx, RF_EMODEL, "%s has %zu bytes; its shape needs %lld elements of %s",
                       what, size, (long long)count, t->name);
    RF_TRY(rf_tensor_new_shape(ctx, t->dtype, shape, &tensor));
    if (t->number == DT_FLOAT && size)
        memcpy(tensor->data, bytes, size);
    for (int64_t i = 0; i < count && t->number != DT_FLOAT; i++)
        put_element(tensor, i, t->number, bytes + (size_t)i * t->bytes);
    *out = tensor;
    return RF_OK;
}

/* --- TensorProto --- */

/* Numbers in the fields of their kind: fewer than elements repeat the last. */
typedef struct values {
    size_t count;
    const float *f32;
    const double *f64;
    const int32_t *i32;
    const int64_t *i64;
    const protobuf_c_boolean *flags;
    bool is_half, is_bfloat;
} values;

static values values_of(const Tf__TensorProto *p, int type)
{
    switch (type) {
    case DT_FLOAT:
        return (values){ .count = p->n_float_val, .f32 = p->float_val };
    case DT_DOUBLE:
        return (values){ .count = p->n_double_val, .f64 = p->double_val };
    case DT_INT64:
        return (values){ .count = p->n_int64_val, .i64 = p->int64_val };
    case DT_BOOL:
        return (values){ .count = p->n_bool_val, .flags = p->bool_val };
    case DT_HALF:
    case DT_BFLOAT16:
        return (values){ .count = p->n_half_val,
                         .i32 = p->half_val,
                         .is_half = type == DT_HALF,
                         .is_bfloat = type == DT_BFLOAT16 };
    default:
        return (values){ .count = p->n_int_val, .i32 = p->int_val };
    }
}

static float half_of(const values *v, size_t i)
{
    const uint16_t bits = (uint16_t)v->i32[i];
    uint8_t bytes[2];
    memcpy(bytes, &bits, sizeof bits);
    return float_at(v->is_half ? DT_HALF : DT_BFLOAT16, bytes);
}

static void put_value(rf_tensor *t, int64_t at, const values *v, size_t i)
{
    if (t->dtype == RF_DTYPE_F32)
        rf_tensor_f32(t)[at] = v->f32 ? v->f32[i] : v->f64 ? (float)v->f64[i] : half_of(v, i);
    else if (t->dtype == RF_DTYPE_BOOL)
        ((uint8_t *)t->data)[at] = v->flags[i] != 0;
    else
        rf_tensor_i64(t)[at] = v->i64 ? v->i64[i] : v->i32[i];
}

static rf_status decode_values(rf_context *ctx, const Tf__TensorProto *proto,
                               const rf_tf_type *type, const rf_shape *shape, const char *what,
                               rf_tensor **out)
{
    const values v = values_of(proto, type->number);
    rf_tensor *t = NULL;
    int64_t count = 0;
    RF_TRY(rf_shape_count(ctx, shape, &count));
    if (v.count > (uint64_t)count || (size_t)count > v.count + LARGEST_FILL)
        return rf_fail(ctx, RF_EMODEL, "%s has %zu numbers for %lld elements", what, v.count,
                       (long long)count);
    RF_TRY(rf_tensor_new_shape(ctx, type->dtype, shape, &t)); /* zeroed: no number at all is 0 */
    for (int64_t i = 0; i < count && v.count; i++)
        put_value(t, i, &v, (size_t)i < v.count ? (size_t)i : v.count - 1);
    *out = t;
    return RF_OK;
}

rf_status rf_tf_tensor_decode(rf_context *ctx, const Tf__TensorProto *proto, const char *what,
                              rf_tensor **out)
{
    const rf_tf_type *type = NULL;
    rf_shape shape;
    if (!proto)
        return rf_fail(ctx, RF_EMODEL, "%s has no value", what);
    RF_TRY(check_type(ctx, proto->dtype, what, &type));
    RF_TRY(rf_tf_shape(ctx, proto->tensor_shape, what, &shape));
    if (!proto->tensor_shape)
        shape.rank = 0;
    if (proto->tensor_content.len)
        return rf_tf_tensor_of_bytes(ctx, type->number, &shape, proto->tensor_content.data,
                                     proto->tensor_content.len, what, out);
    return decode_values(ctx, proto, type, &shape, what, out);
}
