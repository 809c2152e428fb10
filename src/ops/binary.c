/* Two inputs with NumPy broadcasting: forward, and gradients summed over what was repeated. */
#include "ops/element.h"
#include "ops/elementwise.h"
#include "ops/strided.h"

rf_status rf_binary_infer_shape(rf_inference *io)
{
    const rf_dtype a = io->in[0].dtype, b = io->in[1].dtype;
    rf_shape shape;
    char text[2][RF_SHAPE_TEXT];
    if (a != b)
        return rf_infer_fail(io, RF_EMODEL, "inputs are %s and %s; they must be alike",
                             rf_dtype_name(a), rf_dtype_name(b));
    if (rf_shape_broadcast(io->ctx, &io->in[0].shape, &io->in[1].shape, &shape) != RF_OK)
        return rf_infer_fail(io, RF_ESHAPE, "shapes %s and %s do not broadcast",
                             rf_shape_text(&io->in[0].shape, text[0]),
                             rf_shape_text(&io->in[1].shape, text[1]));
    return rf_infer_set(io, 0, a, &shape);
}

rf_status rf_binary_infer(rf_inference *io)
{
    const rf_dtype dtype = io->in[0].dtype;
    if (dtype != RF_DTYPE_F32 && !rf_dtype_is_integer(dtype))
        return rf_infer_fail(io, RF_EUNSUPPORTED,
                             "inputs are %s; refold computes it in float32 or integers",
                             rf_dtype_name(dtype));
    return rf_binary_infer_shape(io);
}

static bool repeats(const rf_view *v, const rf_view *dst)
{
    return rf_view_count(v) != rf_view_count(dst);
}

rf_status rf_binary_prepare(rf_step *s)
{
    if (s->out[0].dtype == RF_DTYPE_F32 && s->mode == RF_MODE_TRAIN &&
        (repeats(&s->in[0], &s->out[0]) || repeats(&s->in[1], &s->out[0])))
        s->scratch_bytes = (size_t)rf_view_count(&s->out[0]) * sizeof(float);
    return RF_OK;
}

typedef struct integers {
    rf_integer_fn fn;
    rf_dtype dtype;
} integers;

static void integer_row(char *const *data, const int64_t *strides, int64_t n, const void *user)
{
    const integers *op = user;
    for (int64_t i = 0; i < n; i++) {
        const int64_t a = rf_element_i64(op->dtype, data[1], i * strides[1]);
        const int64_t b = rf_element_i64(op->dtype, data[2], i * strides[2]);
        rf_element_set_i64(op->dtype, data[0], i * strides[0], op->fn(a, b));
    }
}

void rf_integer_rows(const rf_view *const *views, rf_integer_fn fn)
{
    const integers op = { fn, views[0]->dtype };
    rf_loop loop;
    rf_loop_init(&loop, views, 3);
    rf_loop_run(&loop, integer_row, &op);
}

rf_status rf_refuse_zeros(const rf_step *s, const rf_view *v)
{
    for (int64_t i = 0; i < rf_view_count(v); i++) /* dense, in whatever order */
        if (!rf_element_i64(v->dtype, v->data, i))
            return rf_step_fail(s, RF_EMODEL, "integer division by 0");
    return RF_OK;
}

static rf_status integer_forward(rf_step *s, const rf_binary *rule)
{
    const rf_view *views[] = { &s->out[0], &s->in[0], &s->in[1] };
    if (!rule->integer)
        return rf_step_fail(s, RF_EUNSUPPORTED, "inputs are %s; refold computes it in float32",
                            rf_dtype_name(s->out[0].dtype));
    if (rule->divides)
        RF_TRY(rf_refuse_zeros(s, &s->in[1]));
    rf_integer_rows(views, rule->integer);
    return RF_OK;
}

rf_status rf_binary_forward(rf_step *s)
{
    const rf_binary *rule = s->op->rule;
    const rf_view *views[] = { &s->out[0], &s->in[0], &s->in[1] };
    if (s->out[0].dtype != RF_DTYPE_F32)
        return integer_forward(s, rule);
    rf_rows(views, 3, rule->forward, NULL);
    return RF_OK;
}

/* Forward tensors that the planner has not kept must not be read: the gradient stands in. */
static const rf_view *kept(const rf_step *s, int i)
{
    return rf_op_needs_in(s->op, i) ? &s->in[i] : &s->diff_out[0];
}

static void input_backward(rf_step *s, int i, rf_row_fn fn)
{
    const rf_view *dst = &s->diff_in[i], *diff_out = &s->diff_out[0];
    if (!rf_step_has_gradient(s, i))
        return;
    if (!fn) {
        rf_sum_to(diff_out, dst);
        return;
    }
    rf_view whole = *diff_out;
    whole.data = s->scratch;
    const rf_view *views[] = { repeats(dst, diff_out) ? &whole : dst, diff_out, kept(s, 0),
                               kept(s, 1) };
    rf_rows(views, 4, fn, NULL);
    if (repeats(dst, diff_out))
        rf_sum_to(&whole, dst);
}

rf_status rf_binary_backward(rf_step *s)
{
    const rf_binary *rule = s->op->rule;
    input_backward(s, 0, rule->diff_a);
    input_backward(s, 1, rule->diff_b);
    return RF_OK;
}
