/* Running a graph of one input and one output on given numbers, for tests. */
#ifndef RF_TESTS_EXPORT_RUN_GRAPH_H
#define RF_TESTS_EXPORT_RUN_GRAPH_H

#include "testing.h"

#include "exec/plan.h"

/* Outputs of `batch` samples, row-major; freed with free(). */
static inline float *run_graph(rf_context *ctx, rf_graph *g, const float *input, int64_t batch,
                               int64_t *count_out)
{
    const rf_plan_options options = { .batch = batch,
                                      .mode = RF_MODE_INFER,
                                      .compute = RF_COMPUTE_FLOAT };
    rf_plan *plan = NULL;
    CHECK_OK(ctx, rf_plan_new(g, &options, &plan));
    rf_plan_set_input(plan, 0, input);
    CHECK_OK(ctx, rf_plan_forward(plan));
    const rf_view *y = rf_plan_output(plan, 0);
    assert_int_equal(y->dtype, RF_DTYPE_F32);
    *count_out = rf_view_count(y);
    float *copy = malloc((size_t)*count_out * sizeof *copy);
    rf_view dst;
    const rf_shape shape = rf_view_shape(y);
    rf_view_init(&dst, RF_DTYPE_F32, &shape, RF_LAYOUT_PLAIN);
    dst.data = copy;
    rf_view_copy(y, &dst);
    rf_plan_free(plan);
    return copy;
}

static inline float *random_input(int64_t count, uint64_t seed)
{
    rf_rng rng;
    rf_rng_init(&rng, seed, 0);
    float *x = malloc((size_t)count * sizeof *x);
    for (int64_t i = 0; i < count; i++)
        x[i] = (float)rf_rng_normal(&rng);
    return x;
}

#endif
