/*
 * ONNX's own models (Debian's libonnx-testdata) through reader, planner and engine. Each one whose
 * operators refold claims agrees with ONNX's outputs, or is refused for a reason that stands in the
 * table of limits here; one with an operator that is not claimed is refused by that operator's name.
 */
#include <dirent.h>
#include <unistd.h>

#include "exec/plan.h"
#include "ops/element.h"
#include "onnx_testdata.h"

static const char *const folders[] = { "node", "simple", "pytorch-converted", "pytorch-operator" };

/* Why a model of a claimed operator may be refused: op NULL is any. A row that is not met any more fails the test. */
typedef struct limit {
    const char *op, *message, *reason;
} limit;

static const limit limits[] = {
    { NULL, "BFLOAT16", "no bfloat16" },
    { NULL, "target type 16;", "no bfloat16" },
    { NULL, "element type UINT", "no unsigned integers of 32 and 64 bits" },
    { NULL, "element type STRING", "no strings" },
    { NULL, "target type 8;", "no strings" },
    { NULL, "is a sequence, map, optional or sparse tensor", "dense tensors only" },
    { NULL, "operator set 1;", "operator sets from 6 on" },
    { NULL, "batch 0,", "a network is not run on an empty batch" },
    { "MaxPool", "is uint8", "pooling of floats only" },
};

/* What runs, and is not meant to give ONNX's numbers. */
static const struct {
    const char *prefix, *reason;
} exceptions[] = {
    { "test_batchnorm_epsilon_training_mode", "training forms are brought to inference form" },
    { "test_batchnorm_example_training_mode", "the same" },
    { "test_training_dropout", "random numbers are refold's own" },
};

enum { LIMITS = sizeof limits / sizeof limits[0] };

typedef struct tally {
    int agreed, limited, unclaimed, excepted, failed;
    int met[LIMITS];
} tally;

/* ---------------------------------------------------------------------------------- one model --- */

typedef struct model {
    rf_context *ctx;
    char folder[300];    /* below ONNX_TESTDATA */
    char unclaimed[100]; /* an operator that refold does not have; "": it has all */
} model;

static void find_unclaimed(const Onnx__GraphProto *g, model *m)
{
    for (size_t i = 0; i < g->n_node && !*m->unclaimed; i++) {
        const Onnx__NodeProto *n = g->node[i];
        if (!rf_op_find(n->op_type, n->domain))
            snprintf(m->unclaimed, sizeof m->unclaimed, "%s", n->op_type);
    }
}

static bool look_into(model *m)
{
    char path[512];
    void *bytes = NULL;
    size_t size = 0;
    snprintf(path, sizeof path, ONNX_TESTDATA "/%s/model.onnx", m->folder);
    if (rf_file_read(m->ctx, path, &bytes, &size) != RF_OK)
        return false;
    Onnx__ModelProto *proto = onnx__model_proto__unpack(NULL, size, bytes);
    rf_free(m->ctx, bytes);
    if (!proto)
        return false;
    if (proto->graph)
        find_unclaimed(proto->graph, m);
    onnx__model_proto__free_unpacked(proto, NULL);
    return true;
}

/* A graph input becomes what exporters write: a constant. */
static void make_constant(rf_graph *g, size_t index, rf_tensor *t)
{
    rf_value *v = g->inputs.items[index];
    for (size_t i = index; i + 1 < g->inputs.count; i++)
        g->inputs.items[i] = g->inputs.items[i + 1];
    g->inputs.count--;
    v->is_input = false;
    CHECK_OK(g->ctx, rf_value_take_constant(g, v, t));
}

/* One set of data: inputs that flow, the others having become constants. */
typedef struct feed {
    rf_tensor *values[RF_OP_MAX_IO];
    rf_shape shapes[RF_OP_MAX_IO];
    int count;
} feed;

/* Floats of the first input's rank and batch flow. */
static bool flows(const feed *f, const rf_tensor *t)
{
    const rf_shape *first = &f->shapes[0];
    return t->dtype == RF_DTYPE_F32 &&
           (f->count == 0 || (t->shape.rank == first->rank &&
                              (first->rank == 0 || t->shape.dims[0] == first->dims[0])));
}

static bool load_feed(const model *m, rf_graph *g, int set, bool all_flow, feed *f)
{
    size_t index = 0;
    const size_t inputs = g->inputs.count;
    *f = (feed){ 0 };
    for (int i = 0; i < (int)inputs; i++) {
        rf_tensor *t = onnx_load_data(m->ctx, m->folder, set, "input", i);
        if (!t)
            return false;
        if (all_flow || flows(f, t)) {
            f->shapes[f->count] = t->shape;
            f->values[f->count++] = t;
            index++;
        } else {
            make_constant(g, index, t);
        }
    }
    return true;
}

static void release_feed(feed *f)
{
    for (int i = 0; i < f->count; i++)
        rf_tensor_free(f->values[i]);
}

static double element(const rf_view *v, int64_t i)
{
    int64_t at = 0;
    for (int d = v->rank - 1; d >= 0; d--) {
        at += i % v->dims[d] * v->strides[d];
        i /= v->dims[d];
    }
    return rf_element_f64(v->dtype, v->data, at);
}

static bool same_output(const model *m, const rf_view *found, const rf_tensor *expected)
{
    const rf_shape shape = rf_view_shape(found);
    char text[2][RF_SHAPE_TEXT];
    if (!rf_shape_equal(&shape, &expected->shape) || found->dtype != expected->dtype) {
        print_message("%s: %s %s, expected %s %s\n", m->folder, rf_dtype_name(found->dtype),
                      rf_shape_text(&shape, text[0]), rf_dtype_name(expected->dtype),
                      rf_shape_text(&expected->shape, text[1]));
        return false;
    }
    for (int64_t i = 0; i < expected->count; i++) {
        const double a = element(found, i), b = rf_element_f64(expected->dtype, expected->data, i);
        if (!onnx_close(a, b)) {
            print_message("%s: element %d is %g, expected %g\n", m->folder, (int)i, a, b);
            return false;
        }
    }
    return true;
}

static bool same_outputs(const model *m, rf_plan *plan, const rf_graph *g, int set)
{
    bool same = true;
    for (size_t i = 0; i < g->outputs.count && same; i++) {
        rf_tensor *expected = onnx_load_data(m->ctx, m->folder, set, "output", (int)i);
        if (!expected)
            print_message("%s: output %zu cannot be read\n", m->folder, i);
        same = expected && same_output(m, rf_plan_output(plan, (int)i), expected);
        rf_tensor_free(expected);
    }
    return same;
}

static rf_status run(const model *m, rf_graph *g, const feed *f, int set, bool *same_out)
{
    const rf_shape *first = &f->shapes[0];
    const rf_plan_options options = { .batch = f->count && first->rank ? first->dims[0] : 1,
                                      .input_shapes = f->shapes,
                                      .mode = RF_MODE_INFER };
    rf_plan *plan = NULL;
    rf_status st = rf_plan_new(g, &options, &plan);
    for (int i = 0; i < f->count && st == RF_OK; i++) {
        rf_view from, *to = rf_plan_input(plan, i);
        rf_view_init(&from, f->values[i]->dtype, &f->shapes[i], RF_LAYOUT_PLAIN);
        from.data = f->values[i]->data;
        if (from.dtype == to->dtype)
            rf_view_copy(&from, to);
        else
            st = rf_fail(m->ctx, RF_EUNSUPPORTED, "input %d is %s", i, rf_dtype_name(to->dtype));
    }
    if (st == RF_OK)
        st = rf_plan_forward(plan);
    *same_out = st == RF_OK && same_outputs(m, plan, g, set);
    rf_plan_free(plan);
    return st;
}

/* Reads, plans and runs the model on one set. *same_out: it ran, and agrees. */
static rf_status try_set(const model *m, int set, bool all_flow, bool *same_out)
{
    char path[512];
    rf_graph *g = NULL;
    feed f;
    *same_out = false;
    snprintf(path, sizeof path, ONNX_TESTDATA "/%s/model.onnx", m->folder);
    RF_TRY(rf_onnx_read(m->ctx, path, &g));
    rf_status st = RF_OK;
    if (load_feed(m, g, set, all_flow, &f))
        st = run(m, g, &f, set, same_out);
    else
        st = rf_fail(m->ctx, RF_EUNSUPPORTED, "data that refold does not hold");
    release_feed(&f);
    rf_graph_free(g);
    return st;
}

/* ---------------------------------------------------------------------------------- verdicts --- */

/* Its row; LIMITS: none. */
static int find_limit(const char *message)
{
    int i = 0;
    while (i < LIMITS && !(strstr(message, limits[i].message) &&
                           (!limits[i].op || strstr(message, limits[i].op))))
        i++;
    return i;
}

static bool is_exception(const char *name)
{
    for (size_t i = 0; i < sizeof exceptions / sizeof exceptions[0]; i++)
        if (!strncmp(name, exceptions[i].prefix, strlen(exceptions[i].prefix)))
            return true;
    return false;
}

static bool has_set(const model *m, int set)
{
    char path[512];
    snprintf(path, sizeof path, ONNX_TESTDATA "/%s/test_data_set_%d", m->folder, set);
    DIR *dir = opendir(path);
    if (dir)
        closedir(dir);
    return dir != NULL;
}

static void judge_claimed(const model *m, tally *sum)
{
    bool same = false;
    for (int set = 0; has_set(m, set); set++)
        for (int all_flow = 0; all_flow < 2; all_flow++) {
            const rf_status st = try_set(m, set, all_flow, &same);
            const char *message = rf_context_message(m->ctx);
            if (st == RF_OK && !same) {
                sum->failed++;
                return;
            }
            if (st == RF_OK || all_flow) /* with everything flowing it may well be refused */
                continue;
            const int row = find_limit(message);
            if (row == LIMITS)
                print_message("%s: %s\n", m->folder, message);
            else
                sum->met[row]++;
            *(row == LIMITS ? &sum->failed : &sum->limited) += 1;
            return;
        }
    sum->agreed++;
}

static void judge(model *m, const char *name, tally *sum)
{
    bool same;
    if (!look_into(m))
        return;
    if (is_exception(name)) {
        sum->excepted++;
    } else if (!*m->unclaimed) {
        judge_claimed(m, sum);
    } else {
        const rf_status st = try_set(m, 0, false, &same);
        const char *message = rf_context_message(m->ctx);
        const bool clean = st != RF_OK && st != RF_EINTERNAL;
        if (!clean || !*message)
            print_message("%s has %s and is not refused cleanly: %s\n", m->folder, m->unclaimed,
                          st == RF_OK ? "it runs" : message);
        *(clean && *message ? &sum->unclaimed : &sum->failed) += 1;
    }
}

static void judge_folder(rf_context *ctx, const char *folder, tally *sum)
{
    char path[512];
    snprintf(path, sizeof path, ONNX_TESTDATA "/%s", folder);
    DIR *dir = opendir(path);
    assert_non_null(dir);
    for (const struct dirent *e = readdir(dir); e; e = readdir(dir)) {
        model m = { .ctx = ctx };
        snprintf(m.folder, sizeof m.folder, "%s/%.250s", folder, e->d_name);
        if (e->d_name[0] != '.')
            judge(&m, e->d_name, sum);
    }
    closedir(dir);
    print_message("%s: %d agree, %d are refused for a listed reason, %d have operators that refold "
                  "lacks, %d are exceptions, %d fail\n",
                  folder, sum->agreed, sum->limited, sum->unclaimed, sum->excepted, sum->failed);
}

static void add(tally *total, const tally *sum)
{
    total->agreed += sum->agreed;
    total->failed += sum->failed;
    for (int i = 0; i < LIMITS; i++)
        total->met[i] += sum->met[i];
}

static void every_claimed_model_agrees_or_is_a_listed_limit(void **state)
{
    tally total = { 0 };
    (void)state;
    if (access(ONNX_TESTDATA, R_OK) != 0) {
        print_message("skipped: " ONNX_TESTDATA " is missing (package libonnx-testdata)\n");
        skip();
    }
    rf_context *ctx = test_context();
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        tally sum = { 0 };
        judge_folder(ctx, folders[i], &sum);
        add(&total, &sum);
    }
    rf_context_free(ctx);
    for (int i = 0; i < LIMITS; i++) {
        print_message("%4d limited: %s\n", total.met[i], limits[i].reason);
        assert_true(total.met[i] > 0); /* a limit that nothing meets any more is none */
    }
    assert_int_equal(total.failed, 0);
    assert_true(total.agreed > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_claimed_model_agrees_or_is_a_listed_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
