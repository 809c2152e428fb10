/*
 * Five small networks trained for eight steps with SGD and Adam: losses, weights and statistics are
 * those of PyTorch. Made by: tests/golden/make/training.py (torch 1.13).
 */
#include "bn/bn_nets.h"

enum { BATCH = 8, STEPS = 8, CLASSES = 3 };
#define TOL_FIRST_LOSS 1e-5 /* one forward pass in float32 */
#define TOL_LOSS 2e-5       /* rounding that seven steps have carried on */
#define TOL_TENSOR 2e-4     /* sums over a tensor after eight steps, of the sum of absolutes */

/* What the script's generator makes: uniform in [-1, 1). */
static rf_tensor *inputs(rf_context *ctx)
{
    const int64_t dims[] = { BATCH, 3, 8, 8 };
    uint64_t random = 1;
    rf_tensor *x = NULL;
    CHECK_OK(ctx, rf_tensor_new(ctx, RF_DTYPE_F32, 4, dims, &x));
    for (int64_t i = 0; i < x->count; i++) {
        random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        rf_tensor_f32(x)[i] = (float)((double)(random >> 40) / 8388608.0 - 1.0);
    }
    return x;
}

static rf_tensor *labels(rf_context *ctx)
{
    const int64_t count = BATCH;
    rf_tensor *y = NULL;
    CHECK_OK(ctx, rf_tensor_new(ctx, RF_DTYPE_I64, 1, &count, &y));
    for (int64_t i = 0; i < BATCH; i++)
        rf_tensor_i64(y)[i] = i % CLASSES;
    return y;
}

/* One network and rule of losses.txt. */
typedef struct reference {
    char network[32], rule[32];
    double losses[STEPS];
    int tensor_count;
    struct {
        char name[64];
        double sum, absolute;
    } tensors[32];
} reference;

/* The next one of the file; false at its end. */
static bool read_reference(FILE *f, reference *r)
{
    char line[256];
    int loss = 0;
    long at = ftell(f);
    *r = (reference){ 0 };
    while (fgets(line, sizeof line, f)) {
        if (!strncmp(line, "run ", 4)) {
            if (*r->network) { /* the next one begins */
                fseek(f, at, SEEK_SET);
                break;
            }
            assert_int_equal(sscanf(line, "run %31s %31s", r->network, r->rule), 2);
        } else if (sscanf(line, "loss %lf", &r->losses[loss]) == 1) {
            assert_true(++loss <= STEPS);
        } else {
            assert_true(r->tensor_count < 32);
            assert_int_equal(sscanf(line, "tensor %63s %lf %lf", r->tensors[r->tensor_count].name,
                                    &r->tensors[r->tensor_count].sum,
                                    &r->tensors[r->tensor_count].absolute),
                             3);
            r->tensor_count++;
        }
        at = ftell(f);
    }
    assert_true(!*r->network || loss == STEPS);
    return *r->network != '\0';
}

static rf_graph *load(rf_context *ctx, const char *network)
{
    char path[512];
    rf_graph *g = NULL;
    snprintf(path, sizeof path, PYTORCH_FOLDER "/%s.onnx", network);
    CHECK_OK(ctx, rf_graph_load(ctx, path, &g));
    return g;
}

static double train(rf_graph *g, const rf_dataset *data, const reference *r, int64_t steps)
{
    const bool sgd = strcmp(r->rule, "sgd") == 0;
    rf_train_options o = RF_TRAIN_OPTIONS_INIT;
    rf_training result;
    o.epochs = steps; /* all samples are one batch, so that an epoch is a step */
    o.batch = BATCH;
    o.no_shuffle = true;
    o.optimizer = r->rule;
    o.learning_rate = sgd ? 0.05 : 0.01;
    o.momentum = 0.9;
    o.weight_decay = sgd ? 0.01 : 0.0;
    CHECK_OK(g->ctx, rf_train_graph(g, data, &o, &result));
    return result.last_loss;
}

/* The exporter hands some parameters on under names of its own: those are left out. */
static void compare_tensors(const rf_graph *g, const reference *r, int *compared)
{
    for (int i = 0; i < r->tensor_count; i++) {
        const rf_value *v = rf_graph_find_value(g, r->tensors[i].name);
        double sum = 0.0, absolute = 0.0;
        if (!v || !v->constant)
            continue;
        for (int64_t k = 0; k < v->constant->count; k++) {
            sum += (double)rf_tensor_f32(v->constant)[k];
            absolute += fabs((double)rf_tensor_f32(v->constant)[k]);
        }
        const double scale = fmax(1.0, r->tensors[i].absolute);
        if (fabs(sum - r->tensors[i].sum) > TOL_TENSOR * scale ||
            fabs(absolute - r->tensors[i].absolute) > TOL_TENSOR * scale)
            fail_msg("%s, %s: '%s' sums to %.7g (absolutes %.7g), PyTorch's to %.7g (%.7g)",
                     r->network, r->rule, r->tensors[i].name, sum, absolute, r->tensors[i].sum,
                     r->tensors[i].absolute);
        ++*compared;
    }
}

static void compare(rf_context *ctx, const rf_dataset *data, const reference *r)
{
    int compared = 0;
    for (int64_t steps = 1; steps <= STEPS; steps++) {
        rf_graph *g = load(ctx, r->network);
        const double loss = train(g, data, r, steps), expected = r->losses[steps - 1];
        if (!(fabs(loss - expected) <= (steps == 1 ? TOL_FIRST_LOSS : TOL_LOSS)))
            fail_msg("%s, %s: loss %d is %.7g, PyTorch's %.7g", r->network, r->rule, (int)steps,
                     loss, expected);
        if (steps == STEPS)
            compare_tensors(g, r, &compared);
        rf_graph_free(g);
    }
    assert_true(compared >= r->tensor_count / 2);
}

static void losses_and_weights_are_those_of_pytorch(void **state)
{
    rf_context *ctx = test_context();
    net_data d = net_data_open(ctx, inputs(ctx), labels(ctx));
    FILE *f = fopen(PYTORCH_FOLDER "/losses.txt", "r");
    reference r;
    int runs = 0;
    (void)state;
    assert_non_null(f);
    while (read_reference(f, &r)) {
        compare(ctx, d.dataset, &r);
        runs++;
    }
    assert_int_equal(runs, 10);
    fclose(f);
    net_data_close(&d);
    rf_context_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(losses_and_weights_are_those_of_pytorch) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
