/* Checkpoints: a run that was cut and resumed ends with the same bits as one that was not. */
#include "bn/bn_nets.h"

#include "base/file.h"

#define SAMPLES 48
#define CLASSES 3

typedef struct bench {
    rf_context *ctx;
    net_data data;
    char path[512], older[520];
    rf_train_options options;
} bench;

static bench bench_new(void)
{
    bench b = { .ctx = test_context(), .options = RF_TRAIN_OPTIONS_INIT };
    b.data = net_data_new(b.ctx, 2, (int64_t[]){ SAMPLES, 6 }, CLASSES);
    temp_path(&b.data.folder, "run.safetensors", b.path);
    snprintf(b.older, sizeof b.older, "%s.1", b.path);
    b.options.epochs = 4;
    b.options.batch = 16;
    b.options.schedule = "cosine";
    return b;
}

static void bench_free(bench *b)
{
    net_data_close(&b->data);
    rf_context_free(b->ctx);
}

static void check_same_values(const rf_graph *a, const rf_graph *b)
{
    for (size_t i = 0; i < a->values.count; i++) {
        const rf_value *v = a->values.items[i];
        if (v->constant)
            assert_memory_equal(v->constant->data, net_floats(b, v->name),
                                (size_t)v->constant->count * sizeof(float));
    }
}

typedef struct stopper {
    rf_context *ctx;
    int64_t after; /* images */
} stopper;

/* Interrupts from the progress function, as a signal handler would. */
static void stop(void *user, const rf_progress *progress)
{
    const stopper *s = user;
    if (strcmp(progress->task, "train") == 0 && progress->done >= s->after)
        rf_context_interrupt(s->ctx);
}

static void a_resumed_run_ends_with_the_same_bits(bench *b, const char *optimizer, int64_t cut)
{
    rf_graph *whole = bn_net_linear(b->ctx, CLASSES), *first = bn_net_linear(b->ctx, CLASSES);
    rf_graph *second = bn_net_linear(b->ctx, CLASSES);
    rf_train_options o = b->options;
    rf_training full, part;
    o.optimizer = optimizer;
    CHECK_OK(b->ctx, rf_train_graph(whole, b->data.dataset, &o, &full));
    o.checkpoint = b->path;
    o.checkpoint_every = cut;
    /* A schedule depends on the total, so the cut run must be the same one, stopped: its last checkpoint but one. */
    CHECK_OK(b->ctx, rf_train_graph(first, b->data.dataset, &o, NULL));
    assert_int_equal(rename(b->older, b->path), 0);
    o.resume = true;
    CHECK_OK(b->ctx, rf_train_graph(second, b->data.dataset, &o, &part));
    check_same_values(whole, second);
    assert_memory_equal(&full.last_loss, &part.last_loss, sizeof full.last_loss);
    assert_int_equal(full.steps, part.steps);
    rf_graph_free(whole);
    rf_graph_free(first);
    rf_graph_free(second);
}

static void sgd_resumes_in_the_middle_of_an_epoch(void **state)
{
    bench b = bench_new();
    (void)state;
    a_resumed_run_ends_with_the_same_bits(&b, "sgd", 11);
    bench_free(&b);
}

static void adam_resumes_at_the_end_of_an_epoch(void **state)
{
    bench b = bench_new();
    (void)state;
    a_resumed_run_ends_with_the_same_bits(&b, "adam", 0);
    bench_free(&b);
}

static void an_interrupted_run_can_be_resumed(void **state)
{
    bench b = bench_new();
    stopper s = { .after = 16 };
    const rf_context_options options = {
        .threads = test_threads(), .seed = 1, .progress = stop, .progress_user = &s
    };
    rf_context *ctx = NULL;
    rf_training result;
    (void)state;
    assert_int_equal(rf_context_new(&options, &ctx), RF_OK);
    s.ctx = ctx;
    rf_graph *whole = bn_net_linear(b.ctx, CLASSES), *cut = bn_net_linear(ctx, CLASSES);
    rf_dataset *data = NULL;
    char spec[1100];
    snprintf(spec, sizeof spec, "npy:%s,%s", b.data.x_path, b.data.y_path);
    CHECK_OK(ctx, rf_dataset_open(ctx, spec, NULL, &data));
    CHECK_OK(b.ctx, rf_train_graph(whole, b.data.dataset, &b.options, NULL));
    b.options.checkpoint = b.path;
    CHECK_OK(ctx, rf_train_graph(cut, data, &b.options, &result));
    assert_true(result.interrupted);
    assert_true(result.steps < 12);
    s.after = INT64_MAX;
    b.options.resume = true;
    CHECK_OK(ctx, rf_train_graph(cut, data, &b.options, &result));
    assert_false(result.interrupted);
    check_same_values(whole, cut);
    rf_dataset_free(data);
    rf_graph_free(whole);
    rf_graph_free(cut);
    rf_context_free(ctx);
    bench_free(&b);
}

static void the_checkpoint_before_the_newest_is_kept(void **state)
{
    bench b = bench_new();
    rf_graph *g = bn_net_linear(b.ctx, CLASSES);
    (void)state;
    b.options.checkpoint = b.path;
    b.options.epochs = 1;
    CHECK_OK(b.ctx, rf_train_graph(g, b.data.dataset, &b.options, NULL));
    assert_true(rf_file_exists(b.path));
    assert_false(rf_file_exists(b.older));
    b.options.epochs = 2;
    b.options.resume = true;
    CHECK_OK(b.ctx, rf_train_graph(g, b.data.dataset, &b.options, NULL));
    assert_true(rf_file_exists(b.older));
    rf_graph_free(g);
    bench_free(&b);
}

static void a_damaged_checkpoint_gives_way_to_the_older_one(void **state)
{
    bench b = bench_new();
    rf_graph *g = bn_net_linear(b.ctx, CLASSES), *h = bn_net_linear(b.ctx, CLASSES);
    rf_training result;
    (void)state;
    b.options.checkpoint = b.path;
    CHECK_OK(b.ctx, rf_train_graph(g, b.data.dataset, &b.options, NULL));
    CHECK_OK(b.ctx, rf_file_write(b.ctx, b.path, "rubbish", 7, true));
    b.options.resume = true;
    CHECK_OK(b.ctx, rf_train_graph(h, b.data.dataset, &b.options, &result));
    check_same_values(g, h);
    assert_int_equal(result.steps, 12);
    rf_graph_free(g);
    rf_graph_free(h);
    bench_free(&b);
}

static void a_damaged_checkpoint_alone_is_an_error(void **state)
{
    bench b = bench_new();
    rf_graph *g = bn_net_linear(b.ctx, CLASSES);
    (void)state;
    b.options.checkpoint = b.path;
    b.options.resume = true;
    CHECK_OK(b.ctx, rf_file_write(b.ctx, b.path, "rubbish", 7, true));
    CHECK_FAILS(b.ctx, RF_EDATA, "run.safetensors",
                rf_train_graph(g, b.data.dataset, &b.options, NULL));
    rf_graph_free(g);
    bench_free(&b);
}

static void resuming_without_a_checkpoint_starts_from_the_beginning(void **state)
{
    bench b = bench_new();
    rf_graph *g = bn_net_linear(b.ctx, CLASSES);
    rf_training result;
    (void)state;
    b.options.checkpoint = b.path;
    b.options.resume = true;
    CHECK_OK(b.ctx, rf_train_graph(g, b.data.dataset, &b.options, &result));
    assert_int_equal(result.steps, 12);
    rf_graph_free(g);
    bench_free(&b);
}

static void a_checkpoint_of_another_run_is_refused(void **state)
{
    bench b = bench_new();
    rf_graph *g = bn_net_linear(b.ctx, CLASSES), *other = bn_net_linear(b.ctx, CLASSES + 1);
    rf_graph *same = bn_net_linear(b.ctx, CLASSES);
    (void)state;
    b.options.checkpoint = b.path;
    CHECK_OK(b.ctx, rf_train_graph(g, b.data.dataset, &b.options, NULL));
    b.options.resume = true;
    CHECK_FAILS(b.ctx, RF_EDATA, "fc3", rf_train_graph(other, b.data.dataset, &b.options, NULL));
    b.options.optimizer = "adam";
    CHECK_FAILS(b.ctx, RF_EARG, "optimizer sgd",
                rf_train_graph(same, b.data.dataset, &b.options, NULL));
    b.options.optimizer = "sgd";
    b.options.batch = 8;
    CHECK_FAILS(b.ctx, RF_EARG, "batch size 16",
                rf_train_graph(same, b.data.dataset, &b.options, NULL));
    rf_graph_free(g);
    rf_graph_free(other);
    rf_graph_free(same);
    bench_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sgd_resumes_in_the_middle_of_an_epoch),
        cmocka_unit_test(adam_resumes_at_the_end_of_an_epoch),
        cmocka_unit_test(an_interrupted_run_can_be_resumed),
        cmocka_unit_test(the_checkpoint_before_the_newest_is_kept),
        cmocka_unit_test(a_damaged_checkpoint_gives_way_to_the_older_one),
        cmocka_unit_test(a_damaged_checkpoint_alone_is_an_error),
        cmocka_unit_test(resuming_without_a_checkpoint_starts_from_the_beginning),
        cmocka_unit_test(a_checkpoint_of_another_run_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
