/* PNG and JPEG. */
#include "data/image.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    rf_context *ctx = fuzz_begin(size, 24 * 1032);
    rf_image image = { 0 };
    const rf_status st = rf_image_decode(ctx, "picture", data, size, &image);
    if (st == RF_OK)
        rf_image_release(ctx, &image);
    fuzz_end(ctx, st);
    return 0;
}
