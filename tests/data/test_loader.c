/* The loader: the same batches whatever the threads, restarts, errors in the middle, layouts. */
#include "data/loader.h"

#include <archive.h>
#include <archive_entry.h>

#include "sample_files.h"

#define IMAGES 37
#define SIDE 6
#define PIXELS (SIDE * SIDE)

static rf_context *ctx;
static temp_folder folder;
static char path_buffer[512], images_spec[1200];

static const char *path(const char *name)
{
    return temp_path(&folder, name, path_buffer);
}

/* IMAGES gray pictures in an IDX file, labels 0, 1, 2, ... */
static int set_up(void **state)
{
    (void)state;
    static const int images[3] = { IMAGES, SIDE, SIDE }, labels[1] = { IMAGES };
    char x[512], y[512];
    ctx = test_context();
    folder = temp_folder_make();
    write_idx(temp_path(&folder, "x", x), 3, images, 0, false);
    write_idx(temp_path(&folder, "y", y), 1, labels, 0, false);
    snprintf(images_spec, sizeof images_spec, "idx:%s,%s", x, y);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    temp_folder_remove(&folder);
    rf_context_free(ctx);
    return 0;
}

static rf_dataset *open_images(const char *augment)
{
    const rf_dataset_options options = { .augment = augment };
    rf_dataset *d = NULL;
    CHECK_OK(ctx, rf_dataset_open(ctx, images_spec, &options, &d));
    return d;
}

static rf_loader *make(const rf_dataset *d, const rf_loader_options *options)
{
    rf_loader *l = NULL;
    CHECK_OK(ctx, rf_loader_new(ctx, d, options, &l));
    return l;
}

static void refuse(rf_status status, const char *message, const rf_dataset *d,
                   const rf_loader_options *options)
{
    rf_loader *l = NULL;
    CHECK_FAILS(ctx, status, message, rf_loader_new(ctx, d, options, &l));
    assert_null(l);
}

/* What an epoch delivered, from batch `first` on. */
typedef struct epoch {
    float data[IMAGES * PIXELS];
    int64_t labels[IMAGES], count, batches;
} epoch;

static void run(rf_loader *l, int64_t number, int64_t first, epoch *out)
{
    rf_batch b;
    memset(out, 0, sizeof *out);
    CHECK_OK(ctx, rf_loader_start(l, number, first));
    for (;;) {
        CHECK_OK(ctx, rf_loader_next(l, &b));
        if (b.count == 0)
            break;
        assert_true(b.waited >= 0.0 && out->count + b.count <= IMAGES);
        memcpy(out->data + out->count * PIXELS, b.inputs[0],
               (size_t)(b.count * PIXELS) * sizeof(float));
        memcpy(out->labels + out->count, b.labels, (size_t)b.count * sizeof(int64_t));
        out->count += b.count;
        out->batches++;
    }
    CHECK_OK(ctx, rf_loader_next(l, &b));
    assert_int_equal(b.count, 0);
}

static void without_shuffling_samples_come_in_order(void **state)
{
    (void)state;
    epoch e;
    rf_dataset *d = open_images(NULL);
    rf_loader *l = make(d, &(rf_loader_options){ .batch = 10 });
    assert_int_equal(rf_loader_batches(l), 4);
    run(l, 0, 0, &e);
    assert_int_equal(e.count, IMAGES);
    assert_int_equal(e.batches, 4);
    for (int i = 0; i < IMAGES; i++)
        assert_int_equal(e.labels[i], i);
    for (int i = 0; i < IMAGES * PIXELS; i++)
        assert_true(e.data[i] == (float)(i % 256) / 255.0f);
    rf_loader_free(l);
    rf_dataset_free(d);
}

static void threads_change_nothing(void **state)
{
    (void)state;
    static epoch one, more;
    rf_dataset *d = open_images("flip,crop:2");
    for (int threads = 1; threads <= 4; threads++)
        for (int number = 0; number < 3; number++) {
            rf_loader *l =
                make(d, &(rf_loader_options){
                            .batch = 7, .shuffle = true, .augment = true, .threads = threads });
            rf_loader *single = make(
                d,
                &(rf_loader_options){ .batch = 7, .shuffle = true, .augment = true, .threads = 1 });
            run(single, number, 0, &one);
            run(l, number, 0, &more);
            assert_memory_equal(&one, &more, sizeof one);
            rf_loader_free(single);
            rf_loader_free(l);
        }
    rf_dataset_free(d);
}

static void every_epoch_has_its_own_order_and_every_sample_once(void **state)
{
    (void)state;
    static epoch first, second, again;
    int seen[IMAGES] = { 0 };
    rf_dataset *d = open_images("crop:2");
    rf_loader *l = make(d, &(rf_loader_options){ .batch = 8, .shuffle = true, .augment = true });
    run(l, 0, 0, &first);
    run(l, 1, 0, &second);
    run(l, 0, 0, &again);
    assert_memory_equal(&first, &again, sizeof first);
    assert_memory_not_equal(first.labels, second.labels, sizeof first.labels);
    for (int i = 0; i < IMAGES; i++)
        assert_int_equal(seen[first.labels[i]]++, 0);
    rf_loader_free(l);
    l = make(d, &(rf_loader_options){ .batch = 8, .augment = true });
    run(l, 0, 0, &first);
    run(l, 1, 0, &second);
    assert_memory_not_equal(first.data, second.data, sizeof first.data);
    rf_loader_free(l);
    rf_dataset_free(d);
}

static void a_restart_in_the_middle_goes_on_as_if_nothing_had_happened(void **state)
{
    (void)state;
    static epoch whole, rest;
    rf_batch b;
    rf_dataset *d = open_images("flip,crop:1");
    rf_loader *l = make(d, &(rf_loader_options){ .batch = 5, .shuffle = true, .augment = true });
    run(l, 3, 0, &whole);
    for (int first = 0; first <= 8; first++) {
        CHECK_OK(ctx, rf_loader_start(l, 9, 0)); /* left before its end */
        CHECK_OK(ctx, rf_loader_next(l, &b));
        run(l, 3, first, &rest);
        const int64_t skipped = first * 5 < IMAGES ? first * 5 : IMAGES;
        assert_int_equal(rest.count, IMAGES - skipped);
        assert_memory_equal(rest.labels, whole.labels + skipped,
                            (size_t)rest.count * sizeof(int64_t));
        assert_memory_equal(rest.data, whole.data + skipped * PIXELS,
                            (size_t)(rest.count * PIXELS) * sizeof(float));
    }
    CHECK_FAILS(ctx, RF_EARG, "batch 9 of an epoch of 8", rf_loader_start(l, 0, 9));
    rf_loader_free(l);
    rf_dataset_free(d);
}

/*
 * Three processes together see the epoch that one sees: same order, same augmentation. Put every sample where a single
 * process had it, and count.
 */
static void join_shares(const rf_dataset *d, rf_share_of of, int64_t first, epoch *out)
{
    memset(out, 0, sizeof *out);
    for (int rank = 0; rank < 3; rank++) {
        rf_batch b;
        rf_loader *l =
            make(d, &(rf_loader_options){
                        .batch = 7, .shuffle = true, .augment = true, .share = { rank, 3, of } });
        assert_int_equal(rf_loader_batches(l), 6);
        CHECK_OK(ctx, rf_loader_start(l, 4, first));
        for (int64_t turn = 0;; turn++) {
            CHECK_OK(ctx, rf_loader_next(l, &b));
            if (b.total == 0)
                break;
            const int64_t batch = first + (of == RF_SHARE_OF_BATCHES ? turn * 3 + rank : turn);
            assert_int_equal(b.total, batch == 5 ? 2 : 7);
            if (b.count == 0)
                continue;
            const int64_t at = (batch - first) * 7 + b.first;
            memcpy(out->data + at * PIXELS, b.inputs[0],
                   (size_t)(b.count * PIXELS) * sizeof(float));
            memcpy(out->labels + at, b.labels, (size_t)b.count * sizeof(int64_t));
            out->count += b.count;
        }
        rf_loader_free(l);
    }
}

static void shares_of_several_processes_make_up_the_whole(void **state)
{
    (void)state;
    epoch whole, joined;
    rf_dataset *d = open_images("flip,crop:2");
    rf_loader *l = make(d, &(rf_loader_options){ .batch = 7, .shuffle = true, .augment = true });
    for (int64_t first = 0; first < 6; first++) {
        run(l, 4, first, &whole);
        whole.batches = 0;
        join_shares(d, RF_SHARE_OF_SAMPLES, first, &joined);
        assert_memory_equal(&joined, &whole, sizeof whole);
        join_shares(d, RF_SHARE_OF_BATCHES, first, &joined);
        assert_memory_equal(&joined, &whole, sizeof whole);
    }
    rf_loader_free(l);
    rf_dataset_free(d);
}

static void a_limit_and_whole_batches_only_shorten_the_epoch(void **state)
{
    (void)state;
    static epoch e;
    rf_dataset *d = open_images(NULL);
    rf_loader *l = make(d, &(rf_loader_options){ .batch = 10, .drop_last = true });
    run(l, 0, 0, &e);
    assert_int_equal(e.count, 30);
    rf_loader_free(l);
    l = make(d, &(rf_loader_options){ .batch = 10, .limit = 12 });
    run(l, 0, 0, &e);
    assert_int_equal(e.count, 12);
    assert_int_equal(rf_loader_batches(l), 2);
    rf_loader_free(l);
    l = make(d, &(rf_loader_options){ .batch = 100, .limit = 1000 });
    run(l, 0, 0, &e);
    assert_int_equal(e.count, IMAGES);
    rf_loader_free(l);
    l = make(d, &(rf_loader_options){ .batch = 100, .drop_last = true });
    run(l, 0, 0, &e);
    assert_int_equal(e.count, 0);
    rf_loader_free(l);
    rf_dataset_free(d);
}

static void a_loader_may_be_freed_at_any_time(void **state)
{
    (void)state;
    rf_batch b;
    rf_dataset *d = open_images("flip");
    for (int taken = 0; taken < 6; taken++) {
        rf_loader *l = make(d, &(rf_loader_options){ .batch = 3, .threads = 3 });
        if (taken > 0)
            CHECK_OK(ctx, rf_loader_start(l, 0, 0));
        for (int i = 1; i < taken; i++)
            CHECK_OK(ctx, rf_loader_next(l, &b));
        rf_loader_free(l);
    }
    rf_loader_free(NULL);
    rf_dataset_free(d);
}

static void a_damaged_file_stops_the_epoch_at_its_batch_and_is_named(void **state)
{
    (void)state;
    rf_batch b;
    rf_dataset *d = NULL;
    char name[64];
    for (int i = 0; i < 30; i++) {
        snprintf(name, sizeof name, "set/a/%02d.png", i);
        write_png(path(name), i, 4, 4, 1);
    }
    write_bytes(path("set/a/17.png"), "broken", 6);
    write_bytes(path("set/a/16.png"), "broken", 6);
    CHECK_OK(ctx, rf_dataset_open(ctx, path("set"), NULL, &d));
    for (int threads = 1; threads <= 3; threads++) {
        rf_loader *l = make(d, &(rf_loader_options){ .batch = 10, .threads = threads });
        CHECK_OK(ctx, rf_loader_start(l, 0, 0));
        CHECK_OK(ctx, rf_loader_next(l, &b));
        assert_int_equal(b.count, 10);
        CHECK_FAILS(ctx, RF_EDATA, "a/16.png", rf_loader_next(l, &b));
        CHECK_FAILS(ctx, RF_EDATA, "a/16.png", rf_loader_next(l, &b));
        CHECK_OK(ctx, rf_loader_start(l, 0, 2));
        CHECK_OK(ctx, rf_loader_next(l, &b));
        assert_int_equal(b.count, 10);
        rf_loader_free(l);
    }
    write_bytes(path("set/a/03.png"), "broken", 6);
    rf_loader *l = make(d, &(rf_loader_options){ .batch = 30, .threads = 1 });
    CHECK_OK(ctx, rf_loader_start(l, 0, 0));
    CHECK_FAILS(ctx, RF_EDATA, "a/03.png", rf_loader_next(l, &b)); /* the first of the batch */
    rf_loader_free(l);
    rf_dataset_free(d);
}

static void images_of_uneven_size_are_named(void **state)
{
    (void)state;
    rf_batch b;
    rf_dataset *d = NULL;
    write_png(path("set/a/0.png"), 1, 4, 4, 1);
    write_png(path("set/a/1.png"), 1, 4, 5, 1);
    CHECK_OK(ctx, rf_dataset_open(ctx, path("set"), NULL, &d));
    rf_loader *l = make(d, &(rf_loader_options){ .batch = 2 });
    CHECK_OK(ctx, rf_loader_start(l, 0, 0));
    CHECK_FAILS(ctx, RF_EDATA, "a/1.png' is 5 x 4 pixels, the model takes 4 x 4",
                rf_loader_next(l, &b));
    rf_loader_free(l);
    rf_dataset_free(d);
}

static void samples_are_laid_channels_last_on_request(void **state)
{
    (void)state;
    rf_batch b;
    rf_dataset *d = NULL;
    char spec[600];
    write_counting_npy(ctx, path("x.npy"), 4, (int64_t[]){ 2, 3, 2, 4 });
    snprintf(spec, sizeof spec, "npy:%s", path("x.npy"));
    for (int nhwc = 0; nhwc < 2; nhwc++) {
        const rf_dataset_options options = { .input_nhwc = nhwc };
        CHECK_OK(ctx, rf_dataset_open(ctx, spec, &options, &d));
        rf_loader *l = make(d, &(rf_loader_options){ .batch = 2, .channels_last = true });
        CHECK_OK(ctx, rf_loader_start(l, 0, 0));
        CHECK_OK(ctx, rf_loader_next(l, &b));
        assert_null(b.labels);
        for (int i = 0; i < 48; i++) { /* nhwc stays as it is; nchw is turned */
            const int turned = i / 24 * 24 + i % 3 * 8 + i % 24 / 3;
            assert_true(b.inputs[0][i] == (float)(nhwc ? i : turned));
        }
        rf_loader_free(l);
        rf_dataset_free(d);
    }
}

/* [n, c, w], what Conv1d takes: tensors of rank 3 lie channels last wherever they are computed with. */
static void lines_are_laid_channels_last_as_images_are(void **state)
{
    (void)state;
    rf_batch b;
    rf_dataset *d = NULL;
    char spec[600];
    write_counting_npy(ctx, path("lines.npy"), 3, (int64_t[]){ 2, 3, 4 });
    snprintf(spec, sizeof spec, "npy:%s", path("lines.npy"));
    CHECK_OK(ctx, rf_dataset_open(ctx, spec, NULL, &d));
    rf_loader *l = make(d, &(rf_loader_options){ .batch = 2, .channels_last = true });
    CHECK_OK(ctx, rf_loader_start(l, 0, 0));
    CHECK_OK(ctx, rf_loader_next(l, &b));
    for (int i = 0; i < 24; i++)
        assert_true(b.inputs[0][i] == (float)(i / 12 * 12 + i % 3 * 4 + i % 12 / 3));
    rf_loader_free(l);
    rf_dataset_free(d);
}

static void the_model_decides_between_gray_and_rgb(void **state)
{
    (void)state;
    rf_batch b;
    rf_dataset *d = open_images(NULL);
    const rf_shape rgb = rf_shape_of(3, (int64_t[]){ 3, -1, SIDE });
    rf_loader *l =
        make(d, &(rf_loader_options){ .batch = 1, .input_count = 1, .sample_shapes = &rgb });
    CHECK_OK(ctx, rf_loader_start(l, 0, 1));
    CHECK_OK(ctx, rf_loader_next(l, &b));
    for (int i = 0; i < 3 * PIXELS; i++)
        assert_true(b.inputs[0][i] == (float)(PIXELS + i % PIXELS) / 255.0f);
    rf_loader_free(l);
    rf_dataset_free(d);
}

static void models_of_another_shape_are_refused(void **state)
{
    (void)state;
    const char *const names[2] = { "left", "right" };
    const rf_shape large = rf_shape_of(3, (int64_t[]){ 1, 8, 8 });
    const rf_shape flat = rf_shape_of(1, (int64_t[]){ 36 });
    const rf_shape turned = rf_shape_of(3, (int64_t[]){ 4, 3, 2 });
    const rf_dataset_options imagenet = { .mean_count = 3 };
    rf_dataset *d = open_images(NULL);
    refuse(RF_EDATA, "[1, 6, 6], the model's 'input' takes [1, 8, 8]: use --resize and --crop", d,
           &(rf_loader_options){ .batch = 1, .input_count = 1, .sample_shapes = &large });
    refuse(RF_EDATA, "takes [36]", d,
           &(rf_loader_options){ .batch = 1, .input_count = 1, .sample_shapes = &flat });
    refuse(RF_EDATA, "'right'", d,
           &(rf_loader_options){ .batch = 1, .input_count = 2, .input_names = names });
    refuse(RF_EARG, "batch is 0", d, &(rf_loader_options){ 0 });
    rf_dataset_free(d);
    d = NULL;
    CHECK_OK(ctx, rf_dataset_open(ctx, images_spec, &imagenet, &d));
    const rf_shape gray = rf_shape_of(3, (int64_t[]){ 1, SIDE, SIDE });
    refuse(RF_EARG, "mean has 3 values", d,
           &(rf_loader_options){ .batch = 1, .input_count = 1, .sample_shapes = &gray });
    rf_dataset_free(d);
    d = NULL;
    char spec[600];
    write_counting_npy(ctx, path("x.npy"), 4, (int64_t[]){ 2, 3, 2, 4 });
    snprintf(spec, sizeof spec, "npy:%s", path("x.npy"));
    CHECK_OK(ctx, rf_dataset_open(ctx, spec, NULL, &d));
    refuse(RF_EDATA, "--input-layout", d,
           &(rf_loader_options){ .batch = 1, .input_count = 1, .sample_shapes = &turned });
    rf_dataset_free(d);
}

/* Packs the named .npy files of the folder into set.npz and opens it. */
static rf_dataset *open_npz(int count, const char *const *members)
{
    static char bytes[4096], spec[600];
    rf_dataset *d = NULL;
    struct archive *a = archive_write_new();
    archive_write_set_format_zip(a);
    assert_int_equal(archive_write_open_filename(a, path("set.npz")), ARCHIVE_OK);
    for (int i = 0; i < count; i++) {
        struct archive_entry *e = archive_entry_new();
        const size_t size = read_bytes(path(members[i]), bytes, sizeof bytes);
        archive_entry_set_pathname(e, members[i]);
        archive_entry_set_size(e, (la_int64_t)size);
        archive_entry_set_filetype(e, AE_IFREG);
        assert_int_equal(archive_write_header(a, e), ARCHIVE_OK);
        assert_int_equal(archive_write_data(a, bytes, size), size);
        archive_entry_free(e);
    }
    archive_write_close(a);
    archive_write_free(a);
    snprintf(spec, sizeof spec, "npz:%s", path("set.npz"));
    CHECK_OK(ctx, rf_dataset_open(ctx, spec, NULL, &d));
    return d;
}

static void npz_arrays_find_the_inputs_of_their_name(void **state)
{
    (void)state;
    static const char *const members[] = { "left.npy", "right.npy", "x.npy" };
    static const char *const names[2] = { "right", "left" };
    static const char *const one[1] = { "input" }, *const unknown[2] = { "right", "middle" };
    rf_batch b;
    write_counting_npy(ctx, path("left.npy"), 2, (int64_t[]){ 3, 2 });
    write_counting_npy(ctx, path("right.npy"), 2, (int64_t[]){ 3, 5 });
    write_counting_npy(ctx, path("x.npy"), 2, (int64_t[]){ 3, 7 });
    rf_dataset *d = open_npz(3, members);
    rf_loader *l =
        make(d, &(rf_loader_options){ .batch = 3, .input_count = 2, .input_names = names });
    CHECK_OK(ctx, rf_loader_start(l, 0, 0));
    CHECK_OK(ctx, rf_loader_next(l, &b));
    assert_true(b.inputs[0][14] == 14.0f && b.inputs[1][5] == 5.0f);
    rf_loader_free(l);
    l = make(d, &(rf_loader_options){ .batch = 3, .input_count = 1, .input_names = one });
    CHECK_OK(ctx, rf_loader_start(l, 0, 0));
    CHECK_OK(ctx, rf_loader_next(l, &b));
    assert_true(b.inputs[0][20] == 20.0f);
    rf_loader_free(l);
    refuse(RF_EDATA, "input 'middle', but", d,
           &(rf_loader_options){ .batch = 3, .input_count = 2, .input_names = unknown });
    assert_non_null(strstr(rf_context_message(ctx), "left, right, x"));
    rf_dataset_free(d);
}

static void memory_that_runs_out_leaves_nothing_behind(void **state)
{
    (void)state;
    rf_dataset *d = open_images(NULL);
    failing_heap heap = { 0 };
    rf_context *failing = failing_context(&heap);
    rf_status st = RF_ENOMEM;
    for (long n = 0; st == RF_ENOMEM; n++) {
        rf_loader *l = NULL;
        heap.fail_at = heap.made + n;
        st = rf_loader_new(failing, d, &(rf_loader_options){ .batch = 4, .threads = 2 }, &l);
        assert_true(st == RF_OK || st == RF_ENOMEM);
        rf_loader_free(l);
        assert_int_equal(heap.live, 1);
    }
    rf_context_free(failing);
    rf_dataset_free(d);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(without_shuffling_samples_come_in_order),
        TEST(threads_change_nothing),
        TEST(every_epoch_has_its_own_order_and_every_sample_once),
        TEST(a_restart_in_the_middle_goes_on_as_if_nothing_had_happened),
        TEST(shares_of_several_processes_make_up_the_whole),
        TEST(a_limit_and_whole_batches_only_shorten_the_epoch),
        TEST(a_loader_may_be_freed_at_any_time),
        TEST(a_damaged_file_stops_the_epoch_at_its_batch_and_is_named),
        TEST(images_of_uneven_size_are_named),
        TEST(samples_are_laid_channels_last_on_request),
        TEST(lines_are_laid_channels_last_as_images_are),
        TEST(the_model_decides_between_gray_and_rgb),
        TEST(models_of_another_shape_are_refused),
        TEST(npz_arrays_find_the_inputs_of_their_name),
        TEST(memory_that_runs_out_leaves_nothing_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
