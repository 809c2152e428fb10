/* .npy files: what NumPy writes is read, what is written NumPy reads, and hostile headers are refused. */
#include "temp_folder.h"

#include "tensor/npy.h"

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

/* An .npy image with this dictionary and data. Returns its size. */
static size_t make(unsigned char bytes[4096], int version, const char *dictionary, const void *data,
                   size_t data_bytes)
{
    const size_t length = strlen(dictionary), start = version == 1 ? 10 : 12;
    memcpy(bytes, "\x93NUMPY", 6);
    bytes[6] = (unsigned char)version;
    bytes[7] = 0;
    memset(bytes + 8, 0, 4);
    bytes[8] = (unsigned char)(length & 255);
    bytes[9] = (unsigned char)(length >> 8);
    memcpy(bytes + start, dictionary, length);
    memcpy(bytes + start + length, data, data_bytes);
    return start + length + data_bytes;
}

static rf_tensor *parse(int version, const char *dictionary, const void *data, size_t data_bytes)
{
    unsigned char bytes[4096];
    rf_tensor *t = NULL;
    const size_t size = make(bytes, version, dictionary, data, data_bytes);
    CHECK_OK(ctx, rf_npy_parse(ctx, "test.npy", bytes, size, &t));
    return t;
}

static void refuse(const char *dictionary, size_t data_bytes, const char *message)
{
    static const char zeros[256];
    unsigned char bytes[4096];
    rf_tensor *t = NULL;
    const size_t size = make(bytes, 1, dictionary, zeros, data_bytes);
    CHECK_FAILS(ctx, RF_EDATA, message, rf_npy_parse(ctx, "test.npy", bytes, size, &t));
    assert_null(t);
}

static void a_float32_array_is_read_as_it_is(void **state)
{
    (void)state;
    const float data[6] = { 0, 1, 2, 3, 4, 5.5f };
    for (int version = 1; version <= 3; version++) {
        rf_tensor *t =
            parse(version, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }  \n", data,
                  sizeof data);
        assert_int_equal(rf_tensor_dtype(t), RF_DTYPE_F32);
        assert_int_equal(rf_tensor_rank(t), 2);
        assert_int_equal(rf_tensor_dims(t)[1], 3);
        assert_memory_equal(rf_tensor_const_data(t), data, sizeof data);
        rf_tensor_free(t);
    }
}

static void fortran_order_becomes_row_major(void **state)
{
    (void)state;
    /* [2, 3, 2] with value 100 i + 10 j + k, written column by column */
    int32_t data[12];
    int at = 0;
    for (int k = 0; k < 2; k++)
        for (int j = 0; j < 3; j++)
            for (int i = 0; i < 2; i++)
                data[at++] = 100 * i + 10 * j + k;
    rf_tensor *t =
        parse(1, "{'descr': '<i4', 'fortran_order': True, 'shape': (2, 3, 2)}", data, sizeof data);
    const int32_t *values = rf_tensor_const_data(t);
    for (int i = 0; i < 12; i++)
        assert_int_equal(values[i], 100 * (i / 6) + 10 * (i / 2 % 3) + i % 2);
    rf_tensor_free(t);
}

static void wide_and_narrow_floats_become_float32(void **state)
{
    (void)state;
    const double wide[2] = { 0.1, -3.0 };
    const uint16_t half[6] = { 0x3c00, 0xc000, 0x0001, 0x7c00, 0x3555, 0x7bff };
    const float expected[6] = { 1.0f, -2.0f, 0x1p-24f, INFINITY, 0.333251953125f, 65504.0f };
    rf_tensor *t = parse(1, "{'descr': '<f8', 'fortran_order': False, 'shape': (2,), }", wide, 16);
    assert_int_equal(rf_tensor_dtype(t), RF_DTYPE_F32);
    assert_true(rf_tensor_f32(t)[0] == 0.1f && rf_tensor_f32(t)[1] == -3.0f);
    rf_tensor_free(t);
    t = parse(1, "{'descr': '<f2', 'fortran_order': False, 'shape': (6,), }", half, 12);
    for (int i = 0; i < 6; i++)
        assert_true(rf_tensor_f32(t)[i] == expected[i]);
    rf_tensor_free(t);
}

static void unsigned_integers_become_int64_where_they_fit(void **state)
{
    (void)state;
    const uint32_t narrow[2] = { 7, UINT32_MAX };
    unsigned char bytes[4096];
    const uint64_t wide[2] = { 7, UINT64_MAX };
    rf_tensor *t = parse(1, "{'descr': '<u4', 'fortran_order': False, 'shape': (2,), }", narrow, 8);
    assert_int_equal(rf_tensor_dtype(t), RF_DTYPE_I64);
    assert_int_equal(rf_tensor_i64(t)[1], UINT32_MAX);
    rf_tensor_free(t);
    t = NULL;
    const size_t size =
        make(bytes, 1, "{'descr': '<u8', 'fortran_order': False, 'shape': (2,), }", wide, 16);
    CHECK_FAILS(ctx, RF_EDATA, "element 1 is above", rf_npy_parse(ctx, "u8", bytes, size, &t));
}

static void what_is_saved_is_read_back(void **state)
{
    (void)state;
    static const rf_dtype dtypes[] = { RF_DTYPE_F32, RF_DTYPE_I64, RF_DTYPE_I32,  RF_DTYPE_U8,
                                       RF_DTYPE_I8,  RF_DTYPE_I16, RF_DTYPE_BOOL, RF_DTYPE_U16 };
    static const int64_t dims[3] = { 2, 3, 4 };
    for (size_t d = 0; d < sizeof dtypes / sizeof *dtypes; d++)
        for (int rank = 0; rank <= 3; rank++) {
            rf_tensor *t = NULL, *back = NULL;
            CHECK_OK(ctx, rf_tensor_new(ctx, dtypes[d], rank, dims, &t));
            const size_t bytes = (size_t)rf_tensor_count(t) * rf_dtype_bytes(dtypes[d]);
            for (size_t i = 0; i < bytes; i++)
                ((unsigned char *)rf_tensor_data(t))[i] = i % 3 == 0;
            CHECK_OK(ctx, rf_tensor_save_npy(ctx, t, path("round.npy"), true));
            CHECK_OK(ctx, rf_tensor_load_npy(ctx, path("round.npy"), &back));
            assert_int_equal(rf_tensor_dtype(back), dtypes[d]);
            assert_true(rf_shape_equal(&back->shape, &t->shape));
            assert_memory_equal(rf_tensor_const_data(back), rf_tensor_const_data(t), bytes);
            rf_tensor_free(t);
            rf_tensor_free(back);
        }
}

static void the_bytes_are_those_that_numpy_writes(void **state)
{
    (void)state;
    static const int64_t dims[1] = { 3 };
    unsigned char bytes[512];
    rf_tensor *t = NULL;
    CHECK_OK(ctx, rf_tensor_new(ctx, RF_DTYPE_F32, 1, dims, &t));
    CHECK_OK(ctx, rf_tensor_save_npy(ctx, t, path("x.npy"), false));
    assert_int_equal(read_bytes(path("x.npy"), bytes, sizeof bytes), 128 + 12);
    assert_memory_equal(bytes, "\x93NUMPY\x01\x00\x76\x00", 10);
    assert_memory_equal(bytes + 10, "{'descr': '<f4', 'fortran_order': False, 'shape': (3,), } ",
                        58);
    assert_int_equal(bytes[127], '\n');
    CHECK_FAILS(ctx, RF_EEXIST, "x.npy", rf_tensor_save_npy(ctx, t, path("x.npy"), false));
    rf_tensor_free(t);
}

static void sizes_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    refuse("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }", 20, "20 bytes");
    refuse("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }", 28, "28 bytes");
    refuse("{'descr': '<f4', 'fortran_order': False, 'shape': (1099511627776, 64), }", 8, "shape");
    refuse("{'descr': '<f4', 'fortran_order': False, 'shape': (9223372036854775807, 9), }", 8,
           "overflows");
    refuse("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,), }", 8,
           "2^63");
    refuse("{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1), }", 4, "8 dims");
}

static void dtypes_that_are_not_read_are_named(void **state)
{
    (void)state;
    refuse("{'descr': '>f4', 'fortran_order': False, 'shape': (2,), }", 8, "big-endian");
    refuse("{'descr': '<c8', 'fortran_order': False, 'shape': (1,), }", 8, "'<c8'");
    refuse("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", 8, "'|O'");
    refuse("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }", 4, "structured");
}

static void headers_that_are_no_dictionary_are_refused(void **state)
{
    (void)state;
    static const char *const broken[] = { "",
                                          "{",
                                          "{'descr': '<f4'",
                                          "{'descr': '<f4', 'fortran_order': False}",
                                          "{'descr': '<f4' 'shape': (2,)}",
                                          "{'descr': '<f4', 'fortran_order': 0, 'shape': (2,)}",
                                          "{'descr': '<f4', 'fortran_order': True, 'shape': (-2,)}",
                                          "{'descr': '<f4', 'other': True, 'shape': (2,)}",
                                          "{'descr: <f4}" };
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++)
        refuse(broken[i], 8, "header");
}

static void other_files_are_refused(void **state)
{
    (void)state;
    rf_tensor *t = NULL;
    CHECK_FAILS(ctx, RF_EDATA, "no .npy file", rf_npy_parse(ctx, "a", "PK\3\4abcdefgh", 12, &t));
    CHECK_FAILS(ctx, RF_EDATA, "header", rf_npy_parse(ctx, "a", "\x93NUMPY", 6, &t));
    CHECK_FAILS(ctx, RF_EDATA, "empty", rf_npy_parse(ctx, "a", "", 0, &t));
    CHECK_FAILS(ctx, RF_EDATA, "version 9",
                rf_npy_parse(ctx, "a", "\x93NUMPY\x09\x00\x01\x00{}", 12, &t));
    CHECK_FAILS(ctx, RF_EDATA, "within its header",
                rf_npy_parse(ctx, "a", "\x93NUMPY\x01\x00\xff\x10{}", 12, &t));
    CHECK_FAILS(ctx, RF_EIO, "missing.npy", rf_tensor_load_npy(ctx, path("missing.npy"), &t));
    CHECK_FAILS(ctx, RF_EIO, "regular", rf_tensor_load_npy(ctx, folder.path, &t));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_float32_array_is_read_as_it_is),
        cmocka_unit_test(fortran_order_becomes_row_major),
        cmocka_unit_test(wide_and_narrow_floats_become_float32),
        cmocka_unit_test(unsigned_integers_become_int64_where_they_fit),
        cmocka_unit_test(what_is_saved_is_read_back),
        cmocka_unit_test(the_bytes_are_those_that_numpy_writes),
        cmocka_unit_test(sizes_that_do_not_fit_are_refused),
        cmocka_unit_test(dtypes_that_are_not_read_are_named),
        cmocka_unit_test(headers_that_are_no_dictionary_are_refused),
        cmocka_unit_test(other_files_are_refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
