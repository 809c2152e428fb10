/* Inspection: what a graph is made of, where its BNs go, and what the user should know before he starts. */
#include <stdlib.h>
#include <string.h>

#include "exec/plan.h"
#include "graph/bn_pairs.h"
#include "ops/params.h"

typedef struct inspection {
    rf_inspection public; /* first: the handle users hold */
    rf_arena arena;
} inspection;

typedef RF_VEC(const char *) strings;

void rf_inspection_free(rf_inspection *handle)
{
    inspection *self = (inspection *)handle;
    if (!self)
        return;
    rf_context *ctx = self->arena.ctx;
    rf_arena_release(&self->arena);
    rf_free(ctx, self);
}

/* Move a growing list into the arena, where the report keeps it. */
static rf_status keep_strings(inspection *self, strings *list, const char *const **items_out,
                              int *count_out)
{
    const char **items = rf_arena_array(&self->arena, list->count + 1, sizeof *items);
    if (items && list->count > 0)
        memcpy(items, list->items, list->count * sizeof *items);
    *items_out = items;
    *count_out = (int)list->count;
    RF_VEC_RELEASE(self->arena.ctx, list);
    return items ? RF_OK : RF_ENOMEM;
}

/* ------------------------------------------------------------------------ counting --- */

static int more_frequent_first(const void *a, const void *b)
{
    const rf_count *x = a, *y = b;
    if (x->count != y->count)
        return x->count < y->count ? 1 : -1;
    return strcmp(x->name, y->name);
}

static rf_status count_operators(inspection *self, const rf_graph *g)
{
    rf_count *counts = rf_arena_array(&self->arena, (size_t)g->node_count + 1, sizeof *counts);
    if (!counts)
        return RF_ENOMEM;
    int n_counts = 0;
    for
        RF_GRAPH_EACH_NODE(n, g)
        {
            if (rf_node_is_fakequant(n))
                continue;
            int i = 0;
            while (i < n_counts && strcmp(counts[i].name, n->op_type) != 0)
                i++;
            if (i == n_counts) {
                counts[n_counts++].name = rf_arena_strdup(&self->arena, n->op_type);
                if (!counts[i].name)
                    return RF_ENOMEM;
            }
            counts[i].count++;
        }
    qsort(counts, (size_t)n_counts, sizeof *counts, more_frequent_first);
    self->public.operators = counts;
    self->public.operator_count = n_counts;
    return RF_OK;
}

static rf_status count_parameters(inspection *self, rf_graph *g)
{
    rf_params params = { 0 };
    const rf_status st = rf_params_collect(g, &params);
    for (size_t i = 0; st == RF_OK && i < params.count; i++)
        if (params.items[i].role != RF_ROLE_RANGE_MIN && params.items[i].role != RF_ROLE_RANGE_MAX)
            self->public.parameters += params.items[i].value->constant->count;
    RF_VEC_RELEASE(g->ctx, &params);
    return st;
}

static rf_status list_unsupported(inspection *self, const rf_graph *g)
{
    strings list = { 0 };
    for
        RF_GRAPH_EACH_NODE(n, g)
        {
            if (rf_op_find(n->op_type, n->domain))
                continue;
            const char *line = rf_arena_printf(&self->arena, "%s%s%s (node '%s')", n->domain,
                                               *n->domain ? "." : "", n->op_type, n->name);
            if (!line || RF_VEC_PUSH(g->ctx, &list, line) != RF_OK) {
                RF_VEC_RELEASE(g->ctx, &list);
                return RF_ENOMEM;
            }
        }
    return keep_strings(self, &list, &self->public.unsupported, &self->public.unsupported_count);
}

/* Multiply-adds of one sample: from a plan of batch 1 (or the fixed one). Stays 0 where no plan can be made. */
static void count_macs(inspection *self, rf_graph *g)
{
    int64_t batch = 1;
    if (g->inputs.count > 0 && g->inputs.items[0]->shape.rank > 0 &&
        g->inputs.items[0]->shape.dims[0] > 0)
        batch = g->inputs.items[0]->shape.dims[0];
    const rf_plan_options options = { .batch = batch, .mode = RF_MODE_INFER };
    rf_plan *plan = NULL;
    if (rf_plan_new(g, &options, &plan) != RF_OK)
        return;
    for (int i = 0; i < rf_plan_step_count(plan); i++) {
        const rf_step *s = rf_plan_step(plan, i);
        self->public.macs += s->op->macs ? s->op->macs(s) / batch : 0;
    }
    rf_plan_free(plan);
}

/* --------------------------------------------------------------------- batch norms --- */

static rf_status list_batch_norms(inspection *self, rf_graph *g)
{
    rf_bn_pairs pairs = { 0 };
    rf_status st = rf_bn_pairs_find(g, &pairs);
    rf_bn_info *infos = rf_arena_array(&self->arena, pairs.count + 1, sizeof *infos);
    if (st == RF_OK && !infos)
        st = RF_ENOMEM;
    for (size_t i = 0; st == RF_OK && i < pairs.count; i++) {
        const rf_bn_pair *p = &pairs.items[i];
        const bool folds = p->kind == RF_BN_BACKWARD && p->layer;
        infos[i].bn = rf_arena_strdup(&self->arena, p->bn->name);
        infos[i].folds_into = folds ? rf_arena_strdup(&self->arena, p->layer->name) : NULL;
        infos[i].reason = !folds && p->reason ? rf_arena_strdup(&self->arena, p->reason) : NULL;
        if (!infos[i].bn || (folds && !infos[i].folds_into))
            st = RF_ENOMEM;
    }
    self->public.batch_norms = infos;
    self->public.batch_norm_count = (int)pairs.count;
    RF_VEC_RELEASE(g->ctx, &pairs);
    return st;
}

/* -------------------------------------------------------------------------- advice --- */

static bool has_conv_with_bias(const rf_graph *g)
{
    for
        RF_GRAPH_EACH_NODE(n, g)
    if (rf_node_is(n, "Conv") && rf_node_input(n, 2))
        return true;
    return false;
}

static bool has_operator(const rf_graph *g, const char *op_type)
{
    for
        RF_GRAPH_EACH_NODE(n, g)
    if (rf_node_is(n, op_type))
        return true;
    return false;
}

/* Cross-entropy of the first output takes logits: a Softmax in front of it would be applied twice. */
static bool ends_in_softmax(const rf_graph *g)
{
    const rf_value *out = g->outputs.count > 0 ? g->outputs.items[0] : NULL;
    return out && out->producer && out->shape.rank == 2 &&
           (rf_node_is(out->producer, "Softmax") || rf_node_is(out->producer, "Sigmoid"));
}

static rf_status advise(inspection *self, const rf_graph *g)
{
    strings list = { 0 };
    rf_status st = RF_OK;
    const rf_inspection *seen = &self->public;
    int folding = 0;
    for (int i = 0; i < seen->batch_norm_count; i++)
        folding += seen->batch_norms[i].folds_into != NULL;
    if (has_operator(g, "QuantizeLinear"))
        st = RF_VEC_PUSH(g->ctx, &list,
                         "This is a QDQ model: it can be evaluated and run, but the simulation "
                         "starts from a float model.");
    else if (seen->batch_norm_count == 0 && has_conv_with_bias(g))
        st = RF_VEC_PUSH(g->ctx, &list,
                         "No BatchNormalization is left and convolutions have biases: the exporter "
                         "has fused BN. Export again with BN "
                         "kept, from PyTorch: torch.onnx.export(model.eval(), x, path, "
                         "training=torch.onnx.TrainingMode.PRESERVE, "
                         "do_constant_folding=False) with dynamo=False, or dynamo=True with "
                         "optimize=False. Without BN, quantize and "
                         "train work; reestimate and fold have nothing to do.");
    else if (seen->batch_norm_count == 0)
        st = RF_VEC_PUSH(g->ctx, &list,
                         "No BatchNormalization: quantize and train work; reestimate and fold have "
                         "nothing to do.");
    else
        st = RF_VEC_PUSH(
            g->ctx, &list,
            folding == seen->batch_norm_count
                ? "Every BatchNormalization folds: ready for 'refold run' or 'refold quantize'."
                : "Some BatchNormalizations do not fold and stay as multiply-adds; the reasons "
                  "stand beside them.");
    if (st == RF_OK && ends_in_softmax(g))
        st = RF_VEC_PUSH(
            g->ctx, &list,
            "The first output is a Softmax or Sigmoid: training and the loss of evaluate expect "
            "the logits in front of it. Cut the model there.");
    if (st == RF_OK && seen->unsupported_count > 0)
        st = RF_VEC_PUSH(g->ctx, &list,
                         "Nodes without support must be removed before refold can run this "
                         "network: cut the model in front of them.");
    if (st != RF_OK) {
        RF_VEC_RELEASE(g->ctx, &list);
        return st;
    }
    return keep_strings(self, &list, &self->public.advice, &self->public.advice_count);
}

static rf_status fill(inspection *self, rf_graph *g)
{
    RF_TRY(count_operators(self, g));
    RF_TRY(count_parameters(self, g));
    RF_TRY(list_unsupported(self, g));
    RF_TRY(list_batch_norms(self, g));
    if (self->public.unsupported_count == 0)
        count_macs(self, g);
    return advise(self, g);
}

rf_status rf_inspect(const rf_graph *graph, rf_inspection **out)
{
    rf_graph *g = NULL;
    RF_TRY(rf_graph_copy(graph, &g)); /* planning marks parameters: not on the caller's graph */
    inspection *self = rf_calloc(g->ctx, 1, sizeof *self);
    rf_status st = self ? RF_OK : RF_ENOMEM;
    if (self) {
        rf_arena_init(&self->arena, g->ctx);
        st = fill(self, g);
    }
    rf_graph_free(g);
    if (st != RF_OK) {
        rf_inspection_free(self ? &self->public : NULL);
        return st;
    }
    *out = &self->public;
    return RF_OK;
}
