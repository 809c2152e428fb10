/* Element-wise nodes of a network that is built from channels-last descriptions, and those with one axis. */
#include <math.h>
#include <string.h>

#include "base/status.h"
#include "formats/net.h"

static const rf_net_tensor nothing = { 0 };

rf_net_tensor rf_net_unary(rf_net *net, const char *op_type, rf_net_name name, rf_net_tensor x)
{
    rf_value *v = x.turned ? rf_net_turned(net, &x) : rf_net_plain(net, &x);
    return rf_net_node(net, op_type, name, &v, 1, x.dtype, &x.shape, x.turned);
}

rf_net_tensor rf_net_cast(rf_net *net, rf_net_name name, rf_net_tensor x, rf_dtype dtype)
{
    /* TensorProto.DataType of ONNX */
    static const int numbers[] = {
        [RF_DTYPE_F32] = 1,  [RF_DTYPE_U8] = 2,  [RF_DTYPE_I8] = 3,  [RF_DTYPE_U16] = 4,
        [RF_DTYPE_I16] = 5,  [RF_DTYPE_I32] = 6, [RF_DTYPE_I64] = 7, [RF_DTYPE_BOOL] = 9,
        [RF_DTYPE_F16] = 10, [RF_DTYPE_F64] = 11
    };
    rf_value *v = x.turned ? rf_net_turned(net, &x) : rf_net_plain(net, &x);
    const rf_net_tensor t = rf_net_node(net, "Cast", name, &v, 1, dtype, &x.shape, x.turned);
    rf_net_set_int(net, t, "to", numbers[dtype]);
    return t;
}

/* --- several operands --- */

/* NumPy's rule; what is unknown stays so unless the other one decides. */
static rf_shape broadcast(rf_net *net, const rf_shape *a, const rf_shape *b)
{
    rf_shape dst = { .rank = a->rank > b->rank ? a->rank : b->rank };
    char at[RF_SHAPE_TEXT], bt[RF_SHAPE_TEXT];
    for (int d = 0; d < dst.rank; d++) {
        const int ia = d - (dst.rank - a->rank), ib = d - (dst.rank - b->rank);
        const int64_t da = ia < 0 ? 1 : a->dims[ia], db = ib < 0 ? 1 : b->dims[ib];
        if (da > 1 && db > 1 && da != db)
            rf_net_fail(net, RF_ESHAPE, "shapes %s and %s do not broadcast", rf_shape_text(a, at),
                        rf_shape_text(b, bt));
        if (da == 1)
            dst.dims[d] = db;
        else
            dst.dims[d] = db == 1 || da >= 0 ? da : db;
    }
    return dst;
}

/* The operands stay where they are when one of them lies channels first already. */
static bool lies_turned(const rf_net_tensor *t, int rank)
{
    return t->turned && t->shape.rank == rank;
}

rf_net_tensor rf_net_binary(rf_net *net, const char *op_type, rf_net_name name, rf_net_tensor a,
                            rf_net_tensor b, rf_dtype dtype)
{
    if (net->st)
        return nothing;
    const rf_shape shape = broadcast(net, &a.shape, &b.shape);
    const bool turned = lies_turned(&a, shape.rank) || lies_turned(&b, shape.rank);
    rf_value *const inputs[] = { rf_net_operand(net, &a, shape.rank, turned),
                                 rf_net_operand(net, &b, shape.rank, turned) };
    return rf_net_node(net, op_type, name, inputs, 2, dtype, &shape, turned);
}

rf_net_tensor rf_net_chain(rf_net *net, const char *op_type, rf_net_name name,
                           const rf_net_tensor *x, int count)
{
    if (net->st || count < 1)
        return nothing;
    if (count == 1)
        return rf_net_unary(net, "Identity", name, x[0]);
    rf_net_tensor sum = x[0];
    for (int i = 1; i < count; i++) {
        const bool last = i == count - 1;
        const rf_net_name part = { rf_net_text(net, "%s/%d", name.node, i),
                                   rf_net_text(net, "%s/%d:0", name.node, i) };
        sum = rf_net_binary(net, op_type, last ? name : part, sum, x[i], sum.dtype);
    }
    return sum;
}

rf_net_tensor rf_net_clip(rf_net *net, rf_net_name name, rf_net_tensor x, float min, float max)
{
    rf_value *v = x.turned ? rf_net_turned(net, &x) : rf_net_plain(net, &x);
    rf_value *const inputs[] = {
        v,
        isinf(min) ? NULL : rf_net_float(net, rf_net_text(net, "clip/%.9g", (double)min), min),
        isinf(max) ? NULL : rf_net_float(net, rf_net_text(net, "clip/%.9g", (double)max), max),
    };
    return rf_net_node(net, "Clip", name, inputs, isinf(max) ? 2 : 3, x.dtype, &x.shape, x.turned);
}

/* --- one axis --- */

static rf_value *as_it_lies(rf_net *net, const rf_net_tensor *x, int *axis)
{
    *axis = rf_net_axis(net, *axis, x->shape.rank);
    if (!x->turned)
        return rf_net_plain(net, x);
    *axis = rf_net_turned_axis(*axis, x->shape.rank);
    return rf_net_turned(net, x);
}

rf_net_tensor rf_net_softmax(rf_net *net, const char *op_type, rf_net_name name, rf_net_tensor x,
                             int axis)
{
    rf_value *v = as_it_lies(net, &x, &axis);
    const rf_net_tensor t = rf_net_node(net, op_type, name, &v, 1, x.dtype, &x.shape, x.turned);
    rf_net_set_int(net, t, "axis", axis);
    return t;
}

rf_net_tensor rf_net_arg_max(rf_net *net, rf_net_name name, rf_net_tensor x, int axis)
{
    if (net->st)
        return nothing;
    const int gone = rf_net_axis(net, axis, x.shape.rank);
    const bool channels = gone == x.shape.rank - 1;
    if (x.turned && !channels) /* what is left would lie neither way */
        x = (rf_net_tensor){ x.name, rf_net_plain(net, &x), NULL, x.dtype, x.shape, false };
    rf_value *v = as_it_lies(net, &x, &axis);
    rf_shape shape = { 0 };
    for (int d = 0; d < x.shape.rank; d++)
        if (d != gone)
            shape.dims[shape.rank++] = x.shape.dims[d];
    const rf_net_tensor t = rf_net_node(net, "ArgMax", name, &v, 1, RF_DTYPE_I64, &shape, false);
    rf_net_set_int(net, t, "axis", axis);
    rf_net_set_int(net, t, "keepdims", 0);
    return t;
}

static rf_shape concat_shape(rf_net *net, const rf_net_tensor *x, int count, int axis)
{
    rf_shape shape = x[0].shape;
    char a[RF_SHAPE_TEXT], b[RF_SHAPE_TEXT];
    for (int i = 1; i < count; i++) {
        const rf_shape *s = &x[i].shape;
        if (s->rank != shape.rank) {
            rf_net_fail(net, RF_ESHAPE, "%s and %s cannot be joined", rf_shape_text(&shape, a),
                        rf_shape_text(s, b));
            return shape;
        }
        for (int d = 0; d < s->rank; d++) {
            if (d == axis)
                shape.dims[d] =
                    shape.dims[d] < 0 || s->dims[d] < 0 ? -1 : shape.dims[d] + s->dims[d];
            else if (shape.dims[d] < 0)
                shape.dims[d] = s->dims[d];
            else if (s->dims[d] >= 0 && s->dims[d] != shape.dims[d])
                rf_net_fail(net, RF_ESHAPE, "%s and %s cannot be joined along dim %d",
                            rf_shape_text(&shape, a), rf_shape_text(s, b), axis);
        }
    }
    return shape;
}

/* Constants joined are a constant. */
static rf_net_tensor concat_constants(rf_net *net, const char *name, const rf_net_tensor *x,
                                      int count, const rf_shape *shape, int axis)
{
    rf_tensor *t = NULL;
    int64_t outer = 1, at = 0;
    if (net->st || (net->st = rf_tensor_new_shape(net->g->ctx, x[0].dtype, shape, &t)))
        return nothing;
    const size_t bytes = rf_dtype_bytes(t->dtype);
    for (int d = 0; d < axis; d++)
        outer *= shape->dims[d];
    for (int64_t o = 0; o < outer; o++)
        for (int i = 0; i < count; i++) {
            const int64_t part = x[i].constant->count / outer;
            memcpy((char *)t->data + (size_t)at * bytes,
                   (const char *)x[i].constant->data + (size_t)(o * part) * bytes,
                   (size_t)part * bytes);
            at += part;
        }
    return rf_net_constant(net, name, t);
}

rf_net_tensor rf_net_concat(rf_net *net, rf_net_name name, const rf_net_tensor *x, int count,
                            int axis)
{
    bool turned = false;
    if (net->st || count < 1)
        return nothing;
    axis = rf_net_axis(net, axis, x[0].shape.rank);
    const rf_shape shape = concat_shape(net, x, count, axis);
    rf_value **inputs = rf_arena_array(&net->g->arena, (size_t)count, sizeof *inputs);
    if (!inputs) {
        net->st = RF_ENOMEM;
        return nothing;
    }
    bool constant = true;
    for (int i = 0; i < count; i++) {
        turned |= x[i].turned;
        constant = constant && x[i].constant && x[i].dtype == x[0].dtype;
    }
    if (constant)
        return concat_constants(net, name.output, x, count, &shape, axis);
    for (int i = 0; i < count; i++)
        inputs[i] = turned ? rf_net_turned(net, &x[i]) : rf_net_plain(net, &x[i]);
    const rf_net_tensor t =
        rf_net_node(net, "Concat", name, inputs, count, x[0].dtype, &shape, turned);
    rf_net_set_int(net, t, "axis", turned ? rf_net_turned_axis(axis, shape.rank) : axis);
    return t;
}
