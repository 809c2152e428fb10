/* AIMET's encodings files. */
#include "fuzz.h"
#include "sim/encodings_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    rf_context *ctx = fuzz_begin(size, 256);
    rf_encodings_file file;
    const rf_status st = rf_encodings_file_read(ctx, fuzz_file("net.encodings", data, size), &file);
    if (st == RF_OK)
        rf_encodings_file_release(&file);
    fuzz_end(ctx, st);
    return 0;
}
