/* Resizing: the one place that compiles stb_image_resize. */
#include "data/image.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wcast-qual"
#pragma GCC diagnostic ignored "-Wpedantic"
#pragma GCC diagnostic ignored "-Wextra"
#pragma GCC diagnostic ignored "-Wunused-function"
#define STBIR_MALLOC(size, ctx) rf_alloc((rf_context *)(ctx), (size))
#define STBIR_FREE(memory, ctx) rf_free((rf_context *)(ctx), (memory))
#define STBIR_ASSERT(condition)                                                                    \
    ((void)0) /* the library never aborts; arguments are checked before */
#define STB_IMAGE_RESIZE_STATIC
#define STB_IMAGE_RESIZE_IMPLEMENTATION
#include <stb_image_resize.h>
#pragma GCC diagnostic pop

rf_status rf_image_resize(rf_context *ctx, const char *name, const rf_image *src, int64_t height,
                          int64_t width, rf_image *out)
{
    rf_image image = { 0 };
    RF_TRY(rf_image_init(ctx, name, height, width, src->channels, &image));
    const int done = stbir_resize_uint8_generic(
        src->pixels, (int)src->width, (int)src->height, 0, image.pixels, (int)width, (int)height, 0,
        (int)src->channels, STBIR_ALPHA_CHANNEL_NONE, 0, STBIR_EDGE_CLAMP, STBIR_FILTER_TRIANGLE,
        STBIR_COLORSPACE_LINEAR, ctx);
    if (!done) {
        rf_image_release(ctx, &image);
        return RF_ENOMEM;
    }
    *out = image;
    return RF_OK;
}
