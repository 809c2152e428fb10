/* TensorProto <-> rf_tensor: raw bytes, typed fields, packed 4-bit codes, external data. */
#include <string.h>

#include "base/status.h"
#include "formats/onnx_parts.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "raw_data is little-endian and copied as is");

static bool is_packed4(int onnx_type)
{
    return onnx_type == RF_ONNX_INT4 || onnx_type == RF_ONNX_UINT4;
}

/* Bytes of `count` elements in raw_data; count was checked not to overflow 2^62 elements, so divide instead of multiplying. */
static bool bytes_match(int onnx_type, rf_dtype dtype, int64_t count, size_t bytes)
{
    if (is_packed4(onnx_type))
        return bytes == (size_t)(count / 2 + count % 2);
    const size_t element = rf_dtype_bytes(dtype);
    return bytes % element == 0 && bytes / element == (size_t)count;
}

static rf_status decode_dims(rf_context *ctx, const Onnx__TensorProto *proto, const char *name,
                             rf_shape *shape, int64_t *count)
{
    if (proto->n_dims > RF_MAX_RANK)
        return rf_fail(ctx, RF_EUNSUPPORTED,
                       "tensor '%s' has %zu dimensions; refold takes up to %d", name, proto->n_dims,
                       RF_MAX_RANK);
    for (size_t i = 0; i < proto->n_dims; i++)
        if (proto->dims[i] < 0)
            return rf_fail(ctx, RF_EMODEL, "tensor '%s': dim %zu is %lld; expected 0 or more", name,
                           i, (long long)proto->dims[i]);
    *shape = rf_shape_of((int)proto->n_dims, proto->dims);
    if (rf_shape_count(ctx, shape, count)) {
        char text[RF_SHAPE_TEXT];
        return rf_fail(ctx, RF_EMODEL, "tensor '%s': the product of its dims %s overflows", name,
                       rf_shape_text(shape, text));
    }
    return RF_OK;
}

static rf_status fail_length(rf_context *ctx, const char *name, const char *field, size_t found,
                             const char *unit, const rf_shape *shape, int onnx_type)
{
    char text[RF_SHAPE_TEXT];
    return rf_fail(ctx, RF_EMODEL, "tensor '%s': %s has %zu %s, which does not fit %s %s", name,
                   field, found, unit, rf_onnx_type_name(onnx_type), rf_shape_text(shape, text));
}

/* Low nibble first. Source: onnx.proto, TensorProto.DataType INT4. */
static void unpack4(const uint8_t *packed, bool is_signed, int64_t count, uint8_t *codes)
{
    for (int64_t i = 0; i < count; i++) {
        const unsigned nibble = ((unsigned)packed[i / 2] >> (i % 2 * 4)) & 15u;
        codes[i] = (uint8_t)(is_signed && nibble > 7 ? nibble | 0xf0u : nibble);
    }
}

static void copy_raw(const uint8_t *bytes, int onnx_type, rf_tensor *t)
{
    if (is_packed4(onnx_type))
        unpack4(bytes, onnx_type == RF_ONNX_INT4, t->count, t->data);
    else if (t->count)
        memcpy(t->data, bytes, (size_t)t->count * rf_dtype_bytes(t->dtype));
    if (t->dtype == RF_DTYPE_BOOL)
        for (int64_t i = 0; i < t->count; i++)
            ((uint8_t *)t->data)[i] = ((uint8_t *)t->data)[i] != 0;
}

/* int32_data holds every type of at most 32 bits; false when a number does not fit its type. */
static bool copy_int32_data(const int32_t *from, rf_tensor *t)
{
    bool fits = true;
    for (int64_t i = 0; i < t->count; i++) {
        const int32_t x = from[i];
        switch (t->dtype) {
        case RF_DTYPE_I32:
            ((int32_t *)t->data)[i] = x;
            break;
        case RF_DTYPE_I16:
            ((int16_t *)t->data)[i] = (int16_t)x;
            fits = fits && x == (int16_t)x;
            break;
        case RF_DTYPE_U16:
        case RF_DTYPE_F16:
            ((uint16_t *)t->data)[i] = (uint16_t)x;
            fits = fits && x == (uint16_t)x;
            break;
        case RF_DTYPE_I8:
            ((int8_t *)t->data)[i] = (int8_t)x;
            fits = fits && x == (int8_t)x;
            break;
        case RF_DTYPE_U8:
            ((uint8_t *)t->data)[i] = (uint8_t)x;
            fits = fits && x == (uint8_t)x;
            break;
        default: /* BOOL */
            ((uint8_t *)t->data)[i] = x != 0;
        }
    }
    return fits;
}

typedef struct typed_field {
    const char *name;
    const void *numbers;
    size_t count;
} typed_field;

static typed_field field_for(const Onnx__TensorProto *proto, rf_dtype dtype)
{
    switch (dtype) {
    case RF_DTYPE_F32:
        return (typed_field){ "float_data", proto->float_data, proto->n_float_data };
    case RF_DTYPE_F64:
        return (typed_field){ "double_data", proto->double_data, proto->n_double_data };
    case RF_DTYPE_I64:
        return (typed_field){ "int64_data", proto->int64_data, proto->n_int64_data };
    default:
        return (typed_field){ "int32_data", proto->int32_data, proto->n_int32_data };
    }
}

static void unpack4_int32(const int32_t *packed, bool is_signed, rf_tensor *t)
{
    uint8_t *codes = t->data;
    for (int64_t i = 0; i < t->count; i += 2) {
        const uint8_t byte = (uint8_t)packed[i / 2];
        unpack4(&byte, is_signed, t->count - i < 2 ? 1 : 2, codes + i);
    }
}

static rf_status decode_typed(rf_context *ctx, const Onnx__TensorProto *proto, const char *name,
                              const rf_shape *shape, int64_t count, rf_dtype dtype, rf_tensor **out)
{
    const typed_field field = field_for(proto, dtype);
    const bool packed4 = is_packed4(proto->data_type);
    if (field.count != (size_t)(packed4 ? count / 2 + count % 2 : count))
        return fail_length(ctx, name, field.name, field.count, "numbers", shape, proto->data_type);
    rf_tensor *t = NULL;
    RF_TRY(rf_tensor_new_shape(ctx, dtype, shape, &t));
    if (packed4) {
        unpack4_int32(field.numbers, proto->data_type == RF_ONNX_INT4, t);
    } else if (field.numbers == proto->int32_data) {
        if (!copy_int32_data(field.numbers, t)) {
            rf_tensor_free(t);
            return rf_fail(ctx, RF_EMODEL, "tensor '%s': int32_data has numbers beyond %s", name,
                           rf_onnx_type_name(proto->data_type));
        }
    } else if (count) {
        memcpy(t->data, field.numbers, (size_t)count * rf_dtype_bytes(dtype));
    }
    *out = t;
    return RF_OK;
}

static rf_status decode_raw(rf_context *ctx, const uint8_t *bytes, int onnx_type,
                            const rf_shape *shape, rf_dtype dtype, rf_tensor **out)
{
    rf_tensor *t = NULL;
    RF_TRY(rf_tensor_new_unfilled(ctx, dtype, shape, &t));
    copy_raw(bytes, onnx_type, t);
    *out = t;
    return RF_OK;
}

static rf_status decode_external(const rf_onnx_source *source, const Onnx__TensorProto *proto,
                                 const char *name, const rf_shape *shape, int64_t count,
                                 rf_dtype dtype, rf_tensor **out)
{
    const size_t element = rf_dtype_bytes(dtype);
    if ((uint64_t)count > SIZE_MAX / 2 / element)
        return rf_fail(source->ctx, RF_EMODEL, "tensor '%s': its dims overflow", name);
    const size_t size =
        is_packed4(proto->data_type) ? (size_t)(count / 2 + count % 2) : (size_t)count * element;
    uint8_t *bytes = NULL;
    RF_TRY(rf_external_data_read(source, proto, name, size, &bytes));
    const rf_status st = decode_raw(source->ctx, bytes, proto->data_type, shape, dtype, out);
    rf_free(source->ctx, bytes);
    return st;
}

/* As the file has it. */
static rf_status decode_stored(const rf_onnx_source *source, const Onnx__TensorProto *proto,
                               const char *name, rf_tensor **out)
{
    rf_context *ctx = source->ctx;
    const rf_onnx_type *type = rf_onnx_type_find(proto->data_type);
    rf_shape shape;
    int64_t count = 0;
    *out = NULL;
    if (!type || !type->held)
        return RF_OK;
    if (proto->segment)
        return rf_fail(ctx, RF_EUNSUPPORTED, "tensor '%s' is stored in segments", name);
    RF_TRY(decode_dims(ctx, proto, name, &shape, &count));
    if (proto->data_location == ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL)
        return decode_external(source, proto, name, &shape, count, type->dtype, out);
    if (!proto->has_raw_data)
        return decode_typed(ctx, proto, name, &shape, count, type->dtype, out);
    if (!bytes_match(type->number, type->dtype, count, proto->raw_data.len))
        return fail_length(ctx, name, "raw_data", proto->raw_data.len, "bytes", &shape,
                           type->number);
    return decode_raw(ctx, proto->raw_data.data, type->number, &shape, type->dtype, out);
}

rf_status rf_onnx_decode_tensor(const rf_onnx_source *source, const Onnx__TensorProto *proto,
                                const char *name, rf_tensor **out)
{
    RF_TRY(decode_stored(source, proto, name, out));
    return *out ? rf_onnx_to_single(proto->data_type, out) : RF_OK;
}

static uint8_t *pack4(rf_arena *arena, const rf_tensor *t)
{
    uint8_t *packed = rf_arena_array(arena, (size_t)t->count / 2 + 1, 1);
    const uint8_t *codes = t->data;
    for (int64_t i = 0; packed && i < t->count; i++)
        packed[i / 2] = (uint8_t)(packed[i / 2] | (codes[i] & 15u) << (i % 2 * 4));
    return packed;
}

Onnx__TensorProto *rf_onnx_encode_tensor(rf_arena *arena, const rf_tensor *t, int onnx_type,
                                         const char *name)
{
    Onnx__TensorProto *proto = rf_arena_alloc(arena, sizeof *proto);
    if (!proto)
        return NULL;
    onnx__tensor_proto__init(proto);
    proto->name = rf_unconst(name);
    proto->n_dims = (size_t)t->shape.rank;
    proto->dims = rf_unconst(t->shape.dims);
    proto->has_data_type = 1;
    proto->data_type = onnx_type ? onnx_type : rf_onnx_type_of(t->dtype);
    proto->has_raw_data = 1;
    proto->raw_data.len = (size_t)t->count * rf_dtype_bytes(t->dtype);
    proto->raw_data.data = t->data;
    if (is_packed4(proto->data_type)) {
        proto->raw_data.len = (size_t)(t->count / 2 + t->count % 2);
        proto->raw_data.data = pack4(arena, t);
    }
    return proto->raw_data.data || !proto->raw_data.len ? proto : NULL;
}
