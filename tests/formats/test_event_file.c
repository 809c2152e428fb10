/* Event files: framing, checksums and messages, read back by hand. */
#include <dirent.h>

#include "testing.h"

#include "base/file.h"
#include "formats/crc32c.h"
#include "temp_folder.h"

static uint64_t number(const uint8_t *p, int bytes)
{
    uint64_t value = 0;
    for (int i = 0; i < bytes; i++)
        value |= (uint64_t)p[i] << (8 * i);
    return value;
}

/* The only file in `folder`. */
static void read_only_file(rf_context *ctx, const char *folder, uint8_t **bytes, size_t *size)
{
    char path[600] = "";
    DIR *d = opendir(folder);
    const struct dirent *entry;
    while ((entry = readdir(d)))
        if (strstr(entry->d_name, "tfevents")) {
            assert_string_equal(path, "");
            snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        }
    closedir(d);
    void *found = NULL;
    CHECK_OK(ctx, rf_file_read(ctx, path, &found, size));
    *bytes = found;
}

/* Data of record `index`, with its checksums proven. */
static const uint8_t *record(const uint8_t *bytes, size_t size, int index, size_t *length_out)
{
    size_t at = 0;
    for (int i = 0;; i++) {
        assert_true(at + 16 <= size);
        const size_t length = (size_t)number(bytes + at, 8);
        assert_true(at + 16 + length <= size);
        assert_int_equal(number(bytes + at + 8, 4), rf_crc32c_masked(rf_crc32c(0, bytes + at, 8)));
        assert_int_equal(number(bytes + at + 12 + length, 4),
                         rf_crc32c_masked(rf_crc32c(0, bytes + at + 12, length)));
        if (i == index) {
            *length_out = length;
            return bytes + at + 12;
        }
        at += 16 + length;
    }
}

static void a_scalar_is_one_record_of_the_known_bytes(void **state)
{
    rf_context *ctx = test_context();
    temp_folder folder = temp_folder_make();
    rf_event_file *f = NULL;
    uint8_t *bytes = NULL;
    size_t size = 0, length = 0;
    (void)state;
    CHECK_OK(ctx, rf_event_file_new(ctx, folder.path, &f));
    CHECK_OK(ctx, rf_event_file_scalar(f, "a/b", 300, 0.5));
    CHECK_OK(ctx, rf_event_file_scalar(f, "a/b", 301, (double)NAN));
    rf_event_file_free(f);
    read_only_file(ctx, folder.path, &bytes, &size);
    const uint8_t *first = record(bytes, size, 0, &length);
    assert_memory_equal(first + 9,
                        "\x1a\x0d"
                        "brain.Event:2",
                        15);
    const uint8_t *second = record(bytes, size, 1, &length);
    /* wall_time (9 bytes), step = 300, summary { value { tag, simple_value = 0.5f } } */
    assert_memory_equal(second + 9,
                        "\x10\xac\x02\x2a\x0c\x0a\x0a\x0a\x03"
                        "a/b\x15\x00\x00\x00\x3f",
                        17);
    assert_int_equal(length, 9 + 17);
    assert_int_equal(second[0], 0x09);
    assert_true((size_t)(second - bytes) + length + 4 == size); /* NaN left nothing */
    rf_free(ctx, bytes);
    temp_folder_remove(&folder);
    rf_context_free(ctx);
}

static void a_folder_that_cannot_be_made_is_told(void **state)
{
    rf_context *ctx = test_context();
    rf_event_file *f = NULL;
    (void)state;
    CHECK_FAILS(ctx, RF_EIO, "/dev/null/events", rf_event_file_new(ctx, "/dev/null/events", &f));
    assert_null(f);
    rf_context_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_scalar_is_one_record_of_the_known_bytes),
        cmocka_unit_test(a_folder_that_cannot_be_made_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
