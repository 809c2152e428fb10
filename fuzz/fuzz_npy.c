/* NumPy arrays. */
#include "fuzz.h"
#include "tensor/npy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    rf_context *ctx = fuzz_begin(size, 8);
    rf_tensor *t = NULL;
    const rf_status st = rf_npy_parse(ctx, "x.npy", data, size, &t);
    rf_tensor_free(t);
    fuzz_end(ctx, st);
    return 0;
}
