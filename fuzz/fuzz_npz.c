/* Zip files of NumPy arrays. */
#include "data/npz.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    rf_context *ctx = fuzz_begin(size, 3 * 1032);
    rf_npz npz;
    const rf_status st = rf_npz_read(ctx, fuzz_file("x.npz", data, size), &npz);
    if (st == RF_OK)
        rf_npz_release(&npz);
    fuzz_end(ctx, st);
    return 0;
}
