/*
 * MaxPool over 1, 2 or 3 spatial axes: the largest value of each window, the first of equal ones;
 * NaN wins. The gradient goes to that value alone. Output 1 counts where it lies in the whole input,
 * row by row or, with storage_order 1, column by column. Opset 1.
 */
#include "ops/pool.h"

static bool tells_indices(const rf_step *s)
{
    return s->out_count > 1 && s->out[1].rank > 0;
}

static rf_status infer(rf_inference *io)
{
    RF_TRY(rf_pool_infer(io));
    return io->out_count > 1 ? rf_infer_set(io, 1, RF_DTYPE_I64, &io->out[0].shape) : RF_OK;
}

/* The kernel's own index, a cell of the window, is what backward needs. */
static rf_status prepare(rf_step *s)
{
    const size_t bytes = (size_t)rf_view_count(&s->out[0]) * sizeof(int32_t);
    RF_TRY(rf_pool_prepare(s));
    s->saved_bytes = s->mode == RF_MODE_TRAIN || tells_indices(s) ? bytes : 0;
    return RF_OK;
}

/* Where cell `cell` of the window at `at` lies in its image. */
static int64_t pixel(const rf_pool_shape *p, const int64_t *at, int64_t cell, bool by_columns)
{
    int64_t place[3], index = 0;
    for (int a = 2; a >= 0; a--) {
        place[a] = at[a] * p->stride[a] - p->pad_begin[a] + cell % p->kernel[a] * p->dilation[a];
        cell /= p->kernel[a];
    }
    for (int a = 0; a < 3; a++) {
        const int axis = by_columns ? 2 - a : a;
        index = index * p->in[axis] + place[axis];
    }
    return index;
}

static void tell_indices(const rf_step *s, const int32_t *cells)
{
    const rf_pool_shape *p = s->state;
    const bool by_columns = rf_attr_int(s->node, "storage_order", 0) != 0;
    const int64_t image = p->in[0] * p->in[1] * p->in[2],
                  places = p->out[0] * p->out[1] * p->out[2];
    int64_t *to = rf_view_i64(&s->out[1]); /* channels last, as the cells */
    for (int64_t i = 0; i < p->n * places; i++)
        for (int64_t c = 0; c < p->c; c++) {
            const int64_t in_image = i % places;
            const int64_t at[3] = { in_image / (p->out[1] * p->out[2]),
                                    in_image / p->out[2] % p->out[1], in_image % p->out[2] };
            to[i * p->c + c] =
                (i / places * p->c + c) * image + pixel(p, at, cells[i * p->c + c], by_columns);
        }
}

static rf_status forward(rf_step *s)
{
    int32_t *cells = s->mode == RF_MODE_TRAIN || tells_indices(s) ? s->saved : NULL;
    if (s->in[0].dtype == RF_DTYPE_U8)
        rf_max_pool_codes(s->state, s->in[0].data, s->out[0].data, cells);
    else
        rf_max_pool_forward(s->state, rf_view_f32(&s->in[0]), rf_view_f32(&s->out[0]), cells);
    if (tells_indices(s) && s->out[1].data)
        tell_indices(s, cells);
    return RF_OK;
}

static rf_status backward(rf_step *s)
{
    if (rf_step_has_gradient(s, 0))
        rf_max_pool_backward(s->state, s->saved, rf_view_f32(&s->diff_out[0]),
                             rf_view_f32(&s->diff_in[0]));
    return RF_OK;
}

const rf_op rf_op_max_pool = {
    .onnx_name = "MaxPool",
    .since_opset = 1,
    .min_in = 1,
    .max_in = 1,
    .min_out = 1,
    .max_out = 2,
    .weight_axis = -1,
    .quant = RF_QUANT_OUTPUT,
    .layout = RF_LAYOUT_NEED_CHANNELS_LAST,
    .moves_codes = true,
    .infer = infer,
    .prepare = prepare,
    .forward = forward,
    .backward = backward,
    .release = rf_step_free_state,
};
