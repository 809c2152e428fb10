/* .safetensors files: tensors and strings come back, and offsets that lie are refused. */
#include "temp_folder.h"

#include "tensor/safetensors.h"

static rf_context *ctx;
static temp_folder folder;
static char path_buffer[512];

static int set_up(void **state)
{
    (void)state;
    ctx = test_context();
    folder = temp_folder_make();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    temp_folder_remove(&folder);
    rf_context_free(ctx);
    return 0;
}

static const char *path(const char *name)
{
    return temp_path(&folder, name, path_buffer);
}

/* Writes a file with this header and `data_bytes` bytes of data. */
static const char *make(const char *header, size_t data_bytes)
{
    unsigned char bytes[1024] = { (unsigned char)strlen(header) };
    assert_true(strlen(header) < 256);
    memcpy(bytes + 8, header, strlen(header));
    write_bytes(path("made.safetensors"), bytes, 8 + strlen(header) + data_bytes);
    return path("made.safetensors");
}

static void refuse(const char *header, size_t data_bytes, const char *message)
{
    rf_safetensors *file = NULL;
    CHECK_FAILS(ctx, RF_EDATA, message, rf_safetensors_read(ctx, make(header, data_bytes), &file));
    assert_null(file);
}

static rf_safetensors *write_example(const rf_tensor *weights, const int64_t *step)
{
    const rf_shape scalar = { .rank = 0 };
    rf_safetensors *file = NULL;
    CHECK_OK(ctx, rf_safetensors_new(ctx, &file));
    CHECK_OK(ctx, rf_safetensors_add(file, "conv/weights \"1\"", weights));
    CHECK_OK(ctx, rf_safetensors_add_array(file, "step", RF_DTYPE_I64, &scalar, step));
    CHECK_OK(ctx, rf_safetensors_set(file, "seed", "1"));
    CHECK_OK(ctx, rf_safetensors_set(file, "seed", "line\n2"));
    CHECK_OK(ctx, rf_safetensors_write(file, path("a.safetensors"), true));
    return file;
}

static void tensors_and_strings_come_back(void **state)
{
    (void)state;
    static const int64_t dims[2] = { 2, 3 };
    const int64_t step = INT64_MIN + 5;
    const rf_shape shape = rf_shape_of(2, dims), scalar = { .rank = 0 };
    rf_tensor *weights = NULL;
    const rf_tensor *t = NULL;
    CHECK_OK(ctx, rf_tensor_new(ctx, RF_DTYPE_F32, 2, dims, &weights));
    for (int i = 0; i < 6; i++)
        rf_tensor_f32(weights)[i] = (float)i / 3;
    rf_safetensors *file = write_example(weights, &step), *back = NULL;
    CHECK_OK(ctx, rf_safetensors_read(ctx, path("a.safetensors"), &back));
    assert_int_equal(rf_safetensors_count(back), 2);
    assert_string_equal(rf_safetensors_name(back, 1), "step");
    assert_null(rf_safetensors_name(back, 2));
    CHECK_OK(ctx, rf_safetensors_get(back, "conv/weights \"1\"", RF_DTYPE_F32, &shape, &t));
    assert_memory_equal(rf_tensor_const_data(t), rf_tensor_const_data(weights), 24);
    CHECK_OK(ctx, rf_safetensors_get(back, "step", RF_DTYPE_I64, &scalar, &t));
    assert_true(rf_tensor_get_i64(t, 0) == step);
    assert_string_equal(rf_safetensors_text(back, "seed"), "line\n2");
    assert_null(rf_safetensors_text(back, "other"));
    rf_safetensors_free(back);
    rf_safetensors_free(file);
    rf_tensor_free(weights);
}

static void a_tensor_of_another_shape_is_not_handed_out(void **state)
{
    (void)state;
    const rf_shape two = rf_shape_of(1, (int64_t[]){ 2 }), one = rf_shape_of(1, (int64_t[]){ 1 });
    const rf_tensor *t = NULL;
    rf_safetensors *file = NULL;
    CHECK_OK(ctx,
             rf_safetensors_read(
                 ctx, make("{\"a\":{\"dtype\":\"I32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4),
                 &file));
    CHECK_FAILS(ctx, RF_EDATA, "expected int32 [2]",
                rf_safetensors_get(file, "a", RF_DTYPE_I32, &two, &t));
    CHECK_FAILS(ctx, RF_EDATA, "expected float32 [1]",
                rf_safetensors_get(file, "a", RF_DTYPE_F32, &one, &t));
    CHECK_FAILS(ctx, RF_EDATA, "no tensor 'b'",
                rf_safetensors_get(file, "b", RF_DTYPE_F32, &one, &t));
    CHECK_OK(ctx, rf_safetensors_get(file, "a", RF_DTYPE_I32, &one, &t));
    rf_safetensors_free(file);
}

static void the_header_is_padded_so_that_data_is_aligned(void **state)
{
    (void)state;
    unsigned char bytes[512];
    const int64_t step = 7;
    rf_tensor *t = NULL;
    CHECK_OK(ctx, rf_tensor_new(ctx, RF_DTYPE_U8, 0, NULL, &t));
    rf_safetensors_free(write_example(t, &step));
    const size_t size = read_bytes(path("a.safetensors"), bytes, sizeof bytes);
    assert_int_equal(bytes[0] % 8, 0);
    assert_int_equal(size, 8 + bytes[0] + 1 + 8);
    assert_memory_equal(bytes + 8, "{\"__metadata__\":{\"seed\":\"line\\n2\"}", 34);
    rf_tensor_free(t);
}

static void a_name_goes_in_only_once(void **state)
{
    (void)state;
    const rf_shape scalar = { .rank = 0 };
    const float x = 1;
    rf_safetensors *file = NULL;
    CHECK_OK(ctx, rf_safetensors_new(ctx, &file));
    CHECK_OK(ctx, rf_safetensors_add_array(file, "x", RF_DTYPE_F32, &scalar, &x));
    CHECK_FAILS(ctx, RF_EARG, "'x'",
                rf_safetensors_add_array(file, "x", RF_DTYPE_F32, &scalar, &x));
    CHECK_OK(ctx, rf_safetensors_write(file, path("once.safetensors"), false));
    CHECK_FAILS(ctx, RF_EEXIST, "once.safetensors",
                rf_safetensors_write(file, path("once.safetensors"), false));
    rf_safetensors_free(file);
}

static void offsets_that_lie_are_refused(void **state)
{
    (void)state;
    refuse("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 4, "outside");
    refuse("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[4,0]}}", 8, "wrong order");
    refuse("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[-4,4]}}", 8, "outside");
    refuse("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,8]}}", 8, "does not fit");
    refuse("{\"a\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,8]}}", 8, "does not fit");
    refuse("{\"a\":{\"dtype\":\"F32\",\"shape\":[4611686018427387904,4],\"data_offsets\":[0,0]}}",
           0, "overflows");
    refuse("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 5, "the file has 5");
}

static void headers_that_are_no_index_are_refused(void **state)
{
    (void)state;
    refuse("[]", 0, "not a JSON object");
    refuse("{\"a\":", 0, "header, byte");
    refuse("{\"a\":1,\"a\":2}", 0, "header, byte");
    refuse("{\"a\":1}", 0, "dtype");
    refuse("{\"a\":{\"dtype\":\"F8\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1, "dtype");
    refuse("{\"a\":{\"dtype\":\"U8\",\"shape\":1,\"data_offsets\":[0,1]}}", 1, "shape");
    refuse("{\"a\":{\"dtype\":\"U8\",\"shape\":[-1],\"data_offsets\":[0,1]}}", 1, "dim");
    refuse("{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0]}}", 1, "pair");
    refuse("{\"__metadata__\":{\"a\":1}}", 0, "not a string");
    rf_safetensors *file = NULL;
    write_bytes(path("short"), "\xff\xff\xff\xff\xff\xff\xff\xff{}", 10);
    CHECK_FAILS(ctx, RF_EDATA, "no .safetensors", rf_safetensors_read(ctx, path("short"), &file));
    write_bytes(path("short"), "abc", 3);
    CHECK_FAILS(ctx, RF_EDATA, "no .safetensors", rf_safetensors_read(ctx, path("short"), &file));
    CHECK_FAILS(ctx, RF_EIO, "absent", rf_safetensors_read(ctx, path("absent"), &file));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tensors_and_strings_come_back),
        cmocka_unit_test(a_tensor_of_another_shape_is_not_handed_out),
        cmocka_unit_test(the_header_is_padded_so_that_data_is_aligned),
        cmocka_unit_test(a_name_goes_in_only_once),
        cmocka_unit_test(offsets_that_lie_are_refused),
        cmocka_unit_test(headers_that_are_no_index_are_refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
