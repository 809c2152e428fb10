/*
 * Which convolutions are refold's own (docs/PERFORMANCE.md). On codes: without groups or depthwise, where oneDNN has AVX2
 * and no more; there its sums take three instructions for 32 products, and pairs of large ones saturate. Gradients: those
 * of 3x3 kernels without strides.
 */
#include "dnn/conv_own.h"

#include <oneapi/dnnl/dnnl.h>
#include <omp.h>

static bool is_depthwise(const rf_conv_shape *s)
{
    return s->groups > 1 && s->groups == s->ic && s->oc == s->ic;
}

/* A single axis becomes a width. */
static rf_code_conv describe(const rf_conv_shape *s)
{
    rf_code_conv c = { .n = s->n,
                       .ic = s->ic,
                       .oc = s->oc,
                       .in = { 1, 1 },
                       .out = { 1, 1 },
                       .kernel = { 1, 1 },
                       .stride = { 1, 1 },
                       .dilation = { 1, 1 },
                       .depthwise = is_depthwise(s),
                       .threads = omp_get_max_threads(),
                       .vectors = true };
    for (int i = 0; i < s->spatial; i++) {
        const int to = 2 - s->spatial + i;
        c.in[to] = s->in[i];
        c.out[to] = s->out[i];
        c.kernel[to] = s->kernel[i];
        c.stride[to] = s->stride[i];
        c.dilation[to] = s->dilation[i];
        c.pad[to] = s->pad_begin[i];
    }
    return c;
}

bool rf_conv_is_own(const rf_conv_shape *s, rf_code_conv *out)
{
    if (s->transposed || (s->groups != 1 && !is_depthwise(s)) || s->spatial > 2 ||
        dnnl_get_effective_cpu_isa() != dnnl_cpu_isa_avx2 || !rf_code_conv_has_vectors())
        return false;
    *out = describe(s);
    return rf_code_conv_fits(out);
}

bool rf_dnn_conv_never_saturates(const rf_conv_shape *shape)
{
    rf_code_conv own;
    return rf_conv_is_own(shape, &own);
}

bool rf_conv_gradients_are_own(const rf_conv_shape *s, int threads, rf_winograd *out)
{
    if (s->spatial != 2 || s->groups != 1 || s->transposed)
        return false;
    for (int i = 0; i < 2; i++)
        if (s->kernel[i] != 3 || s->stride[i] != 1 || s->dilation[i] != 1)
            return false;
    *out = (rf_winograd){ .n = s->n,
                          .ic = s->ic,
                          .oc = s->oc,
                          .in_h = s->in[0],
                          .in_w = s->in[1],
                          .out_h = s->out[0],
                          .out_w = s->out[1],
                          .pad_h = s->pad_begin[0],
                          .pad_w = s->pad_begin[1],
                          .threads = threads };
    return rf_winograd_gains(out);
}
