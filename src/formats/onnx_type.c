/* ONNX's element types and declared shapes. Source: onnx.proto, TensorProto.DataType; 21 and 22 from ONNX 1.16. */
#include "base/status.h"
#include "formats/onnx_parts.h"

#define HELD(number, name, dtype)                                                                  \
    {                                                                                              \
        number, name, true, RF_DTYPE_##dtype                                                       \
    }
#define KEPT(number, name)                                                                         \
    {                                                                                              \
        number, name, false, RF_DTYPE_F32                                                          \
    }
static const rf_onnx_type types[] = {
    HELD(1, "FLOAT", F32),
    HELD(2, "UINT8", U8),
    HELD(3, "INT8", I8),
    HELD(4, "UINT16", U16),
    HELD(5, "INT16", I16),
    HELD(6, "INT32", I32),
    HELD(7, "INT64", I64),
    KEPT(8, "STRING"),
    HELD(9, "BOOL", BOOL),
    HELD(10, "FLOAT16", F16),
    HELD(11, "DOUBLE", F64),
    KEPT(12, "UINT32"),
    KEPT(13, "UINT64"),
    KEPT(14, "COMPLEX64"),
    KEPT(15, "COMPLEX128"),
    KEPT(16, "BFLOAT16"),
    KEPT(17, "FLOAT8E4M3FN"),
    KEPT(18, "FLOAT8E4M3FNUZ"),
    KEPT(19, "FLOAT8E5M2"),
    KEPT(20, "FLOAT8E5M2FNUZ"),
    HELD(RF_ONNX_UINT4, "UINT4", U8),
    HELD(RF_ONNX_INT4, "INT4", I8),
};

const rf_onnx_type *rf_onnx_type_find(int number)
{
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (types[i].number == number)
            return &types[i];
    return NULL;
}

const char *rf_onnx_type_name(int number)
{
    const rf_onnx_type *type = rf_onnx_type_find(number);
    return type ? type->name : "unknown";
}

int rf_onnx_type_of(rf_dtype dtype)
{
    size_t i = 0;
    while (!types[i].held || types[i].dtype != dtype)
        i++;
    return types[i].number;
}

int rf_onnx_type_of_value(const rf_value *v)
{
    return v->onnx_type ? v->onnx_type : rf_onnx_type_of(v->dtype);
}

static rf_status decode_dim(rf_context *ctx, const Onnx__TensorShapeProto__Dimension *dim,
                            const char *what, const char *name, int64_t *out)
{
    *out = -1;
    if (dim->value_case != ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE)
        return RF_OK;
    if (dim->dim_value < -1)
        return rf_fail(ctx, RF_EMODEL, "%s '%s' declares a dim of %lld; expected 0 or more", what,
                       name, (long long)dim->dim_value);
    *out = dim->dim_value;
    return RF_OK;
}

static rf_status decode_shape(rf_context *ctx, const Onnx__TensorShapeProto *proto,
                              const char *what, const char *name, rf_shape *out)
{
    rf_shape shape = { .rank = -1 };
    if (proto && proto->n_dim > RF_MAX_RANK)
        return rf_fail(ctx, RF_EUNSUPPORTED, "%s '%s' has %zu dimensions; refold takes up to %d",
                       what, name, proto->n_dim, RF_MAX_RANK);
    if (proto) {
        shape.rank = (int)proto->n_dim;
        for (size_t i = 0; i < proto->n_dim; i++)
            RF_TRY(decode_dim(ctx, proto->dim[i], what, name, &shape.dims[i]));
    }
    *out = shape;
    return RF_OK;
}

rf_status rf_onnx_decode_type(rf_context *ctx, const Onnx__TypeProto *type, const char *what,
                              const char *name, rf_value *out)
{
    if (!type || type->value_case == ONNX__TYPE_PROTO__VALUE__NOT_SET) {
        out->shape.rank = -1;
        return RF_OK;
    }
    if (type->value_case != ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE)
        return rf_fail(ctx, RF_EUNSUPPORTED,
                       "%s '%s' is a sequence, map, optional or sparse tensor; refold takes dense "
                       "tensors",
                       what, name);
    const Onnx__TypeProto__Tensor *tensor = type->tensor_type;
    const rf_onnx_type *element = rf_onnx_type_find(tensor->elem_type);
    if (element && element->held)
        out->dtype = element->dtype;
    if (!element || rf_onnx_type_of(out->dtype) != tensor->elem_type)
        out->onnx_type = tensor->elem_type;
    return decode_shape(ctx, tensor->shape, what, name, &out->shape);
}
