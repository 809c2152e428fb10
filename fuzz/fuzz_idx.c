/* IDX files, gzip or not; the same file gives images and, where it has one dimension, labels. */
#include "data/source.h"
#include "fuzz.h"

static rf_status read_first(rf_context *ctx, const char *path)
{
    rf_source *source = NULL;
    rf_image image = { 0 };
    RF_TRY(rf_idx_open(ctx, path, path, &source));
    const rf_status st = source->kind->image(source, ctx, 0, &image);
    rf_image_release(ctx, &image);
    source->kind->free(source);
    return st;
}

static rf_status read_images(rf_context *ctx, const char *path)
{
    rf_source *source = NULL;
    rf_image image = { 0 };
    RF_TRY(rf_idx_open(ctx, path, NULL, &source));
    const rf_status st = source->kind->image(source, ctx, source->count - 1, &image);
    rf_image_release(ctx, &image);
    source->kind->free(source);
    return st;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    rf_context *ctx = fuzz_begin(size, 3 * 1032);
    const char *path = fuzz_file("x.idx", data, size);
    (void)read_first(ctx, path);
    fuzz_end(ctx, read_images(ctx, path));
    return 0;
}
