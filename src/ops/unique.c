/*
 * Unique: the different elements, or slices along `axis`, sorted (attribute sorted, default 1) or in
 * the order of their first occurrence; with that occurrence, where each input went, and how often
 * each occurred. How many there are is known at run time only. Opset 11.
 */
#include <stdlib.h>
#include <string.h>

#include "ops/element.h"
#include "ops/op_util.h"

/* The input as slices that are compared: element e of slice i lies at the offset that at() gives. */
typedef struct slices {
    rf_dtype dtype;
    const void *data;
    int64_t count, outer, inner;
} slices;

/* What is known of one slice. */
typedef struct entry {
    const slices *all;
    int64_t index;       /* of the slice in the input */
    int64_t first, rank; /* its first equal; the place of that in the output */
} entry;

static slices slices_of(const rf_node *n, rf_dtype dtype, const void *data, const rf_shape *shape)
{
    slices all = {
        .dtype = dtype, .data = data, .count = rf_shape_product(shape), .outer = 1, .inner = 1
    };
    if (!rf_node_attr(n, "axis"))
        return all;
    rf_view view;
    const int axis = rf_axis_wrap(rf_attr_int(n, "axis", 0), shape->rank);
    rf_view_init(&view, dtype, shape, RF_LAYOUT_PLAIN);
    rf_view_split(&view, axis, &all.outer, &all.inner);
    all.count = shape->dims[axis];
    return all;
}

static int64_t at(const slices *all, int64_t slice, int64_t e)
{
    return (e / all->inner * all->count + slice) * all->inner + e % all->inner;
}

static int compare(const slices *all, int64_t a, int64_t b)
{
    for (int64_t e = 0; e < all->outer * all->inner; e++) {
        const double x = rf_element_f64(all->dtype, all->data, at(all, a, e)),
                     y = rf_element_f64(all->dtype, all->data, at(all, b, e));
        if (x != y)
            return x < y ? -1 : 1;
    }
    return 0;
}

static int by_value(const void *a, const void *b)
{
    const entry *x = a, *y = b;
    const int order = compare(x->all, x->index, y->index);
    return order ? order : x->index < y->index ? -1 : 1;
}

static int by_first(const void *a, const void *b)
{
    const entry *x = a, *y = b;
    if (x->first != y->first)
        return x->first < y->first ? -1 : 1;
    return x->index < y->index ? -1 : 1;
}

/* Entries in the order of the output, equal ones together; returns how many differ. */
static int64_t order_entries(const slices *all, bool sorted, entry *entries)
{
    int64_t different = 0;
    for (int64_t i = 0; i < all->count; i++)
        entries[i] = (entry){ .all = all, .index = i };
    qsort(entries, (size_t)all->count, sizeof *entries, by_value);
    for (int64_t i = 0; i < all->count; i++)
        entries[i].first = i && !compare(all, entries[i - 1].index, entries[i].index)
                               ? entries[i - 1].first
                               : entries[i].index;
    if (!sorted)
        qsort(entries, (size_t)all->count, sizeof *entries, by_first);
    for (int64_t i = 0; i < all->count; i++) {
        different += i == 0 || entries[i].first != entries[i - 1].first;
        entries[i].rank = different - 1;
    }
    return different;
}

static rf_status infer(rf_inference *io)
{
    rf_shape dst = { .rank = 1 }, list = { .rank = 1 };
    int axis = 0;
    RF_TRY(rf_infer_known(io, 0));
    const rf_tensor *x = io->in[0].constant;
    if (rf_node_attr(io->node, "axis")) {
        RF_TRY(rf_infer_axis(io, rf_attr_int(io->node, "axis", 0), x->shape.rank, &axis));
        dst = x->shape;
    }
    const slices all = slices_of(io->node, x->dtype, x->data, &x->shape);
    entry *entries = rf_alloc(io->ctx, (size_t)all.count * sizeof *entries + 1);
    if (!entries)
        return RF_ENOMEM;
    dst.dims[axis] = list.dims[0] = order_entries(&all, true, entries);
    rf_free(io->ctx, entries);
    RF_TRY(rf_infer_set(io, 0, x->dtype, &dst));
    for (int i = 1; i < io->out_count; i++) {
        const rf_shape every = { .rank = 1, .dims = { all.count } };
        RF_TRY(rf_infer_set(io, i, RF_DTYPE_I64, i == 2 ? &every : &list));
    }
    return RF_OK;
}

static rf_status prepare(rf_step *s)
{
    const rf_shape shape = rf_view_shape(&s->in[0]);
    s->scratch_bytes =
        (size_t)slices_of(s->node, s->in[0].dtype, NULL, &shape).count * sizeof(entry);
    return RF_OK;
}

static void copy_slice(const slices *all, const slices *to, void *dst, const entry *e)
{
    const size_t bytes = rf_dtype_bytes(all->dtype);
    for (int64_t k = 0; k < all->outer * all->inner; k++)
        memcpy((char *)dst + (size_t)at(to, e->rank, k) * bytes,
               (const char *)all->data + (size_t)at(all, e->index, k) * bytes, bytes);
}

static rf_status forward(rf_step *s)
{
    const rf_shape shape = rf_view_shape(&s->in[0]);
    const slices all = slices_of(s->node, s->in[0].dtype, s->in[0].data, &shape);
    entry *entries = s->scratch;
    int64_t *lists[4] = { NULL };
    slices to = all;
    to.count = order_entries(&all, rf_attr_int(s->node, "sorted", 1) != 0, entries);
    for (int i = 1; i < s->out_count; i++)
        lists[i] = rf_view_i64(&s->out[i]);
    for (int64_t i = 0; i < all.count; i++) {
        const entry *e = &entries[i];
        if (e->first == e->index) {
            copy_slice(&all, &to, s->out[0].data, e);
            if (lists[1])
                lists[1][e->rank] = e->index;
            if (lists[3])
                lists[3][e->rank] = 0;
        }
        if (lists[2])
            lists[2][e->index] = e->rank;
        if (lists[3])
            lists[3][e->rank]++;
    }
    return RF_OK;
}

const rf_op rf_op_unique = {
    .onnx_name = "Unique",
    .limits = "at run time: in inference only",
    .since_opset = 11,
    .min_in = 1,
    .max_in = 1,
    .min_out = 1,
    .max_out = 4,
    .weight_axis = -1,
    .quant = RF_QUANT_NONE,
    .layout = RF_LAYOUT_NEED_PLAIN,
    .infer = infer,
    .prepare = prepare,
    .forward = forward,
};
