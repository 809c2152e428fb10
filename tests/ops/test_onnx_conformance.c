/*
 * ONNX's own one-node models (Debian's libonnx-testdata) in every layout that their operators allow.
 * What may be refused, and models of several nodes: tests/exec/test_onnx_suite.c.
 */
#include <dirent.h>

#include "onnx_testdata.h"
#include "op_testing.h"

#define FOLDER ONNX_TESTDATA "/node"
#define FEWEST_AGREEING                                                                            \
    250 /* so that a broken reader of this test's files cannot pass for success */

/* Training forms: refold brings them into inference form, or draws its own random numbers. */
static const char *const skipped[] = { "test_batchnorm_epsilon_training_mode",
                                       "test_batchnorm_example_training_mode",
                                       "test_training_dropout" };

typedef struct tally {
    int agreed, refused, failed;
} tally;

static rf_tensor *load_data(rf_context *ctx, const char *folder, const char *kind, int i)
{
    char path[300];
    snprintf(path, sizeof path, "node/%.250s", folder);
    return onnx_load_data(ctx, path, 0, kind, i);
}

/*
 * Only input 0 and float inputs of its rank flow; the others are what exporters write as constants.
 */
static bool load_inputs(op_test *t, const char *folder)
{
    int file = 0;
    t->in_count = t->node->input_count;
    for (int i = 0; i < t->in_count; i++) {
        if (!t->node->inputs[i])
            continue;
        rf_tensor *values = load_data(t->ctx, folder, "input", file++);
        if (!values)
            return false;
        const bool flows = values->dtype == RF_DTYPE_F32 &&
                           (i == 0 || (t->inputs[0].values &&
                                       values->shape.rank == t->inputs[0].values->shape.rank));
        t->inputs[i] = (op_test_input){ .values = values, .constant = !flows };
    }
    return true;
}

static bool same_outputs(op_test *t, const char *folder, rf_layout layout)
{
    bool same = true;
    for (int i = 0; i < t->out_count && same; i++) {
        rf_tensor *expected = load_data(t->ctx, folder, "output", i);
        if (!expected)
            continue;
        const rf_shape found = rf_view_shape(&t->out[i]);
        same = rf_shape_equal(&found, &expected->shape) && t->out[i].dtype == expected->dtype;
        rf_view view;
        rf_view_init(&view, expected->dtype, &expected->shape, RF_LAYOUT_PLAIN);
        view.data = expected->data;
        for (int64_t k = 0; k < expected->count && same; k++) {
            const double a = op_test_at(&t->out[i], k), b = op_test_at(&view, k);
            same = onnx_close(a, b);
            if (!same)
                print_message("%s, %s: output %d element %d is %g, expected %g\n", folder,
                              layout ? "channels last" : "plain", i, (int)k, a, b);
        }
        if (!same)
            print_message("%s differs (rank %d, expected %d; %s, expected %s)\n", folder,
                          found.rank, expected->shape.rank, rf_dtype_name(t->out[i].dtype),
                          rf_dtype_name(expected->dtype));
        rf_tensor_free(expected);
    }
    return same;
}

static void run_layouts(op_test *t, const char *folder, tally *sum)
{
    bool same = true;
    for (int layout = 0; layout < 2 && same; layout++) {
        if (!op_test_allows(t, (rf_layout)layout))
            continue;
        rf_status st = op_test_prepare(t, RF_MODE_INFER, (rf_layout)layout);
        if (st == RF_EUNSUPPORTED && t->depends_on_data) { /* as the planner does at run time */
            for (int i = 0; i < t->in_count; i++)
                t->inputs[i].constant = true;
            st = op_test_prepare(t, RF_MODE_INFER, RF_LAYOUT_PLAIN);
        }
        if (st == RF_EUNSUPPORTED) {
            sum->refused++;
            return;
        }
        if (st == RF_OK)
            st = t->op->forward(&t->step);
        if (st != RF_OK)
            print_message("%s: %s\n", folder, rf_context_message(t->ctx));
        same = st == RF_OK && same_outputs(t, folder, (rf_layout)layout);
    }
    *(same ? &sum->agreed : &sum->failed) += 1;
}

/* One model: a graph of one node that refold has an operator for. */
static void run_model(rf_context *ctx, const char *folder, tally *sum)
{
    char path[512];
    rf_graph *g = NULL;
    snprintf(path, sizeof path, FOLDER "/%s/model.onnx", folder);
    if (rf_onnx_read(ctx, path, &g) != RF_OK)
        return;
    const rf_node *n = g->first;
    const rf_op *op = n ? rf_op_find(n->op_type, n->domain) : NULL;
    if (!op || n->next || n->input_count > OP_TEST_MAX || n->output_count > OP_TEST_MAX) {
        rf_graph_free(g);
        return;
    }
    if (op->max_out >= 0 && n->output_count > op->max_out) { /* as the planner refuses it */
        sum->refused++;
        rf_graph_free(g);
        return;
    }
    op_test *t = calloc(1, sizeof *t);
    assert_non_null(t);
    *t = (op_test){ .ctx = ctx,
                    .graph = g,
                    .node = g->first,
                    .op = op,
                    .opset = rf_graph_opset(g, n->domain),
                    .out_count = n->output_count };
    if (load_inputs(t, folder))
        run_layouts(t, folder, sum);
    op_test_release(t);
    for (int i = 0; i < t->in_count; i++)
        rf_tensor_free(t->inputs[i].values);
    rf_graph_free(g);
    free(t);
}

static bool is_skipped(const char *folder)
{
    for (size_t i = 0; i < sizeof skipped / sizeof skipped[0]; i++)
        if (!strncmp(folder, skipped[i], strlen(skipped[i])))
            return true;
    return folder[0] == '.';
}

static void the_operators_agree_with_onnx(void **state)
{
    (void)state;
    DIR *dir = opendir(FOLDER);
    if (!dir) {
        print_message("skipped: " FOLDER " is missing (package libonnx-testdata)\n");
        skip();
    }
    rf_context *ctx = test_context();
    tally sum = { 0 };
    for (const struct dirent *e = readdir(dir); e; e = readdir(dir))
        if (!is_skipped(e->d_name))
            run_model(ctx, e->d_name, &sum);
    closedir(dir);
    rf_context_free(ctx);
    print_message("%d models agree, %d use forms that refold refuses, %d differ\n", sum.agreed,
                  sum.refused, sum.failed);
    assert_int_equal(sum.failed, 0);
    assert_true(sum.agreed >= FEWEST_AGREEING);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(the_operators_agree_with_onnx) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
