/* Which constants training changes, and in which role. */
#include <string.h>

#include "base/map.h"
#include "ops/params.h"

typedef struct collector {
    rf_graph *g;
    rf_params *out;
    rf_map seen; /* values listed already, by name */
} collector;

static bool learns(rf_role role)
{
    return role != RF_ROLE_NONE && role != RF_ROLE_BN_MEAN && role != RF_ROLE_BN_VAR;
}

static bool is_range(rf_role role)
{
    return role == RF_ROLE_RANGE_MIN || role == RF_ROLE_RANGE_MAX;
}

static bool range_learns(const rf_node *n)
{
    return rf_attr_int(n, "enabled", 1) && !rf_attr_int(n, "frozen", 0) &&
           rf_attr_int(n, "bitwidth", 8) != 32 &&
           strcmp(rf_attr_string(n, "grid", "learned"), "static") != 0;
}

static rf_status add(collector *c, rf_value *v, rf_role role, rf_node *node)
{
    const rf_param param = { .value = v, .role = role, .node = node };
    if (role == RF_ROLE_NONE || !v->constant || v->constant->dtype != RF_DTYPE_F32 ||
        rf_map_find(&c->seen, v->name))
        return RF_OK;
    v->trainable = learns(role) && (!is_range(role) || range_learns(node));
    RF_TRY(rf_map_put(&c->seen, v->name, v));
    return RF_VEC_PUSH(c->g->ctx, c->out, param);
}

static bool is_looked_through(const rf_node *n)
{
    static const char *const types[] = { "Transpose", "Unsqueeze", "Squeeze",
                                         "Reshape",   "Flatten",   "Identity" };
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (rf_node_is(n, types[i]))
            return true;
    }
    return rf_node_is_fakequant(n);
}

rf_value *rf_param_behind(rf_value *v)
{
    rf_value *at = v;
    while (!at->constant && at->producer && is_looked_through(at->producer) &&
           rf_node_input(at->producer, 0))
        at = rf_node_input(at->producer, 0);
    return at->constant ? at : v;
}

/*
 * A constant vector that is added to or multiplied with a flowing tensor acts as a bias or a
 * weight.
 */
static rf_role vector_role(const rf_node *n, int i)
{
    const bool adds = rf_node_is(n, "Add") || rf_node_is(n, "Sub"), scales = rf_node_is(n, "Mul");
    const rf_value *other = rf_node_input(n, 1 - i), *v = rf_node_input(n, i);
    if ((!adds && !scales) || !other || !v || rf_param_behind(rf_node_input(n, 1 - i))->constant)
        return RF_ROLE_NONE;
    const rf_tensor *t = rf_param_behind(rf_node_input(n, i))->constant;
    if (!t || t->count <= 1)
        return RF_ROLE_NONE;
    return adds ? RF_ROLE_BIAS : RF_ROLE_WEIGHT;
}

static bool is_all(const rf_value *v, float number)
{
    const rf_tensor *t = v ? v->constant : NULL;
    bool same = t && t->dtype == RF_DTYPE_F32;
    for (int64_t i = 0; same && i < t->count; i++)
        same = rf_tensor_f32(t)[i] == number;
    return same;
}

/* Exporters spell GroupNorm out with an InstanceNormalization by 1 and 0; what learns stands behind it. */
static bool only_normalizes(const rf_node *n)
{
    return rf_node_is(n, "InstanceNormalization") && is_all(rf_node_input(n, 1), 1.0f) &&
           is_all(rf_node_input(n, 2), 0.0f);
}

static rf_role role_of(const rf_node *n, const rf_op *op, int i)
{
    if (only_normalizes(n))
        return RF_ROLE_NONE;
    const rf_role role =
        i < (int)(sizeof op->roles / sizeof op->roles[0]) ? op->roles[i] : RF_ROLE_NONE;
    return role == RF_ROLE_NONE && i < 2 ? vector_role(n, i) : role;
}

static rf_status collect_node(collector *c, rf_node *n)
{
    const rf_op *op = rf_op_find(n->op_type, n->domain);
    for (int i = 0; op && i < n->input_count; i++) {
        if (!n->inputs[i])
            continue;
        RF_TRY(add(c, rf_param_behind(n->inputs[i]), role_of(n, op, i), n));
    }
    return RF_OK;
}

rf_status rf_params_collect(rf_graph *g, rf_params *out)
{
    collector c = { .g = g, .out = out };
    rf_status st = RF_OK;
    *out = (rf_params){ 0 };
    rf_map_init(&c.seen, g->ctx);
    for (size_t i = 0; i < g->values.count; i++)
        g->values.items[i]->trainable = false;
    for (rf_node *n = g->first; n && st == RF_OK; n = n->next)
        st = collect_node(&c, n);
    rf_map_release(&c.seen);
    if (st != RF_OK)
        RF_VEC_RELEASE(g->ctx, out);
    return st;
}
