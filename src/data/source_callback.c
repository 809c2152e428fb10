/* Samples that the user's own function hands out, part of a batch at a time, on the thread that called the library. */
#include <stdio.h>

#include "base/arena.h"
#include "data/dataset.h"

typedef struct callback_source {
    rf_source base;
    rf_arena arena;
    rf_data_source user;
    rf_shape *shapes;
    const char **names;
    float **inputs;  /* [input_count] what was read last: samples [first, first + count) */
    int64_t *labels; /* [samples] those read so far */
    int64_t first, count, capacity;
} callback_source;

static callback_source *self_of(const rf_source *source)
{
    return (callback_source *)(uintptr_t)source; /* a source may change what it has read */
}

static void release_inputs(callback_source *s)
{
    for (int i = 0; s->inputs && i < s->base.input_count; i++) {
        rf_free(s->base.ctx, s->inputs[i]);
        s->inputs[i] = NULL;
    }
    s->capacity = 0;
}

static rf_status make_room(callback_source *s, int64_t count)
{
    if (count <= s->capacity)
        return RF_OK;
    release_inputs(s);
    for (int i = 0; i < s->base.input_count; i++) {
        const rf_shape all = rf_shape_of(2, (int64_t[]){ count, rf_shape_product(&s->shapes[i]) });
        int64_t floats = 0;
        RF_TRY(rf_shape_count(s->base.ctx, &all, &floats));
        RF_NEW_ARRAY(s->base.ctx, s->inputs[i], floats);
    }
    s->capacity = count;
    return RF_OK;
}

static rf_status read_part(rf_source *source, int64_t epoch, int64_t first, int64_t count)
{
    callback_source *s = self_of(source);

    RF_TRY(make_room(s, count));
    const rf_status st = s->user.read(s->user.user, epoch, first, count, s->inputs,
                                      s->labels ? s->labels + first : NULL);
    if (st)
        return rf_fail(
            source->ctx, st, "the data source gave '%s' for samples %lld to %lld of epoch %lld",
            rf_status_text(st), (long long)first, (long long)(first + count - 1), (long long)epoch);
    s->first = first;
    s->count = count;
    return RF_OK;
}

static const float *array(const rf_source *source, int input, int64_t index)
{
    const callback_source *s = self_of(source);
    return s->inputs[input] + (index - s->first) * rf_shape_product(&s->shapes[input]);
}

static void describe(const rf_source *source, int64_t index, char *text, size_t size)
{
    (void)source;
    snprintf(text, size, "sample %lld of the data source", (long long)index);
}

static void free_source(rf_source *source)
{
    callback_source *s = self_of(source);
    rf_context *ctx = source->ctx;

    release_inputs(s);
    rf_arena_release(&s->arena);
    rf_free(ctx, s);
}

static const rf_source_kind kind = {
    .array = array, .read_part = read_part, .describe = describe, .free = free_source
};

static rf_status check(rf_context *ctx, const rf_data_source *user)
{
    if (!user->read || user->samples < 1 || user->input_count < 1 || !user->inputs)
        return rf_fail(ctx, RF_EARG,
                       "a data source of %lld samples and %d inputs: expected at least one of "
                       "each, and a function that reads them",
                       (long long)user->samples, user->input_count);
    if (user->classes < 0)
        return rf_fail(ctx, RF_EARG,
                       "a data source of %lld classes: expected 0 (not known) or more",
                       (long long)user->classes);
    for (int i = 0; i < user->input_count; i++) {
        const rf_port *port = &user->inputs[i];
        bool known = port->rank >= 1 && port->rank <= RF_MAX_RANK;
        for (int d = 1; known && d < port->rank; d++)
            known = port->dims[d] >= 1;
        if (!known || port->dtype != RF_DTYPE_F32)
            return rf_fail(ctx, RF_EARG,
                           "input %d of the data source: expected float32 [n, ...] whose dims but "
                           "the first are known",
                           i);
        if (port->channels_last != user->inputs[0].channels_last)
            return rf_fail(ctx, RF_EARG,
                           "the inputs of a data source lie channels first, or all channels last");
    }
    return RF_OK;
}

static rf_status fill(callback_source *s, const rf_data_source *user)
{
    const size_t n = (size_t)user->input_count;

    s->user = *user;
    s->shapes = rf_arena_array(&s->arena, n, sizeof *s->shapes);
    s->names = rf_arena_array(&s->arena, n, sizeof *s->names);
    s->inputs = rf_arena_array(&s->arena, n, sizeof *s->inputs);
    if (!s->shapes || !s->names || !s->inputs)
        return RF_ENOMEM;
    if (user->has_labels &&
        !(s->labels = rf_arena_array(&s->arena, (size_t)user->samples, sizeof *s->labels)))
        return RF_ENOMEM;
    for (int i = 0; i < user->input_count; i++) {
        const rf_port *port = &user->inputs[i];
        int64_t floats = 0;
        s->shapes[i] = rf_shape_of(port->rank - 1, port->dims + 1);
        RF_TRY(rf_shape_count(s->base.ctx, &s->shapes[i], &floats));
        if (port->name && !(s->names[i] = rf_arena_strdup(&s->arena, port->name)))
            return RF_ENOMEM;
        if (port->name)
            s->base.input_names = s->names;
    }
    s->base.count = user->samples;
    s->base.classes = user->has_labels ? user->classes : 0;
    s->base.labels = s->labels;
    s->base.input_count = user->input_count;
    s->base.sample_shapes = s->shapes;
    return RF_OK;
}

static rf_status source_new(rf_context *ctx, const rf_data_source *user, rf_source **out)
{
    callback_source *s = rf_calloc(ctx, 1, sizeof *s);

    if (!s)
        return RF_ENOMEM;
    s->base = (rf_source){ .kind = &kind, .ctx = ctx };
    rf_arena_init(&s->arena, ctx);
    const rf_status st = fill(s, user);
    if (st)
        free_source(&s->base);
    else
        *out = &s->base;
    return st;
}

rf_status rf_dataset_from_source(rf_context *ctx, const rf_data_source *user, rf_dataset **out)
{
    RF_TRY(check(ctx, user));
    rf_dataset *d = rf_calloc(ctx, 1, sizeof *d);
    if (!d)
        return RF_ENOMEM;
    d->ctx = ctx;
    d->nhwc = user->inputs[0].channels_last;
    d->spec = rf_strdup(ctx, "data source");
    rf_status st = d->spec ? rf_transform_init(ctx, NULL, &d->transform) : RF_ENOMEM;
    if (!st)
        st = source_new(ctx, user, &d->source);
    if (st)
        rf_dataset_free(d);
    else
        *out = d;
    return st;
}
