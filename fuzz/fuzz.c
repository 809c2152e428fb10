/* Counted memory, temporary files and the checks that all targets share. */
#include "fuzz.h"

#include <jansson.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Before each block, so that its size is known when it is freed; keeps the alignment. */
enum { HEAD = 64 };

static size_t live, live_json, limit, taken;
static char folder[256], path[512];

static _Noreturn void give_up(const char *what, size_t number)
{
    fprintf(stderr, "fuzz: %s: %zu\n", what, number);
    abort();
}

static void *take(void *user, size_t bytes)
{
    void *memory = NULL;
    (void)user;
    if (bytes > limit || live > limit - bytes)
        give_up("more memory than promised, bytes asked for", bytes);
    if (posix_memalign(&memory, HEAD, bytes + HEAD) != 0)
        return NULL;
    *(size_t *)memory = bytes;
    live += bytes;
    taken += bytes;
    return (char *)memory + HEAD;
}

static void give(void *user, void *memory)
{
    (void)user;
    if (!memory)
        return;
    char *block = (char *)memory - HEAD;
    live -= *(size_t *)(void *)block;
    free(block);
}

/* Blocks of the C library, since texts that jansson makes are given back with free. */
static void *take_json(size_t bytes)
{
    if (bytes > limit || live + live_json > limit - bytes)
        give_up("more memory for JSON than promised, bytes asked for", bytes);
    void *memory = malloc(bytes);
    live_json += malloc_usable_size(memory);
    taken += bytes;
    return memory;
}

static void give_json(void *memory)
{
    live_json -= malloc_usable_size(memory);
    free(memory);
}

size_t fuzz_bytes_taken(void)
{
    return taken;
}

rf_context *fuzz_begin(size_t size, size_t multiple)
{
    const rf_context_options options = { .threads = 1, .seed = 1, .alloc = take, .free = give };
    rf_context *ctx = NULL;
    limit = size * multiple + FUZZ_FLOOR;
    live_json = 0;
    json_set_alloc_funcs(take_json, give_json);
    if (rf_context_new(&options, &ctx) != RF_OK)
        give_up("no context", 0);
    return ctx;
}

void fuzz_end(rf_context *ctx, rf_status st)
{
    const char *message = rf_context_message(ctx);
    if (st != RF_OK && (!*message || strchr(message, '\n')))
        give_up("a failure without its one line, status", (size_t)st);
    if (getenv("FUZZ_MESSAGES"))
        fprintf(stderr, "%s\n", st == RF_OK ? "read" : message);
    rf_context_free(ctx);
    if (live)
        give_up("bytes that nobody freed", live);
}

static void remove_folder(void)
{
    (void)unlink(path);
    (void)rmdir(folder);
}

static void make_folder(void)
{
    const char *root = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/refold-fuzz-XXXXXX", root && *root ? root : "/tmp");
    if (!mkdtemp(folder))
        give_up("no temporary folder", 0);
    (void)atexit(remove_folder);
}

const char *fuzz_file(const char *name, const uint8_t *data, size_t size)
{
    if (!*folder)
        make_folder();
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(data, 1, size, f) != size || fclose(f) != 0)
        give_up("the input cannot be written, bytes", size);
    return path;
}
