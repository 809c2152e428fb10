/* Options of a data set: presets, checks, and the table of normalized values. */
#include "data/transform.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_SCALE (1.0f / 255.0f)
#define MAX_SIDE 65536 /* pixels, of --resize and --crop */

typedef struct preset {
    const char *name;
    int64_t resize, crop;
    int channels; /* values of mean and std; 0: none */
    float mean[4], std[4];
} preset;

/* Mean and standard deviation of the training sets, as torchvision's examples give them. */
static const preset presets[] = {
    { "imagenet", 256, 224, 3, { 0.485f, 0.456f, 0.406f }, { 0.229f, 0.224f, 0.225f } },
    { "cifar10", 0, 0, 3, { 0.4914f, 0.4822f, 0.4465f }, { 0.2470f, 0.2435f, 0.2616f } },
    { "fashion-mnist", 0, 0, 1, { 0.2860f }, { 0.3530f } },
    { "none", 0, 0, 0, { 0 }, { 0 } },
};
#define PRESET_COUNT (sizeof presets / sizeof *presets)

static rf_status find_preset(rf_context *ctx, const char *name, const preset **out)
{
    char names[128] = "";
    size_t at = 0;
    for (size_t i = 0; i < PRESET_COUNT; i++) {
        if (strcmp(name, presets[i].name) == 0) {
            *out = &presets[i];
            return RF_OK;
        }
        at +=
            (size_t)snprintf(names + at, sizeof names - at, "%s%s", i ? ", " : "", presets[i].name);
    }
    return rf_fail(ctx, RF_EARG, "unknown preset '%s', expected one of %s", name, names);
}

/* What the caller left at 0 is the preset's. */
static rf_status fill_preset(rf_context *ctx, rf_dataset_options *o)
{
    const preset *p = NULL;
    RF_TRY(find_preset(ctx, o->preset ? o->preset : "none", &p));
    if (o->resize == 0)
        o->resize = p->resize;
    if (o->crop == 0)
        o->crop = p->crop;
    if (o->mean_count == 0) {
        o->mean_count = p->channels;
        memcpy(o->mean, p->mean, sizeof o->mean);
    }
    if (o->std_count == 0) {
        o->std_count = p->channels;
        memcpy(o->std, p->std, sizeof o->std);
    }
    if (o->scale == 0.0f)
        o->scale = DEFAULT_SCALE;
    return RF_OK;
}

static rf_status check_values(rf_context *ctx, const char *name, int count, const float *values,
                              bool positive)
{
    if (count < 0 || count > 4)
        return rf_fail(ctx, RF_EARG, "%s has %d values, expected at most 4", name, count);
    for (int i = 0; i < count; i++)
        if (!isfinite(values[i]) || (positive && values[i] <= 0.0f))
            return rf_fail(ctx, RF_EARG, "%s value %d is %g, expected a %snumber", name, i + 1,
                           (double)values[i], positive ? "positive " : "finite ");
    return RF_OK;
}

static rf_status check_size(rf_context *ctx, const char *name, int64_t value)
{
    if (value >= 0 && value <= MAX_SIDE)
        return RF_OK;
    return rf_fail(ctx, RF_EARG, "%s is %lld, expected 0 to %d", name, (long long)value, MAX_SIDE);
}

static rf_status check_options(rf_context *ctx, const rf_dataset_options *o)
{
    RF_TRY(check_size(ctx, "resize", o->resize));
    RF_TRY(check_size(ctx, "crop", o->crop));
    RF_TRY(check_size(ctx, "channels", o->channels));
    RF_TRY(check_size(ctx, "height", o->height));
    RF_TRY(check_size(ctx, "width", o->width));
    RF_TRY(check_values(ctx, "scale", 1, &o->scale, true));
    RF_TRY(check_values(ctx, "mean", o->mean_count, o->mean, false));
    return check_values(ctx, "std", o->std_count, o->std, true);
}

/* One comma-separated token of the augmentation, `length` bytes long. */
static rf_status parse_token(rf_context *ctx, const char *token, size_t length, rf_transform *t)
{
    if (length == 4 && strncmp(token, "flip", 4) == 0) {
        t->flip = true;
        return RF_OK;
    }
    if (length > 5 && strncmp(token, "crop:", 5) == 0) {
        char *end = NULL;
        const long padding = strtol(token + 5, &end, 10);
        if (end == token + length && padding >= 1 && padding <= 1024) {
            t->crop_padding = padding;
            return RF_OK;
        }
        return rf_fail(ctx, RF_EARG, "augment: padding of '%.*s' is no number from 1 to 1024",
                       (int)length, token);
    }
    return rf_fail(
        ctx, RF_EARG,
        "augment: unknown '%.*s', expected 'none' or a comma list of 'flip' and 'crop:P'",
        (int)length, token);
}

static rf_status parse_augment(rf_context *ctx, const char *text, rf_transform *t)
{
    if (!text || strcmp(text, "none") == 0)
        return RF_OK;
    for (const char *token = text;;) {
        const size_t length = strcspn(token, ",");
        RF_TRY(parse_token(ctx, token, length, t));
        if (!token[length])
            return RF_OK;
        token += length + 1;
    }
}

/* One value for all channels, or one each; `none` where the option is absent or has too few. */
static float channel_value(const float *values, int count, int channel, float none)
{
    return count == 1 ? values[0] : channel < count ? values[channel] : none;
}

/* The default scale divides by 255 as torchvision's ToTensor does: the product with 1/255 may differ in the last bit. */
static void fill_lut(const rf_dataset_options *o, rf_transform *t)
{
    const bool divide = o->scale == DEFAULT_SCALE;
    for (int c = 0; c < 4; c++) {
        const float mean = channel_value(o->mean, o->mean_count, c, 0.0f);
        const float std = channel_value(o->std, o->std_count, c, 1.0f);
        for (int v = 0; v < 256; v++) {
            const float scaled = divide ? (float)v / 255.0f : (float)v * o->scale;
            t->lut[c][v] = (scaled - mean) / std;
        }
    }
}

rf_status rf_transform_init(rf_context *ctx, const rf_dataset_options *options, rf_transform *out)
{
    const rf_dataset_options none = RF_DATASET_OPTIONS_INIT;
    rf_dataset_options o = options ? *options : none;
    RF_TRY(check_values(ctx, "mean", o.mean_count, o.mean, false));
    RF_TRY(fill_preset(ctx, &o));
    RF_TRY(check_options(ctx, &o));
    rf_transform t = { .resize = o.resize,
                       .crop = o.crop,
                       .mean_count = o.mean_count,
                       .std_count = o.std_count,
                       .channels = o.channels,
                       .height = o.height,
                       .width = o.width };
    RF_TRY(parse_augment(ctx, o.augment, &t));
    if (o.channels > 0)
        RF_TRY(rf_transform_check_channels(ctx, &t, o.channels));
    fill_lut(&o, &t);
    *out = t;
    return RF_OK;
}

static rf_status check_channel_values(rf_context *ctx, const char *name, int count,
                                      int64_t channels)
{
    if (count <= 1 || count == channels)
        return RF_OK;
    return rf_fail(ctx, RF_EARG, "%s has %d values, expected 1 or one for each of %lld channel%s",
                   name, count, (long long)channels, channels == 1 ? "" : "s");
}

rf_status rf_transform_check_channels(rf_context *ctx, const rf_transform *t, int64_t channels)
{
    RF_TRY(check_channel_values(ctx, "mean", t->mean_count, channels));
    return check_channel_values(ctx, "std", t->std_count, channels);
}

bool rf_transform_augments(const rf_transform *t)
{
    return t->flip || t->crop_padding > 0;
}
