/* Constants of a network that is built from channels-last descriptions, in the order that the graph wants. */
#include <stdio.h>
#include <string.h>

#include "base/status.h"
#include "formats/net.h"
#include "tensor/view.h"

static const rf_net_tensor nothing = { 0 };

rf_net_tensor rf_net_constant(rf_net *net, const char *name, rf_tensor *t)
{
    if (!t || net->st || (net->st = RF_VEC_PUSH(net->g->ctx, &net->tensors, t))) {
        rf_tensor_free(t);
        return nothing;
    }
    return (rf_net_tensor){
        .name = rf_net_text(net, "%s", name), .constant = t, .dtype = t->dtype, .shape = t->shape
    };
}

rf_net_tensor rf_net_scalar(rf_net *net, const char *name, float value)
{
    rf_tensor *t = NULL;
    if (net->st || (net->st = rf_tensor_new(net->g->ctx, RF_DTYPE_F32, 0, NULL, &t)))
        return nothing;
    rf_tensor_f32(t)[0] = value;
    return rf_net_constant(net, name, t);
}

bool rf_net_is_constant(const rf_net_tensor *t)
{
    return t->constant != NULL;
}

/* The graph's constant of that name: what is there already where it is the same, else under a name of its own. */
static rf_value *take_constant(rf_net *net, const char *name, rf_tensor *t)
{
    rf_value *v = rf_graph_find_value(net->g, name);
    if (v && v->constant && v->constant->dtype == t->dtype &&
        rf_shape_equal(&v->constant->shape, &t->shape) &&
        memcmp(v->constant->data, t->data, (size_t)t->count * rf_dtype_bytes(t->dtype)) == 0) {
        rf_tensor_free(t);
        return v;
    }
    const char *unique = rf_graph_unique_name(net->g, name);
    if (!unique) {
        rf_tensor_free(t);
        net->st = RF_ENOMEM;
        return NULL;
    }
    net->st = rf_graph_take_constant(net->g, unique, t, &v);
    return net->st ? NULL : v;
}

/* Dim d of the copy is dim from[d] of t, seen as `shape`. */
static rf_tensor *copy_permuted(rf_net *net, const rf_net_tensor *t, const rf_shape *shape,
                                const int *from)
{
    rf_shape dst_shape = { .rank = shape->rank };
    rf_tensor *dst = NULL;
    for (int d = 0; d < shape->rank; d++)
        dst_shape.dims[d] = shape->dims[from[d]];
    if (net->st || (net->st = rf_tensor_new_shape(net->g->ctx, t->dtype, &dst_shape, &dst)))
        return NULL;
    rf_view whole, src, to;
    rf_view_init(&whole, t->dtype, shape, RF_LAYOUT_PLAIN);
    rf_view_init(&to, t->dtype, &dst_shape, RF_LAYOUT_PLAIN);
    src = to;
    for (int d = 0; d < shape->rank; d++)
        src.strides[d] = whole.strides[from[d]];
    src.data = t->constant->data;
    to.data = dst->data;
    if (dst->count)
        rf_view_copy(&src, &to);
    return dst;
}

/* --- each form of a constant is made once, however many nodes share it --- */

enum { FORM_TEXT = 96 };

/* Which form of which constant: tensors and names live as long as the net. */
static const char *form_text(char text[FORM_TEXT], const rf_net_tensor *t, char kind, int rank,
                             const int *from)
{
    int length = snprintf(text, FORM_TEXT, "%c%p %p", kind, (const void *)t->constant,
                          (const void *)t->name);
    for (int d = 0; d < rank; d++)
        length += snprintf(text + length, FORM_TEXT - (size_t)length, ",%d", from[d]);
    return text;
}

static void keep_form(rf_net *net, const char *form, void *made)
{
    const char *key = rf_net_text(net, "%s", form);
    if (!net->st)
        net->st = rf_map_put(&net->forms, key, made);
}

rf_net_tensor rf_net_permuted(rf_net *net, const rf_net_tensor *t, const int *from)
{
    char form[FORM_TEXT];
    if (net->st)
        return nothing;
    rf_net_tensor *made = rf_map_find(&net->forms, form_text(form, t, 'p', t->shape.rank, from));
    if (made)
        return *made;
    made = rf_arena_alloc(&net->g->arena, sizeof *made);
    if (!made) {
        net->st = RF_ENOMEM;
        return nothing;
    }
    *made = rf_net_constant(net, t->name, copy_permuted(net, t, &t->shape, from));
    keep_form(net, form, made);
    return *made;
}

rf_value *rf_net_put_constant(rf_net *net, const rf_net_tensor *t, const rf_shape *shape,
                              bool turned)
{
    char form[FORM_TEXT];
    int from[RF_MAX_RANK];
    for (int d = 0; d < shape->rank; d++)
        from[turned ? rf_net_turned_axis(d, shape->rank) : d] = d;
    rf_value *v = rf_map_find(&net->forms, form_text(form, t, 'v', shape->rank, from));
    if (v || net->st)
        return v;
    rf_tensor *dst = copy_permuted(net, t, shape, from);
    v = dst ? take_constant(net, t->name, dst) : NULL;
    if (v)
        keep_form(net, form, v);
    return v;
}

rf_value *rf_net_ints(rf_net *net, const char *name, const int64_t *values, int64_t count)
{
    rf_tensor *t = NULL;
    if (net->st || (net->st = rf_tensor_new(net->g->ctx, RF_DTYPE_I64, 1, &count, &t)))
        return NULL;
    if (count)
        memcpy(t->data, values, (size_t)count * sizeof *values);
    return take_constant(net, name, t);
}

rf_value *rf_net_float(rf_net *net, const char *name, float value)
{
    const rf_net_tensor t = rf_net_scalar(net, name, value);
    return rf_net_plain(net, &t);
}
