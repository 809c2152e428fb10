/* JPEG through TurboJPEG: gray stays gray, everything else becomes RGB. */
#include "data/image.h"

#include <string.h>
#include <turbojpeg.h>

/* Adobe's CMYK is stored inverted: ink * black is what is left of the light. In place, to interleaved RGB. */
static void cmyk_to_rgb(uint8_t *pixels, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        for (int c = 0; c < 3; c++)
            pixels[3 * i + c] = (uint8_t)((pixels[4 * i + c] * pixels[4 * i + 3] + 127) / 255);
}

static rf_status fail_decode(rf_context *ctx, tjhandle handle, const char *name)
{
    return rf_fail(ctx, RF_EDATA, "'%s' is a damaged JPEG: %s", name, tjGetErrorStr2(handle));
}

/* Stray bytes are a warning that everyone lives with; a file that was cut is not. */
static bool is_harmless(tjhandle handle)
{
    return tjGetErrorCode(handle) == TJERR_WARNING && !strstr(tjGetErrorStr2(handle), "Premature");
}

#define PIXELS_PER_BYTE (8 * 64) /* every block of 8 x 8 takes a bit at least */

static rf_status decode(rf_context *ctx, tjhandle handle, const char *name, const void *bytes,
                        size_t size, rf_image *out)
{
    int width = 0, height = 0, subsampling = 0, colour = 0;
    if (tjDecompressHeader3(handle, bytes, size, &width, &height, &subsampling, &colour) != 0)
        return fail_decode(ctx, handle, name);
    RF_TRY(rf_image_check_bytes(ctx, name, height, width, size, PIXELS_PER_BYTE));
    const bool gray = colour == TJCS_GRAY, cmyk = colour == TJCS_CMYK || colour == TJCS_YCCK;
    const int format = gray ? TJPF_GRAY : cmyk ? TJPF_CMYK : TJPF_RGB;
    rf_image image = { 0 };
    RF_TRY(rf_image_init(ctx, name, height, width, gray ? 1 : cmyk ? 4 : 3, &image));
    if (tjDecompress2(handle, bytes, size, image.pixels, width, 0, height, format,
                      TJFLAG_ACCURATEDCT | TJFLAG_LIMITSCANS) != 0 &&
        !is_harmless(handle)) {
        rf_image_release(ctx, &image);
        return fail_decode(ctx, handle, name);
    }
    if (cmyk) {
        cmyk_to_rgb(image.pixels, image.height * image.width);
        image.channels = 3;
    }
    *out = image;
    return RF_OK;
}

rf_status rf_image_decode_jpeg(rf_context *ctx, const char *name, const void *bytes, size_t size,
                               rf_image *out)
{
    tjhandle handle = tjInitDecompress();
    if (!handle)
        return rf_fail(ctx, RF_ENOMEM, "'%s': TurboJPEG gives no decoder", name);
    const rf_status st = decode(ctx, handle, name, bytes, size, out);
    tjDestroy(handle);
    return st;
}
