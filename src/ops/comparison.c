/* Comparing two tensors element by element. */
#include "ops/comparison.h"
#include "ops/element.h"
#include "ops/strided.h"

rf_status rf_compare_infer(rf_inference *io)
{
    rf_shape dst;
    if (io->in[0].dtype != io->in[1].dtype)
        return rf_infer_fail(io, RF_EMODEL, "inputs are %s and %s; they must be alike",
                             rf_dtype_name(io->in[0].dtype), rf_dtype_name(io->in[1].dtype));
    RF_TRY(rf_shape_broadcast(io->ctx, &io->in[0].shape, &io->in[1].shape, &dst));
    return rf_infer_set(io, 0, RF_DTYPE_BOOL, &dst);
}

static bool holds_f64(const rf_comparison *c, double a, double b)
{
    return (c->less && a < b) || (c->equal && a == b) || (c->greater && a > b);
}

static bool holds_i64(const rf_comparison *c, int64_t a, int64_t b)
{
    return (c->less && a < b) || (c->equal && a == b) || (c->greater && a > b);
}

static void compare_row(char *const *data, const int64_t *strides, int64_t n, const void *user)
{
    const rf_step *s = user;
    const rf_dtype dtype = s->in[0].dtype;
    for (int64_t i = 0; i < n; i++) {
        const int64_t a = i * strides[1], b = i * strides[2];
        data[0][i * strides[0]] = rf_dtype_is_float(dtype)
                                      ? holds_f64(s->op->rule, rf_element_f64(dtype, data[1], a),
                                                  rf_element_f64(dtype, data[2], b))
                                      : holds_i64(s->op->rule, rf_element_i64(dtype, data[1], a),
                                                  rf_element_i64(dtype, data[2], b));
    }
}

rf_status rf_compare_forward(rf_step *s)
{
    const rf_view *views[] = { &s->out[0], &s->in[0], &s->in[1] };
    rf_loop loop;
    rf_loop_init(&loop, views, 3);
    rf_loop_run(&loop, compare_row, s);
    return RF_OK;
}
