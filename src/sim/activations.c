/* Which tensors get an activation quantizer: the sections of the configuration one after the other, later ones win. */
#include <string.h>

#include "base/status.h"
#include "sim/placement.h"

/* ------------------------------------------------------------------------------ requests --- */

static rf_status ask(const rf_placement *p, rf_placed_tensor *t, rf_flag flag)
{
    if (t->request != RF_FLAG_UNSET && t->request != flag)
        return rf_fail(p->sim->ctx, RF_EMODEL,
                       "quantsim configuration '%s': op_type sections contradict each other about "
                       "tensor '%s': one "
                       "reader or maker wants it quantized, another not",
                       p->sim->config_name, t->value->name);
    t->request = flag;
    return RF_OK;
}

static void settle(rf_placement *p)
{
    for (size_t i = 0; i < p->tensors.count; i++) {
        rf_placed_tensor *t = &p->tensors.items[i];
        if (t->request != RF_FLAG_UNSET)
            t->wanted = t->request == RF_FLAG_TRUE;
        t->request = RF_FLAG_UNSET;
    }
}

/* The tensor whose quantizer serves `v`: behind operators that only move data. */
static rf_placed_tensor *source_of(const rf_placement *p, const rf_value *v)
{
    rf_placed_tensor *t = rf_placement_tensor(p, v);
    while (t && t->maker >= 0 && p->ops.items[t->maker].transparent) {
        const rf_node *n = p->ops.items[t->maker].node;
        rf_placed_tensor *before = NULL;
        for (int i = 0; i < n->input_count && !before; i++)
            before = rf_placement_tensor(p, n->inputs[i]);
        t = before;
    }
    return t;
}

/* ------------------------------------------------------------------------------ sections --- */

static const rf_placed_op *maker_of(const rf_placement *p, const rf_placed_tensor *t)
{
    return t->maker >= 0 ? &p->ops.items[t->maker] : NULL;
}

static void apply_defaults(rf_placement *p)
{
    const rf_config *c = p->config;
    for (size_t i = 0; i < p->tensors.count; i++) {
        rf_placed_tensor *t = &p->tensors.items[i];
        const rf_placed_op *maker = maker_of(p, t);
        t->symmetric = c->default_op.symmetric == RF_FLAG_TRUE;
        t->wanted = maker && !maker->transparent && !maker->inner &&
                    c->default_op.output_quantized == RF_FLAG_TRUE;
    }
}

static void apply_symmetry(rf_placed_tensor *t, const rf_config_op *config)
{
    if (config->symmetric != RF_FLAG_UNSET)
        t->symmetric = config->symmetric == RF_FLAG_TRUE;
}

static rf_status apply_to_outputs(rf_placement *p)
{
    for (size_t i = 0; i < p->tensors.count; i++) {
        rf_placed_tensor *t = &p->tensors.items[i];
        const rf_placed_op *maker = maker_of(p, t);
        if (!maker || !maker->config)
            continue;
        apply_symmetry(t, maker->config);
        if (maker->config->constrained)
            t->constraint = maker->config;
        if (maker->config->output_quantized != RF_FLAG_UNSET && !maker->transparent &&
            !maker->inner)
            RF_TRY(ask(p, t, maker->config->output_quantized));
    }
    return RF_OK;
}

static rf_status apply_to_inputs(rf_placement *p)
{
    for (size_t i = 0; i < p->ops.count; i++) {
        const rf_placed_op *op = &p->ops.items[i];
        if (!op->config || op->config->input_quantized != RF_FLAG_TRUE)
            continue;
        for (int k = 0; k < op->node->input_count; k++) {
            rf_placed_tensor *t = source_of(p, op->node->inputs[k]);
            if (!t)
                continue;
            RF_TRY(ask(p, t, RF_FLAG_TRUE));
            apply_symmetry(t, op->config);
        }
    }
    return RF_OK;
}

/* --------------------------------------------------------------------------- supergroups --- */

static bool is_type(const rf_placed_op *op, const char *type)
{
    return strcmp(op->types[0], type) == 0 || (op->types[1] && strcmp(op->types[1], type) == 0);
}

/* The only reader of the op's output; BN that folds, and Identity, are not there. */
static rf_placed_op *next_op(const rf_placement *p, const rf_placed_op *op)
{
    rf_placed_op *next = rf_placement_op(p, rf_value_only_consumer(op->output));
    while (next && next->output &&
           ((next->folds && rf_node_is(next->node, "BatchNormalization")) ||
            rf_node_is(next->node, "Identity")))
        next = rf_placement_op(p, rf_value_only_consumer(next->output));
    return next;
}

static bool can_match(const rf_placed_op *op, const char *type, int group)
{
    return op && op->output && op->matched != group && is_type(op, type);
}

/* Ops of the pattern from `op` on; false where they are not there. */
static bool match_group(const rf_placement *p, rf_placed_op *op, int group)
{
    const struct rf_supergroup *s = &p->config->supergroups[group];
    rf_placed_op *at = op;
    for (int i = 0; i < s->count; i++) {
        if (i > 0)
            at = next_op(p, at);
        if (!can_match(at, s->op_types[i], group))
            return false;
    }
    return true;
}

/* Only the last op of a group keeps its output quantizer. */
static void silence_group(const rf_placement *p, rf_placed_op *op, int group)
{
    const struct rf_supergroup *s = &p->config->supergroups[group];
    for (int i = 0; i < s->count; i++) {
        rf_placed_tensor *t = rf_placement_tensor(p, op->output);
        op->matched = group;
        if (t && i < s->count - 1)
            t->wanted = false;
        if (i < s->count - 1)
            op = next_op(p, op);
    }
}

static void apply_supergroups(rf_placement *p)
{
    for (int group = 0; group < p->config->supergroup_count; group++) {
        for (size_t i = 0; i < p->ops.count; i++) {
            if (match_group(p, &p->ops.items[i], group))
                silence_group(p, &p->ops.items[i], group);
        }
    }
}

/* A BN that folds takes over the quantizer of the layer before it. */
static void fuse_pairs(rf_placement *p)
{
    for (size_t i = 0; i < p->pairs.count; i++) {
        const rf_placed_op *bn = rf_placement_op(p, p->pairs.items[i].bn);
        const rf_placed_op *layer = rf_placement_op(p, p->pairs.items[i].layer);
        if (!bn || !layer || !bn->folds || rf_bn_pair_stays(&p->pairs.items[i]))
            continue;
        rf_placed_tensor *after = rf_placement_tensor(p, bn->output);
        rf_placed_tensor *before = rf_placement_tensor(p, layer->output);
        if (!after || !before)
            continue;
        after->wanted = before->wanted;
        before->wanted = false;
    }
}

/* ---------------------------------------------------------------------------------- ends --- */

static void apply_model_input(rf_placement *p)
{
    for (size_t i = 0; i < p->tensors.count; i++) {
        rf_placed_tensor *t = &p->tensors.items[i];
        if (t->maker >= 0 || p->config->model_input != RF_FLAG_TRUE)
            continue;
        const rf_placed_op *reader =
            t->value->uses ? rf_placement_op(p, t->value->uses->node) : NULL;
        if (reader && reader->config)
            apply_symmetry(t, reader->config);
        t->wanted = t->value->uses != NULL;
    }
}

static void apply_model_output(rf_placement *p)
{
    for (size_t i = 0; i < p->sim->graph->outputs.count; i++) {
        rf_placed_tensor *t = source_of(p, p->sim->graph->outputs.items[i]);
        if (t && p->config->model_output == RF_FLAG_TRUE)
            t->wanted = true;
    }
}

rf_status rf_placement_activations(rf_placement *p)
{
    apply_defaults(p);
    RF_TRY(apply_to_outputs(p));
    RF_TRY(apply_to_inputs(p));
    settle(p);
    apply_supergroups(p);
    fuse_pairs(p);
    apply_model_input(p);
    apply_model_output(p);
    return RF_OK;
}
