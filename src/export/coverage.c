/* Which float tensors of an exported network have no encoding: targets must be told, or they calibrate on their own. */
#include "export/export.h"

#include <string.h>

#include "base/map.h"

/* Operators whose output is integer or boolean whatever goes in. */
static const char *const never_float[] = { "And",
                                           "ArgMax",
                                           "ArgMin",
                                           "Equal",
                                           "Greater",
                                           "Less",
                                           "GreaterOrEqual",
                                           "LessOrEqual",
                                           "NonZero",
                                           "Not",
                                           "Or",
                                           "Shape",
                                           "Size",
                                           "Xor",
                                           "IsNaN",
                                           "IsInf",
                                           "NonMaxSuppression" };

#define ONNX_FLOAT 1

static bool changes_to_integer(const rf_node *n)
{
    for (size_t i = 0; i < sizeof never_float / sizeof *never_float; i++)
        if (rf_node_is(n, never_float[i]))
            return true;
    if (rf_node_is(n, "Cast"))
        return rf_attr_int(n, "to", ONNX_FLOAT) != ONNX_FLOAT;
    if (rf_node_is(n, "ConstantOfShape")) {
        const rf_attr *value = rf_node_attr(n, "value");
        return value && value->tensor && value->tensor->dtype != RF_DTYPE_F32;
    }
    return false;
}

/* The input whose type the output has. */
static const rf_value *typed_input(const rf_node *n)
{
    return rf_node_input(n, rf_node_is(n, "Where") ? 1 : 0);
}

/* Files need not say the type of every tensor: it follows from the operators. */
static bool is_float(const rf_value *v, const rf_map *integers)
{
    if (v->constant)
        return v->constant->dtype == RF_DTYPE_F32;
    return v->dtype == RF_DTYPE_F32 && !v->onnx_type && !rf_map_find(integers, v->name);
}

static bool makes_integers(const rf_node *n, const rf_map *integers)
{
    if (changes_to_integer(n))
        return true;
    if (rf_node_is(n, "Cast") || rf_node_is(n, "ConstantOfShape"))
        return false;
    const rf_value *v = typed_input(n);
    return v && !is_float(v, integers);
}

static rf_status find_integers(const rf_graph *g, rf_map *integers)
{
    for (rf_node *n = g->first; n; n = n->next) {
        if (!makes_integers(n, integers))
            continue;
        for (int i = 0; i < n->output_count; i++)
            if (n->outputs[i] && !n->outputs[i]->constant)
                RF_TRY(rf_map_put(integers, n->outputs[i]->name, n));
    }
    return RF_OK;
}

static rf_status find_encoded(const rf_sim *sim, rf_map *encoded)
{
    for (size_t i = 0; i < sim->quantizers.count; i++) {
        rf_node *q = sim->quantizers.items[i];
        if (rf_quantizer_exports(q))
            RF_TRY(rf_map_put(encoded, rf_export_tensor_name(q), q));
    }
    return RF_OK;
}

/* Bounds of a Clip and the like are scalars and no tensors that anybody would quantize. */
static bool counts(const rf_value *v)
{
    if (v->constant)
        return v->uses && v->constant->shape.rank > 0;
    return v->producer || v->is_input;
}

rf_status rf_export_float_tensors(const rf_sim *sim, const rf_graph *plain, rf_names *out)
{
    rf_map integers, encoded;
    rf_names names = { 0 };
    rf_map_init(&integers, sim->ctx);
    rf_map_init(&encoded, sim->ctx);
    rf_status st = find_integers(plain, &integers);
    if (!st)
        st = find_encoded(sim, &encoded);
    for (size_t i = 0; !st && i < plain->values.count; i++) {
        const rf_value *v = plain->values.items[i];
        if (counts(v) && is_float(v, &integers) && !rf_map_find(&encoded, v->name))
            st = RF_VEC_PUSH(sim->ctx, &names, v->name);
    }
    rf_map_release(&integers);
    rf_map_release(&encoded);
    if (st) {
        RF_VEC_RELEASE(sim->ctx, &names);
        return st;
    }
    *out = names;
    return RF_OK;
}
