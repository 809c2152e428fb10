/*
 * BnActivation (domain refold, made by the planner only): BatchNormalization, then Relu or Clip, then a per-tensor
 * quantizer, of which either may be missing, as one step. Blocks go through all of them while they are in the cache;
 * what lies between is not kept: backward normalizes once more. Inputs: BatchNormalization's five, the quantizer's min
 * and max.
 */
#include "kernels/batch_norm.h"
#include "kernels/channels.h"
#include "ops/bn_state.h"
#include "ops/params.h"
#include "ops/tail_step.h"

enum { RANGE = 5 }; /* first of the inputs min and max */

typedef struct bn_activation {
    rf_bn_state bn; /* first: see ops/bn_state.h */
    rf_tail_step tail;
    rf_tail numbers; /* of the tail, in this call */
    float *real;     /* result of this call: one of these */
    uint8_t *codes;
    const float *diff_out;
    rf_tail_sums sums[RF_ROW_PARTS];
} bn_activation;

/* -------------------------------------------------------------------------------- preparing --- */

static rf_status infer(rf_inference *io)
{
    return rf_infer_fail(io, RF_EUNSUPPORTED,
                         "stands in a file; only the planner makes such steps");
}

static rf_status prepare(rf_step *s)
{
    RF_TRY(rf_bn_prepare(s, sizeof(bn_activation)));
    bn_activation *b = s->state;
    rf_tail_step_init(s, &b->tail);
    return RF_OK;
}

/* ---------------------------------------------------------------------------------- forward --- */

static void clip_block(const bn_activation *b, float *y, int64_t count)
{
    float *const rows[] = { y, y };
    if (b->tail.clips)
        rf_clip_row(rows, count, &b->tail.bounds);
}

static void forward_block(const void *user, int part, int64_t at, int64_t count, float *y)
{
    const bn_activation *b = user;
    const rf_tail_step *t = &b->tail;
    const rf_qarray all = { .outer = 1, .channels = 1, .inner = count };
    (void)part;
    clip_block(b, y, count);
    if (b->codes)
        rf_quantize_u8(&t->spec, &all, &t->scale, &t->offset, y, b->codes + at);
    else if (t->quantizes)
        rf_fakequant_forward(&t->spec, &all, &t->scale, &t->offset, y, y);
}

static rf_status forward(rf_step *s)
{
    bn_activation *b = s->state;
    const rf_bn_state *bn = &b->bn;
    const bool codes = s->out[0].dtype == RF_DTYPE_U8;
    b->codes = codes ? s->out[0].data : NULL;
    b->real = codes ? NULL : rf_view_f32(&s->out[0]);
    RF_TRY(rf_bn_normalizer(s));
    if (b->tail.quantizes) {
        rf_tail_step_update(s, &b->tail, RANGE);
        b->numbers = rf_tail_step_numbers(&b->tail);
    }
    if (codes && rf_tail_step_has_kernel(&b->tail))
        rf_tail_normalize(&b->numbers, rf_bn_input(s), bn->rows, bn->channels, bn->scale, bn->shift,
                          b->codes);
    else
        rf_bn_normalize_blocks(rf_bn_input(s), bn->rows, bn->channels, bn->scale, bn->shift,
                               b->real, forward_block, b);
    return RF_OK;
}

/* --------------------------------------------------------------------------------- backward --- */

static void backward_block(const void *user, int part, int64_t at, int64_t count, float *y,
                           float *g)
{
    bn_activation *b = (bn_activation *)(uintptr_t)user;  /* its sums[part] is this thread's own */
    float *diff = (float *)(uintptr_t)(b->diff_out + at); /* read only */
    const rf_tail_step *t = &b->tail;
    if (rf_tail_step_has_kernel(t)) {
        rf_tail_backward(&b->numbers, y, diff, count, g, &b->sums[part]);
        return;
    }
    clip_block(b, y, count);
    if (t->quantizes) { /* a static grid, which learns nothing */
        rf_fakequant_backward_piece(&t->spec, t->min, t->max, y, diff, g, count);
        diff = g;
    }
    float *const rows[] = { g, diff, y };
    if (t->clips)
        rf_clip_backward_row(rows, count, &t->bounds);
}

static void give_range(const rf_step *s, const bn_activation *b)
{
    rf_range_sums total = { 0.0, 0.0 };
    for (int i = 0; i < RF_ROW_PARTS; i++) {
        total.scale += b->sums[i].scale;
        total.outside += b->sums[i].outside;
    }
    rf_tail_step_give_range(s, &b->tail, RANGE, &total);
}

static rf_status backward(rf_step *s)
{
    bn_activation *b = s->state;
    float *g = rf_view_f32(&s->diff_in[0]);
    const rf_bn_blocks blocks = { .x = rf_bn_input(s),
                                  .rows = b->bn.rows,
                                  .c = b->bn.channels,
                                  .scale = b->bn.scale,
                                  .shift = b->bn.shift,
                                  .mean = b->bn.middle };
    b->diff_out = rf_view_f32(&s->diff_out[0]);
    for (int i = 0; i < RF_ROW_PARTS; i++)
        b->sums[i] = (rf_tail_sums){ 0.0, 0.0 };
    rf_bn_backward_sums_blocks(&blocks, backward_block, b, g, b->bn.sum_g, b->bn.sum_gx,
                               s->scratch);
    if (b->tail.quantizes)
        give_range(s, b);
    return rf_bn_conclude_backward(s, g);
}

const rf_op rf_op_bn_activation = {
    .onnx_name = "BnActivation",
    .domain = RF_DOMAIN,
    .since_opset = 1,
    .min_in = 5,
    .max_in = 7,
    .min_out = 1,
    .max_out = 1,
    .weight_axis = -1,
    .quant = RF_QUANT_NONE,
    .layout = RF_LAYOUT_NEED_CHANNELS_LAST,
    .roles = { RF_ROLE_NONE, RF_ROLE_BN_SCALE, RF_ROLE_BN_BIAS, RF_ROLE_BN_MEAN, RF_ROLE_BN_VAR },
    .backward_needs = RF_NEEDS_IN(0) | RF_NEEDS_IN(1),
    .takes_sums = true,
    .diff_in_place = true,
    .in_place = true, /* where no backward follows */
    .infer = infer,
    .prepare = prepare,
    .forward = forward,
    .backward = backward,
    .release = rf_step_free_state,
};
