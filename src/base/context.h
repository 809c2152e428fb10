/* The context: allocator, message, log, threads, seed, interruption. */
#ifndef RF_BASE_CONTEXT_H
#define RF_BASE_CONTEXT_H

#include <stdarg.h>

#include <refold/refold.h>

#include "base/compiler.h"
#include "base/hash.h"

/* 64-byte aligned, uninitialised. NULL when out of memory, with the message set (return RF_ENOMEM then). bytes 0 gives a valid block. */
void *rf_alloc(rf_context *ctx, size_t bytes);
void *rf_calloc(rf_context *ctx, size_t count, size_t bytes); /* zeroed; overflow-checked */
void rf_free(rf_context *ctx, void *memory);
char *rf_strdup(rf_context *ctx, const char *text);

/* rf_alloc for `count` objects of the type that `pointer` points to; RF_ENOMEM from the calling function when it fails. */
#define RF_NEW_ARRAY(ctx, pointer, count)                                                          \
    do {                                                                                           \
        (pointer) = rf_calloc((ctx), (size_t)(count), sizeof *(pointer));                          \
        if (!(pointer))                                                                            \
            return RF_ENOMEM;                                                                      \
    } while (0)

void rf_log(rf_context *ctx, rf_log_level level, const char *format, ...) RF_PRINTF(3, 4);
void rf_report_progress(rf_context *ctx,
                        const rf_progress *progress); /* passes on to the user's function, if any */
bool rf_interrupted(const rf_context *ctx);
/* RF_EINTERRUPTED with a message when rf_context_interrupt was called, else RF_OK. */
rf_status rf_check_interrupt(rf_context *ctx);
void rf_clear_interrupt(rf_context *ctx);
void rf_set_message(rf_context *ctx, const char *format, va_list args) RF_PRINTF(2, 0);
rf_compute rf_context_compute(const rf_context *ctx); /* what plans do that leave it open */
/* What maps of names are keyed with: another one in each context, so nothing that is written may follow a map's order. */
rf_hash_key rf_context_hash_key(const rf_context *ctx);
/* Number of threads for the next parallel region of the calling thread (OpenMP). Call it on entry of a step that computes. */
void rf_use_threads(const rf_context *ctx);

#endif
