/*
 * LpNormalization: y = x / (sum |x|^p)^(1 / p) along `axis`, p 1 or 2; 0 where all are. dx = (dy -
 * n sum of dy y) / norm, n = sign(x) or y. Opset 1.
 */
#include <math.h>

#include "ops/reduction.h"

static int64_t power_of(const rf_node *n)
{
    return rf_attr_int(n, "p", 2);
}

static rf_status infer(rf_inference *io)
{
    int axis;
    RF_TRY(rf_infer_float(io));
    RF_TRY(rf_infer_axis(io, rf_attr_int(io->node, "axis", -1), io->in[0].shape.rank, &axis));
    if (power_of(io->node) != 1 && power_of(io->node) != 2)
        return rf_infer_fail(io, RF_EMODEL, "p is %lld, expected 1 or 2",
                             (long long)power_of(io->node));
    return rf_infer_same(io);
}

/* One number for each norm, dense, at `data`. */
static rf_view norms(const rf_step *s, void *data)
{
    rf_shape shape = rf_view_shape(&s->in[0]);
    rf_view v;
    shape.dims[rf_axis_wrap(rf_attr_int(s->node, "axis", -1), shape.rank)] = 1;
    rf_view_init(&v, RF_DTYPE_F32, &shape, RF_LAYOUT_PLAIN);
    v.data = data;
    return v;
}

/* Scratch: an array like x, then a number for each norm. Saved: the norms. */
static rf_status prepare(rf_step *s)
{
    const rf_view norm = norms(s, NULL);
    s->saved_bytes = (size_t)rf_view_count(&norm) * sizeof(float);
    s->scratch_bytes = (size_t)rf_view_count(&s->in[0]) * sizeof(float) + s->saved_bytes;
    return RF_OK;
}

static void absolute_row(float *const *p, int64_t n, const void *user)
{
    (void)user;
    for (int64_t i = 0; i < n; i++)
        p[0][i] = fabsf(p[1][i]);
}

/* p: product, a, b */
static void multiply_row(float *const *p, int64_t n, const void *user)
{
    (void)user;
    for (int64_t i = 0; i < n; i++)
        p[0][i] = p[1][i] * p[2][i];
}

static void root_row(float *const *p, int64_t n, const void *user)
{
    (void)user;
    for (int64_t i = 0; i < n; i++)
        p[0][i] = sqrtf(p[1][i]);
}

/* p: y, x, norm */
static void divide_row(float *const *p, int64_t n, const void *user)
{
    (void)user;
    for (int64_t i = 0; i < n; i++)
        p[0][i] = p[2][i] > 0.0f ? p[1][i] / p[2][i] : p[1][i] * 0.0f;
}

/* p: dx, dy, y, sum of dy y, norm */
static void slope_row(float *const *p, int64_t n, const void *user)
{
    const bool signs = *(const int64_t *)user == 1;
    for (int64_t i = 0; i < n; i++) {
        const float y = p[2][i], sign = y > 0.0f ? 1.0f : y < 0.0f ? -1.0f : 0.0f;
        const float direction = signs ? sign : y;
        p[0][i] = p[4][i] > 0.0f ? (p[1][i] - direction * p[3][i]) / p[4][i] : 0.0f;
    }
}

static rf_status forward(rf_step *s)
{
    const rf_view *x = &s->in[0], norm = norms(s, s->saved), mapped = rf_reduce_scratch(s, x);
    const rf_view *squares[] = { &mapped, x, x }, *roots[] = { &norm, &norm };
    const rf_view *quotients[] = { &s->out[0], x, &norm };
    const bool square = power_of(s->node) == 2;
    rf_rows(squares, square ? 3 : 2, square ? multiply_row : absolute_row, NULL);
    rf_reduce_sum(&mapped, &norm, 1.0);
    if (square)
        rf_rows(roots, 2, root_row, NULL);
    rf_rows(quotients, 3, divide_row, NULL);
    return RF_OK;
}

static rf_status backward(rf_step *s)
{
    const rf_view *y = &s->out[0], *dy = &s->diff_out[0], norm = norms(s, s->saved);
    const rf_view product = rf_reduce_scratch(s, y);
    const rf_view sum = norms(s, (float *)s->scratch + rf_view_count(y));
    const rf_view *products[] = { &product, dy, y };
    const rf_view *views[] = { &s->diff_in[0], dy, y, &sum, &norm };
    const int64_t power = power_of(s->node);
    if (!rf_step_has_gradient(s, 0))
        return RF_OK;
    rf_rows(products, 3, multiply_row, NULL);
    rf_reduce_sum(&product, &sum, 1.0);
    rf_rows(views, 5, slope_row, &power);
    return RF_OK;
}

const rf_op rf_op_lp_normalization = {
    .onnx_name = "LpNormalization",
    .since_opset = 1,
    .min_in = 1,
    .max_in = 1,
    .min_out = 1,
    .max_out = 1,
    .weight_axis = -1,
    .quant = RF_QUANT_OUTPUT,
    .layout = RF_LAYOUT_ANY,
    .backward_needs = RF_NEEDS_OUT(0),
    .infer = infer,
    .prepare = prepare,
    .forward = forward,
    .backward = backward,
};
