/*
 * QuantizeLinear: code = saturate(round half to even(x / scale) + zero point). Per axis since opset
 * 13. Opset 10.
 */
#include <math.h>

#include "ops/linear_grid.h"

static rf_status infer(rf_inference *io)
{
    const bool with_zero = io->in_count > 2 && io->in[2].present;
    const rf_dtype dtype = with_zero ? io->in[2].dtype : RF_DTYPE_U8;
    if (io->in[0].dtype != RF_DTYPE_F32)
        return rf_infer_fail(io, RF_EUNSUPPORTED, "input is %s, expected float32",
                             rf_dtype_name(io->in[0].dtype));
    if (dtype == RF_DTYPE_I32)
        return rf_infer_fail(io, RF_EMODEL, "codes are int32, expected uint8 or int8");
    RF_TRY(rf_linear_grid_check(io, dtype));
    return rf_infer_set(io, 0, dtype, &io->in[0].shape);
}

typedef struct bounds {
    float low, high;
} bounds;

static inline float quantize(float x, float scale, float zero, bounds b)
{
    const float code = nearbyintf(x / scale) + zero;
    const float inside = code > b.low ? code : b.low; /* NaN: low */
    return inside < b.high ? inside : b.high;
}

/* A dense row on one grid: what activations are. */
RF_MULTIARCH static void quantize_dense(char *dst, const float *x, int64_t n, float scale,
                                        float zero, bounds b)
{
    for (int64_t i = 0; i < n; i++)
        dst[i] = (char)(int)quantize(x[i], scale, zero, b);
}

/* code, x, scale, zero point */
static void quantize_row(char *const *data, const int64_t *strides, int64_t n, const void *user)
{
    const bool is_signed = *(const bool *)user;
    const bounds b = { is_signed ? -128.0f : 0.0f, is_signed ? 127.0f : 255.0f };
    const float *x = (const float *)(void *)data[1], *scale = (const float *)(void *)data[2];
    const int8_t *zero = (const int8_t *)data[3];
    if (strides[0] == 1 && strides[1] == 1 && strides[2] == 0 && strides[3] == 0) {
        quantize_dense(data[0], x, n, *scale, is_signed ? (float)*zero : (float)(uint8_t)*zero, b);
        return;
    }
    for (int64_t i = 0; i < n; i++) {
        const int8_t z = zero[i * strides[3]];
        data[0][i * strides[0]] = (char)(int)quantize(x[i * strides[1]], scale[i * strides[2]],
                                                      is_signed ? (float)z : (float)(uint8_t)z, b);
    }
}

static rf_status forward(rf_step *s)
{
    const bool is_signed = s->out[0].dtype == RF_DTYPE_I8;
    return rf_linear_grid_run(s, s->out[0].dtype, quantize_row, &is_signed);
}

const rf_op rf_op_quantize_linear = {
    .onnx_name = "QuantizeLinear",
    .since_opset = 10,
    .min_in = 2,
    .max_in = 3,
    .min_out = 1,
    .max_out = 1,
    .weight_axis = -1,
    .quant = RF_QUANT_NONE,
    .layout = RF_LAYOUT_ANY,
    .infer = infer,
    .forward = forward,
};
