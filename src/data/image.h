/* Decoded images: PNG and JPEG in, 8-bit gray or RGB out. */
#ifndef RF_DATA_IMAGE_H
#define RF_DATA_IMAGE_H

#include "base/context.h"
#include "base/status.h"

#define RF_IMAGE_MAX_PIXELS                                                                        \
    67108864 /* 64 Mpixel: a larger image is taken for an attack or a mistake */

/* Interleaved 8-bit samples. */
typedef struct rf_image {
    int64_t height, width, channels; /* channels 1 or 3 */
    uint8_t *pixels;                 /* [height, width, channels], rf_free */
} rf_image;

/* Uninitialised pixels. RF_EDATA, naming `name`, when a side is 0 or the image is above the limit. */
rf_status rf_image_init(rf_context *ctx, const char *name, int64_t height, int64_t width,
                        int64_t channels, rf_image *out);
/* Memory is only asked for when a file of `size` bytes can hold so many pixels. RF_EDATA. */
rf_status rf_image_check_bytes(rf_context *ctx, const char *name, int64_t height, int64_t width,
                               size_t size, int64_t pixels_per_byte);
void rf_image_release(rf_context *ctx, rf_image *image);

/* Told apart by their first bytes. RF_EDATA names `name` and what is wrong. */
rf_status rf_image_decode(rf_context *ctx, const char *name, const void *bytes, size_t size,
                          rf_image *out);
rf_status rf_image_decode_png(rf_context *ctx, const char *name, const void *bytes, size_t size,
                              rf_image *out);
rf_status rf_image_decode_jpeg(rf_context *ctx, const char *name, const void *bytes, size_t size,
                               rf_image *out);

/* A resized copy: triangle filter, widened when shrinking (antialiased), edges repeated. */
rf_status rf_image_resize(rf_context *ctx, const char *name, const rf_image *src, int64_t height,
                          int64_t width, rf_image *out);

#endif
