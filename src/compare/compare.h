/* Comparing two networks: which tensors they share, running them side by side, and how far the tensors lie apart. */
#ifndef RF_COMPARE_COMPARE_H
#define RF_COMPARE_COMPARE_H

#include "base/arena.h"
#include "base/vec.h"
#include "data/loader.h"
#include "exec/plan.h"

/* --- difference.c --- */

/* Sums over all samples so far; b's distance from a. */
typedef struct rf_difference {
    double max_abs, largest; /* of b - a; of a */
    double signal, noise;    /* sums of a^2 and (b - a)^2 */
    int64_t count;           /* numbers compared */
    bool one_is_nan;         /* somewhere a number stands beside a NaN, or infinities differ */
} rf_difference;

/* Dense views of the same dims; only the first `count` of each `batch` samples count. */
rf_status rf_difference_add(rf_context *ctx, const rf_view *a, const rf_view *b, int64_t batch,
                            int64_t count, rf_difference *d);
/* Samples whose largest of [n, classes] or [n, classes, 1, 1] is the same; -1 for other shapes. */
rf_status rf_count_agreement(rf_context *ctx, const rf_view *a, const rf_view *b, int64_t count,
                             int64_t *out);

/* --- pairing.c --- */

/* A tensor that both networks have, as their readers see it: behind its quantizer where there is one. */
typedef struct rf_pair {
    const char *name;  /* without what quantization adds */
    const char *a, *b; /* the tensors' own names */
    int order;         /* of the node that makes it in a */
    int at_a, at_b;    /* which output of the networks that run */
    bool is_output;
    bool left_out; /* no floats, or other dims in b */
    rf_difference difference;
} rf_pair;
typedef RF_VEC(rf_pair) rf_pairs;

/* Outputs first, by name or else by position; then, with `inner`, all else in a's order. */
rf_status rf_pairs_find(const rf_graph *a, const rf_graph *b, bool inner, rf_pairs *out);

/* --- side.c --- */

/* One network, ready to run on batches, here or elsewhere. */
typedef struct rf_side {
    rf_context *ctx;
    rf_graph *graph;         /* an outline whose outputs are the tensors to look at */
    int *feed;               /* [inputs] which of the data's arrays each input takes */
    const rf_runner *runner; /* NULL: here */
    int handle;              /* the runner's */
    rf_plan *plan;
    rf_shape *shapes;    /* [inputs] that plan was made for */
    rf_tensor **results; /* [outputs] of the runner's last call */
} rf_side;

/* `feed` is copied. */
rf_status rf_side_new(const rf_graph *graph, const int *feed, const rf_runner *runner,
                      rf_side *out);
/* Look at the tensor called `name` as well; *at_out: among the outputs. */
rf_status rf_side_watch(rf_side *side, const char *name, int *at_out);
/* After all watching. */
rf_status rf_side_open(rf_side *side);
rf_status rf_side_run(rf_side *side, const rf_tensor *const *inputs);
/* Output `at` of the last run; dense. */
void rf_side_view(const rf_side *side, int at, rf_view *out);
void rf_side_release(rf_side *side);

/* --- sample_stream.c --- */

/* The samples, batch by batch, as arrays [batch, ...] channels first; a short last one has zeros behind it if `padded`. */
typedef struct rf_stream {
    rf_context *ctx;
    int64_t batch, samples, done;
    bool padded;
    int count;         /* arrays */
    rf_loader *loader; /* NULL: slices of `arrays` */
    const rf_tensor *const *arrays;
    rf_shape *shapes; /* [count] of one sample */
    rf_tensor **now;  /* [count] this batch */
} rf_stream;

rf_status rf_stream_open(const rf_graph *graph, const rf_compare_options *options, int64_t batch,
                         bool padded, rf_stream *out);
/* *count_out: real samples in stream->now; 0: the end. */
rf_status rf_stream_next(rf_stream *stream, int64_t *count_out);
void rf_stream_release(rf_stream *stream);

#endif
