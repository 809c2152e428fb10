/*
 * The QDQ form of a simulation: each quantizer becomes QuantizeLinear and DequantizeLinear on exactly its grid,
 * each quantized parameter an integer initializer, and the outputs keep their names.
 */
#include "export/qdq.h"

#include <string.h>

#include "graph/bn_pairs.h"
#include "graph/copy.h"
#include "ops/params.h"

static rf_status bypass(rf_qdq *b, rf_node *q)
{
    RF_TRY(rf_graph_replace_uses(b->g, q->outputs[0], q->inputs[0], NULL));
    return rf_graph_remove_node(b->g, q);
}

static rf_status expand_quantizers(rf_qdq *b)
{
    for (rf_node *n = b->g->first, *next = NULL; n; n = next) {
        next = n->next;
        if (!rf_node_is_fakequant(n))
            continue;
        if (!rf_quantizer_exports(n))
            RF_TRY(bypass(b, n));
        else if (!rf_quantizer_is_param(n))
            RF_TRY(rf_qdq_expand_activation(b, n));
        else {
            /* a Transpose that goes with the quantizer must not be the node that comes next */
            if (next && rf_qdq_transpose(n) == next)
                next = next->next;
            RF_TRY(rf_qdq_expand_parameter(b, n));
        }
    }
    return RF_OK;
}

/* --- names --- */

/* Give the tensor called `name` another name, so that the output behind its quantizer can have it. */
static rf_status move_name(rf_graph *g, rf_value *named, rf_value *output)
{
    rf_value *inner = NULL;
    rf_node *producer = named->producer, *dequantize = output->producer;
    int index = 0;
    while (producer->outputs[index] != named)
        index++;
    RF_TRY(rf_qdq_new_value(g, named->name, "unquantized", named->dtype, &named->shape, &inner));
    RF_TRY(rf_node_set_output(g, producer, index, inner));
    RF_TRY(rf_graph_replace_uses(g, named, inner, NULL));
    RF_TRY(rf_node_set_output(g, dequantize, 0, named));
    return rf_graph_replace_uses(g, output, named, NULL);
}

/* The network's outputs keep their names, whatever stands in front of them now. */
static rf_status restore_output_names(rf_graph *g, const rf_graph *plain)
{
    for (size_t i = 0; i < g->outputs.count; i++) {
        rf_value *output = g->outputs.items[i];
        const char *name = plain->outputs.items[i]->name;
        if (!strcmp(output->name, name))
            continue;
        rf_value *named = rf_graph_find_value(g, name);
        if (!named || !named->producer || !output->producer)
            return rf_fail(
                g->ctx, RF_EUNSUPPORTED,
                "output '%s' cannot keep its name behind a quantizer: it is an input or a "
                "constant of the model",
                name);
        RF_TRY(move_name(g, named, output));
    }
    return RF_OK;
}

static void drop_opset(rf_graph *g, const char *domain)
{
    size_t kept = 0;
    for (size_t i = 0; i < g->opsets.count; i++)
        if (strcmp(g->opsets.items[i].domain, domain))
            g->opsets.items[kept++] = g->opsets.items[i];
    g->opsets.count = kept;
}

/* What the simulation notes on nodes for itself; other readers refuse attributes that they do not know. */
static void drop_private_attributes(rf_graph *g)
{
    for (rf_node *n = g->first; n; n = n->next)
        for (int i = n->attr_count - 1; i >= 0; i--)
            if (!strncmp(n->attrs[i].name, "refold_", 7))
                rf_node_remove_attr(n, n->attrs[i].name);
}

/* BN between a layer and its quantizer keeps the target from joining the two. */
static rf_status warn_of_batch_norms(rf_graph *g)
{
    rf_bn_pairs pairs = { 0 };
    const rf_status st = rf_bn_pairs_find(g, &pairs);
    int foldable = 0;
    for (size_t i = 0; !st && i < pairs.count; i++)
        foldable += rf_bn_pair_stays(&pairs.items[i]) == NULL;
    RF_VEC_RELEASE(g->ctx, &pairs);
    if (foldable)
        rf_log(g->ctx, RF_LOG_WARNING,
               "%d BatchNormalization still stand between a layer and its quantizer in the QDQ "
               "model; fold first for integer speed",
               foldable);
    return st;
}

static rf_status build(rf_qdq *b, const rf_graph *plain)
{
    rf_graph *g = b->g;
    RF_TRY(warn_of_batch_norms(g));
    RF_TRY(rf_export_upgrade_opset(g, b->choice->int4_weights ? RF_OPSET_SMALL_INTS
                                                              : RF_OPSET_PER_AXIS));
    RF_TRY(expand_quantizers(b));
    RF_TRY(rf_qdq_drop_redundant_clips(b));
    RF_TRY(rf_qdq_keep_float(g));
    RF_TRY(rf_qdq_carry_grids(b));
    if (b->choice->int32_bias)
        RF_TRY(rf_qdq_quantize_biases(g));
    RF_TRY(restore_output_names(g, plain));
    RF_TRY(rf_graph_prune(g));
    drop_opset(g, RF_DOMAIN);
    drop_private_attributes(g);
    if (b->uses_microsoft)
        RF_TRY(rf_graph_set_opset(g, RF_MICROSOFT_DOMAIN, 1));
    RF_TRY(rf_graph_set_metadata(g, RF_DOMAIN, NULL));
    return rf_graph_check(g);
}

rf_status rf_export_qdq(const rf_sim *sim, const rf_export_choice *choice, const rf_graph *plain,
                        rf_graph **out)
{
    rf_qdq b = { .ctx = sim->ctx, .choice = choice };
    RF_TRY(rf_graph_clone(sim->graph, &b.g));
    const rf_status st = build(&b, plain);
    if (st) {
        rf_graph_free(b.g);
        return st;
    }
    *out = b.g;
    return RF_OK;
}
