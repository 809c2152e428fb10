/* Convolutions run on new data each call; no call allocates. */
#include <assert.h>

#include "base/profile.h"
#include "dnn/conv_impl.h"

static const rf_step_part profiled[RF_CONV_PARTS] = { RF_PART_CONV_FORWARD,
                                                      RF_PART_CONV_BACKWARD_DATA,
                                                      RF_PART_CONV_BACKWARD_WEIGHTS };

/* Every call: returns the part of the step that the clock ran for. */
static rf_step_part begin(const rf_dnn_conv *c, int which)
{
    rf_use_threads(c->ctx);
    return rf_profile_enter(c->ctx, profiled[which]);
}

static rf_status finish(const rf_dnn_conv *c, rf_step_part before, dnnl_status_t status,
                        const char *what)
{
    rf_profile_enter(c->ctx, before);
    return rf_dnn_check(c->ctx, status, what);
}

/* oneDNN takes every pointer as mutable; it writes only through outputs. */
static void set(dnnl_memory_t memory, const void *data, dnnl_status_t *status)
{
    if (*status == dnnl_success)
        *status = dnnl_memory_set_data_handle(memory, (void *)(uintptr_t)data);
}

static void *block(void *scratch, size_t at)
{
    return (char *)scratch + at;
}

static void run_reorder(const rf_dnn_conv *c, const rf_conv_part *p, dnnl_memory_t from,
                        dnnl_memory_t to, void *scratch, dnnl_status_t *status)
{
    set(p->reorder_pad, block(scratch, p->reorder_pad_at), status);
    const dnnl_exec_arg_t args[] = { { DNNL_ARG_FROM, from },
                                     { DNNL_ARG_TO, to },
                                     { DNNL_ARG_SCRATCHPAD, p->reorder_pad } };
    if (*status == dnnl_success)
        *status = dnnl_primitive_execute(p->reorder, c->stream, 3, args);
}

/* The model's weights, brought into oneDNN's format where that differs. */
static void load_weights(const rf_dnn_conv *c, const rf_conv_part *p, const void *weights,
                         void *scratch, dnnl_status_t *status)
{
    if (!p->reorder) {
        set(p->weights, weights, status);
        return;
    }
    set(p->plain, weights, status);
    set(p->weights, block(scratch, p->weights_at), status);
    run_reorder(c, p, p->plain, p->weights, scratch, status);
}

rf_status rf_dnn_conv_forward(rf_dnn_conv *conv, const float *src, const float *weights,
                              const float *bias, float *dst, void *scratch)
{
    rf_conv_part *p = &conv->parts[RF_CONV_FORWARD];
    assert((bias != NULL) == conv->with_bias && !conv->integers);
    const rf_step_part before = begin(conv, RF_CONV_FORWARD);
    dnnl_status_t status = dnnl_success;
    load_weights(conv, p, weights, scratch, &status);
    set(p->src, src, &status);
    set(p->dst, dst, &status);
    set(p->run_pad, block(scratch, p->run_pad_at), &status);
    if (bias)
        set(p->bias, bias, &status);
    const dnnl_exec_arg_t args[] = { { DNNL_ARG_SRC, p->src },
                                     { DNNL_ARG_WEIGHTS, p->weights },
                                     { DNNL_ARG_DST, p->dst },
                                     { DNNL_ARG_SCRATCHPAD, p->run_pad },
                                     { DNNL_ARG_BIAS, p->bias } };
    if (status == dnnl_success)
        status = dnnl_primitive_execute(p->run, conv->stream, bias ? 5 : 4, args);
    return finish(conv, before, status, rf_conv_part_names[RF_CONV_FORWARD]);
}

rf_status rf_dnn_conv_forward_int8(rf_dnn_conv *conv, const uint8_t *src, int32_t zero_point,
                                   const int8_t *weights, int32_t *dst, void *scratch)
{
    rf_conv_part *p = &conv->parts[RF_CONV_FORWARD];
    assert(conv->integers);
    const rf_step_part before = begin(conv, RF_CONV_FORWARD);
    dnnl_status_t status = dnnl_success;
    if (conv->is_own) {
        rf_code_conv_forward(&conv->own, src, zero_point, weights, dst, scratch);
        return finish(conv, before, status, rf_conv_part_names[RF_CONV_FORWARD]);
    }
    conv->zero_point_value = zero_point;
    load_weights(conv, p, weights, scratch, &status);
    set(p->src, src, &status);
    set(p->dst, dst, &status);
    set(p->run_pad, block(scratch, p->run_pad_at), &status);
    const dnnl_exec_arg_t args[] = { { DNNL_ARG_SRC, p->src },
                                     { DNNL_ARG_WEIGHTS, p->weights },
                                     { DNNL_ARG_DST, p->dst },
                                     { DNNL_ARG_SCRATCHPAD, p->run_pad },
                                     { DNNL_ARG_ATTR_ZERO_POINTS | DNNL_ARG_SRC,
                                       conv->zero_point } };
    if (status == dnnl_success)
        status = dnnl_primitive_execute(p->run, conv->stream, 5, args);
    return finish(conv, before, status, rf_conv_part_names[RF_CONV_FORWARD]);
}

rf_status rf_dnn_conv_backward_data(rf_dnn_conv *conv, const float *diff_dst, const float *weights,
                                    float *diff_src, void *scratch)
{
    rf_conv_part *p = &conv->parts[RF_CONV_BACKWARD_DATA];
    assert(p->run || conv->winograd.n); /* built with `backward` */
    const rf_step_part before = begin(conv, RF_CONV_BACKWARD_DATA);
    if (!p->run) {
        rf_winograd_backward_data(&conv->winograd, diff_dst, weights, diff_src, scratch);
        return finish(conv, before, dnnl_success, NULL);
    }
    dnnl_status_t status = dnnl_success;
    load_weights(conv, p, weights, scratch, &status);
    set(p->dst, diff_dst, &status);
    set(p->src, diff_src, &status);
    set(p->run_pad, block(scratch, p->run_pad_at), &status);
    const dnnl_exec_arg_t args[] = { { DNNL_ARG_DIFF_DST, p->dst },
                                     { DNNL_ARG_WEIGHTS, p->weights },
                                     { DNNL_ARG_DIFF_SRC, p->src },
                                     { DNNL_ARG_SCRATCHPAD, p->run_pad } };
    if (status == dnnl_success)
        status = dnnl_primitive_execute(p->run, conv->stream, 4, args);
    return finish(conv, before, status, rf_conv_part_names[RF_CONV_BACKWARD_DATA]);
}

rf_status rf_dnn_conv_backward_weights(rf_dnn_conv *conv, const float *src, const float *diff_dst,
                                       float *diff_weights, float *diff_bias, void *scratch)
{
    rf_conv_part *p = &conv->parts[RF_CONV_BACKWARD_WEIGHTS];
    assert((p->run || conv->winograd.n) && (conv->with_bias || !diff_bias));
    const rf_step_part before = begin(conv, RF_CONV_BACKWARD_WEIGHTS);
    if (!p->run) {
        rf_winograd_backward_weights(&conv->winograd, src, diff_dst, diff_weights, scratch);
        return finish(conv, before, dnnl_success, NULL);
    }
    dnnl_status_t status = dnnl_success;
    const bool direct = diff_weights && !p->reorder;
    set(p->weights, direct ? (void *)diff_weights : block(scratch, p->weights_at), &status);
    set(p->bias, diff_bias ? (void *)diff_bias : block(scratch, p->bias_at), &status);
    set(p->src, src, &status);
    set(p->dst, diff_dst, &status);
    set(p->run_pad, block(scratch, p->run_pad_at), &status);
    const dnnl_exec_arg_t args[] = { { DNNL_ARG_SRC, p->src },
                                     { DNNL_ARG_DIFF_DST, p->dst },
                                     { DNNL_ARG_DIFF_WEIGHTS, p->weights },
                                     { DNNL_ARG_SCRATCHPAD, p->run_pad },
                                     { DNNL_ARG_DIFF_BIAS, p->bias } };
    if (status == dnnl_success)
        status = dnnl_primitive_execute(p->run, conv->stream, conv->with_bias ? 5 : 4, args);
    if (diff_weights && p->reorder) {
        set(p->plain, diff_weights, &status);
        run_reorder(conv, p, p->weights, p->plain, scratch, &status);
    }
    return finish(conv, before, status, rf_conv_part_names[RF_CONV_BACKWARD_WEIGHTS]);
}
