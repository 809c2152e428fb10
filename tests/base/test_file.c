/* Files: whole reads, atomic writes, and what is left behind after a failure. */
#include "testing.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

static char folder[64];

static int make_folder(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/refold-test-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int entries(const char *path)
{
    DIR *d = opendir(path);
    int n = 0;
    for (struct dirent *e = readdir(d); e; e = readdir(d))
        n += e->d_name[0] != '.';
    closedir(d);
    return n;
}

static void what_is_written_is_read_back(void **state)
{
    (void)state;
    rf_context *ctx = test_context();
    char path[128];
    snprintf(path, sizeof path, "%s/a", folder);
    CHECK_OK(ctx, rf_file_write(ctx, path, "hello", 5, false));
    void *bytes = NULL;
    size_t size = 0;
    CHECK_OK(ctx, rf_file_read(ctx, path, &bytes, &size));
    assert_int_equal(size, 5);
    assert_string_equal(bytes, "hello");
    rf_free(ctx, bytes);
    rf_context_free(ctx);
}

static void nothing_is_overwritten_without_force(void **state)
{
    (void)state;
    rf_context *ctx = test_context();
    char path[128];
    snprintf(path, sizeof path, "%s/b", folder);
    CHECK_OK(ctx, rf_file_write(ctx, path, "old", 3, false));
    CHECK_FAILS(ctx, RF_EEXIST, "--force", rf_file_write(ctx, path, "new", 3, false));
    CHECK_OK(ctx, rf_file_write(ctx, path, "new", 3, true));
    rf_context_free(ctx);
}

static void an_aborted_write_leaves_nothing(void **state)
{
    (void)state;
    rf_context *ctx = test_context();
    const int before = entries(folder);
    char path[128];
    snprintf(path, sizeof path, "%s/c", folder);
    rf_file_writer *w = NULL;
    CHECK_OK(ctx, rf_file_writer_open(ctx, path, false, &w));
    CHECK_OK(ctx, rf_file_writer_write(w, "half", 4));
    rf_file_writer_abort(w);
    assert_int_equal(entries(folder), before);
    rf_context_free(ctx);
}

static void folders_and_missing_files_are_named(void **state)
{
    (void)state;
    rf_context *ctx = test_context();
    void *bytes = NULL;
    size_t size = 0;
    CHECK_FAILS(ctx, RF_EIO, "a folder", rf_file_read(ctx, folder, &bytes, &size));
    CHECK_FAILS(ctx, RF_EIO, "/nowhere/x", rf_file_read(ctx, "/nowhere/x", &bytes, &size));
    CHECK_FAILS(ctx, RF_EIO, "/nowhere/x", rf_file_write(ctx, "/nowhere/x", "", 0, false));
    rf_context_free(ctx);
}

static int remove_folder(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read_back),
        cmocka_unit_test(nothing_is_overwritten_without_force),
        cmocka_unit_test(an_aborted_write_leaves_nothing),
        cmocka_unit_test(folders_and_missing_files_are_named),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
