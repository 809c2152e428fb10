/* Quantizers of parameters: which ones the configuration wants, symmetric or not, per channel of which axis. */
#include <string.h>

#include "base/status.h"
#include "ops/params.h"
#include "sim/placement.h"

/* One parameter of an op. */
typedef struct parameter {
    const rf_placed_op *op;
    rf_value *value;
    const char *name; /* "weight" or "bias", as configurations say */
    int axis;         /* channels */
} parameter;

static const rf_config_param *find_param(const rf_config_param *params, int count, const char *name)
{
    for (int i = 0; i < count; i++) {
        if (strcmp(params[i].name, name) == 0)
            return &params[i];
    }
    return NULL;
}

static void override(const rf_config_param *from, rf_config_param *to)
{
    if (from && from->quantized != RF_FLAG_UNSET)
        to->quantized = from->quantized;
    if (from && from->symmetric != RF_FLAG_UNSET)
        to->symmetric = from->symmetric;
}

/* defaults, then params, then op_type. */
static rf_config_param resolve(const rf_config *c, const parameter *q)
{
    rf_config_param result = c->default_param;
    override(find_param(c->params, c->param_count, q->name), &result);
    if (q->op->config)
        override(find_param(q->op->config->params, q->op->config->param_count, q->name), &result);
    return result;
}

/*
 * A layer in front of a BN must be per channel to take its scales up, so there the configuration's exceptions for
 * linear layers do not hold. compat aimet: they do, and the fold refuses.
 */
static bool is_per_channel(const rf_placement *p, const rf_placed_op *op)
{
    const bool by_default = p->config->per_channel == RF_FLAG_TRUE;
    if (by_default && op->is_layer && op->folds && !p->sim->compat_aimet)
        return true;
    if (op->config && op->config->per_channel != RF_FLAG_UNSET)
        return op->config->per_channel == RF_FLAG_TRUE;
    return by_default;
}

static rf_status place_param(rf_placement *p, const parameter *q)
{
    rf_sim *sim = p->sim;
    const rf_config_param wanted = resolve(p->config, q);
    const rf_tensor *t = q->value ? q->value->constant : NULL;
    if (wanted.quantized != RF_FLAG_TRUE || !t || t->dtype != RF_DTYPE_F32 || t->count == 0 ||
        rf_value_quantizer(q->value))
        return RF_OK;
    const bool symmetric = wanted.symmetric == RF_FLAG_TRUE;
    const bool by_channel = is_per_channel(p, q->op) && q->axis < t->shape.rank;
    const rf_quantizer_desc desc = {
        .tensor = q->value,
        .is_param = true,
        .spec = { .bitwidth = sim->param_bw,
                  .symmetric = symmetric,
                  .strict = symmetric && p->config->strict_symmetric == RF_FLAG_TRUE,
                  .is_unsigned =
                      symmetric && !sim->learned && p->config->unsigned_symmetric == RF_FLAG_TRUE,
                  .grid = sim->grid },
        .axis = by_channel ? q->axis : -1,
    };
    return rf_sim_insert(sim, &desc, NULL);
}

static rf_status place_layer(rf_placement *p, const rf_placed_op *op)
{
    const parameter weight = { op, op->layer.weight, "weight", op->layer.channel_axis };
    const parameter bias = { op, op->layer.bias, "bias", 0 };
    RF_TRY(place_param(p, &weight));
    return place_param(p, &bias);
}

static const char *name_of_role(rf_role role)
{
    if (role == RF_ROLE_WEIGHT || role == RF_ROLE_BN_SCALE)
        return "weight";
    return role == RF_ROLE_BIAS || role == RF_ROLE_BN_BIAS ? "bias" : NULL;
}

/* Channels of a parameter outside a linear layer: a stack of matrices has them last, everything else first. */
static int channel_axis(const rf_node *n, const rf_value *v)
{
    return v && v->constant && rf_node_is(n, "MatMul") ? v->constant->shape.rank - 1 : 0;
}

static rf_status place_by_roles(rf_placement *p, const rf_placed_op *op)
{
    const rf_op *known = rf_op_find(op->node->op_type, op->node->domain);
    for (int i = 0; known && i < 5 && i < op->node->input_count; i++) {
        rf_value *v = op->node->inputs[i] ? rf_param_behind(op->node->inputs[i]) : NULL;
        const char *name = name_of_role(known->roles[i]);
        const parameter q = { op, v, name, channel_axis(op->node, v) };
        if (name)
            RF_TRY(place_param(p, &q));
    }
    return RF_OK;
}

rf_status rf_placement_params(rf_placement *p)
{
    if (p->sim->param_bw >= 32)
        return RF_OK;
    for (size_t i = 0; i < p->ops.count; i++) {
        const rf_placed_op *op = &p->ops.items[i];
        if (op->is_layer)
            RF_TRY(place_layer(p, op));
        else if (!op->folds)
            RF_TRY(place_by_roles(p, op));
    }
    return RF_OK;
}
