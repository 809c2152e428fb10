/* The harness for single operators. */
#include "op_testing.h"

#include "base/context.h"
#include "base/rng.h"
#include "ops/element.h"

#define DIFFERENCE_STEP 1e-2f

op_test *op_test_new_outputs(const char *op_type, int64_t opset, int out_count)
{
    op_test *t = calloc(1, sizeof *t);
    rf_value *outputs[OP_TEST_MAX];
    const rf_shape unknown = { .rank = -1 };
    assert_non_null(t);
    t->ctx = test_context();
    t->opset = opset;
    t->out_count = out_count;
    t->random = 1;
    t->op = rf_op_find(op_type, "");
    if (!t->op)
        t->op = rf_op_find(op_type, "refold");
    if (!t->op)
        fail_msg("no operator '%s'", op_type);
    CHECK_OK(t->ctx, rf_graph_new(t->ctx, "test", &t->graph));
    for (int i = 0; i < out_count; i++) {
        char name[16];
        snprintf(name, sizeof name, "y%d", i);
        CHECK_OK(t->ctx, rf_graph_add_value(t->graph, name, RF_DTYPE_F32, &unknown, &outputs[i]));
    }
    const rf_node_desc desc = { .name = "node",
                                .op_type = op_type,
                                .domain = t->op->domain,
                                .outputs = outputs,
                                .output_count = out_count };
    CHECK_OK(t->ctx, rf_graph_add_node(t->graph, &desc, &t->node));
    return t;
}

op_test *op_test_new(const char *op_type, int64_t opset)
{
    return op_test_new_outputs(op_type, opset, 1);
}

static void free_view(op_test *t, rf_view *v)
{
    rf_free(t->ctx, v->data);
    v->data = NULL;
}

static void forget_step(op_test *t)
{
    if (!t->prepared)
        return;
    if (t->op->release)
        t->op->release(&t->step);
    rf_free(t->ctx, t->step.scratch);
    rf_free(t->ctx, t->step.saved);
    for (int i = 0; i < OP_TEST_MAX; i++) {
        free_view(t, &t->in[i]);
        free_view(t, &t->out[i]);
        free_view(t, &t->diff_in[i]);
        free_view(t, &t->diff_out[i]);
    }
    t->prepared = false;
}

void op_test_release(op_test *t)
{
    forget_step(t);
}

void op_test_free(op_test *t)
{
    rf_context *ctx = t->ctx;
    op_test_release(t);
    for (int i = 0; i < t->in_count; i++)
        if (!t->inputs[i].constant)
            rf_tensor_free(t->inputs[i].values); /* constants belong to the graph */
    rf_graph_free(t->graph);
    rf_context_free(ctx);
    free(t);
}

void op_test_int(op_test *t, const char *attr, int64_t value)
{
    CHECK_OK(t->ctx, rf_node_set_int(t->graph, t->node, attr, value));
}

void op_test_ints(op_test *t, const char *attr, int64_t count, const int64_t *values)
{
    CHECK_OK(t->ctx, rf_node_set_ints(t->graph, t->node, attr, values, count));
}

void op_test_float(op_test *t, const char *attr, double value)
{
    CHECK_OK(t->ctx, rf_node_set_float(t->graph, t->node, attr, value));
}

void op_test_string(op_test *t, const char *attr, const char *value)
{
    CHECK_OK(t->ctx, rf_node_set_string(t->graph, t->node, attr, value));
}

static void add_input(op_test *t, rf_dtype dtype, rf_shape shape, const void *values, bool constant,
                      bool wanted)
{
    char name[16];
    rf_value *v;
    rf_tensor *tensor;
    assert_true(t->in_count < OP_TEST_MAX);
    snprintf(name, sizeof name, "x%d", t->in_count);
    CHECK_OK(t->ctx, rf_tensor_new_shape(t->ctx, dtype, &shape, &tensor));
    if (tensor->count)
        memcpy(tensor->data, values, (size_t)tensor->count * rf_dtype_bytes(dtype));
    if (constant)
        CHECK_OK(t->ctx, rf_graph_take_constant(t->graph, name, tensor, &v));
    else
        CHECK_OK(t->ctx, rf_graph_add_input(t->graph, name, dtype, &shape, &v));
    CHECK_OK(t->ctx, rf_node_set_input(t->graph, t->node, t->in_count, v));
    t->inputs[t->in_count++] =
        (op_test_input){ .values = tensor, .constant = constant, .wanted = wanted };
}

void op_test_flow(op_test *t, rf_shape shape, const float *values)
{
    add_input(t, RF_DTYPE_F32, shape, values, false, true);
}

void op_test_param(op_test *t, rf_shape shape, const float *values)
{
    add_input(t, RF_DTYPE_F32, shape, values, true, true);
}

void op_test_const(op_test *t, rf_shape shape, const float *values)
{
    add_input(t, RF_DTYPE_F32, shape, values, true, false);
}

void op_test_const_ints(op_test *t, rf_shape shape, const int64_t *values)
{
    add_input(t, RF_DTYPE_I64, shape, values, true, false);
}

void op_test_tensor(op_test *t, rf_dtype dtype, rf_shape shape, const void *values, bool constant)
{
    add_input(t, dtype, shape, values, constant, false);
}

void op_test_absent(op_test *t)
{
    CHECK_OK(t->ctx, rf_node_set_input(t->graph, t->node, t->in_count, NULL));
    t->in_count++;
}

static void add_random(op_test *t, rf_shape shape, float low, float high, bool constant)
{
    const int64_t count = rf_shape_product(&shape);
    float *values = malloc((size_t)count * sizeof *values);
    rf_rng rng;
    assert_non_null(values);
    rf_rng_init(&rng, 7, t->random++);
    for (int64_t i = 0; i < count; i++)
        values[i] = low + (high - low) * (float)rf_rng_uniform(&rng);
    add_input(t, RF_DTYPE_F32, shape, values, constant, true);
    free(values);
}

void op_test_random(op_test *t, rf_shape shape, float low, float high)
{
    add_random(t, shape, low, high, false);
}

void op_test_random_param(op_test *t, rf_shape shape, float low, float high)
{
    add_random(t, shape, low, high, true);
}

/* ------------------------------------------------------------------------------ running --- */

bool op_test_allows(const op_test *t, rf_layout layout)
{
    if (t->op->layout == RF_LAYOUT_ANY)
        return true;
    return (t->op->layout == RF_LAYOUT_NEED_PLAIN) == (layout == RF_LAYOUT_PLAIN);
}

rf_status op_test_infer(op_test *t)
{
    rf_inference io = { .ctx = t->ctx,
                        .node = t->node,
                        .opset = t->opset,
                        .in_count = t->in_count,
                        .out_count = t->out_count,
                        .in = t->in_specs,
                        .out = t->out_specs };
    assert_true(t->in_count >= t->op->min_in);
    assert_true(t->op->max_in < 0 || t->in_count <= t->op->max_in);
    assert_true(t->out_count >= t->op->min_out);
    assert_true(t->op->max_out < 0 || t->out_count <= t->op->max_out);
    for (int i = 0; i < t->in_count; i++) {
        const rf_tensor *values = t->inputs[i].values;
        t->in_specs[i] = (rf_spec){ .present = values != NULL };
        if (!values)
            continue;
        t->in_specs[i].dtype = values->dtype;
        t->in_specs[i].shape = values->shape;
        t->in_specs[i].constant = t->inputs[i].constant ? values : NULL;
    }
    memset(t->out_specs, 0, sizeof t->out_specs);
    for (int i = 0; i < t->out_count; i++)
        t->out_specs[i].present = true;
    const rf_status st = t->op->infer(&io);
    t->depends_on_data = io.depends_on_data;
    return st;
}

static void allocate(op_test *t, rf_view *v)
{
    const size_t bytes = (size_t)rf_view_count(v) * rf_dtype_bytes(v->dtype);
    v->data = rf_alloc(t->ctx, bytes);
    assert_non_null(v->data);
    memset(v->data, 0xff, bytes); /* NaN: whatever is not written shows */
}

static int64_t offset_of(const rf_view *v, int64_t i)
{
    int64_t at = 0;
    for (int d = v->rank - 1; d >= 0; d--) {
        at += i % v->dims[d] * v->strides[d];
        i /= v->dims[d];
    }
    return at;
}

static void fill(const rf_view *v, const void *row_major)
{
    const size_t bytes = rf_dtype_bytes(v->dtype);
    for (int64_t i = 0; i < rf_view_count(v); i++)
        memcpy((char *)v->data + (size_t)offset_of(v, i) * bytes,
               (const char *)row_major + (size_t)i * bytes, bytes);
}

double op_test_at(const rf_view *v, int64_t i)
{
    return rf_element_f64(v->dtype, v->data, offset_of(v, i));
}

double op_test_out(const op_test *t, int output, int64_t i)
{
    return op_test_at(&t->out[output], i);
}

/* Layout of an output: that of the first input of its rank, else plain. */
static rf_layout output_layout(const op_test *t, rf_layout layout, const rf_shape *shape)
{
    if (t->op->layout == RF_LAYOUT_NEED_CHANNELS_LAST)
        return RF_LAYOUT_CHANNELS_LAST;
    for (int i = 0; i < t->in_count; i++)
        if (t->inputs[i].values && t->inputs[i].values->shape.rank == shape->rank)
            return t->inputs[i].constant ? RF_LAYOUT_PLAIN : layout;
    return RF_LAYOUT_PLAIN;
}

static void make_views(op_test *t, rf_layout layout)
{
    for (int i = 0; i < t->in_count; i++) {
        const op_test_input *input = &t->inputs[i];
        t->in[i] = t->diff_in[i] = (rf_view){ 0 };
        if (!input->values)
            continue;
        rf_view_init(&t->in[i], input->values->dtype, &input->values->shape,
                     input->constant ? RF_LAYOUT_PLAIN : layout);
        t->diff_in[i] = t->in[i];
        allocate(t, &t->in[i]);
        fill(&t->in[i], input->values->data);
        if (input->wanted)
            allocate(t, &t->diff_in[i]);
        t->in_constant[i] = input->constant ? input->values : NULL;
    }
    for (int i = 0; i < t->out_count; i++) {
        const rf_spec *spec = &t->out_specs[i];
        rf_view_init(&t->out[i], i == 0 && t->force_dtype ? t->out_dtype : spec->dtype,
                     &spec->shape, output_layout(t, layout, &spec->shape));
        t->diff_out[i] = t->out[i];
        t->diff_out[i].dtype = RF_DTYPE_F32;
        allocate(t, &t->out[i]);
        if (t->out[i].dtype == RF_DTYPE_U8 && i == 0 && t->force_dtype)
            t->out[i].codes = &t->step.codes;
    }
}

rf_status op_test_prepare(op_test *t, rf_mode mode, rf_layout layout)
{
    forget_step(t);
    RF_TRY(op_test_infer(t));
    t->prepared = true;
    t->step = (rf_step){ .ctx = t->ctx,
                         .node = t->node,
                         .op = t->op,
                         .opset = t->opset,
                         .mode = mode,
                         .in_count = t->in_count,
                         .out_count = t->out_count,
                         .in = t->in,
                         .out = t->out,
                         .in_constant = t->in_constant,
                         .diff_in = t->diff_in,
                         .diff_out = t->diff_out };
    make_views(t, layout);
    if (t->op->prepare)
        RF_TRY(t->op->prepare(&t->step));
    t->step.scratch = rf_alloc(t->ctx, t->step.scratch_bytes);
    t->step.saved = rf_alloc(t->ctx, t->step.saved_bytes);
    memset(t->step.scratch, 0xff, t->step.scratch_bytes);
    memset(t->step.saved, 0xff, t->step.saved_bytes);
    return RF_OK;
}

void op_test_run(op_test *t, rf_mode mode, rf_layout layout)
{
    CHECK_OK(t->ctx, op_test_prepare(t, mode, layout));
    CHECK_OK(t->ctx, t->op->forward(&t->step));
}

void op_test_set_diff(op_test *t, int i, const float *values)
{
    free_view(t, &t->diff_out[i]);
    if (!values)
        return;
    allocate(t, &t->diff_out[i]);
    fill(&t->diff_out[i], values);
}

static void poison(const rf_view *v)
{
    if (v->data)
        memset(v->data, 0xff, (size_t)rf_view_count(v) * rf_dtype_bytes(v->dtype));
}

void op_test_backward(op_test *t)
{
    for (int i = 0; i < t->in_count; i++)
        if (!t->inputs[i].constant && !rf_op_needs_in(t->op, i))
            poison(&t->in[i]);
    for (int i = 0; i < t->out_count; i++)
        if (!rf_op_needs_out(t->op, i))
            poison(&t->out[i]);
    memset(t->step.scratch, 0xff, t->step.scratch_bytes);
    CHECK_OK(t->ctx, t->op->backward(&t->step));
}

/* ----------------------------------------------------------------------------- checking --- */

static void check_shape(const op_test *t, int output, const rf_shape *expected)
{
    char found_text[RF_SHAPE_TEXT], expected_text[RF_SHAPE_TEXT];
    const rf_shape found = t->out_specs[output].shape;
    if (!rf_shape_equal(&found, expected))
        fail_msg("output %d is %s, expected %s", output, rf_shape_text(&found, found_text),
                 rf_shape_text(expected, expected_text));
}

static void check_values(const op_test *t, int output, const float *values, double tolerance,
                         const char *what)
{
    for (int64_t i = 0; i < rf_view_count(&t->out[output]); i++) {
        const double found = op_test_out(t, output, i), expected = (double)values[i];
        const bool same = isnan(expected) ? isnan(found) : found == expected;
        if (!same && !(fabs(found - expected) <= tolerance * fmax(1.0, fabs(expected))))
            fail_msg("%s, %s: output %d element %d is %.9g, expected %.9g", t->op->onnx_name, what,
                     output, (int)i, found, expected);
    }
}

/* Output 0 over input 0, as the planner does in inference. */
static void run_in_place(op_test *t, rf_layout layout)
{
    CHECK_OK(t->ctx, op_test_prepare(t, RF_MODE_INFER, layout));
    void *own = t->out[0].data;
    t->out[0].data = t->in[0].data;
    const rf_status st = t->op->forward(&t->step);
    rf_free(t->ctx, own);
    CHECK_OK(t->ctx, st);
    t->in[0].data = NULL;
}

void op_test_expect(op_test *t, int output, rf_shape shape, const float *values, double tolerance)
{
    for (int layout = 0; layout < 2; layout++) {
        if (!op_test_allows(t, (rf_layout)layout))
            continue;
        const char *what = layout ? "channels last" : "plain";
        op_test_run(t, RF_MODE_INFER, (rf_layout)layout);
        check_shape(t, output, &shape);
        check_values(t, output, values, tolerance, what);
        if (t->op->in_place && rf_view_same_order(&t->in[0], &t->out[0])) {
            run_in_place(t, (rf_layout)layout);
            check_values(t, output, values, tolerance, "in place");
        }
    }
}

/* int64 does not fit a double. */
static int64_t integer_at(const rf_view *v, int64_t i)
{
    return v->dtype == RF_DTYPE_I64 ? rf_view_i64(v)[offset_of(v, i)] : (int64_t)op_test_at(v, i);
}

void op_test_expect_ints(op_test *t, int output, rf_shape shape, const int64_t *values)
{
    op_test_run(t, RF_MODE_INFER, RF_LAYOUT_PLAIN);
    check_shape(t, output, &shape);
    for (int64_t i = 0; i < rf_view_count(&t->out[output]); i++)
        assert_int_equal(integer_at(&t->out[output], i), values[i]);
}

/* Random weights of the functional whose gradient is taken. */
static void random_diffs(op_test *t)
{
    rf_rng rng;
    rf_rng_init(&rng, 11, 0);
    for (int i = 0; i < t->out_count; i++) {
        const int64_t count = rf_view_count(&t->out[i]);
        float *values = malloc((size_t)count * sizeof *values);
        assert_non_null(values);
        for (int64_t k = 0; k < count; k++)
            values[k] = (float)(2.0 * rf_rng_uniform(&rng) - 1.0);
        op_test_set_diff(t, i, values);
        free(values);
    }
}

/* Sum over the outputs of weight * value; `sign` of it is added to what is in `total`. */
static void add_outputs(const op_test *t, double sign, double *total)
{
    for (int i = 0; i < t->out_count; i++)
        for (int64_t k = 0; k < rf_view_count(&t->out[i]); k++)
            *total += sign * op_test_at(&t->diff_out[i], k) * op_test_out(t, i, k);
}

static double difference(op_test *t, int input, int64_t i)
{
    float *at = (float *)t->in[input].data + offset_of(&t->in[input], i);
    const float x = *at, above = x + DIFFERENCE_STEP, below = x - DIFFERENCE_STEP;
    double total = 0.0;
    *at = above;
    CHECK_OK(t->ctx, t->op->forward(&t->step));
    add_outputs(t, 1.0, &total);
    *at = below;
    CHECK_OK(t->ctx, t->op->forward(&t->step));
    add_outputs(t, -1.0, &total);
    *at = x;
    return total / ((double)above - (double)below);
}

static void check_gradient(op_test *t, int input, double tolerance, const char *what)
{
    for (int64_t i = 0; i < rf_view_count(&t->in[input]); i++) {
        const double found = op_test_at(&t->diff_in[input], i), expected = difference(t, input, i);
        if (!(fabs(found - expected) <= tolerance * fmax(1.0, fabs(expected))))
            fail_msg("%s, %s: gradient of input %d, element %d is %.6g, differences give %.6g",
                     t->op->onnx_name, what, input, (int)i, found, expected);
    }
}

void op_test_gradients(op_test *t, double tolerance)
{
    for (int layout = 0; layout < 2; layout++) {
        if (!op_test_allows(t, (rf_layout)layout))
            continue;
        op_test_run(t, RF_MODE_TRAIN, (rf_layout)layout);
        random_diffs(t);
        op_test_backward(t);
        for (int i = 0; i < t->in_count; i++)
            if (t->inputs[i].values)
                fill(&t->in[i], t->inputs[i].values->data);
        for (int i = 0; i < t->in_count; i++)
            if (t->inputs[i].wanted)
                check_gradient(t, i, tolerance, layout ? "channels last" : "plain");
    }
}

void op_test_refused(op_test *t, rf_status status, const char *text)
{
    CHECK_FAILS(t->ctx, status, text, op_test_infer(t));
    op_test_free(t);
}
