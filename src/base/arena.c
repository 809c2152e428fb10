/* Arena: blocks in a list, bump allocation, one release. */
#include "base/arena.h"

#include <stdalign.h>
#include <stdio.h>
#include <string.h>

#include "base/status.h"

#define BLOCK_BYTES 16384
#define ALIGNMENT 16

struct rf_arena_block {
    struct rf_arena_block *previous;
    size_t used, size;
    alignas(ALIGNMENT) unsigned char bytes[];
};

void rf_arena_init(rf_arena *arena, rf_context *ctx)
{
    arena->ctx = ctx;
    arena->last = NULL;
}

void rf_arena_release(rf_arena *arena)
{
    while (arena->last) {
        struct rf_arena_block *block = arena->last;
        arena->last = block->previous;
        rf_free(arena->ctx, block);
    }
}

static bool add_block(rf_arena *arena, size_t bytes)
{
    const size_t size = bytes > BLOCK_BYTES ? bytes : BLOCK_BYTES;
    struct rf_arena_block *block = rf_alloc(arena->ctx, sizeof *block + size);
    if (!block)
        return false;
    block->previous = arena->last;
    block->used = 0;
    block->size = size;
    arena->last = block;
    return true;
}

void *rf_arena_alloc(rf_arena *arena, size_t bytes)
{
    size_t rounded = 0;
    if (__builtin_add_overflow(bytes, (size_t)(ALIGNMENT - 1), &rounded)) {
        (void)rf_fail(arena->ctx, RF_ENOMEM, "out of memory: %zu bytes were asked for", bytes);
        return NULL;
    }
    rounded &= ~(size_t)(ALIGNMENT - 1);
    if (rounded == 0)
        rounded = ALIGNMENT;
    if ((!arena->last || arena->last->size - arena->last->used < rounded) &&
        !add_block(arena, rounded))
        return NULL;
    void *memory = arena->last->bytes + arena->last->used;
    arena->last->used += rounded;
    return memset(memory, 0, rounded);
}

void *rf_arena_array(rf_arena *arena, size_t count, size_t bytes)
{
    size_t total = 0;
    if (__builtin_mul_overflow(count, bytes, &total)) {
        (void)rf_fail(arena->ctx, RF_ENOMEM, "out of memory: %zu times %zu bytes were asked for",
                      count, bytes);
        return NULL;
    }
    return rf_arena_alloc(arena, total);
}

char *rf_arena_strndup(rf_arena *arena, const char *text, size_t length)
{
    char *copy = rf_arena_alloc(arena, length + 1);
    if (copy && length > 0)
        memcpy(copy, text, length);
    return copy;
}

char *rf_arena_strdup(rf_arena *arena, const char *text)
{
    return rf_arena_strndup(arena, text, strlen(text));
}

char *rf_arena_printf(rf_arena *arena, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    const int length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *text = length < 0 ? NULL : rf_arena_alloc(arena, (size_t)length + 1);
    if (text)
        vsnprintf(text, (size_t)length + 1, format, again);
    va_end(again);
    return text;
}
