/* The index of a SavedModel's variables, and variable "w" of it: the file is its own data shard. */
#include <string.h>

#include "formats/tf_bundle.h"
#include "fuzz.h"

#define SHARD "v.data-00000-of-00001"

static rf_status read_variable(rf_tf_bundle *b, const uint8_t *data, size_t size)
{
    rf_tensor *t = NULL;
    RF_TRY(rf_tf_bundle_decode(b, data, size, "v.index"));
    if (!rf_tf_bundle_has(b, "w"))
        return RF_OK;
    const char *path = fuzz_file(SHARD, data, size);
    b->prefix = rf_arena_strndup(&b->arena, path, strlen(path) - strlen(SHARD) + 1);
    const rf_status st = b->prefix ? rf_tf_bundle_read(b, "w", &t) : RF_ENOMEM;
    rf_tensor_free(t);
    return st;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    rf_context *ctx = fuzz_begin(size, 128);
    rf_tf_bundle b;
    rf_tf_bundle_init(&b, ctx);
    const rf_status st = read_variable(&b, data, size);
    rf_tf_bundle_release(&b);
    fuzz_end(ctx, st);
    return 0;
}
