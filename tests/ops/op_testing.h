/*
 * One operator under test, without a planner: a graph of one node, inputs in row-major order, run
 * in every layout that the operator allows. Values are compared in row-major order; gradients with
 * central differences of a random linear functional of the outputs. Before backward every forward
 * tensor that the operator did not ask to keep is poisoned.
 */
#ifndef RF_TESTS_OPS_OP_TESTING_H
#define RF_TESTS_OPS_OP_TESTING_H

#include "testing.h"

#include "ops/op.h"

#define OP_TEST_MAX 32 /* inputs or outputs */

/* Tolerances: relative to max(1, |expected|). */
#define TOL_EXACT 0.0
#define TOL_F32 1e-6      /* a few float32 roundings */
#define TOL_F32_SUM 1e-5  /* sums of up to some hundred terms, exp and tanh of the C library */
#define TOL_GRADIENT 5e-3 /* central differences of step 1e-2 in float32 */

typedef struct op_test_input {
    rf_tensor *values; /* row-major; NULL: left out */
    bool constant;
    bool wanted; /* its gradient is checked */
} op_test_input;

typedef struct op_test {
    rf_context *ctx;
    rf_graph *graph;
    rf_node *node;
    const rf_op *op;
    int64_t opset;
    op_test_input inputs[OP_TEST_MAX];
    int in_count, out_count;
    rf_spec in_specs[OP_TEST_MAX], out_specs[OP_TEST_MAX];
    bool depends_on_data; /* why the last op_test_infer failed */
    bool prepared;
    rf_step step; /* of the last op_test_run */
    rf_view in[OP_TEST_MAX], out[OP_TEST_MAX], diff_in[OP_TEST_MAX], diff_out[OP_TEST_MAX];
    const rf_tensor *in_constant[OP_TEST_MAX];
    rf_dtype out_dtype; /* of output 0 where the test forces it (quantizers that write codes) */
    bool force_dtype;
    uint64_t random; /* state of op_test_random */
} op_test;

#define SHAPE(...)                                                                                 \
    rf_shape_of((int)(sizeof((const int64_t[]){ __VA_ARGS__ }) / sizeof(int64_t)),                 \
                (const int64_t[]){ __VA_ARGS__ })
#define SCALAR rf_shape_of(0, NULL)
#define FLOATS(...) ((const float[]){ __VA_ARGS__ })
#define INTS(...) ((const int64_t[]){ __VA_ARGS__ })

/* --- describing the node --- */
op_test *op_test_new(const char *op_type, int64_t opset);
op_test *op_test_new_outputs(const char *op_type, int64_t opset, int out_count);
void op_test_free(op_test *t);
void op_test_release(op_test *t); /* buffers of the last run; op_test_free does it too */
void op_test_int(op_test *t, const char *attr, int64_t value);
void op_test_ints(op_test *t, const char *attr, int64_t count, const int64_t *values);
void op_test_float(op_test *t, const char *attr, double value);
void op_test_string(op_test *t, const char *attr, const char *value);
void op_test_flow(op_test *t, rf_shape shape,
                  const float *values); /* flows; its gradient is checked */
void op_test_param(op_test *t, rf_shape shape,
                   const float *values); /* constant; its gradient is checked */
void op_test_const(op_test *t, rf_shape shape, const float *values);
void op_test_const_ints(op_test *t, rf_shape shape, const int64_t *values);
void op_test_tensor(op_test *t, rf_dtype dtype, rf_shape shape, const void *values, bool constant);
void op_test_absent(op_test *t);
/* Flows, uniform in [low, high). */
void op_test_random(op_test *t, rf_shape shape, float low, float high);
void op_test_random_param(op_test *t, rf_shape shape, float low, float high);

/* --- running --- */
bool op_test_allows(const op_test *t, rf_layout layout);
rf_status op_test_infer(op_test *t); /* counts of inputs, then the operator's own infer */
rf_status op_test_prepare(op_test *t, rf_mode mode, rf_layout layout); /* ... and buffers, filled */
/* ... and forward; a failure fails the test. */
void op_test_run(op_test *t, rf_mode mode, rf_layout layout);
/* diff_out i is filled with these row-major values (NULL: absent) before backward. */
void op_test_set_diff(op_test *t, int i, const float *values);
void op_test_backward(op_test *t); /* poisons what is not kept */
/* Element i of a view in row-major order. */
double op_test_at(const rf_view *v, int64_t i);
double op_test_out(const op_test *t, int output, int64_t i);

/* --- checking --- */
/* Shape and values of one output in every layout, and in place where the operator says so. */
void op_test_expect(op_test *t, int output, rf_shape shape, const float *values, double tolerance);
void op_test_expect_ints(op_test *t, int output, rf_shape shape, const int64_t *values);
void op_test_gradients(op_test *t, double tolerance);
/* Infer must fail; frees t. */
void op_test_refused(op_test *t, rf_status status, const char *text);

#endif
