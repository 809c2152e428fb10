/* Batches, prepared ahead by threads: a ring of slots, filled in chunks of samples, handed out in order. */
#include "data/loader.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "data/loader_inputs.h"

#define RING 3  /* batches: one with the caller, two ahead */
#define CHUNK 8 /* samples a thread takes at once */

#define ORDER_STREAM                                                                               \
    (UINT64_C(1) << 63) /* random stream of an epoch's order, apart from those of its samples */

typedef struct slot {
    float **inputs; /* [input_count] */
    int64_t *labels;
    int64_t count, filled; /* samples of the batch, and those that are finished */
    rf_status status;
    int64_t failed; /* position in the batch of the first sample that failed */
    char message[1024];
} slot;

typedef struct worker {
    struct rf_loader *loader;
    rf_context *ctx; /* of its own: contexts belong to one thread */
    pthread_t thread;
    bool started;
} worker;

/* What lies below the lock is only touched with it held, but for a slot's samples: they belong to who took them. */
struct rf_loader {
    rf_context *ctx;
    const rf_dataset *dataset;
    int64_t batch, samples, batches; /* an epoch, of all processes */
    rf_share share;
    bool shuffle, augment;
    int input_count, worker_count;
    rf_loader_input *inputs;
    worker *workers;
    int64_t *order;

    bool has_lock;
    pthread_mutex_t lock;
    pthread_cond_t work; /* there may be samples to take, or the end has come */
    pthread_cond_t done; /* a batch is whole, or a thread is idle */
    slot slots[RING];    /* turn t lies in slot t % RING */
    int64_t epoch, first;
    int64_t turns;   /* batches that come here, from `first` on; those below are counted so */
    int64_t head;    /* turn that the caller has or gets next; slots before it are free */
    int64_t current; /* turn from which samples are taken; its slot is cleared with the first */
    int64_t taken;   /* samples of it that threads have begun */
    bool held;       /* the caller has turn `head` */
    bool running, stop;
    int busy; /* threads that are filling samples */
};

/* ---- the threads ---- */

/* Samples [begin, end) of a slot, whose sample 0 stands at `position` in the epoch. */
typedef struct chunk {
    int64_t position, begin, end;
    slot *slot;
} chunk;

/* What comes here in turn `turn`: samples [begin, end) of a batch of `total`. */
typedef struct part {
    int64_t batch, total, begin, end;
} part;

static part part_of(const rf_loader *l, int64_t turn)
{
    const bool turns = l->share.of == RF_SHARE_OF_BATCHES;
    const bool whole = l->share.of != RF_SHARE_OF_SAMPLES;
    const int64_t rank = l->share.rank, size = l->share.size;
    const int64_t batch = l->first + (turns ? turn * size + rank : turn);
    const int64_t rest = l->samples - batch * l->batch, total = rest < l->batch ? rest : l->batch;
    return (part){ .batch = batch,
                   .total = total,
                   .begin = whole ? 0 : total * rank / size,
                   .end = whole ? total : total * (rank + 1) / size };
}

static int64_t turn_count(const rf_loader *l)
{
    const int64_t left = l->batches - l->first;
    return l->share.of == RF_SHARE_OF_BATCHES
               ? (left - l->share.rank + l->share.size - 1) / l->share.size
               : left;
}

static void clear_slot(slot *s, int64_t count)
{
    s->count = count;
    s->filled = 0;
    s->status = RF_OK;
}

/* With the lock held. */
static bool take_chunk(rf_loader *l, chunk *out)
{
    if (!l->running || l->current >= l->turns || l->current >= l->head + RING)
        return false;
    slot *s = &l->slots[l->current % RING];
    const part p = part_of(l, l->current);
    if (l->taken == 0)
        clear_slot(s, p.end - p.begin);
    const int64_t end = l->taken + CHUNK < s->count ? l->taken + CHUNK : s->count;
    *out = (chunk){ p.batch * l->batch + p.begin, l->taken, end, s };
    l->taken = end;
    if (end == s->count) {
        l->current++;
        l->taken = 0;
    }
    return true;
}

static rf_status fill_sample(const rf_loader *l, rf_context *ctx, const chunk *c, int64_t at)
{
    const rf_dataset *d = l->dataset;
    const int64_t position = c->position + at, index = l->order[position];
    for (int i = 0; i < l->input_count; i++) {
        const rf_loader_input *in = &l->inputs[i];
        rf_sample_dst dst = { .data = c->slot->inputs[i] + at * in->size, .shape = in->shape };
        memcpy(dst.strides, in->strides, sizeof dst.strides);
        rf_rng rng;
        rf_rng_init(&rng, rf_context_seed(l->ctx), (uint64_t)l->epoch << 36 ^ (uint64_t)position);
        RF_TRY(rf_dataset_read(ctx, d, index, in->index, l->augment ? &rng : NULL, &dst));
    }
    if (d->source->labels)
        c->slot->labels[at] = d->source->labels[index];
    return RF_OK;
}

/* The first sample that fails speaks for the batch, whichever thread had it. With the lock held. */
static void note_failure(slot *s, int64_t at, rf_status status, const char *message)
{
    if (s->status != RF_OK && s->failed <= at)
        return;
    s->status = status;
    s->failed = at;
    snprintf(s->message, sizeof s->message, "%s", message);
}

/* Returns with the lock held, as it was. */
static void fill_chunk(rf_loader *l, rf_context *ctx, const chunk *c)
{
    rf_status st = RF_OK;
    int64_t at = c->begin;
    pthread_mutex_unlock(&l->lock);
    while (at < c->end && (st = fill_sample(l, ctx, c, at)) == RF_OK)
        at++;
    pthread_mutex_lock(&l->lock);
    if (st != RF_OK)
        note_failure(c->slot, at, st, rf_context_message(ctx));
    c->slot->filled += c->end - c->begin;
}

static void *work(void *argument)
{
    worker *w = argument;
    rf_loader *l = w->loader;
    chunk c;
    pthread_mutex_lock(&l->lock);
    while (!l->stop) {
        if (!take_chunk(l, &c)) {
            pthread_cond_wait(&l->work, &l->lock);
            continue;
        }
        l->busy++;
        fill_chunk(l, w->ctx, &c);
        l->busy--;
        if (c.slot->filled == c.slot->count || !l->running)
            pthread_cond_signal(&l->done);
    }
    pthread_mutex_unlock(&l->lock);
    return NULL;
}

/* ---- the caller's side ---- */

int64_t rf_loader_batches(const rf_loader *l)
{
    return l->batches;
}

/* Identity, or Fisher-Yates over the whole data set: a limit then takes another part each epoch. */
static void make_order(rf_loader *l, int64_t epoch)
{
    const int64_t n = l->dataset->source->count;
    rf_rng rng;
    for (int64_t i = 0; i < n; i++)
        l->order[i] = i;
    rf_rng_init(&rng, rf_context_seed(l->ctx), ORDER_STREAM | (uint64_t)epoch);
    for (int64_t i = n - 1; l->shuffle && i > 0; i--) {
        const int64_t j = (int64_t)rf_rng_below(&rng, (uint64_t)i + 1), at_i = l->order[i];
        l->order[i] = l->order[j];
        l->order[j] = at_i;
    }
}

const rf_shape *rf_loader_sample_shape(const rf_loader *l, int input)
{
    return &l->inputs[input].shape;
}

void rf_loader_set_share(rf_loader *l, rf_share_of of)
{
    pthread_mutex_lock(&l->lock);
    l->running = false;
    while (l->busy > 0)
        pthread_cond_wait(&l->done, &l->lock);
    l->share.of = of;
    pthread_mutex_unlock(&l->lock);
}

rf_status rf_loader_start(rf_loader *l, int64_t epoch, int64_t first)
{
    if (first < 0 || first > l->batches)
        return rf_fail(l->ctx, RF_EARG, "batch %lld of an epoch of %lld was asked for",
                       (long long)first, (long long)l->batches);
    pthread_mutex_lock(&l->lock);
    l->running = false;
    while (l->busy > 0)
        pthread_cond_wait(&l->done, &l->lock);
    make_order(l, epoch);
    l->epoch = epoch;
    l->first = first;
    l->turns = turn_count(l);
    l->head = l->current = 0;
    l->taken = 0;
    l->held = false;
    l->running = true;
    pthread_cond_broadcast(&l->work);
    pthread_mutex_unlock(&l->lock);
    return RF_OK;
}

/* Gives back the batch that the caller had. With the lock held. */
static void release_held(rf_loader *l)
{
    if (!l->held)
        return;
    l->held = false;
    l->head++;
    pthread_cond_broadcast(&l->work);
}

/* A slot belongs to turn `head` once samples were taken from it to the last. With the lock held. */
static bool head_is_whole(const rf_loader *l)
{
    const slot *s = &l->slots[l->head % RING];
    return l->current > l->head && s->filled == s->count;
}

/* A source that is read in its own order: no threads, and batch `head` only when it is asked for. */
static bool reads_parts(const rf_loader *l)
{
    return l->dataset->source->kind->read_part != NULL;
}

static rf_status read_head(rf_loader *l)
{
    rf_source *source = l->dataset->source;
    const part p = part_of(l, l->head);
    slot *s = &l->slots[l->head % RING];
    const chunk c = { p.batch * l->batch + p.begin, 0, p.end - p.begin, s };
    rf_status st = RF_OK;
    clear_slot(s, c.end);
    if (c.end > 0)
        st = source->kind->read_part(source, l->epoch, c.position, c.end);
    for (int64_t at = 0; st == RF_OK && at < c.end; at++)
        st = fill_sample(l, l->ctx, &c, at);
    return st;
}

static rf_status hand_out(rf_loader *l, double waited, rf_batch *out)
{
    const slot *s = &l->slots[l->head % RING];
    if (s->status != RF_OK)
        return rf_fail(l->ctx, s->status, "%s", s->message);
    const part p = part_of(l, l->head);
    l->held = true;
    *out = (rf_batch){ .count = s->count,
                       .total = p.total,
                       .first = p.begin,
                       .inputs = (const float *const *)s->inputs,
                       .labels = l->dataset->source->labels ? s->labels : NULL,
                       .waited = waited };
    return RF_OK;
}

rf_status rf_loader_next(rf_loader *l, rf_batch *out)
{
    rf_status st = RF_OK;
    const double start = rf_clock_seconds();
    pthread_mutex_lock(&l->lock);
    release_held(l);
    if (!l->running || l->head >= l->turns) {
        *out = (rf_batch){ 0 };
    } else if (reads_parts(l)) {
        st = read_head(l);
        if (st == RF_OK)
            st = hand_out(l, rf_clock_seconds() - start, out);
    } else {
        while (!head_is_whole(l))
            pthread_cond_wait(&l->done, &l->lock);
        st = hand_out(l, rf_clock_seconds() - start, out);
    }
    pthread_mutex_unlock(&l->lock);
    return st;
}

/* ---- making and ending ---- */

static rf_status make_slots(rf_loader *l)
{
    const int64_t most = l->batch < l->samples ? l->batch : l->samples;
    const int64_t parts = l->share.of == RF_SHARE_OF_SAMPLES ? l->share.size : 1;
    const int64_t room = (most + parts - 1) / parts;
    for (int b = 0; b < RING; b++) {
        RF_NEW_ARRAY(l->ctx, l->slots[b].inputs, l->input_count);
        RF_NEW_ARRAY(l->ctx, l->slots[b].labels, room);
        for (int i = 0; i < l->input_count; i++) {
            const rf_shape shape = rf_shape_of(2, (int64_t[]){ room, l->inputs[i].size });
            int64_t count = 0;
            RF_TRY(rf_shape_count(l->ctx, &shape, &count));
            /* Not zeroed: a slot may be large, and is written before it is handed out. */
            l->slots[b].inputs[i] = rf_alloc(l->ctx, (size_t)count * sizeof(float));
            if (!l->slots[b].inputs[i])
                return RF_ENOMEM;
        }
    }
    return RF_OK;
}

static void start_lock(rf_loader *l)
{
    pthread_mutex_init(&l->lock,
                       NULL); /* with default attributes these three cannot fail on Linux */
    pthread_cond_init(&l->work, NULL);
    pthread_cond_init(&l->done, NULL);
    l->has_lock = true;
}

static rf_status start_workers(rf_loader *l, int threads)
{
    const rf_context_options options = { .threads = 1, .seed = rf_context_seed(l->ctx) };
    if (reads_parts(l))
        return RF_OK;
    l->worker_count = threads > 0 ? threads : rf_context_threads(l->ctx);
    RF_NEW_ARRAY(l->ctx, l->workers, l->worker_count);
    for (int i = 0; i < l->worker_count; i++) {
        worker *w = &l->workers[i];
        w->loader = l;
        if (rf_context_new(&options, &w->ctx) != RF_OK)
            return rf_fail(l->ctx, RF_ENOMEM, "out of memory for loader thread %d", i + 1);
        const int error = pthread_create(&w->thread, NULL, work, w);
        if (error != 0)
            return rf_fail(l->ctx, RF_ENOMEM, "loader thread %d could not be started: %s", i + 1,
                           strerror(error));
        w->started = true;
    }
    return RF_OK;
}

static rf_status set_epoch(rf_loader *l, const rf_loader_options *o)
{
    const int64_t count = rf_dataset_count(l->dataset);
    if (o->batch < 1 || o->limit < 0 || o->threads < 0)
        return rf_fail(l->ctx, RF_EARG,
                       "batch is %lld, limit %lld, threads %d: expected a batch of at least 1",
                       (long long)o->batch, (long long)o->limit, o->threads);
    l->batch = o->batch;
    l->samples = o->limit > 0 && o->limit < count ? o->limit : count;
    l->batches = l->samples / l->batch + (!o->drop_last && l->samples % l->batch != 0);
    l->share = o->share.size > 1 ? o->share : (rf_share){ .rank = 0, .size = 1 };
    l->shuffle = o->shuffle && !reads_parts(l);
    l->augment = o->augment && rf_transform_augments(&l->dataset->transform);
    RF_NEW_ARRAY(l->ctx, l->order, count);
    return RF_OK;
}

static rf_status set_up(rf_loader *l, const rf_loader_options *o)
{
    RF_TRY(set_epoch(l, o));
    RF_TRY(rf_loader_match_inputs(l->ctx, l->dataset, o, &l->inputs, &l->input_count));
    RF_TRY(make_slots(l));
    start_lock(l);
    return start_workers(l, o->threads);
}

rf_status rf_loader_new(rf_context *ctx, const rf_dataset *dataset,
                        const rf_loader_options *options, rf_loader **out)
{
    rf_loader *l = rf_calloc(ctx, 1, sizeof *l);
    if (!l)
        return RF_ENOMEM;
    l->ctx = ctx;
    l->dataset = dataset;
    const rf_status st = set_up(l, options);
    if (st == RF_OK)
        *out = l;
    else
        rf_loader_free(l);
    return st;
}

static void stop_workers(rf_loader *l)
{
    if (!l->has_lock)
        return;
    pthread_mutex_lock(&l->lock);
    l->stop = true;
    pthread_cond_broadcast(&l->work);
    pthread_mutex_unlock(&l->lock);
    for (int i = 0; l->workers && i < l->worker_count; i++) {
        if (l->workers[i].started)
            pthread_join(l->workers[i].thread, NULL);
        rf_context_free(l->workers[i].ctx);
    }
    pthread_cond_destroy(&l->done);
    pthread_cond_destroy(&l->work);
    pthread_mutex_destroy(&l->lock);
}

void rf_loader_free(rf_loader *l)
{
    if (!l)
        return;
    rf_context *ctx = l->ctx;
    stop_workers(l);
    for (int b = 0; b < RING; b++) {
        for (int i = 0; l->slots[b].inputs && i < l->input_count; i++)
            rf_free(ctx, l->slots[b].inputs[i]);
        rf_free(ctx, l->slots[b].inputs);
        rf_free(ctx, l->slots[b].labels);
    }
    rf_free(ctx, l->workers);
    rf_free(ctx, l->order);
    rf_free(ctx, l->inputs);
    rf_free(ctx, l);
}
