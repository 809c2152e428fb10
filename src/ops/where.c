/* Where: y = condition ? a : b with NumPy broadcasting. Opset 9. */
#include <string.h>

#include "ops/op_util.h"
#include "ops/strided.h"

static rf_status infer(rf_inference *io)
{
    rf_shape pair, dst;
    if (io->in[0].dtype != RF_DTYPE_BOOL || io->in[1].dtype != io->in[2].dtype)
        return rf_infer_fail(io, RF_EMODEL, "inputs are %s, %s and %s; expected bool and two alike",
                             rf_dtype_name(io->in[0].dtype), rf_dtype_name(io->in[1].dtype),
                             rf_dtype_name(io->in[2].dtype));
    RF_TRY(rf_shape_broadcast(io->ctx, &io->in[1].shape, &io->in[2].shape, &pair));
    RF_TRY(rf_shape_broadcast(io->ctx, &io->in[0].shape, &pair, &dst));
    return rf_infer_set(io, 0, io->in[1].dtype, &dst);
}

static rf_status prepare(rf_step *s)
{
    if (s->mode == RF_MODE_TRAIN && s->out[0].dtype == RF_DTYPE_F32)
        s->scratch_bytes = (size_t)rf_view_count(&s->out[0]) * sizeof(float);
    return RF_OK;
}

/* y, condition, a, b */
static void choose_row(char *const *data, const int64_t *strides, int64_t n, const void *user)
{
    const size_t bytes = *(const size_t *)user;
    for (int64_t i = 0; i < n; i++) {
        const int k = data[1][i * strides[1]] ? 2 : 3;
        memcpy(data[0] + i * strides[0] * (int64_t)bytes, data[k] + i * strides[k] * (int64_t)bytes,
               bytes);
    }
}

static rf_status forward(rf_step *s)
{
    const rf_view *views[] = { &s->out[0], &s->in[0], &s->in[1], &s->in[2] };
    const size_t bytes = rf_dtype_bytes(s->out[0].dtype);
    rf_loop loop;
    rf_loop_init(&loop, views, 4);
    rf_loop_run(&loop, choose_row, &bytes);
    return RF_OK;
}

/* diff, condition, diff_y: the gradient where the condition is `user` */
static void mask_row(char *const *data, const int64_t *strides, int64_t n, const void *user)
{
    const bool wanted = *(const bool *)user;
    for (int64_t i = 0; i < n; i++)
        ((float *)(void *)data[0])[i * strides[0]] =
            (data[1][i * strides[1]] != 0) == wanted
                ? ((const float *)(void *)data[2])[i * strides[2]]
                : 0.0f;
}

static void input_backward(const rf_step *s, int input)
{
    rf_view masked = s->diff_out[0];
    const rf_view *views[] = { &masked, &s->in[0], &s->diff_out[0] };
    const bool wanted = input == 1;
    rf_loop loop;
    masked.data = s->scratch;
    rf_loop_init(&loop, views, 3);
    rf_loop_run(&loop, mask_row, &wanted);
    rf_sum_to(&masked, &s->diff_in[input]);
}

static rf_status backward(rf_step *s)
{
    for (int i = 1; i < 3; i++)
        if (rf_step_has_gradient(s, i))
            input_backward(s, i);
    return RF_OK;
}

const rf_op rf_op_where = {
    .onnx_name = "Where",
    .since_opset = 9,
    .min_in = 3,
    .max_in = 3,
    .min_out = 1,
    .max_out = 1,
    .weight_axis = -1,
    .quant = RF_QUANT_NONE,
    .layout = RF_LAYOUT_ANY,
    .backward_needs = RF_NEEDS_IN(0),
    .infer = infer,
    .prepare = prepare,
    .forward = forward,
    .backward = backward,
};
