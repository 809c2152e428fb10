/* Random labelled samples without a file: a few hundred of them, handed out again and again. */
#include <stdio.h>

#include "base/arena.h"
#include "base/rng.h"
#include "data/dataset.h"
#include "graph/ports.h"

enum { MOST_KEPT = 64 };

typedef struct random_source {
    rf_source base;
    rf_arena arena;
    rf_shape *shapes;
    float **samples; /* [input_count] of [kept] samples */
    int64_t kept;
    int64_t *labels;
} random_source;

static const float *array(const rf_source *source, int input, int64_t index)
{
    const random_source *s = (const random_source *)source;
    return s->samples[input] + index % s->kept * rf_shape_product(&s->shapes[input]);
}

static void describe(const rf_source *source, int64_t index, char *text, size_t size)
{
    (void)source;
    snprintf(text, size, "random sample %lld", (long long)index);
}

static void free_source(rf_source *source)
{
    random_source *s = (random_source *)source;
    rf_context *ctx = source->ctx;
    rf_arena_release(&s->arena);
    rf_free(ctx, s);
}

static const rf_source_kind kind = { .array = array, .describe = describe, .free = free_source };

static rf_status fill_input(random_source *s, const rf_graph *g, int input)
{
    rf_context *ctx = s->base.ctx;
    rf_shape *shape = &s->shapes[input];
    rf_rng rng;
    RF_TRY(rf_graph_sample_shape(g, input, shape));
    for (int d = 0; d < shape->rank; d++)
        if (shape->dims[d] < 1)
            return rf_fail(ctx, RF_ESHAPE,
                           "input '%s' leaves dim %d open: random samples have no shape; give data "
                           "that has one",
                           g->inputs.items[input]->name, d + 1);
    const rf_shape all = rf_shape_of(2, (int64_t[]){ s->kept, rf_shape_product(shape) });
    int64_t floats = 0;
    RF_TRY(rf_shape_count(ctx, &all, &floats));
    if (!(s->samples[input] = rf_arena_array(&s->arena, (size_t)floats, sizeof(float))))
        return RF_ENOMEM;
    rf_rng_init(&rng, rf_context_seed(ctx), (uint64_t)input);
    for (int64_t i = 0; i < floats; i++)
        s->samples[input][i] = (float)rf_rng_normal(&rng);
    return RF_OK;
}

/* Any class that the network knows; class 0 where that cannot be told. */
static void fill_labels(random_source *s, const rf_graph *g)
{
    rf_port port;
    const bool known = rf_graph_output(g, 0, &port) == RF_OK && port.rank >= 2 && port.dims[1] > 0;
    s->base.classes = known ? port.dims[1] : 1;
    for (int64_t i = 0; i < s->base.count; i++)
        s->labels[i] = i % s->base.classes;
    s->base.labels = s->labels;
}

static rf_status fill(random_source *s, const rf_graph *g, int64_t samples)
{
    const size_t inputs = g->inputs.count;
    s->base.count = samples;
    s->base.input_count = (int)inputs;
    s->kept = samples < MOST_KEPT ? samples : MOST_KEPT;
    s->shapes = rf_arena_array(&s->arena, inputs, sizeof *s->shapes);
    s->samples = rf_arena_array(&s->arena, inputs, sizeof *s->samples);
    s->labels = rf_arena_array(&s->arena, (size_t)samples, sizeof *s->labels);
    if (!s->shapes || !s->samples || !s->labels)
        return RF_ENOMEM;
    s->base.sample_shapes = s->shapes;
    for (size_t i = 0; i < inputs; i++)
        RF_TRY(fill_input(s, g, (int)i));
    fill_labels(s, g);
    return RF_OK;
}

static rf_status source_new(const rf_graph *g, int64_t samples, rf_source **out)
{
    random_source *s = rf_calloc(g->ctx, 1, sizeof *s);
    if (!s)
        return RF_ENOMEM;
    s->base = (rf_source){ .kind = &kind, .ctx = g->ctx };
    rf_arena_init(&s->arena, g->ctx);
    const rf_status st = fill(s, g, samples);
    if (st)
        free_source(&s->base);
    else
        *out = &s->base;
    return st;
}

rf_status rf_dataset_random(const rf_graph *graph, int64_t samples, rf_dataset **out)
{
    rf_context *ctx = graph->ctx;
    if (samples < 1)
        return rf_fail(ctx, RF_EARG, "%lld random samples: expected 1 or more", (long long)samples);
    rf_dataset *d = rf_calloc(ctx, 1, sizeof *d);
    if (!d)
        return RF_ENOMEM;
    d->ctx = ctx;
    d->spec = rf_strdup(ctx, "random samples");
    rf_status st = d->spec ? rf_transform_init(ctx, NULL, &d->transform) : RF_ENOMEM;
    if (!st)
        st = source_new(graph, samples, &d->source);
    if (st)
        rf_dataset_free(d);
    else
        *out = d;
    return st;
}
