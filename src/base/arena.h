/* Memory that is freed all at once: graph nodes, names, reports. */
#ifndef RF_BASE_ARENA_H
#define RF_BASE_ARENA_H

#include "base/context.h"

typedef struct rf_arena {
    rf_context *ctx;
    struct rf_arena_block *last;
} rf_arena;

void rf_arena_init(rf_arena *arena, rf_context *ctx);
void rf_arena_release(rf_arena *arena);
void *rf_arena_alloc(
    rf_arena *arena,
    size_t bytes); /* zeroed, 16-byte aligned; NULL when out of memory, message set */
void *rf_arena_array(rf_arena *arena, size_t count, size_t bytes); /* overflow-checked */
char *rf_arena_strdup(rf_arena *arena, const char *text);
char *rf_arena_strndup(rf_arena *arena, const char *text, size_t length);
char *rf_arena_printf(rf_arena *arena, const char *format, ...) RF_PRINTF(2, 3);

#endif
