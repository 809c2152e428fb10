/* Data sets: every kind of source gives its samples and labels, and every mistake its message. */
#include "data/dataset.h"

#include <archive.h>
#include <archive_entry.h>

#include "data/npz.h"
#include "sample_files.h"

static rf_context *ctx;
static temp_folder folder;
static char spec_buffer[1200], warnings[2048];

static void keep_warning(void *user, rf_log_level level, const char *line)
{
    (void)user;
    if (level == RF_LOG_WARNING)
        snprintf(warnings, sizeof warnings, "%s", line);
}

static int set_up(void **state)
{
    (void)state;
    const rf_context_options options = { .threads = 2, .seed = 1, .log = keep_warning };
    warnings[0] = 0;
    folder = temp_folder_make();
    return (int)rf_context_new(&options, &ctx);
}

static int tear_down(void **state)
{
    (void)state;
    temp_folder_remove(&folder);
    rf_context_free(ctx);
    return 0;
}

/* FOLDER/name; four calls may be in use at once. */
static const char *path(const char *name)
{
    static char buffers[4][512];
    static int next;
    return temp_path(&folder, name, buffers[next++ % 4]);
}

/* "KIND:A,B" with both files in the folder; b may be NULL. */
static const char *spec(const char *kind, const char *a, const char *b)
{
    snprintf(spec_buffer, sizeof spec_buffer, "%s%s%s%s", kind, path(a), b ? "," : "",
             b ? path(b) : "");
    return spec_buffer;
}

static rf_dataset *open_with(const char *text, const rf_dataset_options *options)
{
    rf_dataset *d = NULL;
    CHECK_OK(ctx, rf_dataset_open(ctx, text, options, &d));
    return d;
}

static void refuse(rf_status status, const char *message, const char *text,
                   const rf_dataset_options *options)
{
    rf_dataset *d = NULL;
    CHECK_FAILS(ctx, status, message, rf_dataset_open(ctx, text, options, &d));
    assert_null(d);
}

/* Sample `index` in plain layout; returns its shape. */
static rf_shape read_sample(const rf_dataset *d, int64_t index, float data[1024])
{
    rf_sample_dst dst = { .data = data };
    CHECK_OK(ctx, rf_dataset_sample_shape(d, 0, &dst.shape));
    int64_t step = 1;
    for (int i = dst.shape.rank - 1; i >= 0; i--) {
        dst.strides[i] = step;
        step *= dst.shape.dims[i];
    }
    assert_true(step <= 1024);
    CHECK_OK(ctx, rf_dataset_read(ctx, d, index, 0, NULL, &dst));
    return dst.shape;
}

/* Which picture of write_png sample `index` is. */
static int seed_of(const rf_dataset *d, int64_t index)
{
    float data[1024];
    read_sample(d, index, data);
    for (int seed = 0; seed < 8; seed++)
        if (lroundf(data[0] * 255.0f) == sample_pixel(seed, 0, 0, 0))
            return seed;
    return -1;
}

static void check_three_pictures(const rf_dataset *d)
{
    assert_int_equal(rf_dataset_count(d), 3);
    assert_int_equal(rf_dataset_classes(d), 2);
    assert_true(rf_dataset_has_labels(d));
    assert_int_equal(d->source->labels[0], 0);
    assert_int_equal(d->source->labels[1], 1);
    assert_int_equal(d->source->labels[2], 1);
    for (int i = 0; i < 3; i++)
        assert_int_equal(seed_of(d, i), i + 1);
}

static void a_folder_gives_classes_and_files_in_byte_order(void **state)
{
    (void)state;
    write_png(path("set/dog/b.PNG"), 3, 4, 4, 3);
    write_png(path("set/dog/a.png"), 2, 4, 4, 3);
    write_png(path("set/Zebra/z.png"), 1, 4, 4, 3);
    write_png(path("set/dog/.hidden.png"), 4, 4, 4, 3);
    write_png(path("set/dog/deeper/c.png"), 5, 4, 4, 3);
    write_png(path("set/.cache/c.png"), 6, 4, 4, 3);
    write_bytes(path("set/dog/notes.txt"), "x", 1);
    rf_dataset *d = open_with(path("set"), NULL);
    check_three_pictures(d);
    assert_non_null(strstr(warnings, "skipped 2 files"));
    rf_dataset_free(d);
}

static void an_empty_class_folder_keeps_its_number(void **state)
{
    (void)state;
    write_png(path("set/a/1.png"), 1, 4, 4, 3);
    write_png(path("set/c/1.png"), 2, 4, 4, 3);
    (void)path("set/b/");
    rf_dataset *d = open_with(path("set"), NULL);
    assert_int_equal(rf_dataset_classes(d), 3);
    assert_int_equal(d->source->labels[1], 2);
    assert_non_null(strstr(warnings, "1 of 3 class folders have no images"));
    rf_dataset_free(d);
}

/* A tar (or zip) of `count` files, read from the folder under their own names. */
static void pack(const char *name, bool zip, bool gzip, int count, const char *const *members)
{
    static uint8_t bytes[65536];
    struct archive *a = archive_write_new();
    if (zip)
        archive_write_set_format_zip(a);
    else
        archive_write_set_format_pax_restricted(a);
    if (gzip)
        archive_write_add_filter_gzip(a);
    assert_int_equal(archive_write_open_filename(a, path(name)), ARCHIVE_OK);
    for (int i = 0; i < count; i++) {
        struct archive_entry *e = archive_entry_new();
        const size_t size = read_bytes(path(members[i]), bytes, sizeof bytes);
        archive_entry_set_pathname(e, members[i]);
        archive_entry_set_size(e, (la_int64_t)size);
        archive_entry_set_filetype(e, AE_IFREG);
        archive_entry_set_perm(e, 0644);
        assert_int_equal(archive_write_header(a, e), ARCHIVE_OK);
        assert_int_equal(archive_write_data(a, bytes, size), size);
        archive_entry_free(e);
    }
    assert_int_equal(archive_write_close(a), ARCHIVE_OK);
    archive_write_free(a);
}

static void a_tar_gives_the_same_as_a_folder(void **state)
{
    (void)state;
    static const char *const members[] = { "train/dog/b.png", "train/dog/a.png", "train/cat/z.png",
                                           "train/readme.txt", "train/dog/._a.png" };
    write_png(path(members[0]), 3, 4, 4, 3);
    write_png(path(members[1]), 2, 4, 4, 3);
    write_png(path(members[2]), 1, 4, 4, 3);
    write_bytes(path(members[3]), "x", 1);
    write_bytes(path(members[4]), "x", 1);
    pack("a.tar", false, false, 5, members);
    pack("a.tar.gz", false, true, 5, members);
    rf_dataset *d = open_with(path("a.tar"), NULL);
    check_three_pictures(d);
    rf_dataset_free(d);
    assert_non_null(strstr(warnings, "skipped 1 files"));
    d = open_with(path("a.tar.gz"), NULL);
    check_three_pictures(d);
    rf_dataset_free(d);
}

static void damaged_tar_files_and_members_are_named(void **state)
{
    (void)state;
    static const char *const members[] = { "dog/a.png", "dog/b.png" };
    uint8_t bytes[16384];
    write_png(path(members[0]), 1, 4, 4, 3);
    write_bytes(path(members[1]), "no png", 6);
    pack("b.tar", false, false, 2, members);
    rf_dataset *d = open_with(path("b.tar"), NULL);
    float data[1024];
    rf_sample_dst dst = { .data = data, .shape = rf_shape_of(3, (int64_t[]){ 3, 4, 4 }) };
    CHECK_FAILS(ctx, RF_EDATA, "b.tar: dog/b.png", rf_dataset_read(ctx, d, 1, 0, NULL, &dst));
    rf_dataset_free(d);
    read_bytes(path("b.tar"), bytes, sizeof bytes);
    write_bytes(path("cut.tar"), bytes, 560);
    refuse(RF_EDATA, "cut.tar' is a damaged tar", path("cut.tar"), NULL);
    write_bytes(path("half.tar"), bytes, 1024); /* header and picture of the first member */
    refuse(RF_EDATA, "half.tar' is a damaged tar file: it is cut off", path("half.tar"), NULL);
    write_bytes(path("text.tar"), "this is no tar file at all, but text", 36);
    refuse(RF_EDATA, "text.tar' is a damaged tar", path("text.tar"), NULL);
    refuse(RF_EIO, "no such file", path("missing.tar"), NULL);
}

static void idx_files_give_gray_or_colour_images(void **state)
{
    (void)state;
    static const int gray[3] = { 3, 2, 2 }, last[4] = { 2, 2, 2, 3 }, first[4] = { 2, 3, 2, 2 };
    static const int n[1] = { 3 };
    float data[1024];
    write_idx(path("x"), 3, gray, 0, false);
    write_idx(path("x.gz"), 3, gray, 0, true);
    write_idx(path("y"), 1, n, 0, true);
    for (int gz = 0; gz < 2; gz++) {
        rf_dataset *d = open_with(spec("idx:", gz ? "x.gz" : "x", "y"), NULL);
        assert_int_equal(rf_dataset_count(d), 3);
        assert_int_equal(rf_dataset_classes(d), 3);
        read_sample(d, 2, data);
        assert_true(data[3] == 11.0f / 255.0f);
        rf_dataset_free(d);
    }
    write_idx(path("last"), 4, last, 0, false);
    write_idx(path("first"), 4, first, 0, false);
    rf_dataset *d = open_with(spec("idx:", "last", NULL), NULL);
    const rf_shape shape = read_sample(d, 1, data);
    assert_true(shape.dims[0] == 3 && !rf_dataset_has_labels(d));
    assert_true(data[4] == 13.0f / 255.0f); /* [c 1, y 0, x 0] */
    rf_dataset_free(d);
    d = open_with(spec("idx:", "first", NULL), NULL);
    read_sample(d, 1, data);
    assert_true(data[4] == 16.0f / 255.0f);
    rf_dataset_free(d);
}

static void idx_files_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    static const int x[3] = { 3, 2, 2 }, n[1] = { 4 }, flat[2] = { 3, 4 };
    static const uint8_t huge[16] = {
        0, 0, 8, 3, 255, 255, 255, 255, 255, 255, 255, 255, 0, 0, 0, 1
    };
    static const uint8_t large[16] = { 0, 0, 8, 3, 0, 0, 255, 255, 0, 0, 255, 255, 0, 0, 1, 0 };
    write_idx(path("x"), 3, x, 0, false);
    write_idx(path("y4"), 1, n, 0, false);
    write_idx(path("long"), 3, x, 1, true);
    write_idx(path("short"), 3, x, -1, false);
    write_idx(path("flat"), 2, flat, 0, false);
    write_bytes(path("huge"), huge, sizeof huge);
    write_bytes(path("large"), large, sizeof large);
    write_bytes(path("floats"), "\0\0\x0d\x01\0\0\0\1abcd", 12);
    write_bytes(path("stub"), "\0\0\x08\x03\0\0", 6);
    refuse(RF_EDATA, "3 images, but", spec("idx:", "x", "y4"), NULL);
    assert_non_null(strstr(rf_context_message(ctx), "y4' has 4 labels"));
    refuse(RF_EDATA, "more bytes", spec("idx:", "long", NULL), NULL);
    refuse(RF_EDATA, "fewer", spec("idx:", "short", NULL), NULL);
    refuse(RF_EDATA, "cannot hold", spec("idx:", "huge", NULL), NULL);
    refuse(RF_EDATA, "cannot hold", spec("idx:", "large", NULL), NULL);
    refuse(RF_EDATA, "unsigned bytes", spec("idx:", "floats", NULL), NULL);
    refuse(RF_EDATA, "within its header", spec("idx:", "stub", NULL), NULL);
    refuse(RF_EDATA, "expected images", spec("idx:", "flat", NULL), NULL);
    refuse(RF_EDATA, "expected labels", spec("idx:", "x", "x"), NULL);
    refuse(RF_EIO, "absent", spec("idx:", "absent", NULL), NULL);
}

static void npy_arrays_are_taken_as_they_are(void **state)
{
    (void)state;
    static const rf_dtype dtypes[] = { RF_DTYPE_I64, RF_DTYPE_I32, RF_DTYPE_U8 };
    static const int labels[2] = { 4, 0 };
    const rf_dataset_options normalize = { .preset = "cifar10", .mean_count = 1, .mean = { 3 } };
    float data[1024];
    write_counting_npy(ctx, path("x.npy"), 4, (int64_t[]){ 2, 2, 2, 3 });
    for (int i = 0; i < 3; i++) {
        write_labels_npy(ctx, path("y.npy"), dtypes[i], 2, labels);
        rf_dataset *d = open_with(spec("npy:", "x.npy", "y.npy"), &normalize);
        assert_non_null(strstr(warnings, "taken as they are"));
        assert_int_equal(rf_dataset_classes(d), 5);
        const rf_shape shape = read_sample(d, 1, data);
        assert_true(shape.dims[0] == 2 && shape.dims[2] == 3);
        for (int k = 0; k < 12; k++)
            assert_true(data[k] == (float)(12 + k));
        rf_dataset_free(d);
    }
}

static void channels_last_arrays_are_turned(void **state)
{
    (void)state;
    const rf_dataset_options options = { .input_nhwc = true };
    float data[1024];
    write_counting_npy(ctx, path("x.npy"), 4, (int64_t[]){ 2, 2, 4, 3 });
    rf_dataset *d = open_with(spec("npy:", "x.npy", NULL), &options);
    const rf_shape shape = read_sample(d, 1, data);
    assert_true(shape.dims[0] == 3 && shape.dims[1] == 2 && shape.dims[2] == 4);
    for (int i = 0; i < 24; i++)
        assert_true(data[i] == (float)(24 + 3 * (i % 8) + i / 8));
    rf_dataset_free(d);
    write_counting_npy(ctx, path("v.npy"), 2, (int64_t[]){ 2, 5 });
    d = open_with(spec("npy:", "v.npy", NULL), &options);
    assert_int_equal(read_sample(d, 0, data).dims[0], 5);
    rf_dataset_free(d);
}

static void arrays_and_labels_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    write_counting_npy(ctx, path("x.npy"), 2, (int64_t[]){ 2, 5 });
    write_counting_npy(ctx, path("none.npy"), 2, (int64_t[]){ 0, 5 });
    write_labels_npy(ctx, path("three.npy"), RF_DTYPE_I64, 3, (int[]){ 0, 1, 2 });
    write_labels_npy(ctx, path("minus.npy"), RF_DTYPE_I64, 2, (int[]){ 0, -1 });
    refuse(RF_EDATA, "3 labels", spec("npy:", "x.npy", "three.npy"), NULL);
    refuse(RF_EDATA, "label -1 of sample 1", spec("npy:", "x.npy", "minus.npy"), NULL);
    refuse(RF_EDATA, "are float32, expected int64", spec("npy:", "x.npy", "x.npy"), NULL);
    refuse(RF_EDATA, "is int64, expected float32", spec("npy:", "three.npy", NULL), NULL);
    refuse(RF_EDATA, "[0, 5]", spec("npy:", "none.npy", NULL), NULL);
    refuse(RF_EIO, "absent.npy", spec("npy:", "absent.npy", NULL), NULL);
}

static void npz_arrays_have_names(void **state)
{
    (void)state;
    static const char *const members[] = { "x.npy", "other.npy", "y.npy" };
    rf_npz npz;
    write_counting_npy(ctx, path("x.npy"), 2, (int64_t[]){ 2, 5 });
    write_counting_npy(ctx, path("other.npy"), 3, (int64_t[]){ 2, 1, 3 });
    write_labels_npy(ctx, path("y.npy"), RF_DTYPE_I64, 2, (int[]){ 1, 0 });
    pack("a.npz", true, false, 3, members);
    rf_dataset *d = open_with(spec("npz:", "a.npz", NULL), NULL);
    assert_int_equal(d->source->input_count, 2);
    assert_string_equal(d->source->input_names[1], "other");
    assert_int_equal(rf_dataset_classes(d), 2);
    rf_dataset_free(d);
    CHECK_OK(ctx, rf_npz_read(ctx, path("a.npz"), &npz));
    assert_int_equal(rf_tensor_count(rf_npz_find(&npz, "other")), 6);
    assert_null(rf_npz_find(&npz, "z"));
    rf_npz_release(&npz);
}

static void npz_files_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    static const char *const only_y[] = { "y.npy" };
    static const char *const uneven[] = { "a.npy", "b.npy" };
    uint8_t bytes[8192];
    write_labels_npy(ctx, path("y.npy"), RF_DTYPE_I64, 2, (int[]){ 1, 0 });
    write_counting_npy(ctx, path("a.npy"), 2, (int64_t[]){ 2, 5 });
    write_counting_npy(ctx, path("b.npy"), 2, (int64_t[]){ 3, 5 });
    pack("y.npz", true, false, 1, only_y);
    pack("uneven.npz", true, false, 2, uneven);
    refuse(RF_EDATA, "no array of inputs", spec("npz:", "y.npz", NULL), NULL);
    refuse(RF_EDATA, "array 'b' has 3 samples, but 'a' has 2", spec("npz:", "uneven.npz", NULL),
           NULL);
    const size_t size = read_bytes(path("uneven.npz"), bytes, sizeof bytes);
    write_bytes(path("cut.npz"), bytes, size / 2);
    refuse(RF_EDATA, "cut.npz", spec("npz:", "cut.npz", NULL), NULL);
    refuse(RF_EIO, "absent.npz", spec("npz:", "absent.npz", NULL), NULL);
}

static void specifications_of_no_kind_are_refused_with_the_kinds(void **state)
{
    (void)state;
    write_bytes(path("model.onnx"), "x", 1);
    (void)path("empty/");
    refuse(RF_EARG, "expected one of idx:IMAGES,LABELS", "lmdb:file", NULL);
    refuse(RF_EARG, "expected one of", path("model.onnx"), NULL);
    refuse(RF_EARG, "no data set", "", NULL);
    refuse(RF_EARG, "no data set", NULL, NULL);
    refuse(RF_EARG, "file name is missing", "npy:", NULL);
    refuse(RF_EARG, "file name is missing", "idx:a,", NULL);
    refuse(RF_EARG, "expected train or test", "fashion-mnist:val", NULL);
    refuse(RF_EIO, "no such file or folder", path("absent"), NULL);
    refuse(RF_EDATA, "expected CLASS/IMAGE.png", path("empty"), NULL);
}

static void images_of_another_size_are_found_when_opening(void **state)
{
    (void)state;
    write_png(path("set/a/1.png"), 1, 6, 5, 1);
    const rf_dataset_options small = { .height = 4, .width = 4 };
    const rf_dataset_options cropped = { .height = 4, .width = 4, .crop = 4, .channels = 3 };
    const rf_dataset_options odd = { .mean_count = 2 };
    refuse(RF_EDATA, "5 x 6 pixels, the model takes 4 x 4", path("set"), &small);
    refuse(RF_EARG, "std value 1 is 0", path("set"), &(rf_dataset_options){ .std_count = 1 });
    float data[1024];
    rf_dataset *d = open_with(path("set"), &cropped);
    const rf_shape shape = read_sample(d, 0, data);
    assert_true(shape.dims[0] == 3 && shape.dims[1] == 4 && shape.dims[2] == 4);
    assert_true(data[0] == (float)sample_pixel(1, 1, 0, 0) / 255.0f && data[16] == data[0]);
    rf_dataset_free(d);
    refuse(RF_EARG, "mean has 2 values", path("set"), &odd);
}

static void memory_that_runs_out_leaves_nothing_behind(void **state)
{
    (void)state;
    static const char *const members[] = { "dog/a.png", "cat/b.png" };
    write_png(path(members[0]), 1, 4, 4, 3);
    write_png(path(members[1]), 2, 4, 4, 3);
    pack("m.tar", false, false, 2, members);
    write_counting_npy(ctx, path("x.npy"), 2, (int64_t[]){ 2, 5 });
    const char *const specs[] = { path("m.tar"), spec("npy:", "x.npy", NULL) };
    for (int i = 0; i < 2; i++) {
        failing_heap heap = { 0 };
        rf_context *failing = failing_context(&heap);
        rf_status st = RF_ENOMEM;
        for (long n = 0; st == RF_ENOMEM; n++) {
            rf_dataset *d = NULL;
            heap.fail_at = heap.made + n;
            st = rf_dataset_open(failing, specs[i], NULL, &d);
            assert_true(st == RF_OK || st == RF_ENOMEM);
            rf_dataset_free(d);
            assert_int_equal(heap.live, 1);
        }
        rf_context_free(failing);
    }
}

static void fashion_mnist_is_read_from_the_package(void **state)
{
    (void)state;
    rf_dataset *d = NULL;
    const rf_status st = rf_dataset_open(ctx, "fashion-mnist:test", NULL, &d);
    if (st != RF_OK) {
        CHECK_FAILS(ctx, RF_EIO, "apt install dataset-fashion-mnist", st);
        skip();
    }
    assert_int_equal(rf_dataset_count(d), 10000);
    assert_int_equal(rf_dataset_classes(d), 10);
    assert_int_equal(d->source->labels[0], 9); /* an ankle boot */
    rf_dataset_free(d);
}

static void cifar10_is_read_from_a_tar(void **state)
{
    (void)state;
    char file[512];
    float data[3 * 32 * 32], sum = 0.0f;
    if (!test_shared("data/cifar10-test-1000.tar", file)) {
        print_message("no shared data: skipped\n");
        skip();
    }
    rf_dataset *d = open_with(file, NULL);
    assert_int_equal(rf_dataset_count(d), 1000);
    assert_int_equal(rf_dataset_classes(d), 10);
    rf_sample_dst dst = { .data = data, .shape = rf_shape_of(3, (int64_t[]){ 3, 32, 32 }) };
    dst.strides[0] = 1024;
    dst.strides[1] = 32;
    dst.strides[2] = 1;
    CHECK_OK(ctx, rf_dataset_read(ctx, d, 0, 0, NULL, &dst));
    for (int i = 0; i < 3072; i++)
        sum += data[i];
    assert_true(sum > 0.05f * 3072 && sum < 0.95f * 3072);
    rf_dataset_free(d);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_folder_gives_classes_and_files_in_byte_order),
        TEST(an_empty_class_folder_keeps_its_number),
        TEST(a_tar_gives_the_same_as_a_folder),
        TEST(damaged_tar_files_and_members_are_named),
        TEST(idx_files_give_gray_or_colour_images),
        TEST(idx_files_that_do_not_fit_are_refused),
        TEST(npy_arrays_are_taken_as_they_are),
        TEST(channels_last_arrays_are_turned),
        TEST(arrays_and_labels_that_do_not_fit_are_refused),
        TEST(npz_arrays_have_names),
        TEST(npz_files_that_do_not_fit_are_refused),
        TEST(specifications_of_no_kind_are_refused_with_the_kinds),
        TEST(images_of_another_size_are_found_when_opening),
        TEST(memory_that_runs_out_leaves_nothing_behind),
        TEST(fashion_mnist_is_read_from_the_package),
        TEST(cifar10_is_read_from_a_tar),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
