/* A folder that a test may fill and that is gone afterwards, and an allocator that fails on request. */
#ifndef RF_TESTS_TEMP_FOLDER_H
#define RF_TESTS_TEMP_FOLDER_H

#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#include "testing.h"

typedef struct temp_folder {
    char path[256];
} temp_folder;

static inline temp_folder temp_folder_make(void)
{
    temp_folder t;
    const char *root = getenv("TMPDIR");
    snprintf(t.path, sizeof t.path, "%s/refold-test-XXXXXX", root && *root ? root : "/tmp");
    assert_non_null(mkdtemp(t.path));
    return t;
}

static inline int remove_entry(const char *path, const struct stat *s, int type, struct FTW *at)
{
    (void)s;
    (void)type;
    (void)at;
    return remove(path);
}

static inline void temp_folder_remove(temp_folder *t)
{
    (void)nftw(t->path, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

/* FOLDER/name in `buffer`, with the folders in between made. */
static inline const char *temp_path(const temp_folder *t, const char *name, char buffer[512])
{
    snprintf(buffer, 512, "%s/%s", t->path, name);
    for (char *slash = buffer + strlen(t->path) + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = 0;
        (void)mkdir(buffer, 0777);
        *slash = '/';
    }
    return buffer;
}

static inline void write_bytes(const char *path, const void *bytes, size_t size)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, size, f), size);
    assert_int_equal(fclose(f), 0);
}

static inline size_t read_bytes(const char *path, void *bytes, size_t capacity)
{
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    const size_t size = fread(bytes, 1, capacity, f);
    fclose(f);
    return size;
}

/* Counts what is live and fails the allocation number `fail_at` (from 0) and all after it. */
typedef struct failing_heap {
    long made, live, fail_at;
} failing_heap;

static inline void *failing_alloc(void *user, size_t bytes)
{
    failing_heap *h = user;
    void *memory = NULL;
    if (h->made++ >= h->fail_at || posix_memalign(&memory, 64, bytes) != 0)
        return NULL;
    h->live++;
    return memory;
}

static inline void failing_free(void *user, void *memory)
{
    ((failing_heap *)user)->live--;
    free(memory);
}

static inline rf_context *failing_context(failing_heap *h)
{
    const rf_context_options options = { .threads = test_threads(),
                                         .seed = 1,
                                         .alloc = failing_alloc,
                                         .free = failing_free,
                                         .alloc_user = h };
    rf_context *ctx = NULL;
    h->fail_at = 1; /* the context itself */
    assert_int_equal(rf_context_new(&options, &ctx), RF_OK);
    return ctx;
}

#endif
