/*
 * BatchNormalization: y = (x - mean) / sqrt(var + epsilon) * scale + bias, a channel at a time.
 * Opset 7 to 17, one output. Statistics are the running ones (inputs 3 and 4) or, in training and
 * re-estimation, the batch's: the population variance normalizes, the unbiased one goes into the
 * running variance (PyTorch's convention; docs/NUMERICS.md), with ONNX's momentum: running =
 * momentum * running + (1 - momentum) * batch.
 */
#include <math.h>
#include <string.h>

#include "base/group.h"
#include "kernels/batch_norm.h"
#include "ops/bn_state.h"
#include "ops/op_util.h"
#include "ops/params.h"

/* ----------------------------------------------------------------------------------- shapes --- */

static rf_status infer(rf_inference *io)
{
    static const char *const names[] = { NULL, "scale", "bias", "mean", "variance" };
    char text[RF_SHAPE_TEXT];
    const rf_shape *x = &io->in[0].shape;
    RF_TRY(rf_infer_float(io));
    if (x->rank < 2)
        return rf_infer_fail(io, RF_ESHAPE, "input is %s, expected [n, channels, ...]",
                             rf_shape_text(x, text));
    if (io->opset < 9 && !rf_attr_int(io->node, "spatial", 1))
        return rf_infer_fail(io, RF_EUNSUPPORTED,
                             "statistics a pixel (spatial = 0) are not supported");
    for (int i = 1; i < 5; i++) {
        const rf_shape *v = &io->in[i].shape;
        if (v->rank != 1 || v->dims[0] != x->dims[1])
            return rf_infer_fail(io, RF_ESHAPE, "%s '%s' is %s, expected [%lld] for %lld channels",
                                 names[i], io->node->inputs[i]->name, rf_shape_text(v, text),
                                 (long long)x->dims[1], (long long)x->dims[1]);
    }
    return rf_infer_same(io);
}

rf_status rf_bn_prepare(rf_step *s, size_t bytes)
{
    const int64_t c = s->in[0].dims[1];
    const size_t doubles = (5 * (size_t)c + 1) * sizeof(double),
                 floats = 4 * (size_t)c * sizeof(float);
    const size_t own = (bytes + RF_ALIGN - 1) / RF_ALIGN * RF_ALIGN;
    rf_bn_state *state;
    void *memory;
    RF_TRY(rf_step_new_state(s, own + doubles + floats, &memory));
    state = memory;
    state->channels = c;
    state->rows = c ? rf_view_count(&s->in[0]) / c : 0;
    state->all_rows = state->rows;
    state->epsilon = (double)rf_attr_float(s->node, "epsilon", 1e-5f);
    state->momentum = (double)rf_attr_float(s->node, "momentum", 0.9f);
    state->mean = (double *)(void *)((char *)memory + own);
    state->var = state->mean + c;
    state->middle = state->var + c;
    state->sum_g = state->middle + c;
    state->sum_gx = state->sum_g + c;
    state->scale = (float *)(state->sum_gx + c + 1);
    state->shift = state->scale + c;
    state->slope = state->shift + c;
    state->center = state->slope + c;
    s->scratch_bytes = rf_bn_scratch(c);
    return RF_OK;
}

static rf_status prepare(rf_step *s)
{
    return rf_bn_prepare(s, sizeof(rf_bn_state));
}

rf_bn_src rf_bn_input(const rf_step *s)
{
    const rf_view *x = &s->in[0];
    return x->dtype == RF_DTYPE_I32 ? (rf_bn_src){ .sums = x->data }
                                    : (rf_bn_src){ .real = rf_view_f32(x) };
}

/* What is read stands for real numbers: real = unit * read + start. */
static double unit(const rf_step *s, int64_t c)
{
    const rf_codes *codes = s->in[0].codes;
    return codes ? (double)codes->scales[c] : 1.0;
}

static double start(const rf_step *s, int64_t c)
{
    const rf_codes *codes = s->in[0].codes;
    return codes && codes->shifts ? (double)codes->shifts[c] : 0.0;
}

/* ---------------------------------------------------------------------------------- forward --- */

bool rf_bn_uses_batch(const rf_step *s)
{
    return s->mode == RF_MODE_BN_BATCH || (s->mode == RF_MODE_TRAIN && !s->bn_frozen);
}

static void update_running(const rf_step *s, const rf_bn_state *b)
{
    float *mean = rf_view_f32(&s->in[3]), *var = rf_view_f32(&s->in[4]);
    const double m = b->momentum, unbiased = (double)b->all_rows / (double)(b->all_rows - 1);
    for (int64_t c = 0; c < b->channels; c++) {
        mean[c] = (float)(m * (double)mean[c] + (1.0 - m) * b->mean[c]);
        var[c] = (float)(m * (double)var[c] + (1.0 - m) * b->var[c] * unbiased);
    }
}

/*
 * From the statistics of this process's share to those of the whole batch: the mean of means, then the deviations from
 * that, weighted by rows. `sum_gx` and what lies behind it are free in forward.
 */
static rf_status join_batch(const rf_step *s, rf_bn_state *b)
{
    const double rows = (double)b->rows;
    const int64_t n = b->channels;
    double *sums = b->sum_gx;
    for (int64_t c = 0; c < n; c++)
        sums[c] = rows * b->mean[c];
    sums[n] = rows;
    RF_TRY(rf_group_sum(s->ctx, sums, n + 1));
    b->all_rows = (int64_t)sums[n];
    for (int64_t c = 0; c < n; c++) {
        const double mean = sums[c] / sums[n], apart = b->mean[c] - mean;
        b->mean[c] = mean;
        sums[c] = rows * (b->var[c] + apart * apart);
    }
    RF_TRY(rf_group_sum(s->ctx, sums, n));
    for (int64_t c = 0; c < n; c++) {
        b->var[c] = sums[c] / (double)b->all_rows;
        if (!s->in[0].codes)
            b->middle[c] = b->mean[c];
    }
    return RF_OK;
}

static rf_status take_batch(rf_step *s, rf_bn_state *b)
{
    if (b->rows < (s->bn_sync ? 1 : 2))
        return rf_step_fail(
            s, RF_EDATA,
            "batch statistics need more than one value per channel, this batch has %lld; use a "
            "larger batch",
            (long long)b->rows);
    rf_bn_statistics(rf_bn_input(s), b->rows, b->channels, b->middle, b->var, s->scratch);
    for (int64_t c = 0; c < b->channels; c++) {
        b->mean[c] = unit(s, c) * b->middle[c] + start(s, c);
        b->var[c] *= unit(s, c) * unit(s, c);
    }
    b->all_rows = b->rows;
    if (s->bn_sync)
        RF_TRY(join_batch(s, b));
    if (s->mode == RF_MODE_TRAIN)
        update_running(s, b);
    return RF_OK;
}

static void take_running(const rf_step *s, rf_bn_state *b)
{
    for (int64_t c = 0; c < b->channels; c++) {
        b->mean[c] = (double)rf_view_f32(&s->in[3])[c];
        b->var[c] = (double)rf_view_f32(&s->in[4])[c];
        b->middle[c] = s->in[0].codes ? 0.0 : b->mean[c];
    }
}

static double inverse_deviation(const rf_bn_state *b, int64_t c)
{
    return 1.0 / sqrt(b->var[c] + b->epsilon);
}

rf_status rf_bn_normalizer(rf_step *s)
{
    rf_bn_state *b = s->state;
    const float *gamma = rf_view_f32(&s->in[1]), *beta = rf_view_f32(&s->in[2]);
    if (rf_bn_uses_batch(s))
        RF_TRY(take_batch(s, b));
    else
        take_running(s, b);
    for (int64_t c = 0; c < b->channels; c++) {
        const double scale = (double)gamma[c] * inverse_deviation(b, c);
        b->scale[c] = (float)(unit(s, c) * scale);
        b->shift[c] = (float)((double)beta[c] + (start(s, c) - b->mean[c]) * scale);
    }
    return RF_OK;
}

static rf_status forward(rf_step *s)
{
    const rf_bn_state *b = s->state;
    RF_TRY(rf_bn_normalizer(s));
    rf_bn_normalize(rf_bn_input(s), b->rows, b->channels, b->scale, b->shift,
                    rf_view_f32(&s->out[0]));
    return RF_OK;
}

/* --------------------------------------------------------------------------------- backward --- */

/* What is read at `middle` stands so far from the mean: 0 for a batch's own statistics and for real numbers. */
static double from_mean(const rf_step *s, const rf_bn_state *b, int64_t c)
{
    return s->in[0].codes ? unit(s, c) * b->middle[c] + start(s, c) - b->mean[c] : 0.0;
}

/* sum_gx counts from `middle`, in units of what is read: from the mean, in real numbers. */
static void center_sums(const rf_step *s, rf_bn_state *b)
{
    for (int64_t c = 0; c < b->channels && s->in[0].codes; c++)
        b->sum_gx[c] = unit(s, c) * b->sum_gx[c] + from_mean(s, b, c) * b->sum_g[c];
}

/*
 * With d = x - mean and r = 1 / sqrt(var + epsilon):
 *     dscale = r * sum(g d)      dbias = sum(g)
 *     dx = scale r (g - sum(g) / n - d r^2 sum(g d) / n)   where the batch's statistics normalized
 *     dx = scale r g                                         where they are constants
 */
static void give_params(const rf_step *s, const rf_bn_state *b)
{
    float *diff_scale = rf_view_f32(&s->diff_in[1]), *diff_bias = rf_view_f32(&s->diff_in[2]);
    for (int64_t c = 0; c < b->channels; c++) {
        if (diff_scale)
            diff_scale[c] = (float)(b->sum_gx[c] * inverse_deviation(b, c));
        if (diff_bias)
            diff_bias[c] = (float)b->sum_g[c];
    }
}

static void fill_coefficients(const rf_step *s, rf_bn_state *b)
{
    const float *gamma = rf_view_f32(&s->in[1]);
    const double n = (double)b->all_rows;
    for (int64_t c = 0; c < b->channels; c++) {
        const double r = inverse_deviation(b, c), scale = (double)gamma[c] * r;
        b->scale[c] = (float)scale;
        const double slope = -scale * r * r * b->sum_gx[c] / n;
        b->slope[c] = (float)(slope * unit(s, c));
        b->center[c] = (float)b->middle[c];
        const double shift = -scale * b->sum_g[c] / n;
        b->shift[c] = rf_bn_uses_batch(s) ? (float)(shift + slope * from_mean(s, b, c)) : 0.0f;
    }
}

rf_status rf_bn_conclude_backward(rf_step *s, const float *g)
{
    rf_bn_state *b = s->state;
    float *diff_x = rf_view_f32(&s->diff_in[0]);
    center_sums(s, b);
    give_params(s, b);
    if (s->bn_sync && rf_bn_uses_batch(s)) /* sum_gx lies behind sum_g */
        RF_TRY(rf_group_sum(s->ctx, b->sum_g, 2 * b->channels));
    if (!diff_x)
        return RF_OK;
    fill_coefficients(s, b);
    if (rf_bn_uses_batch(s))
        rf_bn_backward_data(rf_bn_input(s), g, b->rows, b->channels, b->scale, b->center, b->slope,
                            b->shift, diff_x);
    else
        rf_bn_normalize((rf_bn_src){ .real = g }, b->rows, b->channels, b->scale, b->shift, diff_x);
    return RF_OK;
}

static rf_status backward(rf_step *s)
{
    rf_bn_state *b = s->state;
    const float *g = rf_view_f32(&s->diff_out[0]);
    if (rf_bn_uses_batch(s) || s->diff_in[1].data || s->diff_in[2].data)
        rf_bn_backward_sums(rf_bn_input(s), g, b->rows, b->channels, b->middle, b->sum_g, b->sum_gx,
                            s->scratch);
    return rf_bn_conclude_backward(s, g);
}

void rf_bn_step_batch(const rf_step *s, rf_bn_batch *out)
{
    const rf_bn_state *b = s->state;
    *out =
        (rf_bn_batch){ .channels = b->channels, .count = b->rows, .mean = b->mean, .var = b->var };
}

const rf_op rf_op_batch_normalization = {
    .onnx_name = "BatchNormalization",
    .limits = "statistics a channel only (spatial = 1); training form with 3 or 5 outputs is "
              "brought to inference form",
    .since_opset = 7,
    .min_in = 5,
    .max_in = 5,
    .min_out = 1,
    .max_out = 1,
    .weight_axis = -1, /* its scale is a vector: one quantizer for all of it, as AIMET has it */
    .quant = RF_QUANT_OUTPUT,
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
