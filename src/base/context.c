/* The context: everything that would otherwise be global, in one object. */
#include "base/context.h"

#include <omp.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/group.h"
#include "base/profile.h"
#include "base/status.h"

#define MESSAGE_BYTES 1024
#define LINE_BYTES 2048

struct rf_context {
    rf_context_options options;
    int threads;
    rf_hash_key hash_key;
    rf_group *group;        /* NULL: alone */
    rf_profile *profile;    /* NULL: nobody measures */
    atomic_int interrupted; /* lock-free: signal handlers and other threads may set it */
    char message[MESSAGE_BYTES];
};

static void *default_alloc(void *user, size_t bytes)
{
    (void)user;
    void *memory = NULL;
    return posix_memalign(&memory, RF_ALIGN, bytes) == 0 ? memory : NULL;
}

static void default_free(void *user, void *memory)
{
    (void)user;
    free(memory);
}

const char *rf_version(void)
{
    return RF_VERSION;
}

const char *rf_status_text(rf_status status)
{
    switch (status) {
#define STATUS_TEXT(name, value, exit_code, text)                                                  \
    case RF_##name:                                                                                \
        return text;
        RF_STATUS_MAP(STATUS_TEXT)
#undef STATUS_TEXT
    }
    return "unknown status";
}

int rf_status_exit_code(rf_status status)
{
    switch (status) {
#define STATUS_EXIT(name, value, exit_code, text)                                                  \
    case RF_##name:                                                                                \
        return exit_code;
        RF_STATUS_MAP(STATUS_EXIT)
#undef STATUS_EXIT
    }
    return 1;
}

/* More would be asked for than come: oneDNN's barriers then wait for the missing ones for ever. */
static int threads_within_limit(int threads)
{
    const int limit = omp_get_thread_limit();
    return threads < limit ? threads : limit;
}

rf_status rf_context_new(const rf_context_options *options, rf_context **out)
{
    const rf_context_options none = RF_CONTEXT_OPTIONS_INIT;
    rf_context_options o = options ? *options : none;
    if (o.threads < 0 || !o.alloc != !o.free)
        return RF_EARG;
    if (!o.alloc) {
        o.alloc = default_alloc;
        o.free = default_free;
    }
    rf_context *ctx = o.alloc(o.alloc_user, sizeof *ctx);
    if (!ctx)
        return RF_ENOMEM;
    memset(ctx, 0, sizeof *ctx);
    ctx->options = o;
    ctx->threads = threads_within_limit(o.threads > 0 ? o.threads : omp_get_num_procs());
    ctx->hash_key = rf_hash_key_draw();
    *out = ctx;
    return RF_OK;
}

void rf_context_free(rf_context *ctx)
{
    if (ctx)
        ctx->options.free(ctx->options.alloc_user, ctx);
}

const char *rf_context_message(const rf_context *ctx)
{
    return ctx->message;
}

int rf_context_threads(const rf_context *ctx)
{
    return ctx->threads;
}

rf_compute rf_context_compute(const rf_context *ctx)
{
    return ctx->options.compute;
}

void rf_context_set_profile(rf_context *ctx, rf_profile *profile)
{
    ctx->profile = profile;
}

rf_profile *rf_context_profile(const rf_context *ctx)
{
    return ctx->profile;
}

rf_hash_key rf_context_hash_key(const rf_context *ctx)
{
    return ctx->hash_key;
}

uint64_t rf_context_seed(const rf_context *ctx)
{
    return ctx->options.seed;
}

rf_group *rf_context_group(const rf_context *ctx)
{
    return ctx->group;
}

void rf_context_set_group(rf_context *ctx, rf_group *group)
{
    ctx->group = group;
}

void rf_context_interrupt(rf_context *ctx)
{
    ctx->interrupted = 1;
}

bool rf_interrupted(const rf_context *ctx)
{
    return ctx->interrupted != 0;
}

void rf_clear_interrupt(rf_context *ctx)
{
    ctx->interrupted = 0;
}

void rf_context_resume(rf_context *ctx)
{
    rf_clear_interrupt(ctx);
}

rf_status rf_check_interrupt(rf_context *ctx)
{
    return rf_interrupted(ctx) ? rf_fail(ctx, RF_EINTERRUPTED, "interrupted") : RF_OK;
}

void *rf_alloc(rf_context *ctx, size_t bytes)
{
    void *memory = ctx->options.alloc(ctx->options.alloc_user, bytes ? bytes : 1);
    if (!memory)
        (void)rf_fail(ctx, RF_ENOMEM, "out of memory: %zu bytes were asked for", bytes);
    return memory;
}

void *rf_calloc(rf_context *ctx, size_t count, size_t bytes)
{
    size_t total = 0;
    if (__builtin_mul_overflow(count, bytes, &total)) {
        (void)rf_fail(ctx, RF_ENOMEM, "out of memory: %zu times %zu bytes were asked for", count,
                      bytes);
        return NULL;
    }
    void *memory = rf_alloc(ctx, total);
    if (memory)
        memset(memory, 0, total ? total : 1);
    return memory;
}

void rf_free(rf_context *ctx, void *memory)
{
    if (memory)
        ctx->options.free(ctx->options.alloc_user, memory);
}

char *rf_strdup(rf_context *ctx, const char *text)
{
    const size_t bytes = strlen(text) + 1;
    char *copy = rf_alloc(ctx, bytes);
    return copy ? memcpy(copy, text, bytes) : NULL;
}

/* A message is one line whatever a file's names contain. */
static void make_one_line(char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            *text = ' ';
}

void rf_set_message(rf_context *ctx, const char *format, va_list args)
{
    char line[MESSAGE_BYTES]; /* arguments may point into the old message */
    vsnprintf(line, sizeof line, format, args);
    make_one_line(line);
    memcpy(ctx->message, line, sizeof line);
}

rf_status rf_fail(rf_context *ctx, rf_status status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    rf_set_message(ctx, format, args);
    va_end(args);
    return status;
}

void rf_log(rf_context *ctx, rf_log_level level, const char *format, ...)
{
    if (!ctx->options.log)
        return;
    char line[LINE_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    make_one_line(line);
    ctx->options.log(ctx->options.log_user, level, line);
}

void rf_report_progress(rf_context *ctx, const rf_progress *progress)
{
    if (ctx->options.progress)
        ctx->options.progress(ctx->options.progress_user, progress);
}

void rf_use_threads(const rf_context *ctx)
{
    omp_set_dynamic(0); /* as many as asked for, or a barrier waits for those that do not come */
    omp_set_num_threads(ctx->threads);
}
