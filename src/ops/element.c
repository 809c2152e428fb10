/* Single elements of any dtype. */
#include "ops/element.h"
#include "tensor/half.h"
#include "tensor/tensor.h"

bool rf_dtype_is_float(rf_dtype dtype)
{
    return dtype == RF_DTYPE_F32 || dtype == RF_DTYPE_F64 || dtype == RF_DTYPE_F16;
}

bool rf_dtype_is_integer(rf_dtype dtype)
{
    return !rf_dtype_is_float(dtype) && dtype != RF_DTYPE_BOOL;
}

bool rf_dtype_is_index(rf_dtype dtype)
{
    return dtype == RF_DTYPE_I64 || dtype == RF_DTYPE_I32;
}

double rf_element_f64(rf_dtype dtype, const void *data, int64_t i)
{
    if (dtype == RF_DTYPE_F32)
        return (double)((const float *)data)[i];
    if (dtype == RF_DTYPE_F64)
        return ((const double *)data)[i];
    if (dtype == RF_DTYPE_F16)
        return (double)rf_half_to_f32(((const uint16_t *)data)[i]);
    return (double)rf_element_i64(dtype, data, i);
}

int64_t rf_element_i64(rf_dtype dtype, const void *data, int64_t i)
{
    switch (dtype) {
    case RF_DTYPE_I64:
        return ((const int64_t *)data)[i];
    case RF_DTYPE_I32:
        return ((const int32_t *)data)[i];
    case RF_DTYPE_I16:
        return ((const int16_t *)data)[i];
    case RF_DTYPE_U16:
        return ((const uint16_t *)data)[i];
    case RF_DTYPE_I8:
        return ((const int8_t *)data)[i];
    case RF_DTYPE_U8:
    case RF_DTYPE_BOOL:
        return ((const uint8_t *)data)[i];
    default:
        return rf_truncate(rf_element_f64(dtype, data, i));
    }
}

void rf_element_set_f64(rf_dtype dtype, void *data, int64_t i, double value)
{
    if (dtype == RF_DTYPE_F32)
        ((float *)data)[i] = (float)value;
    else if (dtype == RF_DTYPE_F64)
        ((double *)data)[i] = value;
    else if (dtype == RF_DTYPE_F16)
        ((uint16_t *)data)[i] = rf_half_from_f32((float)value);
    else if (dtype == RF_DTYPE_BOOL)
        ((uint8_t *)data)[i] = value != 0.0;
    else
        rf_element_set_i64(dtype, data, i, rf_truncate(value));
}

void rf_element_set_i64(rf_dtype dtype, void *data, int64_t i, int64_t value)
{
    switch (dtype) {
    case RF_DTYPE_I64:
        ((int64_t *)data)[i] = value;
        return;
    case RF_DTYPE_I32:
        ((int32_t *)data)[i] = (int32_t)value;
        return;
    case RF_DTYPE_I16:
        ((int16_t *)data)[i] = (int16_t)value;
        return;
    case RF_DTYPE_U16:
        ((uint16_t *)data)[i] = (uint16_t)value;
        return;
    case RF_DTYPE_I8:
        ((int8_t *)data)[i] = (int8_t)value;
        return;
    case RF_DTYPE_U8:
        ((uint8_t *)data)[i] = (uint8_t)value;
        return;
    case RF_DTYPE_BOOL:
        ((uint8_t *)data)[i] = value != 0;
        return;
    default:
        rf_element_set_f64(dtype, data, i, (double)value);
    }
}
