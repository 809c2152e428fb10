/*
 * ReduceProd: the product over `axes` (attribute, or input 1 since opset 18); dx = dy times the
 * product of the others. Opset 1.
 */
#include "ops/reduction.h"
#include "ops/strided.h"

static void set_row(float *const *p, int64_t n, const void *user)
{
    const float value = *(const float *)user;
    for (int64_t i = 0; i < n; i++)
        p[0][i] = value;
}

static void fill(const rf_view *v, float value)
{
    rf_rows(&v, 1, set_row, &value);
}

/* Rows: x, product (repeated). */
static void multiply_row(char *const *data, const int64_t *strides, int64_t n, const void *user)
{
    const float *x = (const float *)(void *)data[0];
    float *product = (float *)(void *)data[1];
    (void)user;
    for (int64_t i = 0; i < n; i++)
        product[i * strides[1]] *= x[i * strides[0]];
}

/* Rows: x, zeros, product of the others. */
static void count_zeros_row(char *const *data, const int64_t *strides, int64_t n, const void *user)
{
    const float *x = (const float *)(void *)data[0];
    float *zeros = (float *)(void *)data[1], *product = (float *)(void *)data[2];
    (void)user;
    for (int64_t i = 0; i < n; i++) {
        if (x[i * strides[0]] == 0.0f)
            zeros[i * strides[1]] += 1.0f;
        else
            product[i * strides[2]] *= x[i * strides[0]];
    }
}

/* p: dx, dy, x, zeros, product: a zero takes a gradient where it is the only one. */
static void slope_row(float *const *p, int64_t n, const void *user)
{
    (void)user;
    for (int64_t i = 0; i < n; i++) {
        const float x = p[2][i], zeros = p[3][i], product = p[4][i];
        const float others = zeros == 0.0f                ? product / x
                             : zeros == 1.0f && x == 0.0f ? product
                                                          : 0.0f;
        p[0][i] = p[1][i] * others;
    }
}

static void forward(rf_step *s, const rf_view *x, const rf_view *y)
{
    const rf_view *views[] = { x, y };
    rf_loop loop;
    (void)s;
    fill(y, 1.0f);
    rf_loop_init(&loop, views, 2);
    rf_loop_range(&loop, 0, loop.count, multiply_row, NULL);
}

static void backward(rf_step *s, const rf_view *x, const rf_view *y, const rf_view *dy,
                     const rf_view *dx)
{
    const rf_view zeros = rf_reduce_result(s, y, 0), product = rf_reduce_result(s, y, 1);
    const rf_view *counted[] = { x, &zeros, &product }, *views[] = { dx, dy, x, &zeros, &product };
    rf_loop loop;
    fill(&zeros, 0.0f);
    fill(&product, 1.0f);
    rf_loop_init(&loop, counted, 3);
    rf_loop_range(&loop, 0, loop.count, count_zeros_row, NULL);
    rf_rows(views, 5, slope_row, NULL);
}

static int64_t integer(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a * (uint64_t)b);
}

static const rf_reduce rule = {
    .forward = forward, .backward = backward, .integer = integer, .start = 1
};

const rf_op rf_op_reduce_prod = {
    .onnx_name = "ReduceProd",
    .limits = "float32, int64 or int32; constant axes",
    .since_opset = 1,
    .min_in = 1,
    .max_in = 2,
    .min_out = 1,
    .max_out = 1,
    .weight_axis = -1,
    .quant = RF_QUANT_OUTPUT,
    .layout = RF_LAYOUT_ANY,
    .backward_needs = RF_NEEDS_IN(0),
    .rule = &rule,
    .infer = rf_reduce_infer_integers,
    .prepare = rf_reduce_prepare,
    .forward = rf_reduce_forward,
    .backward = rf_reduce_backward,
};
