/* PNG through libpng: palettes, 16 bits and transparency become plain 8-bit gray or RGB. */
#include "data/image.h"

#include <png.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#define DEFLATE_MAX_RATIO 1032 /* what one compressed byte can become */

typedef struct png_source {
    rf_context *ctx;
    const char *name;
    const uint8_t *bytes;
    size_t size, at;
    char error[128]; /* libpng's text */
    rf_image image;
    rf_status status; /* of our own failures, which carry their message already */
} png_source;

static void read_bytes(png_structp png, png_bytep dst, size_t count)
{
    png_source *s = png_get_io_ptr(png);
    if (count > s->size - s->at)
        png_error(png, "the file ends early");
    memcpy(dst, s->bytes + s->at, count);
    s->at += count;
}

static void on_error(png_structp png, png_const_charp text)
{
    png_source *s = png_get_error_ptr(png);
    snprintf(s->error, sizeof s->error, "%s", text);
    png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp text)
{
    (void)png;
    (void)text;
}

/* Texts, profiles and palettes of suggestion say nothing about the pixels, and may be compressed a thousandfold. */
static void skip_extras(png_structp png)
{
    static const png_byte unused[] =
        "cHRM\0eXIf\0gAMA\0hIST\0iCCP\0iTXt\0oFFs\0pCAL\0pHYs\0sBIT\0sCAL\0"
        "sPLT\0sRGB\0tEXt\0tIME\0zTXt\0bKGD";
    png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, unused, (int)(sizeof unused / 5));
}

static rf_status check_size(png_structp png, png_infop info, const png_source *s)
{
    const int64_t bits = (int64_t)png_get_bit_depth(png, info) * png_get_channels(png, info);
    return rf_image_check_bytes(s->ctx, s->name, png_get_image_height(png, info),
                                png_get_image_width(png, info), s->size,
                                DEFLATE_MAX_RATIO * 8 / bits);
}

static void read_pixels(png_structp png, png_infop info, png_source *s)
{
    skip_extras(png);
    png_read_info(png, info);
    s->status = check_size(png, info, s);
    if (s->status != RF_OK)
        return;
    png_set_expand(png);
    png_set_strip_16(png);
    png_set_strip_alpha(png);
    const int passes = png_set_interlace_handling(png);
    png_read_update_info(png, info);
    const int64_t height = png_get_image_height(png, info), width = png_get_image_width(png, info);
    const int64_t channels = png_get_channels(png, info);
    s->status = rf_image_init(s->ctx, s->name, height, width, channels, &s->image);
    for (int pass = 0; s->status == RF_OK && pass < passes; pass++)
        for (int64_t y = 0; y < height; y++)
            png_read_row(png, s->image.pixels + y * width * channels, NULL);
}

/* Apart from its caller, so that no local variable lives across the jump. */
static bool try_read(png_structp png, png_infop info, png_source *s)
{
    if (setjmp(png_jmpbuf(png)))
        return false;
    read_pixels(png, info, s);
    return true;
}

rf_status rf_image_decode_png(rf_context *ctx, const char *name, const void *bytes, size_t size,
                              rf_image *out)
{
    png_source s = { .ctx = ctx, .name = name, .bytes = bytes, .size = size };
    png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &s, on_error, on_warning);
    png_infop info = png ? png_create_info_struct(png) : NULL;
    if (!info) {
        png_destroy_read_struct(&png, NULL, NULL);
        return rf_fail(ctx, RF_ENOMEM, "'%s': out of memory", name);
    }
    png_set_read_fn(png, &s, read_bytes);
    const bool read = try_read(png, info, &s);
    png_destroy_read_struct(&png, &info, NULL);
    if (read && s.status == RF_OK) {
        *out = s.image;
        return RF_OK;
    }
    rf_image_release(ctx, &s.image);
    return read ? s.status : rf_fail(ctx, RF_EDATA, "'%s' is a damaged PNG: %s", name, s.error);
}
