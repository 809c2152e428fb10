/* Comparing two tensors element by element. */
#include "ops/comparison.h"
#include "ops/element.h"
#include "ops/strided.h"

typedef struct comparison {
    rf_compare_fn holds;
    rf_dtype dtype;
} comparison;

rf_status rf_compare_infer(rf_inference *io)
{
    rf_shape dst;
    if (io->in[0].dtype != io->in[1].dtype || io->in[0].dtype == RF_DTYPE_F16)
        return rf_infer_fail(io, RF_EMODEL, "inputs are %s and %s; they must be alike",
                             rf_dtype_name(io->in[0].dtype), rf_dtype_name(io->in[1].dtype));
    RF_TRY(rf_shape_broadcast(io->ctx, &io->in[0].shape, &io->in[1].shape, &dst));
    return rf_infer_set(io, 0, RF_DTYPE_BOOL, &dst);
}

static int sign_of_f64(double a, double b)
{
    return a < b ? -1 : a > b ? 1 : a == b ? 0 : 2;
}

static int sign_of_i64(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

static void compare_row(char *const *data, const int64_t *strides, int64_t n, const void *user)
{
    const comparison *c = user;
    for (int64_t i = 0; i < n; i++) {
        const int64_t a = i * strides[1], b = i * strides[2];
        const int sign = rf_dtype_is_float(c->dtype)
                             ? sign_of_f64(rf_element_f64(c->dtype, data[1], a),
                                           rf_element_f64(c->dtype, data[2], b))
                             : sign_of_i64(rf_element_i64(c->dtype, data[1], a),
                                           rf_element_i64(c->dtype, data[2], b));
        data[0][i * strides[0]] = c->holds(sign);
    }
}

rf_status rf_compare_forward(rf_step *s, rf_compare_fn holds)
{
    const rf_view *views[] = { &s->out[0], &s->in[0], &s->in[1] };
    const comparison user = { holds, s->in[0].dtype };
    rf_loop loop;
    rf_loop_init(&loop, views, 3);
    rf_loop_run(&loop, compare_row, &user);
    return RF_OK;
}
