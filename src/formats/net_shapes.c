/* Nodes that move elements about, in a network that is built from channels-last descriptions. */
#include <math.h>
#include <string.h>

#include "base/status.h"
#include "formats/net.h"
#include "tensor/view.h"

static const rf_net_tensor nothing = { 0 };

/* The tensor with its dims in the framework's order. */
static rf_net_tensor made_plain(rf_net *net, rf_net_tensor x)
{
    return (rf_net_tensor){
        .name = x.name, .value = rf_net_plain(net, &x), .dtype = x.dtype, .shape = x.shape
    };
}

static rf_value *as_it_lies(rf_net *net, const rf_net_tensor *x)
{
    return x->turned ? rf_net_turned(net, x) : rf_net_plain(net, x);
}

static int place_of(const rf_net_tensor *x, int axis)
{
    return x->turned ? rf_net_turned_axis(axis, x->shape.rank) : axis;
}

/* --- reshape --- */

static bool is_single_pixel(const rf_net_tensor *x)
{
    for (int d = 1; d < x->shape.rank - 1; d++)
        if (x->shape.dims[d] != 1)
            return false;
    return true;
}

/* Product of the dims from `begin`; -1: unknown or too large. */
static int64_t product_from(const rf_shape *shape, int begin)
{
    int64_t product = 1;
    for (int d = begin; d < shape->rank; d++) {
        if (shape->dims[d] < 0 || (shape->dims[d] && product > INT64_MAX / 4 / shape->dims[d]))
            return -1;
        product *= shape->dims[d];
    }
    return product;
}

static int unknowns(const rf_shape *shape, int begin)
{
    int count = 0;
    for (int d = begin; d < shape->rank; d++)
        count += shape->dims[d] < 0;
    return count;
}

/* Fill in the one dim that is -1 behind dim 0, where the source says it. */
static void deduce(const rf_shape *src, rf_shape *dst)
{
    rf_shape rest = *dst;
    const bool same_batch = src->rank > 0 && dst->rank > 0 && src->dims[0] == dst->dims[0];
    const bool by_sample = same_batch && dst->dims[0] < 0;
    if (dst->rank == 0 || unknowns(dst, by_sample ? 1 : 0) != 1)
        return;
    const int64_t all = product_from(src, by_sample ? 1 : 0);
    int open = -1;
    for (int d = by_sample ? 1 : 0; d < dst->rank; d++)
        if (dst->dims[d] < 0) {
            open = d;
            rest.dims[d] = 1;
        }
    const int64_t known = product_from(&rest, by_sample ? 1 : 0);
    if (all >= 0 && known > 0)
        dst->dims[open] = all / known;
}

static bool shapes_agree(const rf_shape *src, const rf_shape *dst)
{
    const int64_t a = product_from(src, 0), b = product_from(dst, 0);
    return a < 0 || b < 0 || a == b;
}

/* A view of the constant under another shape; the framework folds it as well. */
static rf_net_tensor reshape_constant(rf_net *net, rf_net_tensor x, const rf_shape *shape)
{
    int64_t count = 0;
    if (net->st)
        return nothing;
    if ((net->st = rf_shape_count(net->g->ctx, shape, &count)))
        return nothing;
    x.shape = *shape;
    return x;
}

rf_net_tensor rf_net_reshape(rf_net *net, rf_net_name name, rf_net_tensor x, int rank,
                             const int64_t *dims)
{
    rf_shape dst = rf_shape_of(rank, dims);
    char from[RF_SHAPE_TEXT], to[RF_SHAPE_TEXT];
    if (net->st)
        return nothing;
    deduce(&x.shape, &dst);
    if (!shapes_agree(&x.shape, &dst) || unknowns(&dst, 1) > 1 ||
        (unknowns(&dst, 0) > 1 && !(x.shape.rank && x.shape.dims[0] < 0)))
        rf_net_fail(net, RF_ESHAPE, "%s cannot become %s", rf_shape_text(&x.shape, from),
                    rf_shape_text(&dst, to));
    if (x.constant)
        return reshape_constant(net, x, &dst);
    rf_shape wanted = dst;
    if (unknowns(&dst, 0) > 1)
        wanted.dims[0] = 0; /* ONNX: as in the source */
    rf_value *const inputs[] = {
        x.turned && is_single_pixel(&x) ? x.value : rf_net_plain(net, &x),
        rf_net_ints(net, rf_net_text(net, "%s/shape", name.node), wanted.dims, rank),
    };
    return rf_net_node(net, "Reshape", name, inputs, 2, x.dtype, &dst, false);
}

/* --- order of dims --- */

/* The value's dims, seen in the framework's order, are its own order or the turned one. */
static bool is_order(const int64_t *places, int rank, bool turned)
{
    for (int d = 0; d < rank; d++)
        if (places[d] != (turned ? rf_net_turned_axis(d, rank) : d))
            return false;
    return true;
}

/* A value's dims are a matter of how we look at it: only an order that is neither of ours needs a node. */
rf_net_tensor rf_net_transpose(rf_net *net, rf_net_name name, rf_net_tensor x, const int *perm)
{
    const int rank = x.shape.rank;
    rf_shape dst = { .rank = rank };
    int64_t places[RF_MAX_RANK];
    if (net->st)
        return nothing;
    for (int d = 0; d < rank; d++) {
        dst.dims[d] = x.shape.dims[perm[d]];
        places[d] = place_of(&x, perm[d]);
    }
    if (x.constant)
        return rf_net_permuted(net, &x, perm);
    rf_net_tensor t = { x.name, x.value, NULL, x.dtype, dst, false };
    if (is_order(places, rank, false))
        return t;
    t.turned = rank >= 3 && is_order(places, rank, true);
    if (t.turned)
        return t;
    t = rf_net_node(net, "Transpose", name, &x.value, 1, x.dtype, &dst, false);
    rf_net_set_ints(net, t, "perm", places, rank);
    return t;
}

/* --- dims that go and come --- */

/* Dims that stay, and whether what is left can lie channels first: batch, channels and a spatial dim are. */
static rf_shape without(const rf_shape *shape, const bool *gone, bool *can_be_turned)
{
    rf_shape left = { 0 };
    for (int d = 0; d < shape->rank; d++)
        if (!gone[d])
            left.dims[left.rank++] = shape->dims[d];
    *can_be_turned = left.rank >= 3 && !gone[0] && !gone[shape->rank - 1];
    return left;
}

/* Whether what is left of a turned value lies in the framework's order: no channels stand before a spatial dim. */
static bool order_is_kept(const rf_shape *shape, const bool *gone)
{
    bool spatial_left = false;
    for (int d = 1; d < shape->rank - 1; d++)
        spatial_left |= !gone[d];
    return gone[shape->rank - 1] || !spatial_left;
}

static void mark_axes(rf_net *net, const rf_shape *shape, const int64_t *axes, int count,
                      bool *gone)
{
    for (int i = 0; i < count && !net->st; i++)
        gone[rf_net_axis(net, axes[i], shape->rank)] = true;
}

static int list_places(const rf_net_tensor *x, const bool *gone, int64_t *places)
{
    int count = 0;
    bool at[RF_MAX_RANK] = { false };
    for (int d = 0; d < x->shape.rank; d++)
        at[place_of(x, d)] = gone[d];
    for (int d = 0; d < x->shape.rank; d++)
        if (at[d])
            places[count++] = d;
    return count;
}

/* How x has to lie so that the dims that stay lie in one of our two orders. */
static rf_net_tensor ready_to_lose(rf_net *net, rf_net_tensor x, const bool *gone, rf_shape *left,
                                   bool *turned)
{
    bool can_be_turned;
    *left = without(&x.shape, gone, &can_be_turned);
    *turned = x.turned && can_be_turned;
    if (!x.turned || *turned || order_is_kept(&x.shape, gone))
        return x;
    return made_plain(net, x);
}

rf_net_tensor rf_net_squeeze(rf_net *net, rf_net_name name, rf_net_tensor x, const int64_t *axes,
                             int count)
{
    bool gone[RF_MAX_RANK] = { false }, turned;
    int64_t places[RF_MAX_RANK];
    rf_shape left;
    if (net->st)
        return nothing;
    mark_axes(net, &x.shape, axes, count, gone);
    for (int d = 0; d < x.shape.rank && !count; d++)
        gone[d] = x.shape.dims[d] == 1;
    for (int d = 0; d < x.shape.rank; d++)
        if (gone[d] && x.shape.dims[d] > 1)
            rf_net_fail(net, RF_ESHAPE, "dim %d has %lld elements; only 1 can be squeezed", d,
                        (long long)x.shape.dims[d]);
    x = x.constant ? x : ready_to_lose(net, x, gone, &left, &turned);
    if (x.constant) {
        left = without(&x.shape, gone, &turned);
        return reshape_constant(net, x, &left);
    }
    const int n = list_places(&x, gone, places);
    rf_value *const inputs[] = { x.value, rf_net_ints(net, rf_net_text(net, "%s/axes", name.node),
                                                      places, n) };
    return rf_net_node(net, "Squeeze", name, inputs, 2, x.dtype, &left, turned);
}

rf_net_tensor rf_net_unsqueeze(rf_net *net, rf_net_name name, rf_net_tensor x, int axis)
{
    if (net->st)
        return nothing;
    const int rank = x.shape.rank + 1;
    rf_shape dst = { .rank = rank };
    axis = rf_net_axis(net, axis, rank);
    if (rank > RF_MAX_RANK)
        rf_net_fail(net, RF_EUNSUPPORTED, "a tensor of %d dims; refold has up to %d", rank,
                    RF_MAX_RANK);
    for (int d = 0; d < rank && !net->st; d++)
        dst.dims[d] = d == axis ? 1 : x.shape.dims[d - (d > axis)];
    if (x.constant)
        return reshape_constant(net, x, &dst);
    if (x.turned && (axis == 0 || axis == rank - 1))
        x = made_plain(net, x);
    const int64_t place = x.turned ? axis + 1 : axis;
    rf_value *const inputs[] = { x.value, rf_net_ints(net, rf_net_text(net, "%s/axes", name.node),
                                                      &place, 1) };
    return rf_net_node(net, "Unsqueeze", name, inputs, 2, x.dtype, &dst, x.turned);
}

/* --- reduction --- */

/* Over all dims of the value behind the first two. */
static const char *global_pool(const char *op_type, const rf_net_tensor *x, const bool *gone)
{
    int64_t places[RF_MAX_RANK];
    const int rank = x->shape.rank, count = list_places(x, gone, places);
    if (x->constant || rank < 3 || count != rank - 2 || places[0] != 2)
        return NULL;
    if (strcmp(op_type, "ReduceMean") == 0)
        return "GlobalAveragePool";
    return strcmp(op_type, "ReduceMax") == 0 ? "GlobalMaxPool" : NULL;
}

static rf_net_tensor pool_globally(rf_net *net, const char *op_type, rf_net_name name,
                                   rf_net_tensor x, const rf_shape *kept, bool keepdims)
{
    const char *inner = keepdims ? name.output : rf_net_text(net, "%s/pooled:0", name.node);
    const rf_net_tensor t = rf_net_node(net, op_type, (rf_net_name){ name.node, inner }, &x.value,
                                        1, x.dtype, kept, x.turned);
    if (keepdims || net->st)
        return t;
    const int64_t channels = kept->dims[x.turned ? kept->rank - 1 : 1];
    const rf_shape flat = { .rank = 2, .dims = { kept->dims[0], channels } };
    const rf_net_name flatten = { rf_net_text(net, "%s/flatten", name.node), name.output };
    const rf_net_tensor f =
        rf_net_node(net, "Flatten", flatten, &t.value, 1, x.dtype, &flat, false);
    rf_net_set_int(net, f, "axis", 1);
    return f;
}

/* ReduceSum takes its axes as an input since opset 13, the others as an attribute until 18. */
static rf_net_tensor reduce_node(rf_net *net, const char *op_type, rf_net_name name,
                                 const rf_net_tensor *x, const bool *gone, const rf_shape *shape,
                                 bool turned, bool keepdims)
{
    int64_t places[RF_MAX_RANK];
    const int count = list_places(x, gone, places);
    const bool as_input = strcmp(op_type, "ReduceSum") == 0;
    rf_value *const inputs[] = {
        as_it_lies(net, x),
        as_input ? rf_net_ints(net, rf_net_text(net, "%s/axes", name.node), places, count) : NULL,
    };
    const rf_net_tensor t =
        rf_net_node(net, op_type, name, inputs, as_input ? 2 : 1, x->dtype, shape, turned);
    if (!as_input)
        rf_net_set_ints(net, t, "axes", places, count);
    rf_net_set_int(net, t, "keepdims", keepdims);
    return t;
}

rf_net_tensor rf_net_reduce(rf_net *net, const char *op_type, rf_net_name name, rf_net_tensor x,
                            const int64_t *axes, int count, bool keepdims)
{
    bool gone[RF_MAX_RANK] = { false }, turned = x.turned;
    if (net->st)
        return nothing;
    mark_axes(net, &x.shape, axes, count, gone);
    rf_shape kept = x.shape, left;
    for (int d = 0; d < kept.rank; d++)
        kept.dims[d] = gone[d] ? 1 : kept.dims[d];
    const char *pool = global_pool(op_type, &x, gone);
    if (pool && !net->st)
        return pool_globally(net, pool, name, x, &kept, keepdims);
    if (keepdims)
        return reduce_node(net, op_type, name, &x, gone, &kept, turned, true);
    x = ready_to_lose(net, x, gone, &left, &turned);
    return reduce_node(net, op_type, name, &x, gone, &left, turned, false);
}

/* --- parts --- */

static int64_t clamp(int64_t x, int64_t low, int64_t high)
{
    return x < low ? low : x > high ? high : x;
}

/* Elements that begin, begin + step, ... leave before end; NumPy's rule for what lies beyond. */
static int64_t count_steps(int64_t size, int64_t begin, int64_t end, int64_t step)
{
    const int64_t low = step > 0 ? 0 : -1, high = step > 0 ? size : size - 1;
    begin = clamp(begin < 0 ? begin + size : begin, low, high);
    end = clamp(end < 0 && end >= -size ? end + size : end, low, high);
    const int64_t way = step > 0 ? end - begin : begin - end, stride = step > 0 ? step : -step;
    return way > 0 ? (way + stride - 1) / stride : 0;
}

/* The whole dim, whatever its size is. */
static bool is_whole(int64_t size, int64_t begin, int64_t end, int64_t step)
{
    return begin == 0 && step == 1 && (end >= INT32_MAX || (size >= 0 && end >= size));
}

/* What a slice takes of a constant. */
static rf_net_tensor slice_constant(rf_net *net, rf_net_tensor x, const rf_shape *dst,
                                    const int64_t *begin, const int64_t *step)
{
    rf_tensor *t = NULL;
    if (net->st || (net->st = rf_tensor_new_shape(net->g->ctx, x.dtype, dst, &t)))
        return nothing;
    rf_view src, to;
    const size_t bytes = rf_dtype_bytes(x.dtype);
    int64_t index[RF_MAX_RANK] = { 0 };
    rf_view_init(&src, x.dtype, &x.shape, RF_LAYOUT_PLAIN);
    rf_view_init(&to, x.dtype, dst, RF_LAYOUT_PLAIN);
    for (int64_t i = 0; i < t->count; i++) {
        int64_t from = 0;
        for (int d = 0; d < dst->rank; d++) {
            const int64_t size = x.shape.dims[d], high = step[d] > 0 ? size : size - 1;
            const int64_t first = clamp(begin[d] < 0 ? begin[d] + size : begin[d], 0, high);
            from += (first + index[d] * step[d]) * src.strides[d];
        }
        memcpy((char *)t->data + (size_t)i * bytes,
               (const char *)x.constant->data + (size_t)from * bytes, bytes);
        for (int d = dst->rank - 1; d >= 0 && ++index[d] == dst->dims[d]; d--)
            index[d] = 0;
    }
    return rf_net_constant(net, x.name, t);
}

rf_net_tensor rf_net_slice(rf_net *net, rf_net_name name, rf_net_tensor x, const int64_t *begin,
                           const int64_t *end, const int64_t *step)
{
    int64_t starts[RF_MAX_RANK], ends[RF_MAX_RANK], axes[RF_MAX_RANK], steps[RF_MAX_RANK];
    rf_shape dst = x.shape;
    int count = 0;
    if (net->st)
        return nothing;
    for (int d = 0; d < dst.rank; d++) {
        if (is_whole(dst.dims[d], begin[d], end[d], step[d]))
            continue;
        if (!step[d] || step[d] <= INT32_MIN || step[d] >= INT32_MAX)
            rf_net_fail(net, RF_EMODEL, "a slice with step %lld", (long long)step[d]);
        if (!net->st)
            dst.dims[d] =
                dst.dims[d] < 0 ? -1 : count_steps(dst.dims[d], begin[d], end[d], step[d]);
        starts[count] = begin[d];
        ends[count] = end[d];
        axes[count] = place_of(&x, d);
        steps[count++] = step[d];
    }
    if (x.constant)
        return slice_constant(net, x, &dst, begin, step);
    if (!count)
        return rf_net_unary(net, "Identity", name, x);
    rf_value *const inputs[] = {
        as_it_lies(net, &x),
        rf_net_ints(net, rf_net_text(net, "%s/begin", name.node), starts, count),
        rf_net_ints(net, rf_net_text(net, "%s/end", name.node), ends, count),
        rf_net_ints(net, rf_net_text(net, "%s/axes", name.node), axes, count),
        rf_net_ints(net, rf_net_text(net, "%s/step", name.node), steps, count),
    };
    return rf_net_node(net, "Slice", name, inputs, 5, x.dtype, &dst, x.turned);
}

rf_net_tensor rf_net_pad(rf_net *net, rf_net_name name, rf_net_tensor x, const int64_t *before,
                         const int64_t *behind, const char *mode, float value)
{
    int64_t pads[2 * RF_MAX_RANK];
    rf_shape dst = x.shape;
    if (net->st)
        return nothing;
    for (int d = 0; d < dst.rank; d++) {
        if (before[d] < 0 || behind[d] < 0 || before[d] > INT32_MAX || behind[d] > INT32_MAX)
            rf_net_fail(net, RF_EMODEL, "dim %d is padded by %lld and %lld", d,
                        (long long)before[d], (long long)behind[d]);
        pads[place_of(&x, d)] = before[d];
        pads[dst.rank + place_of(&x, d)] = behind[d];
        if (!net->st && dst.dims[d] >= 0)
            dst.dims[d] = dst.dims[d] > INT64_MAX / 4 ? -1 : dst.dims[d] + before[d] + behind[d];
    }
    const bool constant = strcmp(mode, "constant") == 0;
    rf_value *const inputs[] = {
        as_it_lies(net, &x),
        rf_net_ints(net, rf_net_text(net, "%s/pads", name.node), pads, 2 * (int64_t)dst.rank),
        constant ? rf_net_float(net, rf_net_text(net, "pad/%.9g", (double)value), value) : NULL,
    };
    const rf_net_tensor t =
        rf_net_node(net, "Pad", name, inputs, constant ? 3 : 2, x.dtype, &dst, x.turned);
    rf_net_set_string(net, t, "mode", mode);
    return t;
}

/* --- resize --- */

/* ONNX takes floor(size * scale), so the quotient must not be rounded below. */
static float scale_of(int64_t from, int64_t to)
{
    float scale = (float)((double)to / (double)from);
    while ((double)from * (double)scale < (double)to)
        scale = nextafterf(scale, INFINITY);
    return scale;
}

rf_net_tensor rf_net_resize(rf_net *net, rf_net_name name, rf_net_tensor x, const int64_t *sizes,
                            const char *mode, const char *coordinates, const char *nearest,
                            bool channels_first)
{
    const int rank = x.shape.rank;
    rf_shape dst = x.shape;
    rf_tensor *scales = NULL;
    if (net->st)
        return nothing;
    const int64_t count = rank;
    if (rank < 3 || (net->st = rf_tensor_new(net->g->ctx, RF_DTYPE_F32, 1, &count, &scales))) {
        rf_net_fail(net, RF_EMODEL, "a tensor of %d dims is resized", rank);
        return nothing;
    }
    for (int d = 0; d < rank; d++)
        rf_tensor_f32(scales)[d] = 1.0F;
    for (int d = 0; d < rank - 2; d++) {
        const int axis = channels_first ? d + 2 : d + 1;
        if (dst.dims[axis] < 1 || sizes[d] < 1 || sizes[d] > INT32_MAX ||
            dst.dims[axis] > INT32_MAX)
            rf_net_fail(net, RF_EUNSUPPORTED,
                        "%lld pixels become %lld: sizes must be known; give the shape with "
                        "--input-shape",
                        (long long)dst.dims[axis], (long long)sizes[d]);
        else
            rf_tensor_f32(scales)[d + 2] = scale_of(dst.dims[axis], sizes[d]);
        /* ONNX counts with the product of size and scale, which here may round ties the other way. */
        if (!net->st && nearest && strcmp(coordinates, "align_corners") == 0 &&
            (double)rf_tensor_f32(scales)[d + 2] * (double)dst.dims[axis] != (double)sizes[d])
            rf_net_fail(net, RF_EUNSUPPORTED,
                        "nearest neighbours with aligned corners from %lld to %lld pixels, whose "
                        "quotient is no float32",
                        (long long)dst.dims[axis], (long long)sizes[d]);
        dst.dims[axis] = sizes[d];
    }
    rf_net_tensor s = rf_net_constant(net, rf_net_text(net, "%s/scales", name.node), scales);
    rf_value *const inputs[] = {
        channels_first ? rf_net_plain(net, &x) : rf_net_turned(net, &x),
        NULL,
        net->st ? NULL : rf_net_plain(net, &s),
    };
    const rf_net_tensor t =
        rf_net_node(net, "Resize", name, inputs, 3, x.dtype, &dst, !channels_first);
    rf_net_set_string(net, t, "mode", mode);
    rf_net_set_string(net, t, "coordinate_transformation_mode", coordinates);
    if (nearest)
        rf_net_set_string(net, t, "nearest_mode", nearest);
    return t;
}
