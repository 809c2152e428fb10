/* What every fuzz target starts from: a context whose memory is counted, and checks of what comes back. */
#ifndef RF_FUZZ_H
#define RF_FUZZ_H

#include <stdint.h>

#include "base/status.h"

/* The name is libFuzzer's. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/*
 * A context that may hold `multiple` bytes for each of the file's, and FUZZ_FLOOR; JSON's memory counts as well. The
 * process is aborted where a reader takes more: the multiples are those that SECURITY.md promises.
 */
#define FUZZ_FLOOR ((size_t)32 << 20)
rf_context *fuzz_begin(size_t size, size_t multiple);
/* Frees the context. Aborts when something is still held, or when a failure has no message, or one of several lines. */
void fuzz_end(rf_context *ctx, rf_status st);

/* Bytes that were asked for since the process began, JSON's among them. */
size_t fuzz_bytes_taken(void);

/* The input as a file of this name, in a folder that is made once and removed at exit. The path lives until the next call. */
const char *fuzz_file(const char *name, const uint8_t *data, size_t size);

#endif
