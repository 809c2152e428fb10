/*
 * Gemm: y = alpha op(a) op(b) + beta c with op(a) [m, k], op(b) [k, n] and c broadcast to [m, n];
 * op transposes where transA, transB say so. Opset 7.
 */
#include "dnn/dnn.h"
#include "ops/matrix_codes.h"
#include "ops/op_util.h"

typedef struct gemm {
    bool transpose_a, transpose_b;
    float alpha, beta;
    int64_t m, n, k;
} gemm;

static gemm read_gemm(const rf_node *node, const int64_t *a, const int64_t *b)
{
    gemm g = { .transpose_a = rf_attr_int(node, "transA", 0) != 0,
               .transpose_b = rf_attr_int(node, "transB", 0) != 0,
               .alpha = rf_attr_float(node, "alpha", 1.0f),
               .beta = rf_attr_float(node, "beta", 1.0f) };
    g.m = a[g.transpose_a ? 1 : 0];
    g.k = a[g.transpose_a ? 0 : 1];
    g.n = b[g.transpose_b ? 0 : 1];
    return g;
}

static rf_status infer(rf_inference *io)
{
    char as[RF_SHAPE_TEXT], bs[RF_SHAPE_TEXT];
    const rf_shape *a = &io->in[0].shape, *b = &io->in[1].shape;
    RF_TRY(rf_infer_float(io));
    if (a->rank != 2 || b->rank != 2)
        return rf_infer_fail(io, RF_ESHAPE, "inputs are %s and %s, expected two matrices",
                             rf_shape_text(a, as), rf_shape_text(b, bs));
    const gemm g = read_gemm(io->node, a->dims, b->dims);
    if (b->dims[g.transpose_b ? 1 : 0] != g.k)
        return rf_infer_fail(io, RF_ESHAPE,
                             "input is %s%s, weights are %s%s: inner dims must be equal",
                             rf_shape_text(a, as), g.transpose_a ? " transposed" : "",
                             rf_shape_text(b, bs), g.transpose_b ? " transposed" : "");
    const rf_shape y = { .rank = 2, .dims = { g.m, g.n } };
    if (io->in_count > 2 && io->in[2].present) {
        rf_shape joined = { 0 };
        RF_TRY(rf_shape_broadcast(io->ctx, &y, &io->in[2].shape, &joined));
        if (!rf_shape_equal(&joined, &y))
            return rf_infer_fail(io, RF_ESHAPE, "bias is %s, expected to broadcast to %s",
                                 rf_shape_text(&io->in[2].shape, as), rf_shape_text(&y, bs));
    }
    return rf_infer_set(io, 0, RF_DTYPE_F32, &y);
}

static gemm step_gemm(const rf_step *s)
{
    return read_gemm(s->node, s->in[0].dims, s->in[1].dims);
}

static void scale(const rf_view *v, float factor)
{
    float *values = rf_view_f32(v);
    for (int64_t i = 0, count = rf_view_count(v); factor != 1.0f && i < count; i++)
        values[i] *= factor;
}

/* ---------------------------------------------------------------------------------- codes --- */

static bool bias_is_a_row(const rf_node *node, int64_t n)
{
    const rf_value *c = rf_node_input(node, 2);
    return !c || (c->shape.rank >= 1 && c->shape.dims[c->shape.rank - 1] == n &&
                  rf_shape_product(&c->shape) == n);
}

static bool int8(rf_context *ctx, const rf_node *node, const rf_shape *x, const rf_shape *w,
                 rf_int8_layer *out)
{
    const gemm g = read_gemm(node, x->dims, w->dims);
    (void)ctx;
    *out = (rf_int8_layer){ .terms = g.k, .axis = g.transpose_b ? 0 : 1 };
    return !g.transpose_a && g.alpha == 1.0f && bias_is_a_row(node, g.n);
}

static rf_matrix_product product_of(const gemm *g)
{
    return (rf_matrix_product){ .m = g->m, .n = g->n, .k = g->k, .transpose_b = g->transpose_b };
}

static rf_status prepare(rf_step *s)
{
    const gemm g = step_gemm(s);
    const rf_matrix_product product = product_of(&g);
    return rf_matrix_codes_prepare(s, &product);
}

static rf_status forward_int8(rf_step *s)
{
    const gemm g = step_gemm(s);
    const rf_matrix_product product = product_of(&g);
    return rf_matrix_codes_forward(s, &product, s->in_count > 2 ? rf_view_f32(&s->in[2]) : NULL,
                                   g.beta);
}

static const float *real_b(const rf_step *s, const gemm *g)
{
    const rf_matrix_product product = product_of(g);
    return rf_matrix_real_b(s, &product);
}

/* --------------------------------------------------------------------------- real numbers --- */

static rf_status forward(rf_step *s)
{
    if (rf_matrix_on_codes(s))
        return forward_int8(s);
    const gemm g = step_gemm(s);
    const bool bias = s->in_count > 2 && s->in[2].data;
    if (bias) {
        rf_view stretched;
        rf_broadcast_view(&s->in[2], &s->out[0], &stretched);
        rf_view_copy(&stretched, &s->out[0]);
        scale(&s->out[0], g.beta);
    }
    return rf_dnn_gemm(s->ctx, g.transpose_a, g.transpose_b, g.m, g.n, g.k, g.alpha,
                       rf_matrix_real_a(s), s->in[0].dims[1], rf_view_f32(&s->in[1]),
                       s->in[1].dims[1], bias ? 1.0f : 0.0f, rf_view_f32(&s->out[0]), g.n);
}

/* d op(a) = alpha dy op(b)^T, or its transpose where a is stored transposed. */
static rf_status backward_a(rf_step *s, const gemm *g)
{
    const float *b = real_b(s, g), *dy = rf_view_f32(&s->diff_out[0]);
    const int64_t ldb = s->in[1].dims[1];
    float *da = rf_view_f32(&s->diff_in[0]);
    if (g->transpose_a)
        return rf_dnn_gemm(s->ctx, g->transpose_b, true, g->k, g->m, g->n, g->alpha, b, ldb, dy,
                           g->n, 0.0f, da, g->m);
    return rf_dnn_gemm(s->ctx, false, !g->transpose_b, g->m, g->k, g->n, g->alpha, dy, g->n, b, ldb,
                       0.0f, da, g->k);
}

/* d op(b) = alpha op(a)^T dy, or its transpose where b is stored transposed. */
static rf_status backward_b(rf_step *s, const gemm *g)
{
    const float *a = rf_matrix_real_a(s), *dy = rf_view_f32(&s->diff_out[0]);
    const int64_t lda = s->in[0].dims[1];
    float *db = rf_view_f32(&s->diff_in[1]);
    if (g->transpose_b)
        return rf_dnn_gemm(s->ctx, true, g->transpose_a, g->n, g->k, g->m, g->alpha, dy, g->n, a,
                           lda, 0.0f, db, g->k);
    return rf_dnn_gemm(s->ctx, !g->transpose_a, false, g->k, g->n, g->m, g->alpha, a, lda, dy, g->n,
                       0.0f, db, g->n);
}

static rf_status backward(rf_step *s)
{
    const gemm g = step_gemm(s);
    if (s->diff_in[0].data)
        RF_TRY(backward_a(s, &g));
    if (s->diff_in[1].data)
        RF_TRY(backward_b(s, &g));
    if (s->in_count > 2 && s->diff_in[2].data) {
        rf_sum_to(&s->diff_out[0], &s->diff_in[2]);
        scale(&s->diff_in[2], g.beta);
    }
    return RF_OK;
}

static int64_t macs(const rf_step *s)
{
    const gemm g = step_gemm(s);
    return g.m * g.n * g.k;
}

const rf_op rf_op_gemm = {
    .onnx_name = "Gemm",
    .since_opset = 7,
    .min_in = 2,
    .max_in = 3,
    .min_out = 1,
    .max_out = 1,
    /* Where transB = 1, as linear layers are exported; 1 where it is 0: rf_layer_match tells. */
    .weight_axis = 0,
    .quant = RF_QUANT_OUTPUT,
    .layout = RF_LAYOUT_NEED_PLAIN,
    .roles = { RF_ROLE_NONE, RF_ROLE_WEIGHT, RF_ROLE_BIAS },
    .backward_needs = RF_NEEDS_IN(0) | RF_NEEDS_IN(1),
    .takes_codes = true,
    .infer = infer,
    .int8 = int8,
    .prepare = prepare,
    .forward = forward,
    .backward = backward,
    .release = rf_step_free_state,
    .macs = macs,
};
