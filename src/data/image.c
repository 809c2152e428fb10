/* Images: memory, limits, and which decoder a file belongs to. */
#include "data/image.h"

#include <string.h>

rf_status rf_image_init(rf_context *ctx, const char *name, int64_t height, int64_t width,
                        int64_t channels, rf_image *out)
{
    if (height < 1 || width < 1 || height > RF_IMAGE_MAX_PIXELS / width)
        return rf_fail(ctx, RF_EDATA, "'%s' is %lld x %lld pixels, expected 1 to %d in all", name,
                       (long long)width, (long long)height, RF_IMAGE_MAX_PIXELS);
    uint8_t *pixels = rf_alloc(ctx, (size_t)(height * width * channels));
    if (!pixels)
        return RF_ENOMEM;
    *out = (rf_image){ height, width, channels, pixels };
    return RF_OK;
}

rf_status rf_image_check_bytes(rf_context *ctx, const char *name, int64_t height, int64_t width,
                               size_t size, int64_t pixels_per_byte)
{
    if (height * width / pixels_per_byte <= (int64_t)size)
        return RF_OK;
    return rf_fail(ctx, RF_EDATA, "'%s' is damaged: %zu bytes are too few for %lld x %lld pixels",
                   name, size, (long long)width, (long long)height);
}

void rf_image_release(rf_context *ctx, rf_image *image)
{
    rf_free(ctx, image->pixels);
    image->pixels = NULL;
}

rf_status rf_image_decode(rf_context *ctx, const char *name, const void *bytes, size_t size,
                          rf_image *out)
{
    static const unsigned char png[8] = { 0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n' };
    static const unsigned char jpeg[2] = { 0xff, 0xd8 };
    if (size >= sizeof png && memcmp(bytes, png, sizeof png) == 0)
        return rf_image_decode_png(ctx, name, bytes, size, out);
    if (size >= sizeof jpeg && memcmp(bytes, jpeg, sizeof jpeg) == 0)
        return rf_image_decode_jpeg(ctx, name, bytes, size, out);
    return rf_fail(ctx, RF_EDATA, "'%s' (%zu bytes) is neither PNG nor JPEG by its first bytes",
                   name, size);
}
