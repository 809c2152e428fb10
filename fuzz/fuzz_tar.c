/* Tar files of class folders, and the pictures in them. */
#include "data/dataset.h"
#include "fuzz.h"

static rf_status read_first(rf_context *ctx, const char *path)
{
    rf_source *source = NULL;
    rf_image image = { 0 };
    RF_TRY(rf_source_tar.open(ctx, path, &source));
    const rf_status st = source->kind->image(source, ctx, 0, &image);
    rf_image_release(ctx, &image);
    source->kind->free(source);
    return st;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    rf_context *ctx = fuzz_begin(size, 25 * 1032);
    fuzz_end(ctx, read_first(ctx, fuzz_file("x.tar", data, size)));
    return 0;
}
