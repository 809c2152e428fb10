/*
 * Encodings of a file put into a simulation. Everything is checked and worked out before the first quantizer changes.
 * Source of the meanings of strict, partial and freeze: AIMET QuantizationSimModel.load_encodings.
 */
#include <math.h>
#include <string.h>

#include "base/status.h"
#include "graph/bn_pairs.h"
#include "sim/encodings_file.h"
#include "sim/sim_impl.h"

/* One quantizer and what it will be. */
typedef struct change {
    rf_node *quantizer;
    rf_qspec spec;
    int axis;
    int64_t count;
    float *min, *max; /* [count], in the file's arena */
} change;

typedef struct loader {
    rf_sim *sim;
    rf_context *ctx;
    const char *path;
    rf_load_encodings_options options;
    rf_encodings_file file;
    RF_VEC(change) changes;
    RF_VEC(const char *) kept, ignored, missing;
} loader;

/* What is handed out. */
typedef struct report {
    rf_encodings_report shown;
    rf_arena arena;
} report;

/* ---------------------------------------------------------------------- ends of a range --- */

/*
 * A file holds scale and offset, and ends that lie on the grid; a quantizer keeps ends, from which it computes scale and
 * offset in float32. So ends are searched, nearest first, that give the file's scale and offset to the last bit and
 * would be written as the file has them.
 */
#define NUDGES 33 /* 0, +1, -1, ..., +16, -16 in units of the last place */

static float nudge(float x, int step)
{
    const int distance = (step + 1) / 2;
    for (int i = 0; i < distance; i++)
        x = nextafterf(x, step % 2 ? INFINITY : -INFINITY);
    return x;
}

static bool gives_grid(const rf_qspec *spec, const rf_encoding *e, float min, float max)
{
    float scale;
    int32_t offset;
    rf_scale_offset(spec, min, max, &scale, &offset);
    return scale == (float)e->scale && offset == e->offset && min <= 0.0f && max >= 0.0f;
}

static bool is_written_so(const rf_qspec *spec, const rf_encoding *e, float min, float max)
{
    const rf_encoding written = rf_effective_encoding(spec, min, max);
    return gives_grid(spec, e, min, max) && written.min == e->min && written.max == e->max;
}

static bool is_mirrored(const rf_qspec *spec)
{
    return spec->grid == RF_GRID_LEARNED && spec->symmetric;
}

/* Ends as the file has them; a learned symmetric range keeps min one scale higher than it is written. */
static void first_guess(const rf_qspec *spec, const rf_encodings_entry *entry, const rf_encoding *e,
                        float *min_out, float *max_out)
{
    *max_out = (float)e->max;
    *min_out = (float)e->min;
    if (is_mirrored(spec))
        *min_out = entry->has_ends && !spec->strict ? (float)(e->min + e->scale) : -*max_out;
}

/*
 * The `step`th candidate: the end of larger magnitude moves. The other one follows it at the distance that was written,
 * or stays, where the distance itself is what has to change.
 */
static void candidate(const rf_qspec *spec, const rf_encoding *e, int step, bool follows,
                      float *min, float *max)
{
    const double width = e->max - e->min;
    if (is_mirrored(spec)) {
        *max = nudge(*max, step);
        *min = step ? -*max : *min;
    } else if (-*min > *max) {
        *min = nudge(*min, step);
        *max = follows ? fmaxf((float)((double)*min + width), 0.0f) : *max;
    } else {
        *max = nudge(*max, step);
        *min = follows ? fminf((float)((double)*max - width), 0.0f) : *min;
    }
}

static void find_ends(const rf_qspec *spec, const rf_encodings_entry *entry, const rf_encoding *e,
                      float *min_out, float *max_out)
{
    bool found = false;
    first_guess(spec, entry, e, min_out, max_out);
    const float first_min = *min_out, first_max = *max_out;
    for (int step = 0; step < 2 * NUDGES; step++) {
        float min = first_min, max = first_max;
        candidate(spec, e, step % NUDGES, /*follows=*/step < NUDGES, &min, &max);
        const bool best = is_written_so(spec, e, min, max);
        if (best || (!found && gives_grid(spec, e, min, max))) {
            *min_out = min;
            *max_out = max;
            found = true;
        }
        if (best)
            return;
    }
}

/* -------------------------------------------------------------------------------- checks --- */

static rf_status fail_tensor(const loader *l, const char *tensor, const char *what)
{
    return rf_fail(l->ctx, RF_EMODEL, "encodings '%s': tensor '%s' %s", l->path, tensor, what);
}

/* The quantizer of an entry: a tensor's own, of the entry's kind. */
static rf_node *find_quantizer(const loader *l, const rf_encodings_entry *entry)
{
    for (size_t i = 0; i < l->sim->quantizers.count; i++) {
        rf_node *n = l->sim->quantizers.items[i];
        if (rf_quantizer_is_param(n) == entry->is_param &&
            strcmp(rf_quantizer_tensor(n)->name, entry->tensor) == 0)
            return n;
    }
    return NULL;
}

/* Before calibration no quantizer is enabled yet, and all of them will be. */
static bool is_on(const loader *l, const rf_node *n)
{
    return l->sim->state == RF_STATE_BUILT || rf_quantizer_enabled(n);
}

/* Why an entry cannot be used at all; NULL if it can. */
static const char *obstacle(const loader *l, const rf_encodings_entry *entry, const rf_node *n)
{
    if (!n && !rf_graph_find_value(l->sim->graph, entry->tensor))
        return "is not in the model; without strict it would be ignored";
    if (!n)
        return "is not quantized in this simulation; without strict its encoding would be ignored";
    if (!is_on(l, n))
        return "has a quantizer that is off; without strict its encoding would be ignored";
    if (entry->is_float)
        return "has an encoding of dtype float, but quantizers have integer grids; without strict "
               "it would be ignored";
    return NULL;
}

/* The axis of a parameter's output channels, whatever its quantizer does. */
static int channel_axis(const rf_node *quantizer)
{
    const rf_use *use = quantizer->outputs[0]->uses;
    rf_layer layer;
    if (use && rf_node_is(use->node, "Transpose"))
        use = use->node->outputs[0]->uses;
    if (use && rf_layer_match(use->node, &layer) && layer.weight == rf_quantizer_tensor(quantizer))
        return layer.channel_axis;
    return 0;
}

static rf_status check_count(const loader *l, const rf_encodings_entry *entry, change *c)
{
    const rf_tensor *t = rf_quantizer_tensor(c->quantizer)->constant;
    if (entry->count == c->count && (entry->count == 1 || c->axis >= 0))
        return RF_OK;
    const int axis = entry->count > 1 ? channel_axis(c->quantizer) : -1;
    const bool fits = entry->count == 1 || (entry->is_param && axis < t->shape.rank &&
                                            entry->count == t->shape.dims[axis]);
    if (l->options.strict || !fits)
        return rf_fail(l->ctx, RF_EMODEL,
                       "encodings '%s': tensor '%s' has %lld ranges in the file, %lld in the "
                       "simulation%s",
                       l->path, entry->tensor, (long long)entry->count, (long long)c->count,
                       fits ? "; without strict the file's would be taken" : "");
    c->axis = axis;
    c->count = entry->count;
    return RF_OK;
}

/* All channels on the same kind of grid: signed (-2^(b-1) or one more), or unsigned (0). */
static rf_status check_symmetric(const loader *l, const rf_encodings_entry *entry, rf_qspec *spec)
{
    const int64_t half = (int64_t)1 << (entry->bitwidth - 1);
    const int64_t offset = entry->encodings[0].offset;
    for (int64_t c = 1; c < entry->count; c++) {
        if (entry->encodings[c].offset != offset)
            return fail_tensor(l, entry->tensor,
                               "is symmetric, but its channels differ in their offset");
    }
    spec->strict = offset == 1 - half;
    spec->is_unsigned = offset == 0;
    if (offset != -half && offset != 1 - half && offset != 0)
        return fail_tensor(l, entry->tensor,
                           "is symmetric, so its offset must be -2^(bitwidth - 1), one more than "
                           "that, or 0");
    if (offset == 0 && spec->grid != RF_GRID_STATIC)
        return fail_tensor(l, entry->tensor,
                           "is unsigned symmetric, which only static ranges can be; use a scheme "
                           "without '-init'");
    if (spec->strict && spec->grid == RF_GRID_V2)
        return fail_tensor(l, entry->tensor, "is strictly symmetric, which AIMET v2 does not have");
    return RF_OK;
}

static rf_status check_spec(const loader *l, const rf_encodings_entry *entry, change *c)
{
    if (entry->symmetric != c->spec.symmetric && l->options.strict)
        return fail_tensor(l, entry->tensor,
                           entry->symmetric
                               ? "is symmetric in the file, asymmetric in the simulation; without "
                                 "strict the file's would be taken"
                               : "is asymmetric in the file, symmetric in the simulation; without "
                                 "strict the file's would be taken");
    c->spec.bitwidth = entry->bitwidth;
    c->spec.symmetric = entry->symmetric;
    c->spec.strict = c->spec.is_unsigned = false;
    return entry->symmetric ? check_symmetric(l, entry, &c->spec) : RF_OK;
}

/* ------------------------------------------------------------------------------- working --- */

static rf_status plan_change(loader *l, const rf_encodings_entry *entry, rf_node *n)
{
    change c = { .quantizer = n,
                 .spec = rf_quantizer_spec(n),
                 .axis = rf_quantizer_axis(n),
                 .count = rf_quantizer_count(n) };
    RF_TRY(check_count(l, entry, &c));
    RF_TRY(check_spec(l, entry, &c));
    c.min = rf_arena_array(&l->file.arena, (size_t)c.count, sizeof *c.min);
    c.max = rf_arena_array(&l->file.arena, (size_t)c.count, sizeof *c.max);
    if (!c.min || !c.max)
        return RF_ENOMEM;
    for (int64_t k = 0; k < c.count; k++)
        find_ends(&c.spec, entry, &entry->encodings[k], &c.min[k], &c.max[k]);
    return RF_VEC_PUSH(l->ctx, &l->changes, c);
}

static rf_status plan_entry(loader *l, const rf_encodings_entry *entry)
{
    rf_node *n = find_quantizer(l, entry);
    const char *why_not = obstacle(l, entry, n);
    for (size_t i = 0; n && i < l->changes.count; i++) {
        if (l->changes.items[i].quantizer == n)
            return fail_tensor(l, entry->tensor, "has two entries");
    }
    if (why_not && l->options.strict)
        return fail_tensor(l, entry->tensor, why_not);
    if (why_not) {
        rf_log(l->ctx, RF_LOG_WARNING, "encodings '%s': tensor '%s' is ignored", l->path,
               entry->tensor);
        return RF_VEC_PUSH(l->ctx, &l->ignored, entry->tensor);
    }
    if (rf_attr_int(n, "frozen", 0))
        return RF_VEC_PUSH(l->ctx, &l->kept, entry->tensor);
    return plan_change(l, entry, n);
}

static bool is_covered(const loader *l, const rf_node *n)
{
    for (size_t i = 0; i < l->changes.count; i++) {
        if (l->changes.items[i].quantizer == n)
            return true;
    }
    return rf_attr_int(n, "frozen", 0) != 0;
}

static rf_status find_missing(loader *l)
{
    for (size_t i = 0; i < l->sim->quantizers.count; i++) {
        const rf_node *n = l->sim->quantizers.items[i];
        if (is_on(l, n) && !is_covered(l, n))
            RF_TRY(RF_VEC_PUSH(l->ctx, &l->missing, rf_quantizer_tensor(n)->name));
    }
    return RF_OK;
}

static rf_status plan_all(loader *l)
{
    if (l->file.entries.count == 0)
        return rf_fail(l->ctx, RF_EMODEL, "encodings '%s': there are none in the file", l->path);
    for (size_t i = 0; i < l->file.entries.count; i++)
        RF_TRY(plan_entry(l, &l->file.entries.items[i]));
    return find_missing(l);
}

static rf_status apply(const loader *l, const change *c)
{
    rf_graph *g = l->sim->graph;
    rf_node *n = c->quantizer;
    RF_TRY(rf_quantizer_set_range(l->sim, n, c->min, c->max, c->count));
    RF_TRY(rf_node_set_int(g, n, "bitwidth", c->spec.bitwidth));
    RF_TRY(rf_node_set_int(g, n, "symmetric", c->spec.symmetric));
    RF_TRY(rf_node_set_int(g, n, "strict", c->spec.strict));
    RF_TRY(rf_node_set_int(g, n, "unsigned", c->spec.is_unsigned));
    RF_TRY(rf_node_set_int(g, n, "axis", c->axis));
    RF_TRY(rf_node_set_int(g, n, "frozen", l->options.freeze));
    return rf_node_set_int(g, n, "enabled", 1);
}

static rf_status apply_all(const loader *l)
{
    rf_sim *sim = l->sim;
    for (size_t i = 0; i < l->changes.count; i++)
        RF_TRY(apply(l, &l->changes.items[i]));
    for (size_t i = 0; !l->options.partial && i < sim->quantizers.count; i++) {
        rf_node *n = sim->quantizers.items[i];
        if (!is_covered(l, n))
            RF_TRY(rf_node_set_int(sim->graph, n, "enabled", 0));
    }
    if (sim->state == RF_STATE_BUILT && (l->missing.count == 0 || !l->options.partial))
        sim->state = RF_STATE_CALIBRATED;
    return rf_sim_refresh(sim);
}

/* ------------------------------------------------------------------------------- telling --- */

static const char *const *copy_names(rf_arena *arena, const char *const *items, size_t count)
{
    const char **list = rf_arena_array(arena, count + 1, sizeof *list);
    for (size_t i = 0; list && i < count; i++) {
        list[i] = rf_arena_strdup(arena, items[i]);
        if (!list[i])
            return NULL;
    }
    return list;
}

static rf_status tell(const loader *l, rf_encodings_report **out)
{
    report *r = rf_calloc(l->ctx, 1, sizeof *r);
    if (!r)
        return RF_ENOMEM;
    rf_arena_init(&r->arena, l->ctx);
    r->shown = (rf_encodings_report){
        .loaded = (int)l->changes.count,
        .kept_count = (int)l->kept.count,
        .kept = copy_names(&r->arena, l->kept.items, l->kept.count),
        .ignored_count = (int)l->ignored.count,
        .ignored = copy_names(&r->arena, l->ignored.items, l->ignored.count),
        .missing_count = (int)l->missing.count,
        .missing = copy_names(&r->arena, l->missing.items, l->missing.count),
    };
    if (!r->shown.kept || !r->shown.ignored || !r->shown.missing) {
        rf_encodings_report_free(&r->shown);
        return RF_ENOMEM;
    }
    *out = &r->shown;
    return RF_OK;
}

void rf_encodings_report_free(rf_encodings_report *shown)
{
    report *r = (report *)shown;
    if (!r)
        return;
    rf_context *ctx = r->arena.ctx;
    rf_arena_release(&r->arena);
    rf_free(ctx, r);
}

rf_status rf_sim_load_encodings(rf_sim *sim, const char *path,
                                const rf_load_encodings_options *options, rf_encodings_report **out)
{
    static const rf_load_encodings_options defaults = RF_LOAD_ENCODINGS_OPTIONS_INIT;
    loader l = {
        .sim = sim, .ctx = sim->ctx, .path = path, .options = options ? *options : defaults
    };
    rf_encodings_report *told = NULL;
    RF_TRY(rf_encodings_file_read(sim->ctx, path, &l.file));
    rf_status st = plan_all(&l);
    if (st == RF_OK)
        st = tell(&l, &told);
    if (st == RF_OK)
        st = apply_all(&l);
    if (st == RF_OK && out) {
        *out = told;
        told = NULL;
    }
    rf_encodings_report_free(told);
    RF_VEC_RELEASE(l.ctx, &l.changes);
    RF_VEC_RELEASE(l.ctx, &l.kept);
    RF_VEC_RELEASE(l.ctx, &l.ignored);
    RF_VEC_RELEASE(l.ctx, &l.missing);
    rf_encodings_file_release(&l.file);
    return st;
}
