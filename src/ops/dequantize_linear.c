/* DequantizeLinear: y = (code - zero point) * scale. Per axis since opset 13. Opset 10. */
#include "ops/element.h"
#include "ops/linear_grid.h"

static rf_status infer(rf_inference *io)
{
    RF_TRY(rf_linear_grid_check(io, io->in[0].dtype));
    return rf_infer_set(io, 0, RF_DTYPE_F32, &io->in[0].shape);
}

/* A dense row of uint8 on one grid: what activations are. */
RF_MULTIARCH static void dequantize_dense(float *dst, const uint8_t *codes, int64_t n, float scale,
                                          int zero)
{
    for (int64_t i = 0; i < n; i++)
        dst[i] = (float)((int)codes[i] - zero) * scale;
}

/* y, code, scale, zero point */
static void dequantize_row(char *const *data, const int64_t *strides, int64_t n, const void *user)
{
    const rf_dtype dtype = *(const rf_dtype *)user;
    const float *scale = (const float *)(void *)data[2];
    if (dtype == RF_DTYPE_U8 && strides[0] == 1 && strides[1] == 1 && strides[2] == 0 &&
        strides[3] == 0) {
        dequantize_dense((float *)(void *)data[0], (const uint8_t *)data[1], n, *scale,
                         *(const uint8_t *)data[3]);
        return;
    }
    for (int64_t i = 0; i < n; i++) {
        const int64_t code = rf_element_i64(dtype, data[1], i * strides[1]);
        const int64_t zero = rf_element_i64(dtype, data[3], i * strides[3]);
        ((float *)(void *)data[0])[i * strides[0]] = (float)(code - zero) * scale[i * strides[2]];
    }
}

static rf_status forward(rf_step *s)
{
    const rf_dtype dtype = s->in[0].dtype;
    return rf_linear_grid_run(s, dtype, dequantize_row, &dtype);
}

const rf_op rf_op_dequantize_linear = {
    .onnx_name = "DequantizeLinear",
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
