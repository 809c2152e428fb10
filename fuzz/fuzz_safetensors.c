/* .safetensors files, the form of checkpoints. */
#include "fuzz.h"
#include "tensor/safetensors.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    rf_context *ctx = fuzz_begin(size, 256);
    rf_safetensors *file = NULL;
    const rf_status st = rf_safetensors_read(ctx, fuzz_file("net.safetensors", data, size), &file);
    if (st == RF_OK)
        rf_safetensors_free(file);
    fuzz_end(ctx, st);
    return 0;
}
