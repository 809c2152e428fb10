/* Two networks on the same samples: outputs, the tensors between, and where they part. */
#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/status.h"
#include "compare/compare.h"
#include "graph/copy.h"
#include "graph/ports.h"

/* All tensors of a network at once must fit into this much memory; the batch is cut to it. */
static const size_t WATCHED_BYTES = (size_t)512 << 20;

enum { DEFAULT_BATCH = 128, SIDES = 4 };
enum { A, B, INNER_A, INNER_B }; /* as they are; and with every shared tensor kept */

typedef struct comparing {
    rf_compared report; /* first: the handle users hold */
    rf_arena arena;
    rf_context *ctx;
    const rf_compare_options *options;
    const rf_graph *a, *b;
    int *feed_a, *feed_b; /* inputs of both from a's arrays */
    rf_pairs pairs;
    rf_side sides[SIDES];
    rf_stream stream;
    int64_t batch, agreed; /* agreed -1: the first output holds no scores */
} comparing;

/* ------------------------------------------------------------------------------------- inputs --- */

static int find_input(const rf_graph *g, const char *name)
{
    for (size_t i = 0; i < g->inputs.count; i++)
        if (strcmp(g->inputs.items[i]->name, name) == 0)
            return (int)i;
    return -1;
}

/* b's inputs take a's arrays by name, or by position. */
static rf_status match_inputs(comparing *c)
{
    const size_t count = c->a->inputs.count;
    if (c->b->inputs.count != count)
        return rf_fail(c->ctx, RF_EARG, "the first network has %d inputs, the second %d",
                       (int)count, (int)c->b->inputs.count);
    RF_NEW_ARRAY(c->ctx, c->feed_a, count + 1);
    RF_NEW_ARRAY(c->ctx, c->feed_b, count + 1);
    for (size_t i = 0; i < count; i++) {
        const int same = find_input(c->a, c->b->inputs.items[i]->name);
        c->feed_a[i] = (int)i;
        c->feed_b[i] = same >= 0 ? same : (int)i;
    }
    return RF_OK;
}

static rf_status choose_batch(comparing *c, bool *fixed_out)
{
    const int64_t a = rf_graph_fixed_batch(c->a), b = rf_graph_fixed_batch(c->b);
    if (a > 0 && b > 0 && a != b)
        return rf_fail(c->ctx, RF_EARG,
                       "the first network takes batches of %lld samples only, the second of %lld",
                       (long long)a, (long long)b);
    *fixed_out = a > 0 || b > 0;
    c->batch = a > 0 ? a : b > 0 ? b : c->options->batch > 0 ? c->options->batch : DEFAULT_BATCH;
    return RF_OK;
}

/* ---------------------------------------------------------------------------------- the sides --- */

static rf_status make_side(comparing *c, int which, bool is_b)
{
    return rf_side_new(is_b ? c->b : c->a, is_b ? c->feed_b : c->feed_a,
                       is_b ? c->options->runner : NULL, &c->sides[which]);
}

/* Tensors of shape arithmetic have names as well. */
static rf_status leave_out_integers(comparing *c)
{
    rf_side *side = &c->sides[INNER_A];
    rf_plan_options o = { .batch = c->batch, .mode = RF_MODE_INFER, .survey = true };
    for (size_t i = 0; c->options->inputs && i < side->graph->inputs.count; i++) {
        side->shapes[i] = c->options->inputs[i]->shape;
        side->shapes[i].dims[0] = c->batch;
        o.input_shapes = side->shapes;
    }
    rf_plan *plan = NULL;
    for (size_t i = 0; i < c->pairs.count; i++)
        if (!c->pairs.items[i].is_output)
            RF_TRY(rf_side_watch(side, c->pairs.items[i].a, &c->pairs.items[i].at_a));
    RF_TRY(rf_plan_new(side->graph, &o, &plan));
    for (size_t i = 0; i < c->pairs.count; i++) {
        rf_pair *p = &c->pairs.items[i];
        if (!p->is_output)
            p->left_out = rf_plan_output(plan, p->at_a)->dtype != RF_DTYPE_F32;
    }
    const size_t a_sample = rf_plan_live_bytes(plan) / (size_t)c->batch;
    if (rf_graph_fixed_batch(c->a) == 0 && rf_graph_fixed_batch(c->b) == 0 &&
        a_sample * (size_t)c->batch > WATCHED_BYTES)
        c->batch = a_sample < WATCHED_BYTES ? (int64_t)(WATCHED_BYTES / a_sample) : 1;
    rf_plan_free(plan);
    return RF_OK;
}

static rf_status watch_outputs(comparing *c)
{
    for (size_t i = 0; i < c->pairs.count; i++) {
        rf_pair *p = &c->pairs.items[i];
        if (!p->is_output)
            continue;
        RF_TRY(rf_side_watch(&c->sides[A], p->a, &p->at_a));
        RF_TRY(rf_side_watch(&c->sides[B], p->b, &p->at_b));
    }
    return RF_OK;
}

static rf_status watch_inner(comparing *c)
{
    RF_TRY(make_side(c, INNER_A, false));
    RF_TRY(make_side(c, INNER_B, true));
    RF_TRY(leave_out_integers(c));
    for (size_t i = 0; i < c->pairs.count; i++) {
        rf_pair *p = &c->pairs.items[i];
        if (!p->is_output && !p->left_out)
            RF_TRY(rf_side_watch(&c->sides[INNER_B], p->b, &p->at_b));
    }
    return RF_OK;
}

static rf_status open_sides(comparing *c)
{
    const bool inner = !c->options->outputs_only;
    RF_TRY(rf_pairs_find(c->a, c->b, inner, &c->pairs));
    RF_TRY(make_side(c, A, false));
    RF_TRY(make_side(c, B, true));
    RF_TRY(watch_outputs(c));
    if (inner)
        RF_TRY(watch_inner(c));
    for (int i = 0; i < (inner ? SIDES : INNER_A); i++)
        RF_TRY(rf_side_open(&c->sides[i]));
    return RF_OK;
}

/* -------------------------------------------------------------------------------- one batch --- */

static bool same_dims(const rf_view *a, const rf_view *b)
{
    const rf_shape x = rf_view_shape(a), y = rf_view_shape(b);
    return rf_shape_equal(&x, &y);
}

static rf_status fail_output(const comparing *c, const rf_pair *p, const rf_view *a,
                             const rf_view *b)
{
    const rf_shape x = rf_view_shape(a), y = rf_view_shape(b);
    char first[RF_SHAPE_TEXT], second[RF_SHAPE_TEXT];
    return rf_fail(c->ctx, RF_ESHAPE,
                   "output '%s' is %s %s in the first network and %s %s in the second", p->name,
                   rf_dtype_name(a->dtype), rf_shape_text(&x, first), rf_dtype_name(b->dtype),
                   rf_shape_text(&y, second));
}

static rf_status compare_pair(comparing *c, rf_pair *p, int64_t rows, int64_t count)
{
    rf_view a, b;
    if (p->left_out)
        return RF_OK;
    rf_side_view(&c->sides[p->is_output ? A : INNER_A], p->at_a, &a);
    rf_side_view(&c->sides[p->is_output ? B : INNER_B], p->at_b, &b);
    if (!same_dims(&a, &b) || a.dtype != RF_DTYPE_F32 || b.dtype != RF_DTYPE_F32) {
        if (p->is_output)
            return fail_output(c, p, &a, &b);
        p->left_out = true;
        return RF_OK;
    }
    RF_TRY(rf_difference_add(c->ctx, &a, &b, rows, count, &p->difference));
    if (p != c->pairs.items || c->agreed < 0)
        return RF_OK;
    int64_t agreed = 0;
    RF_TRY(rf_count_agreement(c->ctx, &a, &b, count, &agreed));
    c->agreed = agreed < 0 ? -1 : c->agreed + agreed;
    return RF_OK;
}

static rf_status compare_batches(comparing *c)
{
    const rf_tensor *const *now = (const rf_tensor *const *)c->stream.now;
    rf_meter meter;
    rf_meter_start(&meter, c->ctx, "compare", "img", c->stream.samples);
    for (;;) {
        int64_t count = 0;
        RF_TRY(rf_check_interrupt(c->ctx));
        RF_TRY(rf_stream_next(&c->stream, &count));
        if (count <= 0)
            return RF_OK;
        for (int i = 0; i < SIDES; i++)
            if (c->sides[i].graph)
                RF_TRY(rf_side_run(&c->sides[i], now));
        for (size_t i = 0; i < c->pairs.count; i++)
            RF_TRY(compare_pair(c, &c->pairs.items[i], now[0]->shape.dims[0], count));
        rf_meter_update(&meter, c->stream.done, c->stream.done);
    }
}

/* ---------------------------------------------------------------------------------- the report --- */

static bool differs(const comparing *c, const rf_pair *p)
{
    const rf_difference *d = &p->difference;
    return d->one_is_nan || d->max_abs > c->options->tolerance * d->largest;
}

static rf_status describe(comparing *c, const rf_pair *p, rf_compared_tensor *out)
{
    const rf_difference *d = &p->difference;
    const double nan = (double)NAN;
    const double relative = d->max_abs == 0.0  ? 0.0
                            : d->largest > 0.0 ? d->max_abs / d->largest
                                               : (double)INFINITY;
    out->name = rf_arena_strdup(&c->arena, p->name);
    out->in_a = rf_arena_strdup(&c->arena, p->a);
    out->in_b = rf_arena_strdup(&c->arena, p->b);
    out->max_abs = d->one_is_nan ? nan : d->max_abs;
    out->max_rel = d->one_is_nan ? nan : relative;
    out->sqnr_db = d->one_is_nan ? nan : 10.0 * log10(d->signal / d->noise);
    out->mse = d->one_is_nan ? nan : d->count > 0 ? d->noise / (double)d->count : 0.0;
    out->differs = differs(c, p);
    return out->name && out->in_a && out->in_b ? RF_OK : RF_ENOMEM;
}

/* Outputs in the network's order; the others in the order in which they are computed. */
static rf_status report_pairs(comparing *c)
{
    rf_compared *r = &c->report;
    rf_compared_tensor *outputs = rf_arena_array(&c->arena, c->pairs.count + 1, sizeof *outputs);
    rf_compared_tensor *tensors = rf_arena_array(&c->arena, c->pairs.count + 1, sizeof *tensors);
    const rf_pair *first = NULL;
    if (!outputs || !tensors)
        return RF_ENOMEM;
    for (size_t i = 0; i < c->pairs.count; i++) {
        const rf_pair *p = &c->pairs.items[i];
        if (p->left_out)
            continue;
        RF_TRY(describe(c, p,
                        p->is_output ? &outputs[r->output_count++] : &tensors[r->tensor_count++]));
        if (differs(c, p) && (!first || p->order < first->order))
            first = p;
    }
    r->outputs = outputs;
    r->tensors = tensors;
    r->samples = c->stream.done;
    r->top1_agreement =
        c->agreed < 0 ? (double)NAN : 100.0 * (double)c->agreed / (double)r->samples;
    if (first && !(r->first_difference = rf_arena_strdup(&c->arena, first->name)))
        return RF_ENOMEM;
    return RF_OK;
}

static rf_status compare(comparing *c)
{
    bool fixed = false;
    RF_TRY(rf_graph_need_float_inputs(c->a));
    RF_TRY(rf_graph_need_float_inputs(c->b));
    RF_TRY(match_inputs(c));
    RF_TRY(choose_batch(c, &fixed));
    RF_TRY(open_sides(c));
    RF_TRY(rf_stream_open(c->a, c->options, c->batch, fixed, &c->stream));
    RF_TRY(compare_batches(c));
    return report_pairs(c);
}

static void release_work(comparing *c)
{
    for (int i = 0; i < SIDES; i++)
        if (c->sides[i].ctx)
            rf_side_release(&c->sides[i]);
    if (c->stream.ctx)
        rf_stream_release(&c->stream);
    RF_VEC_RELEASE(c->ctx, &c->pairs);
    rf_free(c->ctx, c->feed_a);
    rf_free(c->ctx, c->feed_b);
    c->feed_a = c->feed_b = NULL;
}

void rf_compared_free(rf_compared *compared)
{
    comparing *c = (comparing *)compared;
    if (!c)
        return;
    rf_context *ctx = c->ctx;
    rf_arena_release(&c->arena);
    rf_free(ctx, c);
}

rf_status rf_compare(const rf_graph *a, const rf_graph *b, const rf_compare_options *options,
                     rf_compared **out)
{
    rf_context *ctx = a->ctx;
    if (!options->dataset == !options->inputs)
        return rf_fail(ctx, RF_EARG, "comparing takes a data set or arrays, one of both");
    if (options->batch < 0 || options->samples < 0 || !(options->tolerance >= 0.0))
        return rf_fail(ctx, RF_EARG, "comparing: batch, samples and tolerance cannot be negative");
    comparing *c = rf_calloc(ctx, 1, sizeof *c);
    if (!c)
        return RF_ENOMEM;
    c->ctx = ctx;
    c->options = options;
    c->a = a;
    c->b = b;
    rf_arena_init(&c->arena, ctx);
    rf_use_threads(ctx);
    const rf_status st = compare(c);
    release_work(c);
    c->options = NULL;
    if (st != RF_OK) {
        rf_compared_free(&c->report);
        return st;
    }
    *out = &c->report;
    return RF_OK;
}
