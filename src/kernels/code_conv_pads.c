/* Convolutions on codes whose zero point is no code: of ranges that do not hold 0. Rare, so plain. */
#include "kernels/code_conv_parts.h"

void rf_code_cell_sums(const rf_code_conv *c, const int8_t *weights, int64_t channel, int32_t *sums)
{
    const int64_t area = c->kernel[0] * c->kernel[1];
    for (int64_t cell = 0; cell < area; cell++) {
        const int64_t terms = c->depthwise ? 1 : c->ic;
        int32_t sum = 0;
        for (int64_t i = 0; i < terms; i++)
            sum += weights[(channel * terms + i) * area + cell];
        sums[cell * c->oc + channel] = sum;
    }
}

/* Whether cell k of the kernel lies in the pads at place i of an axis. */
static bool in_pads(const rf_code_conv *c, int axis, int64_t i, int64_t k)
{
    const int64_t at = i * c->stride[axis] + k * c->dilation[axis] - c->pad[axis];
    return at < 0 || at >= c->in[axis];
}

static void empty_pixel(const rf_code_conv *c, const int32_t *sums, int32_t excess, int64_t y,
                        int64_t x, int32_t *dst)
{
    for (int64_t ky = 0; ky < c->kernel[0]; ky++)
        for (int64_t kx = 0; kx < c->kernel[1]; kx++, sums += c->oc)
            for (int64_t i = 0; i < c->oc && (in_pads(c, 0, y, ky) || in_pads(c, 1, x, kx)); i++)
                dst[i] = (int32_t)((uint32_t)dst[i] - (uint32_t)excess * (uint32_t)sums[i]);
}

void rf_code_empty_pads(const rf_code_conv *c, const int32_t *sums, int32_t excess, int64_t begin,
                        int64_t end, int32_t *dst)
{
    for (int64_t row = begin; row < end; row++)
        for (int64_t x = 0; x < c->out[1]; x++)
            empty_pixel(c, sums, excess, row % c->out[0], x, dst + (row * c->out[1] + x) * c->oc);
}
