/*
 * What a step takes at least: the bare convolutions and products of its shapes, each timed alone, and the bytes that everything
 * else must move, at the rate of a plain copy.
 */
#include <string.h>

#include "base/clock.h"
#include "base/vec.h"
#include "bench/bench.h"
#include "dnn/dnn.h"
#include "ops/conv_layer.h"
#include "ops/params.h"

enum { TIMES = 3, FILL = 0x3c }; /* as a float 0.011, as a code 60: never a denormal number */
enum { FILL_WEIGHT = 2 };        /* as a weight's code: the mean size of one of 4 bits */
/* SGD reads a weight, its gradient and its velocity, and writes weight and velocity. */
enum { OPTIMIZER_BYTES = 5 * sizeof(float) };

/* One shape and how it is computed. A network repeats shapes, so each is timed once. */
typedef struct bare {
    rf_conv_shape shape;
    bool integers, bias, backward_data, backward_weights;
    double seconds;
} bare;

typedef struct limit {
    rf_context *ctx;
    rf_plan *plan;
    RF_VEC(bare) timed;
    double seconds, bytes;
} limit;

/* ------------------------------------------------------------------------------ convolutions --- */

typedef struct buffers {
    rf_dnn_conv *conv;
    void *src, *weights, *bias, *dst, *scratch;
} buffers;

typedef rf_status (*run_fn)(const buffers *b);

static rf_status run_forward(const buffers *b)
{
    return rf_dnn_conv_forward(b->conv, b->src, b->weights, b->bias, b->dst, b->scratch);
}

static rf_status run_int8(const buffers *b)
{
    return rf_dnn_conv_forward_int8(b->conv, b->src, /*zero_point=*/FILL, b->weights, b->dst,
                                    b->scratch);
}

static rf_status run_backward_data(const buffers *b)
{
    return rf_dnn_conv_backward_data(b->conv, b->dst, b->weights, b->src, b->scratch);
}

static rf_status run_backward_weights(const buffers *b)
{
    return rf_dnn_conv_backward_weights(b->conv, b->src, b->dst, b->weights, b->bias, b->scratch);
}

/* The best of some runs behind one that warms up. */
static rf_status time_run(run_fn run, const buffers *b, double *seconds_out)
{
    double best = 0.0;
    for (int i = 0; i <= TIMES; i++) {
        const double start = rf_clock_seconds();
        RF_TRY(run(b));
        const double seconds = rf_clock_seconds() - start;
        best = i <= 1 || seconds < best ? seconds : best;
    }
    *seconds_out = best;
    return RF_OK;
}

static int64_t spatial(const int64_t *dims, int count)
{
    int64_t product = 1;
    for (int i = 0; i < count; i++)
        product *= dims[i];
    return product;
}

static void *filled(rf_context *ctx, size_t bytes, int with)
{
    void *memory = rf_alloc(ctx, bytes);
    if (memory)
        memset(memory, with, bytes);
    return memory;
}

static void release(rf_context *ctx, buffers *b)
{
    rf_dnn_conv_free(b->conv);
    rf_free(ctx, b->src);
    rf_free(ctx, b->weights);
    rf_free(ctx, b->bias);
    rf_free(ctx, b->dst);
    rf_free(ctx, b->scratch);
}

static rf_status make(rf_context *ctx, const bare *one, bool integers, buffers *b)
{
    const rf_conv_shape *s = &one->shape;
    const rf_dnn_conv_options options = { .bias = one->bias && !integers,
                                          .backward = one->backward_data || one->backward_weights,
                                          .integers = integers };
    const size_t size = sizeof(float);
    const size_t weights_bytes =
        size * (size_t)(s->ic * s->oc / s->groups * spatial(s->kernel, s->spatial));
    RF_TRY(rf_dnn_conv_new(ctx, s, &options, &b->conv));
    b->src = filled(ctx, size * (size_t)(s->n * s->ic * spatial(s->in, s->spatial)), FILL);
    b->dst = filled(ctx, size * (size_t)(s->n * s->oc * spatial(s->out, s->spatial)), FILL);
    b->weights = filled(ctx, weights_bytes, integers ? FILL_WEIGHT : FILL);
    b->scratch = filled(ctx, rf_dnn_conv_scratch(b->conv), FILL);
    b->bias = options.bias ? filled(ctx, size * (size_t)s->oc, FILL) : NULL;
    return b->src && b->dst && b->weights && b->scratch && (b->bias || !options.bias) ? RF_OK
                                                                                      : RF_ENOMEM;
}

static rf_status time_floats(const bare *one, const buffers *b, double *forward_out,
                             double *backward_out)
{
    double data = 0.0, weights = 0.0;
    RF_TRY(time_run(run_forward, b, forward_out));
    if (one->backward_data)
        RF_TRY(time_run(run_backward_data, b, &data));
    if (one->backward_weights)
        RF_TRY(time_run(run_backward_weights, b, &weights));
    *backward_out = data + weights;
    return RF_OK;
}

/* Forward is the faster one of float32 and codes, where the engine computes on codes. */
static rf_status time_bare(rf_context *ctx, bare *one)
{
    double forward = 0.0, backward = 0.0, codes = 0.0;
    buffers b = { 0 };
    rf_status st = make(ctx, one, /*integers=*/false, &b);
    if (!st)
        st = time_floats(one, &b, &forward, &backward);
    release(ctx, &b);
    if (!st && one->integers) {
        buffers on_codes = { 0 };
        bare inference = *one;
        inference.backward_data = inference.backward_weights = false;
        st = make(ctx, &inference, /*integers=*/true, &on_codes);
        if (!st)
            st = time_run(run_int8, &on_codes, &codes);
        release(ctx, &on_codes);
        forward = codes < forward ? codes : forward;
    }
    one->seconds = forward + backward;
    return st;
}

static bool is_same(const bare *a, const bare *b)
{
    const rf_conv_shape *s = &a->shape, *t = &b->shape;
    const size_t dims = (size_t)s->spatial * sizeof(int64_t);
    return a->integers == b->integers && a->bias == b->bias &&
           a->backward_data == b->backward_data && a->backward_weights == b->backward_weights &&
           s->spatial == t->spatial && s->n == t->n && s->ic == t->ic && s->oc == t->oc &&
           s->groups == t->groups && s->transposed == t->transposed &&
           !memcmp(s->in, t->in, dims) && !memcmp(s->kernel, t->kernel, dims) &&
           !memcmp(s->stride, t->stride, dims) && !memcmp(s->dilation, t->dilation, dims) &&
           !memcmp(s->pad_begin, t->pad_begin, dims) && !memcmp(s->pad_end, t->pad_end, dims);
}

static rf_status add_convolution(limit *l, const rf_step *s, const rf_conv_shape *shape,
                                 bool backward)
{
    bare one = { .shape = *shape,
                 .integers = s->in[1].dtype == RF_DTYPE_I8,
                 .bias = s->in_count > 2 && s->in[2].rank > 0,
                 .backward_data = backward && s->diff_in[0].data,
                 .backward_weights = backward && s->diff_in[1].data };
    for (size_t i = 0; i < l->timed.count; i++)
        if (is_same(&l->timed.items[i], &one)) {
            l->seconds += l->timed.items[i].seconds;
            return RF_OK;
        }
    RF_TRY(time_bare(l->ctx, &one));
    l->seconds += one.seconds;
    return RF_VEC_PUSH(l->ctx, &l->timed, one);
}

/* --------------------------------------------------------------------------- matrix products --- */

/* Rows, columns and terms that give the output's elements and the step's multiply-adds; backward is two of the size. */
static rf_status add_matrix_product(limit *l, const rf_step *s, bool backward)
{
    const rf_view *out = &s->out[0];
    const int64_t n = out->rank > 0 ? out->dims[out->rank - 1] : 1, m = rf_view_count(out) / n;
    const int64_t k = m > 0 && n > 0 ? s->op->macs(s) / (m * n) : 0;
    if (k < 1)
        return RF_OK;
    float *a = filled(l->ctx, (size_t)(m * k) * sizeof *a, FILL), *b = NULL, *c = NULL;
    b = filled(l->ctx, (size_t)(k * n) * sizeof *b, FILL);
    c = filled(l->ctx, (size_t)(m * n) * sizeof *c, FILL);
    rf_status st = a && b && c ? RF_OK : RF_ENOMEM;
    double best = 0.0;
    for (int i = 0; !st && i <= TIMES; i++) {
        const double start = rf_clock_seconds();
        st = rf_dnn_gemm(l->ctx, false, false, m, n, k, 1.0f, a, k, b, n, 0.0f, c, n);
        const double seconds = rf_clock_seconds() - start;
        best = i <= 1 || seconds < best ? seconds : best;
    }
    rf_free(l->ctx, a);
    rf_free(l->ctx, b);
    rf_free(l->ctx, c);
    l->seconds += (backward ? 3.0 : 1.0) * best;
    return st;
}

/* -------------------------------------------------------------------------------------- bytes --- */

static double bytes_of(const rf_view *v)
{
    return v->data ? (double)rf_view_count(v) * (double)rf_dtype_bytes(v->dtype) : 0.0;
}

/* No value can be normalized before the last one was counted, nor its gradient be had: batch statistics read twice. */
static int passes_over(const rf_step *s)
{
    return rf_node_is(s->node, "BatchNormalization") && s->mode != RF_MODE_INFER && !s->bn_frozen
               ? 2
               : 1;
}

static void add_bytes(limit *l, const rf_step *s, bool backward)
{
    const int passes = passes_over(s);
    for (int i = 0; i < s->in_count; i++)
        l->bytes += passes * bytes_of(&s->in[i]);
    for (int i = 0; i < s->out_count; i++)
        l->bytes += bytes_of(&s->out[i]);
    for (int i = 0; backward && i < s->in_count; i++) {
        l->bytes += bytes_of(&s->diff_in[i]);
        if (rf_op_needs_in(s->op, i))
            l->bytes += passes * bytes_of(&s->in[i]);
    }
    for (int i = 0; backward && i < s->out_count; i++) {
        l->bytes += passes * bytes_of(&s->diff_out[i]);
        if (rf_op_needs_out(s->op, i))
            l->bytes += passes * bytes_of(&s->out[i]);
    }
}

/* A step that hands its input on as it is moves nothing. */
static bool is_free(const rf_step *s)
{
    return s->in_count > 0 && s->out_count > 0 && s->in[0].data == s->out[0].data &&
           s->op->moves_codes;
}

/* The batch, copied into the plan; and what the optimizer touches. */
static rf_status add_outside(limit *l, const rf_graph *g, bool learns)
{
    rf_params params = { 0 };
    for (int i = 0; i < (int)g->inputs.count; i++)
        l->bytes += 2.0 * bytes_of(rf_plan_input(l->plan, i));
    if (!learns)
        return RF_OK;
    const rf_status st = rf_params_collect((rf_graph *)(uintptr_t)g, &params);
    for (size_t i = 0; !st && i < params.count; i++)
        if (params.items[i].value->trainable)
            l->bytes += (double)params.items[i].value->constant->count * OPTIMIZER_BYTES;
    RF_VEC_RELEASE(l->ctx, &params);
    return st;
}

/* -------------------------------------------------------------------------------------- steps --- */

static rf_status add_step(limit *l, int index)
{
    const rf_step *s = rf_plan_step(l->plan, index);
    const rf_conv_shape *shape = rf_conv_step_shape(s);
    bool forward = false, backward = false;
    rf_plan_step_use(l->plan, index, &forward, &backward);
    if (!forward || s->late)
        return RF_OK;
    if (shape)
        return add_convolution(l, s, shape, backward);
    if (s->op->macs)
        return add_matrix_product(l, s, backward);
    if (!is_free(s))
        add_bytes(l, s, backward);
    return RF_OK;
}

rf_status rf_bench_limit(const rf_graph *g, rf_plan *plan, bool learns, double bytes_per_s,
                         double *seconds_out)
{
    limit l = { .ctx = g->ctx, .plan = plan };
    rf_status st = add_outside(&l, g, learns);
    for (int i = 0; !st && i < rf_plan_step_count(plan); i++)
        st = add_step(&l, i);
    RF_VEC_RELEASE(l.ctx, &l.timed);
    if (!st)
        *seconds_out = l.seconds + l.bytes / bytes_per_s;
    return st;
}
