/* Data files that are small and ask for much: refused in one line before the memory is asked for. */
#include <archive.h>
#include <archive_entry.h>

#include "data/dataset.h"
#include "data/npz.h"
#include "sample_files.h"

static rf_context *ctx;
static temp_folder folder;

static const char *path(const char *name)
{
    static char buffers[4][512];
    static int next;
    next = (next + 1) % 4;
    return temp_path(&folder, name, buffers[next]);
}

static void refuse(const char *message, const char *spec)
{
    rf_dataset *d = NULL;
    CHECK_FAILS(ctx, RF_EDATA, message, rf_dataset_open(ctx, spec, NULL, &d));
    assert_null(strchr(rf_context_message(ctx), '\n'));
}

/* A tar of pictures of `size` bytes each, all holes: the file has their headers alone. */
static void write_holes(const char *name, int count, int64_t size)
{
    struct archive *a = archive_write_new();
    archive_write_set_format_pax(a);
    assert_int_equal(archive_write_open_filename(a, name), ARCHIVE_OK);
    for (int i = 0; i < count; i++) {
        struct archive_entry *e = archive_entry_new();
        char member[32];
        snprintf(member, sizeof member, "dog/%d.png", i);
        archive_entry_set_pathname(e, member);
        archive_entry_set_filetype(e, AE_IFREG);
        archive_entry_set_size(e, size);
        archive_entry_sparse_add_entry(e, 0, 1);
        assert_int_equal(archive_write_header(a, e), ARCHIVE_OK);
        assert_int_equal(archive_write_data(a, "x", 1), 1);
        archive_entry_free(e);
    }
    assert_int_equal(archive_write_close(a), ARCHIVE_OK);
    archive_write_free(a);
}

static void pictures_that_are_holes_in_a_tar_are_refused(void **state)
{
    (void)state;
    write_holes(path("holes.tar"), 20, 64 << 20);
    refuse("can hold at most", path("holes.tar"));
    write_holes(path("vast.tar"), 1, INT64_C(1) << 40);
    refuse("expected at most 268435456", path("vast.tar"));
}

static void a_tar_that_is_compressed_twice_is_refused(void **state)
{
    (void)state;
    struct archive *a = archive_write_new();
    archive_write_set_format_pax_restricted(a);
    archive_write_add_filter_gzip(a);
    archive_write_add_filter_gzip(a);
    assert_int_equal(archive_write_open_filename(a, path("twice.tar.gz")), ARCHIVE_OK);
    assert_int_equal(archive_write_close(a), ARCHIVE_OK);
    archive_write_free(a);
    refuse("compressed more than once", path("twice.tar.gz"));
}

/* Members are read where they are, never written: a name cannot lead anywhere. */
static void names_in_a_tar_lead_nowhere(void **state)
{
    (void)state;
    static const char *const names[] = { "../../../escape/a.png", "/absolute/b.png" };
    uint8_t bytes[4096];
    write_png(path("p.png"), 1, 4, 4, 3);
    const size_t size = read_bytes(path("p.png"), bytes, sizeof bytes);
    struct archive *a = archive_write_new();
    archive_write_set_format_pax_restricted(a);
    assert_int_equal(archive_write_open_filename(a, path("names.tar")), ARCHIVE_OK);
    for (int i = 0; i < 2; i++) {
        struct archive_entry *e = archive_entry_new();
        archive_entry_set_pathname(e, names[i]);
        archive_entry_set_filetype(e, AE_IFREG);
        archive_entry_set_size(e, (la_int64_t)size);
        assert_int_equal(archive_write_header(a, e), ARCHIVE_OK);
        assert_int_equal(archive_write_data(a, bytes, size), size);
        archive_entry_free(e);
    }
    assert_int_equal(archive_write_close(a), ARCHIVE_OK);
    archive_write_free(a);
    rf_dataset *d = NULL;
    CHECK_OK(ctx, rf_dataset_open(ctx, path("names.tar"), NULL, &d));
    assert_int_equal(rf_dataset_count(d), 2);
    rf_dataset_free(d);
    assert_int_equal(access(path("../../../escape/a.png"), F_OK), -1);
}

/* A zip file that is written from its end: `at` moves down. */
typedef struct zip_maker {
    uint8_t *at, *end;
    uint8_t *plain; /* of the last member written, growing downwards as well */
    size_t plain_size;
} zip_maker;

static void put(uint8_t *at, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++)
        at[i] = (uint8_t)(value >> (8 * i));
}

static void prepend(zip_maker *z, const void *bytes, size_t size)
{
    z->at -= size;
    memcpy(z->at, bytes, size);
}

/* A stored block of deflate, behind which other blocks follow. */
static void prepend_stored(zip_maker *z, const void *bytes, size_t size)
{
    uint8_t head[5] = { 0 };
    put(head + 1, size, 2);
    put(head + 3, ~size, 2);
    prepend(z, bytes, size);
    prepend(z, head, sizeof head);
}

static void prepend_plain(zip_maker *z, const void *bytes, size_t size)
{
    z->plain -= size;
    z->plain_size += size;
    memcpy(z->plain, bytes, size);
}

enum { NPY_HEAD = 80, LOCAL = 35, CENTRAL = 51, ZEROS = 1 << 20, MEMBERS = 60 };

/* An .npy header of as many bytes as there are plain ones behind it. */
static void prepend_npy_head(zip_maker *z)
{
    char head[NPY_HEAD + 1];
    memcpy(head, "\x93NUMPY\x01\0\x46\0", 10);
    const int size =
        snprintf(head + 10, sizeof head - 10,
                 "{'descr': '|u1', 'fortran_order': False, 'shape': (%zu,), }", z->plain_size);
    memset(head + 10 + size, ' ', (size_t)(NPY_HEAD - 10 - size));
    prepend_stored(z, head, NPY_HEAD);
    prepend_plain(z, head, NPY_HEAD);
}

/* What the local header and the directory both say: CRC, sizes, length of the name. */
static void put_member(const zip_maker *z, uint8_t *at)
{
    put(at, crc32_z(0, z->plain, z->plain_size), 4);
    put(at + 4, (uint64_t)(z->end - z->at), 4);
    put(at + 8, z->plain_size, 4);
    put(at + 12, 5, 2);
}

/*
 * Each member is a stored block that holds the header of the next member, and then that member's own bytes: all share the
 * one compressed megabyte at the end, as in the zip bomb of D. Fifield.
 */
static size_t make_overlapping_zip(uint8_t *bytes, size_t capacity)
{
    static uint8_t plain[ZEROS + MEMBERS * (NPY_HEAD + LOCAL)], packed[1 << 14];
    static uint8_t directory[MEMBERS][CENTRAL];
    z_stream deflater = {
        .next_in = plain, .avail_in = ZEROS, .next_out = packed, .avail_out = sizeof packed
    };
    assert_int_equal(deflateInit2(&deflater, 9, Z_DEFLATED, -15, 9, Z_DEFAULT_STRATEGY), Z_OK);
    assert_int_equal(deflate(&deflater, Z_FINISH), Z_STREAM_END);
    zip_maker z = { bytes + capacity, bytes + capacity, plain + sizeof plain - ZEROS, ZEROS };
    prepend(&z, packed, deflater.total_out);
    deflateEnd(&deflater);
    for (int i = 0; i < MEMBERS; i++) {
        uint8_t local[LOCAL] = "PK\3\4\x14\0\0\0\x08";
        prepend_npy_head(&z);
        put_member(&z, local + 14);
        memcpy(local + 30, "x.npy", 5);
        local[30] = (uint8_t)('A' + i);
        memcpy(directory[i], "PK\1\2\x14\0\x14\0\0\0\x08", 12);
        put_member(&z, directory[i] + 16);
        memcpy(directory[i] + 46, local + 30, 5);
        put(directory[i] + 42, (uint64_t)(z.end - z.at) + LOCAL, 4); /* from the end, for now */
        if (i + 1 == MEMBERS) {
            prepend(&z, local, LOCAL);
        } else {
            prepend_stored(&z, local, LOCAL);
            prepend_plain(&z, local, LOCAL);
        }
    }
    size_t size = (size_t)(z.end - z.at);
    memmove(bytes, z.at, size);
    const size_t start = size;
    for (int i = 0; i < MEMBERS; i++) {
        uint32_t from_end;
        memcpy(&from_end, directory[i] + 42, 4);
        put(directory[i] + 42, start - from_end, 4);
        memcpy(bytes + size, directory[i], CENTRAL);
        size += CENTRAL;
    }
    uint8_t tail[22] = "PK\5\6";
    put(tail + 8, MEMBERS, 2);
    put(tail + 10, MEMBERS, 2);
    put(tail + 12, size - start, 4);
    put(tail + 16, start, 4);
    memcpy(bytes + size, tail, sizeof tail);
    return size + sizeof tail;
}

static void members_that_share_their_bytes_do_not_add_up(void **state)
{
    (void)state;
    static uint8_t bytes[1 << 16];
    rf_npz npz;
    write_bytes(path("overlap.npz"), bytes, make_overlapping_zip(bytes, sizeof bytes));
    CHECK_FAILS(ctx, RF_EDATA, "can hold at most", rf_npz_read(ctx, path("overlap.npz"), &npz));
}

static void set_u32(uint8_t *at, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(value >> (24 - 8 * i));
}

/* 8000 x 8000 stays below the limit of pixels, but no file of 100 bytes holds them. */
static void a_small_picture_cannot_claim_many_pixels(void **state)
{
    (void)state;
    static uint8_t bytes[65536];
    rf_image image = { 0 };
    write_png(path("s.png"), 1, 4, 4, 1);
    size_t size = read_bytes(path("s.png"), bytes, sizeof bytes);
    set_u32(bytes + 16, 8000);
    set_u32(bytes + 20, 8000);
    set_u32(bytes + 29, (uint32_t)crc32(0, bytes + 12, 17));
    CHECK_FAILS(ctx, RF_EDATA, "too few for 8000 x 8000",
                rf_image_decode(ctx, "s.png", bytes, size, &image));
    write_flat_jpeg(path("s.jpg"), 9, 16, 16, 1);
    size = read_bytes(path("s.jpg"), bytes, sizeof bytes);
    for (size_t i = 0; i + 9 < size; i++)
        if (bytes[i] == 0xff && bytes[i + 1] == 0xc0)
            set_u32(bytes + i + 5, 8000U << 16 | 8000U);
    CHECK_FAILS(ctx, RF_EDATA, "too few for 8000 x 8000",
                rf_image_decode(ctx, "s.jpg", bytes, size, &image));
}

/* libpng would unfold texts of 8 MB each, a thousand of them. They are passed over, whatever they hold. */
static void texts_of_a_png_are_not_unfolded(void **state)
{
    (void)state;
    static uint8_t bytes[65536], chunk[64] = "\0\0\0\x0fzTXtk\0\0 no deflate";
    rf_image image = { 0 };
    write_png(path("t.png"), 1, 4, 4, 1);
    const size_t size = read_bytes(path("t.png"), bytes, sizeof bytes);
    enum { HEAD = 33, LENGTH = 15, CHUNK = LENGTH + 12 };
    set_u32(chunk + 8 + LENGTH, (uint32_t)crc32(0, chunk + 4, 4 + LENGTH));
    memmove(bytes + HEAD + CHUNK, bytes + HEAD, size - HEAD);
    memcpy(bytes + HEAD, chunk, CHUNK);
    CHECK_OK(ctx, rf_image_decode(ctx, "t.png", bytes, size + CHUNK, &image));
    assert_int_equal(image.width, 4);
    rf_image_release(ctx, &image);
}

/* gzip of an IDX file that is far longer than it says. */
static void a_gzip_bomb_is_read_no_further_than_its_dims(void **state)
{
    (void)state;
    static const uint8_t zeros[1 << 16];
    gzFile f = gzopen(path("bomb.gz"), "wb9");
    assert_int_equal(gzwrite(f, "\0\0\x08\3\0\0\0\1\0\0\0\4\0\0\0\4", 16), 16);
    for (int i = 0; i < 256; i++)
        assert_int_equal(gzwrite(f, zeros, sizeof zeros), sizeof zeros);
    assert_int_equal(gzclose(f), Z_OK);
    char spec[600];
    snprintf(spec, sizeof spec, "idx:%s", path("bomb.gz"));
    refuse("more bytes than its dims", spec);
}

static int begin(void **state)
{
    (void)state;
    ctx = test_context();
    folder = temp_folder_make();
    return 0;
}

static int end(void **state)
{
    (void)state;
    temp_folder_remove(&folder);
    rf_context_free(ctx);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pictures_that_are_holes_in_a_tar_are_refused),
        cmocka_unit_test(a_tar_that_is_compressed_twice_is_refused),
        cmocka_unit_test(names_in_a_tar_lead_nowhere),
        cmocka_unit_test(members_that_share_their_bytes_do_not_add_up),
        cmocka_unit_test(a_small_picture_cannot_claim_many_pixels),
        cmocka_unit_test(texts_of_a_png_are_not_unfolded),
        cmocka_unit_test(a_gzip_bomb_is_read_no_further_than_its_dims),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
