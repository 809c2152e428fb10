/* The simulation as an object: building it, its state, and what callers may look at. */
#include "sim/sim.h"

#include <assert.h>
#include <string.h>

#include "base/status.h"
#include "exec/computed_params.h"
#include "graph/copy.h"
#include "graph/ports.h"
#include "ops/params.h"
#include "sim/sim_impl.h"

const char *rf_state_name(rf_state state)
{
    switch (state) {
#define STATE_NAME(name, value, text)                                                              \
    case RF_STATE_##name:                                                                          \
        return text;
        RF_STATE_MAP(STATE_NAME)
#undef STATE_NAME
    }
    return "unknown";
}

/* ------------------------------------------------------------------------------ building --- */

static rf_status check_bits(rf_context *ctx, const char *what, int bits)
{
    if (bits != 0 && bits != 32 && (bits < 2 || bits > 16))
        return rf_fail(ctx, RF_EARG, "%s of %d bits; expected 2 to 16, or 32 for float", what,
                       bits);
    return RF_OK;
}

static rf_status read_options(rf_sim *sim, const rf_sim_options *o)
{
    RF_TRY(check_bits(sim->ctx, "parameters", o->param_bw));
    RF_TRY(check_bits(sim->ctx, "activations", o->output_bw));
    if (o->compat && strcmp(o->compat, "aimet") != 0 && strcmp(o->compat, "aimet-v2") != 0)
        return rf_fail(sim->ctx, RF_EARG, "compat '%s' is not known; expected aimet or aimet-v2",
                       o->compat);
    RF_TRY(rf_scheme_parse(sim->ctx, o->scheme, &sim->scheme, &sim->percentile, &sim->learned));
    sim->param_bw = o->param_bw ? o->param_bw : 8;
    sim->output_bw = o->output_bw ? o->output_bw : 8;
    sim->compat_aimet = o->compat != NULL;
    sim->compat_v2 = o->compat && strcmp(o->compat, "aimet-v2") == 0;
    sim->grid = sim->compat_v2 ? RF_GRID_V2 : sim->learned ? RF_GRID_LEARNED : RF_GRID_STATIC;
    if (sim->compat_v2 && sim->scheme == RF_SCHEME_MSE)
        return rf_fail(sim->ctx, RF_EARG, "AIMET v2 has no scheme mse (compat aimet-v2)");
    /* What AIMET's users of BN re-estimation start from is the configuration of its example. */
    const char *config = sim->compat_aimet ? "bn-reestimation" : "per-channel";
    sim->config_name = rf_arena_strdup(&sim->graph->arena, o->config ? o->config : config);
    return sim->config_name ? RF_OK : RF_ENOMEM;
}

rf_status rf_sim_take_graph(rf_graph *graph, const rf_sim_options *options, rf_sim **out)
{
    rf_sim *sim = rf_calloc(graph->ctx, 1, sizeof *sim);
    if (!sim) {
        rf_graph_free(graph);
        return RF_ENOMEM;
    }
    sim->ctx = graph->ctx;
    sim->graph = graph;
    rf_status st = read_options(sim, options);
    if (st == RF_OK)
        st = rf_graph_set_metadata(graph, RF_SIM_KEY, NULL);
    if (st == RF_OK)
        st = rf_graph_set_opset(graph, RF_DOMAIN, 1);
    if (st != RF_OK) {
        rf_sim_free(sim);
        return st;
    }
    *out = sim;
    return RF_OK;
}

/* AIMET v2 knows neither: it stops at such a configuration, and so do we. */
static rf_status check_symmetry(const rf_sim *sim, const rf_config *config)
{
    const bool strict = config->strict_symmetric == RF_FLAG_TRUE;
    if (!sim->compat_v2 || !(strict || config->unsigned_symmetric == RF_FLAG_TRUE))
        return RF_OK;
    return rf_fail(sim->ctx, RF_EMODEL,
                   "quantsim configuration '%s': defaults.%s: expected \"False\" with compat "
                   "aimet-v2, which does not have it",
                   sim->config_name, strict ? "strict_symmetric" : "unsigned_symmetric");
}

static rf_status place_all(rf_sim *sim)
{
    rf_config config;
    if (!sim->compat_aimet && !sim->graph->is_outline)
        RF_TRY(rf_sim_flip_negative_gamma(sim));
    RF_TRY(rf_config_load(sim->ctx, sim->config_name, &config));
    sim->per_channel = config.per_channel == RF_FLAG_TRUE;
    sim->param_symmetric = config.default_param.symmetric == RF_FLAG_UNSET
                               ? sim->per_channel /* AIMET says so, whatever the quantizers do */
                               : config.default_param.symmetric == RF_FLAG_TRUE;
    rf_status st = check_symmetry(sim, &config);
    if (st == RF_OK)
        st = rf_sim_place(sim, &config);
    rf_config_release(&config);
    return st;
}

static rf_status build_on(rf_graph *copy, const rf_sim_options *options, rf_sim **out)
{
    static const rf_sim_options defaults = RF_SIM_OPTIONS_INIT;
    rf_sim *sim = NULL;
    RF_TRY(rf_sim_take_graph(copy, options ? options : &defaults, &sim));
    copy->open_batch = true; /* runtimes feed no batch of 0 */
    rf_status st = rf_graph_compute_params(copy);
    if (st == RF_OK)
        st = place_all(sim);
    if (st == RF_OK)
        st = rf_sim_refresh(sim);
    if (st != RF_OK) {
        rf_sim_free(sim);
        return st;
    }
    *out = sim;
    return RF_OK;
}

rf_status rf_sim_new(const rf_graph *graph, const rf_sim_options *options, rf_sim **out)
{
    rf_graph *copy = NULL;
    RF_TRY(rf_graph_need_float(graph, "quantization"));
    RF_TRY(rf_graph_clone(graph, &copy));
    return build_on(copy, options, out);
}

rf_status rf_sim_outline(const rf_graph *graph, const rf_sim_options *options, rf_sim **out)
{
    rf_graph *copy = NULL;
    RF_TRY(rf_graph_need_float(graph, "quantization"));
    RF_TRY(rf_graph_outline(graph, &copy));
    return build_on(copy, options, out);
}

static void release_view(rf_context *ctx, struct rf_sim_view *view)
{
    rf_free(ctx, view->scale);
    rf_free(ctx, view->offset);
    *view = (struct rf_sim_view){ 0 };
}

static void release_views(rf_sim *sim)
{
    for (size_t i = 0; sim->views && i < sim->quantizers.count; i++)
        release_view(sim->ctx, &sim->views[i]);
    rf_free(sim->ctx, sim->views);
    sim->views = NULL;
}

void rf_sim_free(rf_sim *sim)
{
    if (!sim)
        return;
    release_views(sim);
    RF_VEC_RELEASE(sim->ctx, &sim->quantizers);
    rf_graph_free(sim->graph);
    rf_free(sim->ctx, sim);
}

rf_status rf_sim_refresh(rf_sim *sim)
{
    release_views(sim);
    sim->quantizers.count = 0;
    for (rf_node *n = sim->graph->first; n; n = n->next) {
        if (rf_node_is_fakequant(n))
            RF_TRY(RF_VEC_PUSH(sim->ctx, &sim->quantizers, n));
    }
    return RF_OK;
}

/* -------------------------------------------------------------------------------- ladder --- */

static const char *const next_step[] = {
    [RF_STATE_BUILT] = "build it",     [RF_STATE_CALIBRATED] = "calibrate it",
    [RF_STATE_TRAINED] = "train it",   [RF_STATE_BN_REESTIMATED] = "re-estimate its BN statistics",
    [RF_STATE_FOLDED] = "fold its BN",
};

rf_status rf_sim_need_state(const rf_sim *sim, rf_state least, const char *step)
{
    if (sim->state >= least)
        return RF_OK;
    return rf_fail(sim->ctx, RF_ESTATE, "cannot %s: the simulation is %s, not yet %s; %s first",
                   step, rf_state_name(sim->state), rf_state_name(least), next_step[least]);
}

const rf_graph *rf_sim_graph(const rf_sim *sim)
{
    return sim->graph;
}

rf_state rf_sim_state(const rf_sim *sim)
{
    return sim->state;
}

int rf_sim_quantizer_count(const rf_sim *sim)
{
    return (int)sim->quantizers.count;
}

/* ------------------------------------------------------------------------- one quantizer --- */

/* The operator that a parameter belongs to: behind the quantizer, and behind a Transpose of the weights. */
/* Buffers stay where they are while the count does, so that a second look does not pull the first one's away. */
static rf_status size_view(rf_context *ctx, struct rf_sim_view *view, int64_t count)
{
    if (view->count == count)
        return RF_OK;
    release_view(ctx, view);
    view->scale = rf_calloc(ctx, (size_t)count, sizeof *view->scale);
    view->offset = rf_calloc(ctx, (size_t)count, sizeof *view->offset);
    if (!view->scale || !view->offset) {
        release_view(ctx, view);
        return RF_ENOMEM;
    }
    view->count = count;
    return RF_OK;
}

static rf_status fill_view(rf_sim *sim, size_t index, const rf_node *n)
{
    if (!sim->views)
        RF_NEW_ARRAY(sim->ctx, sim->views, sim->quantizers.count);
    struct rf_sim_view *view = &sim->views[index];
    const int64_t count = rf_quantizer_count(n);
    RF_TRY(size_view(sim->ctx, view, count));
    const rf_qspec spec = rf_quantizer_spec(n);
    for (int64_t c = 0; c < count; c++) {
        const rf_encoding e =
            rf_effective_encoding(&spec, rf_quantizer_min(n)[c], rf_quantizer_max(n)[c]);
        view->scale[c] = e.scale;
        view->offset[c] = e.offset;
    }
    return RF_OK;
}

static bool has_range(const rf_sim *sim, const rf_node *n)
{
    return sim->state >= RF_STATE_CALIBRATED || rf_quantizer_enabled(n);
}

rf_status rf_sim_quantizer(rf_sim *sim, int index, rf_quantizer *out)
{
    if (index < 0 || (size_t)index >= sim->quantizers.count)
        return rf_fail(sim->ctx, RF_EARG, "quantizer %d: the simulation has %d", index,
                       (int)sim->quantizers.count);
    const rf_node *n = sim->quantizers.items[index];
    const rf_value *v = rf_quantizer_tensor(n);
    const rf_qspec spec = rf_quantizer_spec(n);
    const bool is_param = rf_quantizer_is_param(n);
    const rf_node *layer = rf_quantizer_layer(n);
    RF_TRY(fill_view(sim, (size_t)index, n));
    *out = (rf_quantizer){
        .tensor = v->name,
        .kind = is_param ? "param" : "activation",
        .op = layer ? layer->name : "",
        .enabled = rf_quantizer_enabled(n),
        .bitwidth = spec.bitwidth,
        .symmetric = spec.symmetric,
        .strict_symmetric = spec.strict,
        .unsigned_symmetric = spec.is_unsigned,
        .axis = rf_quantizer_axis(n),
        .count = has_range(sim, n) ? rf_quantizer_count(n) : 0,
        .min = rf_quantizer_min(n),
        .max = rf_quantizer_max(n),
        .scale = sim->views[index].scale,
        .offset = sim->views[index].offset,
        .changed = rf_quantizer_changed(n),
    };
    return RF_OK;
}

/* ------------------------------------------------------------------------------ stripping --- */

/* Files hold ONNX's operators only, so the import of our domain goes too. */
static void forget_domain(rf_graph *g)
{
    for (size_t i = 0; i < g->opsets.count; i++) {
        if (strcmp(g->opsets.items[i].domain, RF_DOMAIN) == 0)
            g->opsets.items[i--] = g->opsets.items[--g->opsets.count];
    }
}

rf_status rf_sim_strip(const rf_sim *sim, rf_graph **out)
{
    rf_graph *g = NULL;
    RF_TRY(rf_graph_clone(sim->graph, &g));
    rf_status st = rf_graph_strip(g, RF_FAKEQUANT, RF_DOMAIN);
    for (rf_node *n = g->first; st == RF_OK && n; n = n->next)
        rf_node_remove_attr(n, RF_NEGATIVE_GAMMA);
    if (st != RF_OK) {
        rf_graph_free(g);
        return st;
    }
    forget_domain(g);
    *out = g;
    return RF_OK;
}
