/** Errors, memory, threads, messages, progress and interruption: the context that everything is made in. */
#ifndef REFOLD_CONTEXT_H
#define REFOLD_CONTEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define RF_API __attribute__((visibility("default")))
#define RF_MUST_USE __attribute__((warn_unused_result))
#else
#define RF_API
#define RF_MUST_USE
#endif

#ifdef __cplusplus
extern "C" {
#endif

/** Every status: name, value, exit code of the program, meaning. Values never change; append only. */
#define RF_STATUS_MAP(X)                                                                           \
    X(OK, 0, 0, "ok")                                                                              \
    X(EARG, 1, 2, "invalid argument")                                                              \
    X(ENOMEM, 2, 1, "out of memory")                                                               \
    X(EIO, 3, 1, "file could not be read or written")                                              \
    X(EEXIST, 4, 1, "output exists")                                                               \
    X(EMODEL, 5, 3, "bad model file")                                                              \
    X(EUNSUPPORTED, 6, 3, "model uses something refold does not support")                          \
    X(ESHAPE, 7, 3, "shapes do not fit")                                                           \
    X(EDATA, 8, 4, "bad data")                                                                     \
    X(ESTATE, 9, 1, "a step is missing or was done already")                                       \
    X(ENUMERIC, 10, 1, "numbers are no longer finite")                                             \
    X(EREFUSED, 11, 1, "refused: the result would not be exact")                                   \
    X(EINTERRUPTED, 12, 130, "interrupted")                                                        \
    X(EINTERNAL, 13, 1, "internal error")

typedef enum rf_status {
#define RF_STATUS_ENUM(name, value, exit_code, text) RF_##name = (value),
    RF_STATUS_MAP(RF_STATUS_ENUM)
#undef RF_STATUS_ENUM
} rf_status;

/** "ok", "bad model file", ...; never NULL. */
RF_API const char *rf_status_text(rf_status status);
/** Exit code that the program gives for `status`: 0 done, 1 failed, 2 usage, 3 model, 4 data, 130. Of RF_EIO the
 *  program knows which file it was, and gives 3 or 4 for a model or data that is not there. */
RF_API int rf_status_exit_code(rf_status status);
/** "0.1.0"; static. */
RF_API const char *rf_version(void);

/** What this machine lets the engine do; all static. */
typedef struct rf_machine {
    const char *isa; /* "AVX-512 with VNNI": as oneDNN uses it; ONEDNN_MAX_CPU_ISA lowers it */
    int integer_weight_bits; /* widest weights that integer sums are exact for; 0: floats only */
    const char *onednn;      /* its version */
} rf_machine;
RF_API rf_machine rf_machine_describe(void);

typedef enum rf_log_level { RF_LOG_ERROR, RF_LOG_WARNING, RF_LOG_INFO, RF_LOG_DEBUG } rf_log_level;
/** Receives one line without a newline. Called on the thread that called the library. */
typedef void (*rf_log_fn)(void *user, rf_log_level level, const char *line);

/** How far a long step has come. Numbers that are not known are NaN. */
typedef struct rf_progress {
    const char *task; /* "calibrate", "train", "evaluate", "reestimate", "compare", "analyze" */
    int64_t done;     /* units finished, of `total` */
    int64_t total;    /* 0 where unknown */
    const char *unit; /* "img" or "batch" */
    double img_per_s; /* images a second since the task began */
    double seconds_left;
    int epoch, epochs; /* training only, from 1; else 0 */
    double loss, top1; /* running means; top1 in percent */
} rf_progress;
typedef void (*rf_progress_fn)(void *user, const rf_progress *progress);

typedef struct rf_context rf_context;

/** How it computes. Both engines make the same numbers but for float32 rounding before each quantizer and in gradients. */
typedef enum rf_compute {
    /* layers with codes on both sides add integers wherever that is exact on this CPU */
    RF_COMPUTE_AUTO,
    /* everything in float32: the reference */
    RF_COMPUTE_FLOAT,
    /* as AUTO, and the log (info) names each layer that computes in float32, and why */
    RF_COMPUTE_INT8
} rf_compute;

typedef struct rf_context_options {
    int threads;   /* >= 1; 0: all processors; at most OMP_THREAD_LIMIT */
    uint64_t seed; /* of everything random: shuffling, augmentation, initial weights */
    rf_log_fn log; /* NULL: silent */
    void *log_user;
    rf_progress_fn progress; /* NULL: none; called at most a few times a second */
    void *progress_user;
    /* Memory: 64-byte aligned, or NULL. Called on the thread that called the library; the loader's threads and the
       libraries below refold use the C library's. free never gets NULL. Both NULL: the C library's. */
    void *(*alloc)(void *user, size_t bytes);
    void (*free)(void *user, void *memory);
    void *alloc_user;
    rf_compute compute; /* default RF_COMPUTE_AUTO */
} rf_context_options;
#define RF_CONTEXT_OPTIONS_INIT                                                                    \
    {                                                                                              \
        0                                                                                          \
    }

/** Create a context; `options` may be NULL. @return RF_OK, RF_EARG (threads < 0, one of alloc and free), RF_ENOMEM */
RF_API RF_MUST_USE rf_status rf_context_new(const rf_context_options *options, rf_context **out);
/** Free after everything that was made with it. Accepts NULL. */
RF_API void rf_context_free(rf_context *ctx);
/** Text of the last failure in this context, one line; "" before any. Valid until the next failure. */
RF_API const char *rf_context_message(const rf_context *ctx);
/** Threads it computes with, >= 1. */
RF_API int rf_context_threads(const rf_context *ctx);
/** The seed it was made with. */
RF_API uint64_t rf_context_seed(const rf_context *ctx);
/** Ask the running step to stop at its next safe point, with RF_EINTERRUPTED (training: RF_OK and `interrupted`).
 *  Safe in a signal handler and from another thread. */
RF_API void rf_context_interrupt(rf_context *ctx);
/** Forget an interruption, so that steps run again; after one that ended with RF_EINTERRUPTED. */
RF_API void rf_context_resume(rf_context *ctx);

#ifdef __cplusplus
}
#endif
#endif
