/* Looking for numbers that went wrong. */
#include "train/health.h"

#include "base/finite.h"
#include "base/status.h"

/* --- ranges --- */

static float width_of(const rf_node *quantizer)
{
    const float *min = rf_quantizer_min(quantizer), *max = rf_quantizer_max(quantizer);
    float widest = 0.0F;
    for (int64_t c = 0; c < rf_quantizer_count(quantizer); c++)
        widest = max[c] - min[c] > widest ? max[c] - min[c] : widest;
    return widest;
}

void rf_health_init(rf_health *h, const rf_graph *g, const rf_sim *sim, const rf_params *params)
{
    *h = (rf_health){ .ctx = g->ctx, .g = g, .sim = sim, .params = params };
    for (size_t i = 0; sim && i < sim->quantizers.count; i++) {
        const rf_node *n = sim->quantizers.items[i];
        const float width = rf_quantizer_enabled(n) ? width_of(n) : 0.0F;
        h->widest = width > h->widest ? width : h->widest;
    }
}

rf_status rf_health_check_ranges(const rf_health *h, int64_t step, const char *advice)
{
    for (size_t i = 0; h->sim && h->widest > 0.0F && i < h->sim->quantizers.count; i++) {
        const rf_node *n = h->sim->quantizers.items[i], *layer = rf_quantizer_layer(n);
        const float width = rf_quantizer_enabled(n) ? width_of(n) : 0.0F;
        if (width / RF_EXPLOSION > h->widest)
            return rf_fail(h->ctx, RF_ENUMERIC,
                           "after step %lld the range of '%s' (layer '%s') has exploded: it is %g "
                           "wide, the widest before training was %g%s",
                           (long long)step, rf_quantizer_tensor(n)->name,
                           layer ? layer->name : "input", (double)width, (double)h->widest, advice);
    }
    return RF_OK;
}

/* --- numbers that are none --- */

/* An update that went too far shows in the parameters first, while the memory of activations may be in use for another
 * one already. */
const char *rf_health_bad_layer(const rf_health *h)
{
    for (size_t i = 0; i < h->params->count; i++) {
        const rf_param *p = &h->params->items[i];
        if (!rf_all_finite(rf_tensor_f32(p->value->constant), p->value->constant->count))
            return p->node->name;
    }
    return NULL;
}

const char *rf_health_bad_node(const rf_health *h, const rf_plan *plan)
{
    for
        RF_GRAPH_EACH_NODE(n, h->g)
        {
            const rf_value *v = rf_node_output(n, 0);
            const rf_view *view = v ? rf_plan_value(plan, v) : NULL;
            if (view && view->data && view->dtype == RF_DTYPE_F32 && rf_view_is_dense(view) &&
                !rf_all_finite(rf_view_f32(view), rf_view_count(view)))
                return n->name;
        }
    return h->g->last ? h->g->last->name : "";
}

rf_status rf_health_check_gradient(const rf_health *h, size_t index, const float *diff,
                                   int64_t step, const char *advice)
{
    const rf_param *p = &h->params->items[index];
    if (rf_all_finite(diff, p->value->constant->count))
        return RF_OK;
    return rf_fail(h->ctx, RF_ENUMERIC,
                   "at step %lld the gradient of '%s' (layer '%s') is not finite; nothing was "
                   "updated%s",
                   (long long)step, p->value->name, p->node->name, advice);
}
