/* What Conv and ConvTranspose share: everything but their shapes. */
#include "ops/conv_layer.h"

#include <assert.h>
#include <stdio.h>

#include "quant/fakequant.h"

typedef struct conv_state {
    rf_dnn_conv *conv;
    rf_conv_shape shape;
    int64_t oc;
    bool integers;          /* u8 codes and s8 weights in, int32 sums out */
    size_t real_at;         /* in scratch: input 0 as real numbers, where it comes as codes */
    float *scales, *shifts; /* [oc] of the sums; behind this struct */
} conv_state;

/* ----------------------------------------------------------------------------------- shapes --- */

rf_status rf_conv_weights_fail(rf_context *ctx, const rf_node *n, const rf_shape *w,
                               const char *first, const char *second, int64_t channels,
                               int64_t groups)
{
    static const char *const kernels[] = { "kl", "kh, kw", "kd, kh, kw" };
    char text[RF_SHAPE_TEXT];
    const int spatial = w->rank - 2;
    return rf_node_fail(
        ctx, n, RF_ESHAPE,
        "weights are %s, expected [%s, %s, %s] for %lld input channels in %lld group%s",
        rf_shape_text(w, text), first, second,
        spatial >= 1 && spatial <= 3 ? kernels[spatial - 1] : "k...", (long long)channels,
        (long long)groups, groups == 1 ? "" : "s");
}

static rf_status check_bias(const rf_inference *io, const rf_conv_shape *conv)
{
    char text[RF_SHAPE_TEXT];
    if (io->in_count < 3 || !io->in[2].present)
        return RF_OK;
    const rf_shape *b = &io->in[2].shape;
    if (b->rank != 1 || b->dims[0] != conv->oc)
        return rf_infer_fail(io, RF_ESHAPE,
                             "bias is %s, expected [%lld], one for each output channel",
                             rf_shape_text(b, text), (long long)conv->oc);
    return RF_OK;
}

static void set_window(rf_conv_shape *conv, const rf_window *w)
{
    for (int i = 0; i < w->spatial; i++) {
        conv->in[i] = w->in[i];
        conv->out[i] = w->out[i];
        conv->kernel[i] = w->kernel[i];
        conv->stride[i] = w->stride[i];
        conv->dilation[i] = w->dilation[i];
        conv->pad_begin[i] = w->pad_begin[i];
        conv->pad_end[i] = w->pad_end[i];
    }
}

static rf_status describe_shapes(rf_context *ctx, const rf_node *n, const rf_shape *x,
                                 const rf_shape *w, rf_conv_describe describe, rf_conv_shape *out)
{
    char xs[RF_SHAPE_TEXT], ws[RF_SHAPE_TEXT];
    rf_window window;
    if (w->rank != x->rank)
        return rf_node_fail(ctx, n, RF_ESHAPE, "weights are %s, input is %s, expected equal ranks",
                            rf_shape_text(w, ws), rf_shape_text(x, xs));
    for (int i = 0; i < w->rank; i++)
        if (w->dims[i] < 1 || w->dims[i] > INT32_MAX)
            return rf_node_fail(ctx, n, RF_ESHAPE, "weights are %s, expected dims of at least 1",
                                rf_shape_text(w, ws));
    *out = (rf_conv_shape){ .n = x->dims[0],
                            .ic = x->dims[1],
                            .groups = rf_attr_int(n, "group", 1),
                            .spatial = x->rank - 2 };
    if (out->groups < 1)
        return rf_node_fail(ctx, n, RF_EMODEL, "attribute group is %lld, expected at least 1",
                            (long long)out->groups);
    RF_TRY(rf_window_read(ctx, n, x, w->dims + 2, &window));
    RF_TRY(describe(ctx, n, w, &window, out));
    set_window(out, &window);
    return RF_OK;
}

rf_status rf_conv_infer(rf_inference *io, rf_conv_describe describe)
{
    rf_conv_shape conv;
    RF_TRY(rf_infer_float(io));
    RF_TRY(describe_shapes(io->ctx, io->node, &io->in[0].shape, &io->in[1].shape, describe, &conv));
    RF_TRY(check_bias(io, &conv));
    rf_shape out = { .rank = conv.spatial + 2, .dims = { conv.n, conv.oc } };
    for (int i = 0; i < conv.spatial; i++)
        out.dims[2 + i] = conv.out[i];
    return rf_infer_set(io, 0, RF_DTYPE_F32, &out);
}

/* -------------------------------------------------------------------------------- preparing --- */

static size_t aligned(size_t bytes)
{
    return (bytes + RF_ALIGN - 1) / RF_ALIGN * RF_ALIGN;
}

/* Room for what is needed as real numbers: one of input and weights at a time. */
static size_t real_bytes(const rf_step *s, const conv_state *state)
{
    const size_t input = (size_t)rf_view_count(&s->in[0]) * sizeof(float);
    const size_t weights = (size_t)rf_view_count(&s->in[1]) * sizeof(float);
    if (!state->integers)
        return s->in[0].dtype == RF_DTYPE_U8 ? input : 0;
    return s->mode != RF_MODE_TRAIN ? 0 : input > weights ? input : weights;
}

bool rf_conv_int8(rf_context *ctx, const rf_node *n, const rf_shape *x, const rf_shape *w,
                  rf_conv_describe describe, rf_int8_layer *out)
{
    rf_conv_shape conv;
    if (describe_shapes(ctx, n, x, w, describe, &conv) != RF_OK ||
        !rf_dnn_conv_has_int8(ctx, &conv))
        return false;
    *out = (rf_int8_layer){ .terms = rf_shape_product(w) / conv.oc,
                            .axis = 0,
                            .never_saturates = rf_dnn_conv_never_saturates(&conv) };
    return true;
}

rf_status rf_conv_prepare(rf_step *s, rf_conv_describe describe)
{
    const rf_shape x = rf_view_shape(&s->in[0]), w = rf_view_shape(&s->in[1]);
    rf_conv_shape conv;
    void *memory;
    RF_TRY(describe_shapes(s->ctx, s->node, &x, &w, describe, &conv));
    RF_TRY(rf_step_new_state(s, sizeof(conv_state) + 2 * (size_t)conv.oc * sizeof(float), &memory));
    conv_state *state = memory;
    state->shape = conv;
    state->oc = conv.oc;
    state->integers = s->in[1].dtype == RF_DTYPE_I8;
    state->scales = (float *)(state + 1);
    state->shifts = state->scales + conv.oc;
    const bool bias = rf_node_input(s->node, 2) != NULL;
    const rf_dnn_conv_options options = { .bias = bias,
                                          .backward = s->mode == RF_MODE_TRAIN,
                                          .integers = state->integers };
    RF_TRY(rf_dnn_conv_new(s->ctx, &conv, &options, &state->conv));
    state->real_at = aligned(rf_dnn_conv_scratch(state->conv));
    s->scratch_bytes = state->real_at + real_bytes(s, state);
    return RF_OK;
}

void rf_conv_release(rf_step *s)
{
    conv_state *state = s->state;
    if (state)
        rf_dnn_conv_free(state->conv);
    rf_step_free_state(s);
}

const rf_conv_shape *rf_conv_step_shape(const rf_step *s)
{
    const conv_state *state = s->op->forward == rf_conv_forward ? s->state : NULL;
    return state ? &state->shape : NULL;
}

/* ---------------------------------------------------------------------------------- running --- */

/* Input 0 as real numbers: itself, or its codes brought back into scratch. */
static const float *real_input(const rf_step *s)
{
    const conv_state *state = s->state;
    const rf_view *x = &s->in[0];
    if (!x->codes)
        return rf_view_f32(x);
    assert(x->dtype == RF_DTYPE_U8);
    float *real = (float *)((char *)s->scratch + state->real_at);
    const rf_qarray all = { .outer = 1, .channels = 1, .inner = rf_view_count(x) };
    rf_dequantize_u8(&all, &x->codes->scale, &x->codes->offset, x->data, real);
    return real;
}

/* Weights as real numbers: themselves, or their codes brought back into scratch. */
static const float *real_weights(const rf_step *s)
{
    const conv_state *state = s->state;
    const rf_view *w = &s->in[1];
    if (!state->integers)
        return rf_view_f32(w);
    float *real = (float *)((char *)s->scratch + state->real_at);
    const int64_t channels = w->codes->channels;
    const rf_qarray a = { .outer = 1, .channels = channels, .inner = rf_view_count(w) / channels };
    rf_dequantize_s8(&a, w->codes->scales, w->data, real);
    return real;
}

static rf_status forward_int8(rf_step *s)
{
    const conv_state *state = s->state;
    const rf_codes *x = s->in[0].codes, *w = s->in[1].codes;
    const float *bias = s->in_count > 2 ? rf_view_f32(&s->in[2]) : NULL;
    for (int64_t c = 0; c < state->oc; c++) {
        state->scales[c] = x->scale * w->scales[w->channels == 1 ? 0 : c];
        state->shifts[c] = bias ? bias[c] : 0.0f;
    }
    s->codes = (rf_codes){ .scales = state->scales,
                           .shifts = bias ? state->shifts : NULL,
                           .channels = state->oc };
    return rf_dnn_conv_forward_int8(state->conv, s->in[0].data, -x->offset, s->in[1].data,
                                    s->out[0].data, s->scratch);
}

rf_status rf_conv_forward(rf_step *s)
{
    const conv_state *state = s->state;
    if (state->integers)
        return forward_int8(s);
    const float *bias = s->in_count > 2 ? rf_view_f32(&s->in[2]) : NULL;
    return rf_dnn_conv_forward(state->conv, real_input(s), rf_view_f32(&s->in[1]), bias,
                               rf_view_f32(&s->out[0]), s->scratch);
}

rf_status rf_conv_backward(rf_step *s)
{
    const conv_state *state = s->state;
    const float *diff_out = rf_view_f32(&s->diff_out[0]);
    float *diff_weights = rf_view_f32(&s->diff_in[1]);
    float *diff_bias = s->in_count > 2 ? rf_view_f32(&s->diff_in[2]) : NULL;
    if (s->diff_in[0].data)
        RF_TRY(rf_dnn_conv_backward_data(state->conv, diff_out, real_weights(s),
                                         rf_view_f32(&s->diff_in[0]), s->scratch));
    if (diff_weights || diff_bias)
        RF_TRY(rf_dnn_conv_backward_weights(state->conv, real_input(s), diff_out, diff_weights,
                                            diff_bias, s->scratch));
    return RF_OK;
}
