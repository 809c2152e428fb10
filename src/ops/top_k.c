/*
 * TopK: the k largest (or smallest) along `axis`, in order, and where they were; the first of equal
 * ones comes first, NaN counts as the largest. k is an attribute before opset 10, input 1 since. The
 * gradient goes to the elements taken. Opset 1.
 */
#include <math.h>
#include <string.h>

#include "ops/element.h"
#include "ops/op_util.h"
#include "ops/strided.h"

static rf_status infer(rf_inference *io)
{
    rf_shape dst = io->in[0].shape;
    int64_t k[2 * RF_MAX_RANK];
    int axis, count;
    RF_TRY(rf_infer_axis(io, rf_attr_int(io->node, "axis", -1), dst.rank, &axis));
    RF_TRY(rf_infer_ints(io, NULL, 1, k, &count));
    if (count < 0)
        k[0] = rf_attr_int(io->node, "k", -1);
    if ((count >= 0 && count != 1) || k[0] < 0 || k[0] > dst.dims[axis])
        return rf_infer_fail(io, RF_EMODEL,
                             "k must be one number from 0 to %lld, the size of dim %d",
                             (long long)dst.dims[axis], axis);
    dst.dims[axis] = k[0];
    RF_TRY(rf_infer_set(io, 0, io->in[0].dtype, &dst));
    return io->out_count > 1 ? rf_infer_set(io, 1, RF_DTYPE_I64, &dst) : RF_OK;
}

/* One row while it is sorted: indices of a line along the axis, best at the top of the heap's end. */
typedef struct line {
    rf_dtype dtype;
    const void *data;
    int64_t first, stride;
    bool largest;
} line;

/* Whether element a stands before b in the result. */
static bool is_before(const line *l, int64_t a, int64_t b)
{
    const int64_t at_a = l->first + a * l->stride, at_b = l->first + b * l->stride;
    if (!rf_dtype_is_float(l->dtype)) {
        const int64_t x = rf_element_i64(l->dtype, l->data, at_a),
                      y = rf_element_i64(l->dtype, l->data, at_b);
        return x == y ? a < b : (x > y) == l->largest;
    }
    const double x = rf_element_f64(l->dtype, l->data, at_a),
                 y = rf_element_f64(l->dtype, l->data, at_b);
    if (x == y || (isnan(x) && isnan(y)))
        return a < b;
    return (isnan(x) || (!isnan(y) && x > y)) == l->largest;
}

/* heap[0] is the last in order of those kept. */
static void sift_down(const line *l, int64_t *heap, int64_t n, int64_t at)
{
    for (int64_t child = 2 * at + 1; child < n; child = 2 * at + 1) {
        if (child + 1 < n && is_before(l, heap[child], heap[child + 1]))
            child++;
        if (!is_before(l, heap[at], heap[child]))
            return;
        const int64_t swapped = heap[at];
        heap[at] = heap[child];
        heap[child] = swapped;
        at = child;
    }
}

/* heap[0...k) becomes the first k of the line, in order. */
static void select_first(const line *l, int64_t n, int64_t k, int64_t *heap)
{
    for (int64_t i = 0; i < k; i++)
        heap[i] = i;
    for (int64_t i = k / 2 - 1; i >= 0; i--)
        sift_down(l, heap, k, i);
    for (int64_t i = k; i < n && k > 0; i++)
        if (is_before(l, i, heap[0])) {
            heap[0] = i;
            sift_down(l, heap, k, 0);
        }
    for (int64_t left = k - 1; left > 0; left--) {
        const int64_t last = heap[0];
        heap[0] = heap[left];
        heap[left] = last;
        sift_down(l, heap, left, 0);
    }
}

static int axis_of(const rf_step *s)
{
    return rf_axis_wrap(rf_attr_int(s->node, "axis", -1), s->in[0].rank);
}

/* The heap of a line, and in training all indices, for backward. */
static rf_status prepare(rf_step *s)
{
    s->scratch_bytes = (size_t)s->out[0].dims[axis_of(s)] * sizeof(int64_t);
    s->saved_bytes =
        s->mode == RF_MODE_TRAIN ? (size_t)rf_view_count(&s->out[0]) * sizeof(int64_t) : 0;
    return RF_OK;
}

static void take(const rf_step *s, const int64_t *order, int64_t k, int64_t from, int64_t to,
                 int64_t inner)
{
    const size_t bytes = rf_dtype_bytes(s->out[0].dtype);
    for (int64_t j = 0; j < k; j++) {
        const int64_t at = to + j * inner;
        if (s->out[0].data)
            memcpy((char *)s->out[0].data + (size_t)at * bytes,
                   (const char *)s->in[0].data + (size_t)(from + order[j] * inner) * bytes, bytes);
        if (s->out_count > 1 && s->out[1].data)
            rf_view_i64(&s->out[1])[at] = order[j];
        if (s->mode == RF_MODE_TRAIN)
            ((int64_t *)s->saved)[at] = from + order[j] * inner;
    }
}

static rf_status forward(rf_step *s)
{
    const int axis = axis_of(s);
    const int64_t n = s->in[0].dims[axis], k = s->out[0].dims[axis];
    int64_t outer, inner;
    rf_view_split(&s->in[0], axis, &outer, &inner);
    for (int64_t o = 0; o < outer; o++)
        for (int64_t i = 0; i < inner; i++) {
            const line l = { .dtype = s->in[0].dtype,
                             .data = s->in[0].data,
                             .first = o * n * inner + i,
                             .stride = inner,
                             .largest = rf_attr_int(s->node, "largest", 1) != 0 };
            select_first(&l, n, k, s->scratch);
            take(s, s->scratch, k, l.first, o * k * inner + i, inner);
        }
    return RF_OK;
}

static rf_status backward(rf_step *s)
{
    const int64_t *from = s->saved;
    if (!rf_step_has_gradient(s, 0))
        return RF_OK;
    rf_view_zero(&s->diff_in[0]);
    for (int64_t i = 0; i < rf_view_count(&s->diff_out[0]); i++)
        rf_view_f32(&s->diff_in[0])[from[i]] += rf_view_f32(&s->diff_out[0])[i];
    return RF_OK;
}

const rf_op rf_op_top_k = {
    .onnx_name = "TopK",
    .limits = "a k made at run time: in inference only",
    .since_opset = 1,
    .min_in = 1,
    .max_in = 2,
    .min_out = 1,
    .max_out = 2,
    .weight_axis = -1,
    .quant = RF_QUANT_NONE,
    .layout = RF_LAYOUT_NEED_PLAIN,
    .infer = infer,
    .prepare = prepare,
    .forward = forward,
    .backward = backward,
};
