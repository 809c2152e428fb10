/* Samples that a function of the user's hands out: asked for in order, and every way of going wrong has its message. */
#include "bn/bn_nets.h"

#include <limits.h>
#include <pthread.h>

#define SAMPLES 40
#define FLOATS 6
#define CLASSES 3
#define MOST 6000 /* allocations of one call */
#define READS 64

typedef struct request {
    int64_t epoch, first, count;
} request;

/* A source over arrays that notes what it is asked for, and fails where it is told to. */
typedef struct notes {
    const float *x;
    const int64_t *y;
    pthread_t caller;
    request reads[READS];
    int count;
    int64_t fail_first; /* the read that begins with this sample fails with `status` */
    rf_status status;
} notes;

static rf_status read_samples(void *user, int64_t epoch, int64_t first, int64_t count,
                              float *const *inputs, int64_t *labels)
{
    notes *n = user;
    if (!pthread_equal(n->caller, pthread_self()))
        return RF_EINTERNAL;
    if (n->count < READS)
        n->reads[n->count++] = (request){ epoch, first, count };
    if (n->status && first == n->fail_first)
        return n->status;
    memcpy(inputs[0], n->x + first * FLOATS, (size_t)(count * FLOATS) * sizeof(float));
    if (labels)
        memcpy(labels, n->y + first, (size_t)count * sizeof *labels);
    return RF_OK;
}

typedef struct bench {
    rf_context *ctx;
    rf_graph *g;
    net_data files; /* the same samples as a data set of files */
    rf_tensor *x, *y;
    notes notes;
    rf_port port;
    rf_data_source source;
    rf_dataset *data;
} bench;

static bench bench_begin(void)
{
    bench b = { .ctx = test_context() };
    b.g = bn_net_linear(b.ctx, CLASSES);
    b.files = net_data_new(b.ctx, 2, (int64_t[]){ SAMPLES, FLOATS }, CLASSES);
    CHECK_OK(b.ctx, rf_tensor_load_npy(b.ctx, b.files.x_path, &b.x));
    CHECK_OK(b.ctx, rf_tensor_load_npy(b.ctx, b.files.y_path, &b.y));
    return b;
}

/* The pointers go to where `b` lies now. */
static void describe(bench *b)
{
    b->notes = (notes){ .x = rf_tensor_f32(b->x),
                        .y = rf_tensor_i64(b->y),
                        .caller = pthread_self(),
                        .fail_first = -1 };
    b->port = (rf_port){ .dtype = RF_DTYPE_F32, .rank = 2, .dims = { -1, FLOATS } };
    b->source = (rf_data_source){ .samples = SAMPLES,
                                  .input_count = 1,
                                  .inputs = &b->port,
                                  .has_labels = true,
                                  .classes = CLASSES,
                                  .read = read_samples,
                                  .user = &b->notes };
}

static void open_source(bench *b)
{
    rf_dataset_free(b->data);
    b->data = NULL;
    CHECK_OK(b->ctx, rf_dataset_from_source(b->ctx, &b->source, &b->data));
}

static void bench_end(bench *b)
{
    rf_dataset_free(b->data);
    rf_tensor_free(b->x);
    rf_tensor_free(b->y);
    net_data_close(&b->files);
    rf_graph_free(b->g);
    rf_context_free(b->ctx);
}

static rf_train_options in_order(int64_t epochs)
{
    rf_train_options o = RF_TRAIN_OPTIONS_INIT;
    o.epochs = epochs;
    o.batch = 16;
    o.no_shuffle = true;
    return o;
}

static void check_reads(const notes *n, const request *expected, int count)
{
    assert_int_equal(n->count, count);
    for (int i = 0; i < count; i++) {
        assert_int_equal(n->reads[i].epoch, expected[i].epoch);
        assert_int_equal(n->reads[i].first, expected[i].first);
        assert_int_equal(n->reads[i].count, expected[i].count);
    }
}

static void an_epoch_is_read_in_order_a_batch_at_a_time(void **state)
{
    bench b = bench_begin();
    const rf_train_options o = in_order(2);
    rf_accuracy found, expected;
    (void)state;
    describe(&b);
    open_source(&b);
    CHECK_OK(b.ctx, rf_train_graph(b.g, b.data, &o, NULL));
    check_reads(
        &b.notes,
        (const request[]){
            { 0, 0, 16 }, { 0, 16, 16 }, { 0, 32, 8 }, { 1, 0, 16 }, { 1, 16, 16 }, { 1, 32, 8 } },
        6);
    b.notes.count = 0;
    CHECK_OK(b.ctx, rf_evaluate(b.g, b.data, 32, &found));
    check_reads(&b.notes, (const request[]){ { 0, 0, 32 }, { 0, 32, 8 } }, 2);
    CHECK_OK(b.ctx, rf_evaluate(b.g, b.files.dataset, 32, &expected));
    CHECK_NEAR(found.loss, expected.loss, 0.0);
    assert_int_equal(rf_dataset_count(b.data), SAMPLES);
    assert_int_equal(rf_dataset_classes(b.data), CLASSES);
    bench_end(&b);
}

static void training_is_that_of_the_same_samples_in_files(void **state)
{
    bench b = bench_begin();
    const rf_train_options o = in_order(2);
    rf_graph *other = bn_net_linear(b.ctx, CLASSES);
    (void)state;
    describe(&b);
    open_source(&b);
    CHECK_OK(b.ctx, rf_train_graph(b.g, b.data, &o, NULL));
    CHECK_OK(b.ctx, rf_train_graph(other, b.files.dataset, &o, NULL));
    assert_memory_equal(net_floats(b.g, "fc1.weight"), net_floats(other, "fc1.weight"),
                        48 * sizeof(float));
    rf_graph_free(other);
    bench_end(&b);
}

static void a_resumed_training_asks_from_where_it_was(void **state)
{
    bench b = bench_begin();
    temp_folder folder = temp_folder_make();
    char path[512];
    rf_train_options o = in_order(0);
    (void)state;
    temp_path(&folder, "checkpoint", path);
    describe(&b);
    open_source(&b);
    o.checkpoint = path;
    o.steps = 4;
    CHECK_OK(b.ctx, rf_train_graph(b.g, b.data, &o, NULL));
    b.notes.count = 0;
    o.steps = 6;
    o.resume = true;
    CHECK_OK(b.ctx, rf_train_graph(b.g, b.data, &o, NULL));
    check_reads(&b.notes, (const request[]){ { 1, 16, 16 }, { 1, 32, 8 } }, 2);
    temp_folder_remove(&folder);
    bench_end(&b);
}

static void an_error_of_the_function_ends_the_step_with_it(void **state)
{
    bench b = bench_begin();
    const rf_train_options o = in_order(1);
    rf_sim *sim = NULL;
    rf_accuracy a;
    float before[8];
    (void)state;
    describe(&b);
    open_source(&b);
    b.notes.status = RF_EIO;
    b.notes.fail_first = 16;
    CHECK_FAILS(b.ctx, RF_EIO,
                "gave 'file could not be read or written' for samples 16 to 31 of epoch 0",
                rf_train_graph(b.g, b.data, &o, NULL));
    b.notes.fail_first = 0;
    CHECK_FAILS(b.ctx, RF_EIO, "for samples 0 to 31 of epoch 0", rf_evaluate(b.g, b.data, 32, &a));
    CHECK_OK(b.ctx, rf_sim_new(b.g, NULL, &sim));
    CHECK_FAILS(b.ctx, RF_EIO, "the data source gave", rf_sim_calibrate(sim, b.data, NULL, NULL));
    assert_int_equal(rf_sim_state(sim), RF_STATE_BUILT);
    memcpy(before, net_floats(b.g, "bn1.running_mean"), sizeof before);
    CHECK_FAILS(b.ctx, RF_EIO, "the data source gave",
                rf_reestimate_graph(b.g, b.data, NULL, NULL));
    assert_memory_equal(before, net_floats(b.g, "bn1.running_mean"), sizeof before);
    b.notes.status = RF_OK;
    CHECK_OK(b.ctx, rf_sim_calibrate(sim, b.data, NULL, NULL));
    rf_sim_free(sim);
    bench_end(&b);
}

static void bad_samples_are_named(void **state)
{
    bench b = bench_begin();
    const rf_train_options o = in_order(1);
    rf_accuracy a;
    (void)state;
    describe(&b);
    open_source(&b);
    rf_tensor_i64(b.y)[21] = CLASSES;
    CHECK_FAILS(b.ctx, RF_EDATA, "of sample 21", rf_train_graph(b.g, b.data, &o, NULL));
    rf_tensor_i64(b.y)[21] = -1;
    CHECK_FAILS(b.ctx, RF_EDATA, "of sample 21", rf_evaluate(b.g, b.data, 16, &a));
    rf_tensor_i64(b.y)[21] = 0;
    rf_tensor_f32(b.x)[7 * FLOATS] = NAN;
    CHECK_FAILS(b.ctx, RF_ENUMERIC, "input 'x', sample 8 of a batch",
                rf_train_graph(b.g, b.data, &o, NULL));
    bench_end(&b);
}

static void without_labels_nothing_is_trained(void **state)
{
    bench b = bench_begin();
    rf_sim *sim = NULL;
    rf_accuracy a;
    (void)state;
    describe(&b);
    b.source.has_labels = false;
    open_source(&b);
    assert_false(rf_dataset_has_labels(b.data));
    assert_int_equal(rf_dataset_classes(b.data), 0);
    CHECK_FAILS(b.ctx, RF_EDATA, "no labels", rf_train_graph(b.g, b.data, NULL, NULL));
    CHECK_FAILS(b.ctx, RF_EDATA, "no labels", rf_evaluate(b.g, b.data, 16, &a));
    CHECK_OK(b.ctx, rf_sim_new(b.g, NULL, &sim));
    CHECK_OK(b.ctx, rf_sim_calibrate(sim, b.data, NULL, NULL));
    CHECK_OK(b.ctx, rf_reestimate_sim(sim, b.data, NULL, NULL));
    rf_sim_free(sim);
    bench_end(&b);
}

static void a_description_that_makes_no_sense_is_refused(void **state)
{
    bench b = bench_begin();
    (void)state;
#define REFUSED(status, text, change)                                                              \
    do {                                                                                           \
        describe(&b);                                                                              \
        change;                                                                                    \
        CHECK_FAILS(b.ctx, status, text, rf_dataset_from_source(b.ctx, &b.source, &b.data));       \
        assert_null(b.data);                                                                       \
    } while (0)
    REFUSED(RF_EARG, "at least one of each", b.source.samples = 0);
    REFUSED(RF_EARG, "at least one of each", b.source.input_count = 0);
    REFUSED(RF_EARG, "at least one of each", b.source.inputs = NULL);
    REFUSED(RF_EARG, "a function that reads them", b.source.read = NULL);
    REFUSED(RF_EARG, "classes", b.source.classes = -1);
    REFUSED(RF_EARG, "expected float32", b.port.dtype = RF_DTYPE_I64);
    REFUSED(RF_EARG, "whose dims", b.port.dims[1] = -1);
    REFUSED(RF_EARG, "whose dims", b.port.rank = 0);
    REFUSED(RF_EARG, "whose dims", b.port.rank = RF_MAX_RANK + 1);
    REFUSED(RF_ENOMEM, "out of memory", b.source.samples = INT64_MAX);
#undef REFUSED
    bench_end(&b);
}

static void samples_that_the_network_does_not_take_are_refused(void **state)
{
    bench b = bench_begin();
    rf_accuracy a;
    (void)state;
    describe(&b);
    b.port.dims[1] = 5;
    open_source(&b);
    CHECK_FAILS(b.ctx, RF_EDATA, "data source", rf_evaluate(b.g, b.data, 16, &a));
    assert_int_equal(b.notes.count, 0);
    bench_end(&b);
}

/* Every allocation of opening, training and evaluating fails once. */
static void memory_may_run_out_anywhere(void **state)
{
    bench b = bench_begin();
    failing_heap h = { 0 };
    rf_context *ctx = failing_context(&h);
    const rf_train_options o = in_order(1);
    rf_status st = RF_ENOMEM;
    (void)state;
    h.fail_at = LONG_MAX;
    rf_graph *g = bn_net_linear(ctx, CLASSES);
    describe(&b);
    for (int n = 0; st && n < MOST; n++) {
        rf_dataset *data = NULL;
        rf_accuracy a;
        h.fail_at = h.made + n;
        st = rf_dataset_from_source(ctx, &b.source, &data);
        if (!st)
            st = rf_train_graph(g, data, &o, NULL);
        if (!st)
            st = rf_evaluate(g, data, 16, &a);
        h.fail_at = LONG_MAX;
        assert_true(st == RF_OK || st == RF_ENOMEM);
        rf_dataset_free(data);
    }
    assert_int_equal(st, RF_OK);
    rf_graph_free(g);
    rf_context_free(ctx);
    assert_int_equal(h.live, 0);
    bench_end(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_epoch_is_read_in_order_a_batch_at_a_time),
        cmocka_unit_test(training_is_that_of_the_same_samples_in_files),
        cmocka_unit_test(a_resumed_training_asks_from_where_it_was),
        cmocka_unit_test(an_error_of_the_function_ends_the_step_with_it),
        cmocka_unit_test(bad_samples_are_named),
        cmocka_unit_test(without_labels_nothing_is_trained),
        cmocka_unit_test(a_description_that_makes_no_sense_is_refused),
        cmocka_unit_test(samples_that_the_network_does_not_take_are_refused),
        cmocka_unit_test(memory_may_run_out_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
