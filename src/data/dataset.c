/* Data sets: from a specification to a source, and from a source to samples. */
#include "data/dataset.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "tensor/view.h"

/* The first row that matches opens the specification; folders come last, since a prefix is no folder. */
static const rf_source_row *const rows[] = {
    &rf_source_idx,           &rf_source_npy, &rf_source_npz,
    &rf_source_fashion_mnist, &rf_source_tar, &rf_source_folder,
};
#define ROW_COUNT (sizeof rows / sizeof *rows)

/* ---- specifications ---- */

const char *rf_spec_after(const char *spec, const char *prefix)
{
    const size_t length = strlen(prefix);
    return strncmp(spec, prefix, length) == 0 ? spec + length : NULL;
}

rf_status rf_spec_split(rf_context *ctx, const char *spec, const char *rest, char **first_out,
                        char **second_out)
{
    const char *comma = strchr(rest, ',');
    const size_t length = comma ? (size_t)(comma - rest) : strlen(rest);
    if (length == 0 || (comma && !comma[1]))
        return rf_fail(ctx, RF_EARG, "data '%s': a file name is missing", spec);
    char *first = rf_strdup(ctx, rest), *second = comma ? rf_strdup(ctx, comma + 1) : NULL;
    if (!first || (comma && !second)) {
        rf_free(ctx, first);
        rf_free(ctx, second);
        return RF_ENOMEM;
    }
    first[length] = 0;
    *first_out = first;
    *second_out = second;
    return RF_OK;
}

/* "word:..." where no row knows the word. */
static bool has_prefix(const char *spec)
{
    const char *p = spec;
    while (isalnum((unsigned char)*p) || *p == '-' || *p == '_')
        p++;
    return p > spec && *p == ':';
}

static rf_status fail_spec(rf_context *ctx, const char *spec)
{
    char forms[256] = "";
    size_t at = 0;
    if (!rf_file_exists(spec) && !has_prefix(spec))
        return rf_fail(ctx, RF_EIO, "cannot open data '%s': no such file or folder", spec);
    for (size_t i = 0; i < ROW_COUNT; i++)
        at += (size_t)snprintf(forms + at, sizeof forms - at, "%s%s", i ? ", " : "", rows[i]->form);
    return rf_fail(ctx, RF_EARG, "data '%s' is of no kind that is known: expected one of %s", spec,
                   forms);
}

static rf_status open_source(rf_context *ctx, const char *spec, rf_source **out)
{
    for (size_t i = 0; i < ROW_COUNT; i++)
        if (rows[i]->matches(spec))
            return rows[i]->open(ctx, spec, out);
    return fail_spec(ctx, spec);
}

/* ---- opening ---- */

static void warn_about_arrays(const rf_dataset *d, const rf_dataset_options *o)
{
    const bool ignored = o && (o->resize || o->crop || o->mean_count || o->std_count ||
                               o->scale != 0.0f || rf_transform_augments(&d->transform));
    if (ignored)
        rf_log(d->ctx, RF_LOG_WARNING,
               "'%s' holds arrays, which are taken as they are: no resize, crop, scale, mean, std "
               "or augmentation",
               d->spec);
}

/* Wanted sizes are compared with the first image, so that the usual mistakes show at once. */
static rf_status check_first_image(const rf_dataset *d)
{
    const rf_transform *t = &d->transform;
    rf_shape shape = { 0 };
    RF_TRY(rf_dataset_sample_shape(d, 0, &shape));
    if ((t->height == 0 || t->height == shape.dims[1]) &&
        (t->width == 0 || t->width == shape.dims[2]))
        return rf_transform_check_channels(d->ctx, t, shape.dims[0]);
    return rf_fail(d->ctx, RF_EDATA,
                   "'%s': images come out as %lld x %lld pixels, the model takes %lld x %lld "
                   "(width x height): use --resize and --crop",
                   d->spec, (long long)shape.dims[2], (long long)shape.dims[1],
                   (long long)(t->width ? t->width : shape.dims[2]),
                   (long long)(t->height ? t->height : shape.dims[1]));
}

/* [channels, height, width] as the model has them, and not [height, width, channels]. */
static bool fits_channels_first_only(const rf_dataset *d, const rf_dataset_options *o)
{
    const rf_shape *s = &d->source->sample_shapes[0];
    if (rf_dataset_is_images(d) || s->rank != 3)
        return false;
    const int64_t model[] = { o->channels, o->height, o->width };
    bool first = true, last = true;
    for (int i = 0; i < 3; i++) {
        first = first && (!model[i] || s->dims[i] == model[i]);
        last = last && (!model[i] || s->dims[(i + 2) % 3] == model[i]);
    }
    return first && !last;
}

static rf_status open_into(rf_dataset *d, const char *spec, const rf_dataset_options *options)
{
    d->spec = rf_strdup(d->ctx, spec);
    if (!d->spec)
        return RF_ENOMEM;
    RF_TRY(rf_transform_init(d->ctx, options, &d->transform));
    d->nhwc = options && options->input_nhwc;
    RF_TRY(open_source(d->ctx, spec, &d->source));
    if (d->nhwc && options->input_nchw_where_it_fits && fits_channels_first_only(d, options))
        d->nhwc = false;
    if (rf_dataset_is_images(d))
        return check_first_image(d);
    warn_about_arrays(d, options);
    return RF_OK;
}

rf_status rf_dataset_open(rf_context *ctx, const char *spec, const rf_dataset_options *options,
                          rf_dataset **out)
{
    if (!spec || !*spec)
        return rf_fail(ctx, RF_EARG, "no data set is named");
    rf_dataset *d = rf_calloc(ctx, 1, sizeof *d);
    if (!d)
        return RF_ENOMEM;
    d->ctx = ctx;
    const rf_status st = open_into(d, spec, options);
    if (st == RF_OK)
        *out = d;
    else
        rf_dataset_free(d);
    return st;
}

void rf_dataset_free(rf_dataset *d)
{
    if (!d)
        return;
    if (d->source)
        d->source->kind->free(d->source);
    rf_free(d->ctx, d->spec);
    rf_free(d->ctx, d);
}

int64_t rf_dataset_count(const rf_dataset *d)
{
    return d->source->count;
}

bool rf_dataset_has_labels(const rf_dataset *d)
{
    return d->source->labels != NULL;
}

int64_t rf_dataset_classes(const rf_dataset *d)
{
    return d->source->classes;
}

bool rf_dataset_is_images(const rf_dataset *d)
{
    return d->source->kind->image != NULL;
}

/* ---- samples ---- */

/* [s..., c] -> [c, s...] for samples that lie channels last. */
static rf_shape channels_first(const rf_dataset *d, const rf_shape *stored)
{
    if (!d->nhwc || stored->rank < 2)
        return *stored;
    rf_shape shape = { .rank = stored->rank };
    shape.dims[0] = stored->dims[stored->rank - 1];
    for (int i = 1; i < stored->rank; i++)
        shape.dims[i] = stored->dims[i - 1];
    return shape;
}

rf_status rf_dataset_sample_shape(const rf_dataset *d, int input, rf_shape *out)
{
    const rf_source *s = d->source;
    if (input < 0 || input >= s->input_count)
        return rf_fail(d->ctx, RF_EARG, "'%s' has %d inputs, input %d was asked for", d->spec,
                       s->input_count, input);
    if (!rf_dataset_is_images(d)) {
        *out = channels_first(d, &s->sample_shapes[input]);
        return RF_OK;
    }
    rf_image image = { 0 };
    RF_TRY(s->kind->image(s, d->ctx, 0, &image));
    *out = rf_transform_shape(&d->transform, &image);
    rf_image_release(d->ctx, &image);
    return RF_OK;
}

static rf_status read_image(rf_context *ctx, const rf_dataset *d, int64_t index, rf_rng *rng,
                            const rf_sample_dst *dst)
{
    char name[512];
    rf_image image = { 0 };
    d->source->kind->describe(d->source, index, name, sizeof name);
    RF_TRY(d->source->kind->image(d->source, ctx, index, &image));
    const rf_status st = rf_transform_apply(ctx, &d->transform, name, &image, rng, dst);
    rf_image_release(ctx, &image);
    return st;
}

static void read_array(const rf_dataset *d, int64_t index, int input, const rf_sample_dst *dst)
{
    const rf_source *s = d->source;
    const rf_shape *shape = &dst->shape;
    rf_view src, to;
    const bool last = d->nhwc && shape->rank >= 2;
    rf_view_init(&src, RF_DTYPE_F32, shape, RF_LAYOUT_PLAIN);
    rf_view_init(&to, RF_DTYPE_F32, shape, RF_LAYOUT_PLAIN);
    if (last) { /* logical [c, s...] over stored [s..., c] */
        for (int i = 1; i < shape->rank; i++)
            src.strides[i] *= shape->dims[0];
        src.strides[0] = 1;
    }
    memcpy(to.strides, dst->strides, sizeof to.strides);
    src.data = (void *)(uintptr_t)s->kind->array(s, input, index); /* only read */
    to.data = dst->data;
    rf_view_copy(&src, &to);
}

rf_status rf_dataset_read(rf_context *ctx, const rf_dataset *d, int64_t index, int input,
                          rf_rng *rng, const rf_sample_dst *dst)
{
    if (rf_dataset_is_images(d))
        return read_image(ctx, d, index, rng, dst);
    read_array(d, index, input, dst);
    return RF_OK;
}
