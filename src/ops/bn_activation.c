/*
 * BnActivation (domain refold, made by the planner only): BatchNormalization, then Relu or Clip, then a per-tensor
 * quantizer, of which either may be missing, as one step. Blocks go through all of them while they are in the cache;
 * what lies between is not kept: backward normalizes once more. Inputs: BatchNormalization's five, the quantizer's min
 * and max.
 */
#include <assert.h>
#include <math.h>

#include "kernels/batch_norm.h"
#include "kernels/channels.h"
#include "ops/bn_state.h"
#include "ops/clip.h"
#include "ops/params.h"
#include "quant/fakequant.h"

enum { RANGE_MIN = 5, RANGE_MAX = 6 }; /* inputs */

typedef struct bn_activation {
    rf_bn_state bn; /* first: see ops/bn_state.h */
    bool clips, quantizes, gated;
    rf_clip_bounds bounds;
    rf_qspec spec;
    float min, max, scale; /* of the quantizer, in this call */
    int32_t offset;
    float *real; /* result of this call: one of these */
    uint8_t *codes;
    const float *diff_out;
    rf_range_sums sums[RF_ROW_PARTS];
} bn_activation;

/* -------------------------------------------------------------------------------- preparing --- */

static rf_status infer(rf_inference *io)
{
    return rf_infer_fail(io, RF_EUNSUPPORTED,
                         "stands in a file; only the planner makes such steps");
}

static float bound_of(const rf_node *n, int input, const char *attr, float fallback)
{
    const rf_value *v = rf_node_input(n, input);
    return v ? rf_tensor_f32(v->constant)[0] : rf_attr_float(n, attr, fallback);
}

static rf_clip_bounds bounds_of(const rf_node *n)
{
    if (!rf_node_is(n, "Clip"))
        return (rf_clip_bounds){ 0.0f, INFINITY }; /* Relu */
    return (rf_clip_bounds){ bound_of(n, 1, "min", -INFINITY), bound_of(n, 2, "max", INFINITY) };
}

static rf_status prepare(rf_step *s)
{
    RF_TRY(rf_bn_prepare(s, sizeof(bn_activation)));
    bn_activation *b = s->state;
    b->clips = s->activation != NULL;
    b->quantizes = s->quantizer != NULL;
    if (b->clips)
        b->bounds = bounds_of(s->activation);
    if (b->quantizes)
        b->spec = rf_fakequant_spec(s->quantizer, &b->gated);
    return RF_OK;
}

/* ---------------------------------------------------------------------------------- forward --- */

static void clip_block(const bn_activation *b, float *y, int64_t count)
{
    float *const rows[] = { y, y };
    if (b->clips)
        rf_clip_row(rows, count, &b->bounds);
}

static void forward_block(const void *user, int part, int64_t at, int64_t count, float *y)
{
    const bn_activation *b = user;
    const rf_qarray all = { .outer = 1, .channels = 1, .inner = count };
    (void)part;
    clip_block(b, y, count);
    if (b->codes)
        rf_quantize_u8(&b->spec, &all, &b->scale, &b->offset, y, b->codes + at);
    else if (b->quantizes)
        rf_fakequant_forward(&b->spec, &all, &b->scale, &b->offset, y, y);
}

/* The ends belong to the graph: see ops/fake_quant.c. */
static void update_grid(rf_step *s, bn_activation *b)
{
    float *min = rf_view_f32(&s->in[RANGE_MIN]), *max = rf_view_f32(&s->in[RANGE_MAX]);
    if (b->gated)
        rf_gate(min, max);
    b->min = *min;
    b->max = *max;
    rf_scale_offset(&b->spec, b->min, b->max, &b->scale, &b->offset);
    s->codes = (rf_codes){ .scale = b->scale, .offset = b->offset };
}

static rf_status forward(rf_step *s)
{
    bn_activation *b = s->state;
    const bool codes = s->out[0].dtype == RF_DTYPE_U8;
    b->codes = codes ? s->out[0].data : NULL;
    b->real = codes ? NULL : rf_view_f32(&s->out[0]);
    RF_TRY(rf_bn_normalizer(s));
    if (b->quantizes)
        update_grid(s, b);
    rf_bn_normalize_blocks(rf_bn_input(s), b->bn.rows, b->bn.channels, b->bn.scale, b->bn.shift,
                           b->real, forward_block, b);
    return RF_OK;
}

/* --------------------------------------------------------------------------------- backward --- */

static void backward_block(const void *user, int part, int64_t at, int64_t count, float *y,
                           float *g)
{
    bn_activation *b = (bn_activation *)(uintptr_t)user;  /* its sums[part] is this thread's own */
    float *diff = (float *)(uintptr_t)(b->diff_out + at); /* read only */
    clip_block(b, y, count);
    if (b->quantizes) {
        const rf_range_sums sums =
            rf_fakequant_backward_piece(&b->spec, b->min, b->max, y, diff, g, count);
        b->sums[part].scale += sums.scale;
        b->sums[part].outside += sums.outside;
        diff = g;
    }
    float *const rows[] = { g, diff, y };
    if (b->clips)
        rf_clip_backward_row(rows, count, &b->bounds);
}

static void give_range(const rf_step *s, const bn_activation *b)
{
    float *diff_min = rf_view_f32(&s->diff_in[RANGE_MIN]);
    float *diff_max = rf_view_f32(&s->diff_in[RANGE_MAX]);
    rf_range_sums total = { 0.0, 0.0 };
    assert((diff_min == NULL) == (diff_max == NULL)); /* both ends learn, or neither */
    for (int i = 0; i < RF_ROW_PARTS; i++) {
        total.scale += b->sums[i].scale;
        total.outside += b->sums[i].outside;
    }
    if (diff_min)
        rf_fakequant_range_gradient(&b->spec, b->min, b->max, &total, diff_min, diff_max);
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
        b->sums[i] = (rf_range_sums){ 0.0, 0.0 };
    rf_bn_backward_sums_blocks(&blocks, backward_block, b, g, b->bn.sum_g, b->bn.sum_gx,
                               s->scratch);
    if (b->quantizes)
        give_range(s, b);
    rf_bn_conclude_backward(s, g);
    return RF_OK;
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
    .in_place = true, /* where no backward follows */
    .infer = infer,
    .prepare = prepare,
    .forward = forward,
    .backward = backward,
    .release = rf_step_free_state,
};
