/* From a decoded image to the model's numbers: augment, resize, crop, convert, look up. */
#include "data/transform.h"

#include <string.h>

/* ---- sizes ---- */

/* Shorter side to `side`, the other in proportion, rounded down. */
static void resized(int64_t side, int64_t *height, int64_t *width)
{
    int64_t *shorter = *height < *width ? height : width;
    int64_t *longer = *height < *width ? width : height;
    const int64_t new_longer = side * *longer / *shorter;
    *shorter = side;
    *longer = new_longer;
}

rf_shape rf_transform_shape(const rf_transform *t, const rf_image *image)
{
    int64_t height = image->height, width = image->width, channels = image->channels;
    if (t->resize > 0)
        resized(t->resize, &height, &width);
    if (t->crop > 0)
        height = width = t->crop;
    if (t->channels > 0)
        channels = t->channels;
    else if (t->mean_count == 3 || t->std_count == 3)
        channels = 3;
    return rf_shape_of(3, (int64_t[]){ channels, height, width });
}

/* ---- augmentation of raw pixels ---- */

/* Pad `p` black pixels on each side and cut the old size out at random; that is a shift of -p..p with black behind. */
static rf_status random_crop(rf_context *ctx, const char *name, int64_t p, rf_rng *rng,
                             rf_image *image)
{
    const int64_t h = image->height, w = image->width, c = image->channels;
    const int64_t dy = (int64_t)rf_rng_below(rng, (uint64_t)(2 * p + 1)) - p;
    const int64_t dx = (int64_t)rf_rng_below(rng, (uint64_t)(2 * p + 1)) - p;
    rf_image cut = { 0 };
    RF_TRY(rf_image_init(ctx, name, h, w, c, &cut));
    memset(cut.pixels, 0, (size_t)(h * w * c));
    const int64_t x0 = dx < 0 ? -dx : 0, x1 = dx > 0 ? w - dx : w; /* columns that have a source */
    for (int64_t y = 0; x0 < x1 && y < h; y++)
        if (y + dy >= 0 && y + dy < h)
            memcpy(cut.pixels + (y * w + x0) * c, image->pixels + ((y + dy) * w + x0 + dx) * c,
                   (size_t)((x1 - x0) * c));
    rf_image_release(ctx, image);
    *image = cut;
    return RF_OK;
}

static void flip_horizontally(rf_image *image)
{
    const int64_t w = image->width, c = image->channels;
    for (int64_t y = 0; y < image->height; y++) {
        uint8_t *row = image->pixels + y * w * c;
        for (int64_t x = 0; x < w / 2; x++)
            for (int64_t k = 0; k < c; k++) {
                const uint8_t left = row[x * c + k];
                row[x * c + k] = row[(w - 1 - x) * c + k];
                row[(w - 1 - x) * c + k] = left;
            }
    }
}

static rf_status augment(rf_context *ctx, const rf_transform *t, const char *name, rf_rng *rng,
                         rf_image *image)
{
    if (t->crop_padding > 0)
        RF_TRY(random_crop(ctx, name, t->crop_padding, rng, image));
    if (t->flip && rf_rng_u32(rng) >> 31)
        flip_horizontally(image);
    return RF_OK;
}

/* ---- resize, crop, convert ---- */

static rf_status resize(rf_context *ctx, const rf_transform *t, const char *name, rf_image *image)
{
    int64_t height = image->height, width = image->width;
    if (t->resize > 0)
        resized(t->resize, &height, &width);
    if (height == image->height && width == image->width)
        return RF_OK;
    rf_image small = { 0 };
    RF_TRY(rf_image_resize(ctx, name, image, height, width, &small));
    rf_image_release(ctx, image);
    *image = small;
    return RF_OK;
}

/* Half of the margin, half to even: where Python's round() puts torchvision's crop. */
static int64_t half(int64_t margin)
{
    const int64_t below = margin / 2;
    return below + (margin % 2 != 0 && below % 2 != 0);
}

/* ITU-R 601 luma in 16-bit fixed point. In place: a gray value never lies behind the pixel it comes from. */
static void rgb_to_gray(rf_image *image)
{
    for (int64_t i = 0; i < image->height * image->width; i++) {
        const uint8_t *p = image->pixels + 3 * i;
        image->pixels[i] = (uint8_t)((p[0] * 19595u + p[1] * 38470u + p[2] * 7471u + 32768u) >> 16);
    }
    image->channels = 1;
}

/* The window of dst's size that begins at (top, left). Gray repeats for each channel. */
static void write_window(const rf_transform *t, const rf_image *image, int64_t top, int64_t left,
                         const rf_sample_dst *dst)
{
    const int64_t ic = image->channels, *dims = dst->shape.dims, *strides = dst->strides;
    for (int64_t c = 0; c < dims[0]; c++)
        for (int64_t y = 0; y < dims[1]; y++) {
            const uint8_t *src =
                image->pixels + ((top + y) * image->width + left) * ic + (ic == 1 ? 0 : c);
            float *to = dst->data + c * strides[0] + y * strides[1];
            for (int64_t x = 0; x < dims[2]; x++)
                to[x * strides[2]] = t->lut[c][src[x * ic]];
        }
}

static rf_status fail_size(rf_context *ctx, const rf_transform *t, const char *name,
                           const rf_image *image, const rf_sample_dst *dst)
{
    const bool adjusted = t->resize > 0 || t->crop > 0;
    return rf_fail(ctx, RF_EDATA,
                   "'%s' is %lld x %lld pixels%s, the model takes %lld x %lld (width x height): %s "
                   "--resize and --crop",
                   name, (long long)image->width, (long long)image->height,
                   adjusted ? " after resize and crop" : "", (long long)dst->shape.dims[2],
                   (long long)dst->shape.dims[1], adjusted ? "change" : "use");
}

static rf_status crop_and_write(rf_context *ctx, const rf_transform *t, const char *name,
                                rf_image *image, const rf_sample_dst *dst)
{
    const int64_t *dims = dst->shape.dims;
    const int64_t height = t->crop > 0 ? t->crop : image->height;
    const int64_t width = t->crop > 0 ? t->crop : image->width;
    if (height > image->height || width > image->width)
        return rf_fail(ctx, RF_EDATA,
                       "'%s' is %lld x %lld pixels (width x height), too small for a crop of %lld: "
                       "use --resize",
                       name, (long long)image->width, (long long)image->height, (long long)t->crop);
    const int64_t top = half(image->height - height), left = half(image->width - width);
    if (height != dims[1] || width != dims[2]) {
        const rf_image cut = { height, width, image->channels, NULL };
        return fail_size(ctx, t, name, &cut, dst);
    }
    if (dims[0] == 1 && image->channels == 3)
        rgb_to_gray(image);
    write_window(t, image, top, left, dst);
    return RF_OK;
}

rf_status rf_transform_apply(rf_context *ctx, const rf_transform *t, const char *name,
                             rf_image *image, rf_rng *rng, const rf_sample_dst *dst)
{
    if (dst->shape.rank != 3 || (dst->shape.dims[0] != 1 && dst->shape.dims[0] != 3)) {
        char text[RF_SHAPE_TEXT];
        return rf_fail(ctx, RF_EDATA,
                       "'%s' is an image, but the model takes samples of shape %s, not [1 or 3, "
                       "height, width]",
                       name, rf_shape_text(&dst->shape, text));
    }
    if (rng)
        RF_TRY(augment(ctx, t, name, rng, image));
    RF_TRY(resize(ctx, t, name, image));
    return crop_and_write(ctx, t, name, image, dst);
}
