/* TensorFlow's operators that move elements about. All of them work on constants as well, parts of which may be unknown. */
#include <string.h>

#include "base/status.h"
#include "formats/tf_import.h"

static rf_net_name part(rf_tf_import *in, const rf_tf_node *n, const char *what, int i)
{
    return (rf_net_name){ rf_net_text(&in->net, "%s/%s%d", n->name, what, i),
                          rf_net_text(&in->net, "%s/%s%d:0", n->name, what, i) };
}

/* An operand that may be a partly unknown constant, as long as nothing is computed with it. */
static rf_net_tensor movable(rf_tf_import *in, const rf_tf_node *n, int i)
{
    const rf_tf_made m = rf_tf_any_operand(in, n, i);
    return m.t.constant ? m.t : rf_tf_operand(in, n, i);
}

/* --- sizes --- */

static void shape(rf_tf_import *in, rf_tf_node *n)
{
    const rf_net_tensor x = movable(in, n, 0);
    const int64_t rank = x.shape.rank;
    rf_tensor *t = NULL;
    if (in->net.st || (in->net.st = rf_tensor_new(in->net.g->ctx, RF_DTYPE_I64, 1, &rank, &t)))
        return;
    for (int d = 0; d < rank; d++)
        rf_tensor_i64(t)[d] = x.shape.dims[d] < 0 ? RF_TF_UNKNOWN : x.shape.dims[d];
    rf_tf_set(in, n, rf_net_constant(&in->net, rf_tf_names(in, n).output, t));
}

static void put_integer(rf_tf_import *in, rf_tf_node *n, int64_t value)
{
    rf_tensor *t = NULL;
    if (in->net.st || (in->net.st = rf_tensor_new(in->net.g->ctx, RF_DTYPE_I64, 0, NULL, &t)))
        return;
    rf_tensor_i64(t)[0] = value;
    rf_tf_set(in, n, rf_net_constant(&in->net, rf_tf_names(in, n).output, t));
}

static void rank(rf_tf_import *in, rf_tf_node *n)
{
    put_integer(in, n, movable(in, n, 0).shape.rank);
}

static void size(rf_tf_import *in, rf_tf_node *n)
{
    const rf_net_tensor x = movable(in, n, 0);
    int64_t count = 0;
    if (in->net.st)
        return;
    const bool known = rf_shape_known(&x.shape);
    if (known)
        in->net.st = rf_shape_count(in->net.g->ctx, &x.shape, &count);
    put_integer(in, n, known ? count : RF_TF_UNKNOWN);
}

/* --- shapes --- */

static void reshape(rf_tf_import *in, rf_tf_node *n)
{
    int64_t dims[RF_MAX_RANK];
    const rf_net_tensor x = movable(in, n, 0);
    const int count = rf_tf_ints(in, n, 1, RF_MAX_RANK, dims);
    for (int d = 0; d < count; d++)
        if (dims[d] == RF_TF_UNKNOWN)
            dims[d] = -1;
    rf_tf_set(in, n, rf_net_reshape(&in->net, rf_tf_names(in, n), x, count, dims));
}

static void squeeze(rf_tf_import *in, rf_tf_node *n)
{
    int64_t axes[RF_MAX_RANK];
    const int a = rf_tf_attr_ints(in, n, "squeeze_dims", RF_MAX_RANK, axes);
    const int count = a ? a : rf_tf_attr_ints(in, n, "axis", RF_MAX_RANK, axes);
    rf_tf_set(in, n, rf_net_squeeze(&in->net, rf_tf_names(in, n), movable(in, n, 0), axes, count));
}

static void expand_dims(rf_tf_import *in, rf_tf_node *n)
{
    int64_t axis = 0;
    const rf_net_tensor x = movable(in, n, 0);
    rf_tf_known_ints(in, n, 1, 1, &axis);
    axis = rf_net_axis(&in->net, axis, x.shape.rank + 1);
    rf_tf_set(in, n, rf_net_unsqueeze(&in->net, rf_tf_names(in, n), x, (int)axis));
}

static void transpose(rf_tf_import *in, rf_tf_node *n)
{
    int64_t perm[RF_MAX_RANK];
    int axes[RF_MAX_RANK];
    bool seen[RF_MAX_RANK] = { false };
    const rf_net_tensor x = movable(in, n, 0);
    const int count = rf_tf_known_ints(in, n, 1, RF_MAX_RANK, perm);
    if (!in->net.st && count != x.shape.rank)
        rf_net_fail(&in->net, RF_EMODEL, "an order of %d dims for a tensor of %d", count,
                    x.shape.rank);
    for (int d = 0; d < count && !in->net.st; d++) {
        axes[d] = rf_net_axis(&in->net, perm[d], count);
        if (seen[axes[d]])
            rf_net_fail(&in->net, RF_EMODEL, "its order names dim %d twice", axes[d]);
        seen[axes[d]] = true;
    }
    rf_tf_set(in, n, rf_net_transpose(&in->net, rf_tf_names(in, n), x, axes));
}

/* --- joining --- */

static rf_net_tensor *operands(rf_tf_import *in, const rf_tf_node *n, int first, int count)
{
    rf_net_tensor *x = rf_arena_array(&in->g->arena, (size_t)count + 1, sizeof *x);
    bool computed = false, partial = false;
    if (!x || count < 1) {
        rf_net_fail(&in->net, x ? RF_EMODEL : RF_ENOMEM, "it joins nothing");
        return x;
    }
    for (int i = 0; i < count && !in->net.st; i++) {
        const rf_tf_made m = rf_tf_any_operand(in, n, first + i);
        computed |= !m.t.constant;
        partial |= m.partial;
        x[i] = m.t;
    }
    if (computed && partial)
        rf_net_fail(&in->net, RF_EUNSUPPORTED,
                    "it joins numbers with a size that is open; give the shape of the input with "
                    "--input-shape");
    return x;
}

static void concat(rf_tf_import *in, rf_tf_node *n)
{
    const bool old = rf_tf_is(n, "Concat"); /* the axis in front */
    int64_t axis = 0;
    const int count = n->input_count - 1;
    rf_tf_known_ints(in, n, old ? 0 : count, 1, &axis);
    const rf_net_tensor *x = operands(in, n, old ? 1 : 0, count);
    if (in->net.st)
        return;
    axis = rf_net_axis(&in->net, axis, x[0].shape.rank);
    rf_tf_set(in, n, rf_net_concat(&in->net, rf_tf_names(in, n), x, count, (int)axis));
}

static void pack(rf_tf_import *in, rf_tf_node *n)
{
    rf_net_tensor *x = operands(in, n, 0, n->input_count);
    if (in->net.st)
        return;
    const int axis = rf_net_axis(&in->net, rf_tf_attr_int(n, "axis", 0), x[0].shape.rank + 1);
    for (int i = 0; i < n->input_count; i++)
        x[i] = rf_net_unsqueeze(&in->net, part(in, n, "expand", i), x[i], axis);
    rf_tf_set(in, n, rf_net_concat(&in->net, rf_tf_names(in, n), x, n->input_count, axis));
}

/* --- parts --- */

static void whole(const rf_net_tensor *x, int64_t *begin, int64_t *end, int64_t *step)
{
    for (int d = 0; d < x->shape.rank; d++) {
        begin[d] = 0;
        end[d] = INT32_MAX;
        step[d] = 1;
    }
}

/* Output i is the part from offsets[i] to offsets[i + 1]. */
static void cut(rf_tf_import *in, const rf_tf_node *n, rf_net_tensor x, int axis,
                const int64_t *offsets, int count, bool squeezed)
{
    int64_t begin[RF_MAX_RANK], end[RF_MAX_RANK], step[RF_MAX_RANK];
    const int64_t gone = axis;
    if (!rf_tf_reserve(in, n, count))
        return;
    whole(&x, begin, end, step);
    for (int i = 0; i < count && !in->net.st; i++) {
        const rf_net_name name = { i ? rf_net_text(&in->net, "%s/%d", n->name, i) : n->name,
                                   rf_net_text(&in->net, "%s:%d", n->name, i) };
        begin[axis] = offsets[i];
        end[axis] = offsets[i + 1];
        rf_net_tensor t =
            rf_net_slice(&in->net, squeezed ? part(in, n, "slice", i) : name, x, begin, end, step);
        if (squeezed)
            t = rf_net_squeeze(&in->net, name, t, &gone, 1);
        bool partial = false;
        for (int64_t k = 0; t.constant && t.dtype == RF_DTYPE_I64 && k < t.constant->count; k++)
            partial |= rf_tensor_i64(t.constant)[k] == RF_TF_UNKNOWN;
        rf_tf_set_output(in, n, i, (rf_tf_made){ .t = t, .partial = partial });
    }
}

enum { MOST_PARTS = 4096 };

/* Offsets of equal parts; NULL after a failure. */
static int64_t *equal_parts(rf_tf_import *in, const rf_net_tensor *x, int axis, int64_t count)
{
    const int64_t all = in->net.st ? 0 : x->shape.dims[axis];
    if (count < 1 || count > MOST_PARTS || all < 0 || all % (count > 0 ? count : 1))
        rf_net_fail(&in->net, RF_EMODEL, "%lld elements in %lld equal parts", (long long)all,
                    (long long)count);
    int64_t *offsets =
        in->net.st ? NULL : rf_arena_array(&in->g->arena, (size_t)count + 1, sizeof *offsets);
    for (int64_t i = 0; offsets && i <= count; i++)
        offsets[i] = i * (all / count);
    return offsets;
}

static void split(rf_tf_import *in, rf_tf_node *n)
{
    int64_t axis = 0;
    rf_tf_known_ints(in, n, 0, 1, &axis);
    const rf_net_tensor x = movable(in, n, 1);
    const int a = rf_net_axis(&in->net, axis, x.shape.rank);
    const int64_t count = rf_tf_attr_int(n, "num_split", 0);
    const int64_t *offsets = equal_parts(in, &x, a, count);
    if (offsets)
        cut(in, n, x, a, offsets, (int)count, false);
}

static void split_v(rf_tf_import *in, rf_tf_node *n)
{
    int64_t sizes[64], offsets[65] = { 0 }, axis = 0, known = 0;
    int open = -1;
    const rf_net_tensor x = movable(in, n, 0);
    const int count = rf_tf_known_ints(in, n, 1, 64, sizes);
    rf_tf_known_ints(in, n, 2, 1, &axis);
    const int a = rf_net_axis(&in->net, axis, x.shape.rank);
    for (int i = 0; i < count; i++) {
        if (sizes[i] < -1 || sizes[i] > INT32_MAX)
            rf_net_fail(&in->net, RF_EMODEL, "a part of %lld elements", (long long)sizes[i]);
        known += sizes[i] < 0 ? 0 : sizes[i];
        open = sizes[i] < 0 ? i : open;
    }
    if (!in->net.st && (x.shape.dims[a] < known || count < 1))
        rf_net_fail(&in->net, RF_EMODEL, "parts of %lld elements out of %lld", (long long)known,
                    (long long)x.shape.dims[a]);
    for (int i = 0; i < count && !in->net.st; i++)
        offsets[i + 1] = offsets[i] + (i == open ? x.shape.dims[a] - known : sizes[i]);
    if (!in->net.st)
        cut(in, n, x, a, offsets, count, false);
}

static void unpack(rf_tf_import *in, rf_tf_node *n)
{
    const rf_net_tensor x = movable(in, n, 0);
    const int axis = rf_net_axis(&in->net, rf_tf_attr_int(n, "axis", 0), x.shape.rank);
    const int64_t count = in->net.st ? 0 : x.shape.dims[axis];
    const int64_t *offsets = equal_parts(in, &x, axis, count);
    if (offsets)
        cut(in, n, x, axis, offsets, (int)count, true);
}

static void slice(rf_tf_import *in, rf_tf_node *n)
{
    int64_t begin[RF_MAX_RANK], size_of[RF_MAX_RANK], end[RF_MAX_RANK], step[RF_MAX_RANK];
    const rf_net_tensor x = movable(in, n, 0);
    const int count = rf_tf_known_ints(in, n, 1, RF_MAX_RANK, begin);
    const int sizes = rf_tf_ints(in, n, 2, RF_MAX_RANK, size_of);
    if (!in->net.st && (count != x.shape.rank || sizes != count))
        rf_net_fail(&in->net, RF_EMODEL, "%d begins and %d sizes for %d dims", count, sizes,
                    x.shape.rank);
    if (in->net.st)
        return;
    whole(&x, (int64_t[RF_MAX_RANK]){ 0 }, end, step);
    for (int d = 0; d < count; d++) {
        if (begin[d] < 0 || begin[d] > INT32_MAX || size_of[d] > INT32_MAX)
            rf_net_fail(&in->net, RF_EMODEL, "%lld elements from %lld", (long long)size_of[d],
                        (long long)begin[d]);
        if (size_of[d] >= 0)
            end[d] = begin[d] + size_of[d];
        else if (size_of[d] == RF_TF_UNKNOWN && x.shape.dims[d] >= 0)
            rf_net_fail(&in->net, RF_EUNSUPPORTED,
                        "its size is open; give the shape of the input with --input-shape");
    }
    rf_tf_set(in, n, rf_net_slice(&in->net, rf_tf_names(in, n), x, begin, end, step));
}

/* --- StridedSlice --- */

/* NumPy's x[...] as TensorFlow writes it: bits say what a position of the lists means. */
typedef struct spec {
    int64_t begin[RF_MAX_RANK], end[RF_MAX_RANK], step[RF_MAX_RANK]; /* one a dim of x */
    int64_t gone[RF_MAX_RANK];                                       /* dims that one index takes */
    int gone_count;
    int added[RF_MAX_RANK]; /* places of new dims, in the result */
    int added_count;
} spec;

static bool bit(const rf_tf_node *n, const char *mask, int i)
{
    return rf_tf_attr_int(n, mask, 0) >> i & 1;
}

static void take_index(rf_tf_import *in, const rf_tf_node *n, int i, const int64_t lists[3][16],
                       int d, spec *s)
{
    const bool single = bit(n, "shrink_axis_mask", i);
    const int64_t begin = lists[0][i], end = lists[1][i], step = lists[2][i];
    const bool from = !bit(n, "begin_mask", i), to = !bit(n, "end_mask", i);
    if (step == RF_TF_UNKNOWN || (single && begin == RF_TF_UNKNOWN) ||
        ((from || single) && begin == RF_TF_UNKNOWN) || (!single && to && end == RF_TF_UNKNOWN)) {
        rf_net_fail(&in->net, RF_EUNSUPPORTED,
                    "it takes a part whose size is open; give the shape of the input with "
                    "--input-shape");
        return;
    }
    s->step[d] = single ? 1 : step;
    s->begin[d] = from || single ? begin : step < 0 ? INT32_MAX : 0;
    s->end[d] = to ? end : step < 0 ? -(int64_t)INT32_MAX : INT32_MAX;
    if (single) {
        s->end[d] = begin == -1 ? INT32_MAX : begin + 1;
        s->gone[s->gone_count++] = d;
    }
}

static void read_spec(rf_tf_import *in, const rf_tf_node *n, int rank_of_x, spec *s)
{
    int64_t lists[3][16];
    int count = 0, d = 0, result = 0, used = 0;
    for (int k = 0; k < 3; k++)
        count = rf_tf_ints(in, n, k + 1, 16, lists[k]);
    for (int i = 0; i < count; i++)
        used += !bit(n, "ellipsis_mask", i) && !bit(n, "new_axis_mask", i);
    if (!in->net.st && used > rank_of_x)
        rf_net_fail(&in->net, RF_EMODEL, "%d indices for %d dims", used, rank_of_x);
    for (int i = 0; i < count && !in->net.st; i++) {
        if (bit(n, "ellipsis_mask", i)) {
            const int skipped = rank_of_x - used;
            used = rank_of_x; /* a second one stands for nothing */
            d += skipped;
            result += skipped;
        } else if (bit(n, "new_axis_mask", i)) {
            if (s->added_count < RF_MAX_RANK)
                s->added[s->added_count++] = result++;
        } else {
            take_index(in, n, i, (const int64_t(*)[16])lists, d++, s);
            result += !bit(n, "shrink_axis_mask", i);
        }
    }
}

static void strided_slice(rf_tf_import *in, rf_tf_node *n)
{
    spec s = { .gone_count = 0 };
    rf_net_tensor x = movable(in, n, 0);
    const rf_net_name name = rf_tf_names(in, n);
    if (in->net.st)
        return;
    whole(&x, s.begin, s.end, s.step);
    read_spec(in, n, x.shape.rank, &s);
    const int later = (s.gone_count > 0) + s.added_count;
    x = rf_net_slice(&in->net, later ? part(in, n, "slice", 0) : name, x, s.begin, s.end, s.step);
    if (s.gone_count)
        x = rf_net_squeeze(&in->net, s.added_count ? part(in, n, "squeeze", 0) : name, x, s.gone,
                           s.gone_count);
    for (int i = 0; i < s.added_count; i++)
        x = rf_net_unsqueeze(&in->net, i + 1 < s.added_count ? part(in, n, "expand", i) : name, x,
                             s.added[i]);
    rf_tf_set(in, n, x);
}

/* --- padding --- */

static void pad(rf_tf_import *in, rf_tf_node *n)
{
    int64_t pads[2 * RF_MAX_RANK], before[RF_MAX_RANK], behind[RF_MAX_RANK];
    const rf_net_tensor x = rf_tf_operand(in, n, 0);
    const int count = rf_tf_known_ints(in, n, 1, 2 * RF_MAX_RANK, pads);
    const bool mirror = rf_tf_is(n, "MirrorPad");
    float value = 0.0F;
    if (!in->net.st && count != 2 * x.shape.rank)
        rf_net_fail(&in->net, RF_EMODEL, "%d paddings for %d dims", count, x.shape.rank);
    if (mirror && !rf_tf_attr_is(n, "mode", "REFLECT"))
        rf_net_fail(&in->net, RF_EUNSUPPORTED, "mode SYMMETRIC; refold has REFLECT");
    if (rf_tf_is(n, "PadV2")) {
        const rf_net_tensor v = rf_tf_operand(in, n, 2);
        if (!in->net.st && v.constant && v.dtype == RF_DTYPE_F32 && v.constant->count == 1)
            value = rf_tensor_f32(v.constant)[0];
        else
            rf_net_fail(&in->net, RF_EUNSUPPORTED, "the value to pad with is no constant number");
    }
    for (int d = 0; d < count / 2; d++) {
        before[d] = pads[2 * d];
        behind[d] = pads[2 * d + 1];
    }
    rf_tf_set(in, n,
              rf_net_pad(&in->net, rf_tf_names(in, n), x, before, behind,
                         mirror ? "reflect" : "constant", value));
}

/* --- reduction --- */

static void reduce(rf_tf_import *in, rf_tf_node *n)
{
    int64_t axes[RF_MAX_RANK];
    const rf_net_tensor x = rf_tf_operand(in, n, 0);
    const int count = rf_tf_known_ints(in, n, 1, RF_MAX_RANK, axes);
    const bool keep =
        rf_tf_attr_bool(n, "keep_dims", false) || rf_tf_attr_bool(n, "keepdims", false);
    rf_tf_set(in, n,
              rf_net_reduce(&in->net, rf_tf_operator_find(n->op)->onnx, rf_tf_names(in, n), x, axes,
                            count, keep));
}

/* --- others --- */

static void blocks(rf_tf_import *in, rf_tf_node *n)
{
    const rf_net_tensor x = rf_tf_operand(in, n, 0);
    const int64_t b = rf_tf_attr_int(n, "block_size", 0);
    const bool deeper = rf_tf_is(n, "SpaceToDepth");
    char text[RF_SHAPE_TEXT];
    if (!in->net.st && (x.shape.rank != 4 || b < 1 || b > 4096 || rf_tf_is_nchw(n)))
        rf_net_fail(&in->net, RF_EUNSUPPORTED, "blocks of %lld in %s; expected NHWC", (long long)b,
                    rf_shape_text(&x.shape, text));
    if (in->net.st)
        return;
    rf_shape dst = x.shape;
    for (int d = 1; d < 3; d++)
        dst.dims[d] = dst.dims[d] < 0 ? -1 : deeper ? dst.dims[d] / b : dst.dims[d] * b;
    dst.dims[3] = deeper ? dst.dims[3] * b * b : dst.dims[3] / (b * b);
    rf_value *v = rf_net_turned(&in->net, &x);
    const rf_net_tensor t =
        rf_net_node(&in->net, n->op, rf_tf_names(in, n), &v, 1, x.dtype, &dst, true);
    rf_net_set_int(&in->net, t, "blocksize", b);
    rf_tf_set(in, n, t);
}

const rf_tf_operator rf_tf_shape_operators[] = {
    { "Shape", shape, NULL },
    { "Rank", rank, NULL },
    { "Size", size, NULL },
    { "Reshape", reshape, NULL },
    { "Squeeze", squeeze, NULL },
    { "ExpandDims", expand_dims, NULL },
    { "Transpose", transpose, NULL },
    { "ConcatV2", concat, NULL },
    { "Concat", concat, NULL },
    { "Pack", pack, NULL },
    { "Split", split, NULL },
    { "SplitV", split_v, NULL },
    { "Unpack", unpack, NULL },
    { "Slice", slice, NULL },
    { "StridedSlice", strided_slice, NULL },
    { "Pad", pad, NULL },
    { "PadV2", pad, NULL },
    { "MirrorPad", pad, NULL },
    { "Mean", reduce, "ReduceMean" },
    { "Max", reduce, "ReduceMax" },
    { "Sum", reduce, "ReduceSum" },
    { "DepthToSpace", blocks, NULL },
    { "SpaceToDepth", blocks, NULL },
    { NULL, NULL, NULL },
};
