/* Types and shapes of HDF5's elements. */
#include "formats/hdf5_parts.h"

enum { INTEGER = 0, FLOATING = 1, TEXT = 3, VARIABLE = 9 };

bool rf_h5_parse_type(const uint8_t *bytes, size_t size, rf_h5_type *out)
{
    if (size < 8)
        return false;
    const int kind = bytes[0] & 15, flags = bytes[1];
    *out = (rf_h5_type){ .kind = RF_H5_OTHER, .size = (size_t)rf_h5_u(bytes + 4, 4) };
    if (!out->size)
        return false;
    if (kind == INTEGER && out->size <= 8) {
        out->kind = RF_H5_INTEGER;
        out->is_signed = flags & 8;
    } else if (kind == FLOATING && size >= 16 &&
               (out->size == 2 || out->size == 4 || out->size == 8)) {
        out->kind = RF_H5_FLOAT;
        out->exponent = bytes[13];
    } else if (kind == TEXT) {
        out->kind = RF_H5_TEXT;
    } else if (kind == VARIABLE && (flags & 15) == 1 && out->size == 16) {
        out->kind = RF_H5_VARIABLE_TEXT;
    }
    out->big_endian = (kind == INTEGER || kind == FLOATING) && (flags & 1);
    return true;
}

bool rf_h5_parse_space(const uint8_t *bytes, size_t size, rf_shape *out)
{
    if (size < 4 || bytes[0] < 1 || bytes[0] > 2 || bytes[1] > RF_MAX_RANK)
        return false;
    const size_t begin = bytes[0] == 1 ? 8 : 4;
    out->rank = bytes[1];
    if (size < begin + 8 * (size_t)out->rank)
        return false;
    for (int d = 0; d < out->rank; d++) {
        const uint64_t dim = rf_h5_u(bytes + begin + 8 * (size_t)d, 8);
        if (dim > INT32_MAX)
            return false;
        out->dims[d] = (int64_t)dim;
    }
    if (bytes[0] == 2 && bytes[3] == 2) { /* no space at all: no elements */
        out->rank = 1;
        out->dims[0] = 0;
    }
    return true;
}

/* IEEE half with 5 bits of exponent, or bfloat16 with 8. */
static float from_16_bits(uint32_t bits, int exponent)
{
    uint32_t word;
    float value;
    if (exponent == 8) {
        word = bits << 16;
    } else {
        const uint32_t sign = (bits & 0x8000U) << 16, low = bits & 0x3ffU, high = bits >> 10 & 31U;
        if (!high) {
            value = (float)low * 0x1p-24F;
            return sign ? -value : value;
        }
        word = sign | (high == 31U ? 0x7f800000U : (high + 112U) << 23) | low << 13;
    }
    memcpy(&value, &word, sizeof value);
    return value;
}

static float float_at(const rf_h5_type *type, const uint8_t *src)
{
    float single;
    double wide;
    if (type->size == 2)
        return from_16_bits((uint32_t)rf_h5_u(src, 2), type->exponent);
    if (type->size == 4) {
        memcpy(&single, src, sizeof single);
        return single;
    }
    memcpy(&wide, src, sizeof wide);
    return (float)wide;
}

static float integer_at(const rf_h5_type *type, const uint8_t *src)
{
    const uint64_t bits = rf_h5_u(src, (int)type->size);
    const int shift = 64 - 8 * (int)type->size;
    return type->is_signed ? (float)((int64_t)(bits << shift) >> shift) : (float)bits;
}

void rf_h5_to_float(const rf_h5_type *type, const uint8_t *src, int64_t count, float *dst)
{
    for (int64_t i = 0; i < count; i++, src += type->size)
        dst[i] = type->kind == RF_H5_FLOAT ? float_at(type, src) : integer_at(type, src);
}
