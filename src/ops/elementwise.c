/* Rows of floats for element-wise operators, whatever the strides of their operands. */
#include <assert.h>
#include <string.h>

#include "ops/element.h"
#include "ops/elementwise.h"
#include "ops/strided.h"

#define BLOCK 512 /* floats of an operand that is gathered at a time */

typedef struct rows {
    rf_row_fn fn;
    const void *user;
    int operands;
} rows;

static void gather(const float *src, int64_t stride, float *dst, int64_t n)
{
    const float repeated = src[0];
    if (stride == 0)
        for (int64_t i = 0; i < n; i++)
            dst[i] = repeated;
    else
        for (int64_t i = 0; i < n; i++)
            dst[i] = src[i * stride];
}

static void scatter(const float *src, float *dst, int64_t stride, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        dst[i * stride] = src[i];
}

static bool all_contiguous(const int64_t *strides, int operands)
{
    for (int k = 0; k < operands; k++)
        if (strides[k] != 1)
            return false;
    return true;
}

static void run_row(char *const *data, const int64_t *strides, int64_t n, const void *user)
{
    const rows *r = user;
    float blocks[RF_LOOP_MAX][BLOCK], *p[RF_LOOP_MAX];
    const int64_t length = all_contiguous(strides, r->operands) ? n : BLOCK;
    for (int64_t i = 0; i < n; i += length) {
        const int64_t m = n - i < length ? n - i : length;
        for (int k = 0; k < r->operands; k++) {
            p[k] = strides[k] == 1 ? (float *)(void *)data[k] + i : blocks[k];
            if (k && strides[k] != 1)
                gather((const float *)(void *)data[k] + i * strides[k], strides[k], p[k], m);
        }
        r->fn(p, m, r->user);
        if (strides[0] != 1)
            scatter(p[0], (float *)(void *)data[0] + i * strides[0], strides[0], m);
    }
}

void rf_rows(const rf_view *const *views, int operands, rf_row_fn fn, const void *user)
{
    const rows r = { .fn = fn, .user = user, .operands = operands };
    rf_loop loop;
    rf_loop_init(&loop, views, operands);
    rf_loop_run(&loop, run_row, &r);
}

rf_status rf_unary_infer(rf_inference *io)
{
    RF_TRY(rf_infer_float(io));
    return rf_infer_same(io);
}

rf_status rf_unary_infer_number(rf_inference *io)
{
    const rf_dtype dtype = io->in[0].dtype;
    if (dtype != RF_DTYPE_F32 && !rf_dtype_is_integer(dtype))
        return rf_infer_fail(io, RF_EUNSUPPORTED,
                             "input is %s; refold computes it in float32 or integers",
                             rf_dtype_name(dtype));
    return rf_infer_same(io);
}

/* Rows: y, x. */
static void integer_row(char *const *data, const int64_t *strides, int64_t n, const void *user)
{
    const rf_step *s = user;
    const rf_unary_rule *rule = s->op->rule;
    const rf_dtype dtype = s->in[0].dtype;
    for (int64_t i = 0; i < n; i++) {
        const int64_t x = rf_element_i64(dtype, data[1], i * strides[1]);
        rf_element_set_i64(dtype, data[0], i * strides[0], rule->integer(x));
    }
}

static rf_status integer_forward(rf_step *s)
{
    const rf_view *views[] = { &s->out[0], &s->in[0] };
    rf_loop loop;
    rf_loop_init(&loop, views, 2);
    rf_loop_run(&loop, integer_row, s);
    return RF_OK;
}

rf_status rf_unary_forward(rf_step *s, rf_row_fn fn, const void *user)
{
    const rf_view *views[] = { &s->out[0], &s->in[0] };
    rf_rows(views, 2, fn, user);
    return RF_OK;
}

rf_status rf_unary_backward(rf_step *s, rf_row_fn fn, const void *user)
{
    const rf_view *kept = rf_op_needs_out(s->op, 0)  ? &s->out[0]
                          : rf_op_needs_in(s->op, 0) ? &s->in[0]
                                                     : &s->diff_out[0];
    const rf_view *views[] = { &s->diff_in[0], &s->diff_out[0], kept };
    if (rf_step_has_gradient(s, 0))
        rf_rows(views, 3, fn, user);
    return RF_OK;
}

static void read_numbers(const rf_step *s, float *numbers)
{
    const rf_unary_rule *rule = s->op->rule;
    for (int i = 0; i < RF_UNARY_NUMBERS; i++)
        if (rule->numbers[i].attr)
            numbers[i] = rf_attr_float(s->node, rule->numbers[i].attr, rule->numbers[i].fallback);
}

rf_status rf_unary_rule_forward(rf_step *s)
{
    const rf_unary_rule *rule = s->op->rule;
    float numbers[RF_UNARY_NUMBERS] = { 0.0f };
    if (s->in[0].dtype != RF_DTYPE_F32)
        return integer_forward(s);
    read_numbers(s, numbers);
    return rf_unary_forward(s, rule->forward, numbers);
}

rf_status rf_unary_rule_backward(rf_step *s)
{
    const rf_unary_rule *rule = s->op->rule;
    float numbers[RF_UNARY_NUMBERS] = { 0.0f };
    read_numbers(s, numbers);
    return rf_unary_backward(s, rule->backward, numbers);
}
