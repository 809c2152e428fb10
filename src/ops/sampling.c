/* Sizes, scales and source coordinates of Resize and Upsample. */
#include <math.h>
#include <string.h>

#include "ops/element.h"
#include "ops/sampling.h"
#include "ops/window.h"

#define OPSET_OF_COORDINATES 11 /* before it: asymmetric, and the rounding "simple" */

/* The list up to NULL has the name; *at: where. */
static bool find_name(const char *name, const char *const *names, int *at)
{
    for (*at = 0; names[*at]; ++*at)
        if (!strcmp(name, names[*at]))
            return true;
    return false;
}

static rf_status check_name(rf_context *ctx, const rf_node *n, const char *attr, const char *name,
                            const char *const *names)
{
    int at;
    if (find_name(name, names, &at))
        return RF_OK;
    return rf_node_fail(ctx, n, RF_EUNSUPPORTED, "%s '%s' is unknown", attr, name);
}

static rf_status read_names(rf_context *ctx, const rf_node *n, int64_t opset, rf_sampling *s)
{
    static const char *const modes[] = { "nearest", "linear", "cubic", NULL };
    static const char *const coordinates[] = { "half_pixel",           "half_pixel_symmetric",
                                               "pytorch_half_pixel",   "align_corners",
                                               "asymmetric",           "tf_crop_and_resize",
                                               "tf_half_pixel_for_nn", NULL };
    static const char *const roundings[] = {
        "round_prefer_floor", "round_prefer_ceil", "floor", "ceil", "simple", NULL
    };
    const char *mode = rf_attr_string(n, "mode", "nearest");
    const bool old = rf_node_is(n, "Upsample") || opset < OPSET_OF_COORDINATES;
    int at = 0;
    if (!find_name(!strcmp(mode, "bilinear") ? "linear" : mode, modes, &at))
        return rf_node_fail(ctx, n, RF_EUNSUPPORTED,
                            "mode '%s'; refold has nearest, linear and cubic", mode);
    s->mode = (rf_sampling_mode)at;
    s->coordinates =
        old ? "asymmetric" : rf_attr_string(n, "coordinate_transformation_mode", "half_pixel");
    s->rounding = old ? "simple" : rf_attr_string(n, "nearest_mode", "round_prefer_floor");
    s->crops = !strcmp(s->coordinates, "tf_crop_and_resize");
    RF_TRY(check_name(ctx, n, "coordinate_transformation_mode", s->coordinates, coordinates));
    return check_name(ctx, n, "nearest_mode", s->rounding, roundings);
}

static rf_status read_axes(rf_context *ctx, const rf_node *n, int rank, int *axes, int *count_out)
{
    int64_t count = 0;
    const int64_t *given = rf_attr_ints(n, "axes", &count);
    *count_out = given ? (int)count : rank;
    if (given && (count > rank || count < 1))
        return rf_node_fail(ctx, n, RF_EMODEL, "%lld axes for a tensor of %d dims",
                            (long long)count, rank);
    for (int i = 0; i < *count_out; i++) {
        if (given && (given[i] < -rank || given[i] >= rank))
            return rf_node_fail(ctx, n, RF_EMODEL, "axis %lld is outside a tensor of %d dims",
                                (long long)given[i], rank);
        axes[i] = given ? rf_axis_wrap(given[i], rank) : i;
    }
    return RF_OK;
}

/* ------------------------------------------------------------------------------ sizes, scales --- */

static rf_status scale_dims(rf_context *ctx, const rf_node *n, const rf_sampling_inputs *in,
                            const int *axes, int count, rf_sampling *s)
{
    if (in->scales_count != count)
        return rf_node_fail(ctx, n, RF_EMODEL, "%lld scales for %d dims",
                            (long long)in->scales_count, count);
    for (int i = 0; i < count; i++) {
        rf_sampled_dim *d = &s->dims[axes[i]];
        d->scale = (double)in->scales[i];
        const double size = floor((double)d->in * d->scale);
        if (!(d->scale > 0.0) || !(size < 1e9))
            return rf_node_fail(ctx, n, RF_EMODEL, "scale %g of dim %d", d->scale, axes[i]);
        d->out = (int64_t)size;
    }
    return RF_OK;
}

/* The one scale that all axes get so that they stay in proportion; 0: each has its own. */
static double common_scale(const rf_node *n, const rf_tensor *sizes, const int *axes,
                           const rf_sampling *s)
{
    const char *policy = rf_attr_string(n, "keep_aspect_ratio_policy", "stretch");
    const bool larger = !strcmp(policy, "not_smaller");
    double best = 0.0;
    if (!larger && strcmp(policy, "not_larger") != 0)
        return 0.0;
    for (int i = 0; i < (int)sizes->count; i++) {
        const double scale = (double)rf_tensor_get_i64(sizes, i) / (double)s->dims[axes[i]].in;
        if (i == 0 || (larger ? scale > best : scale < best))
            best = scale;
    }
    return best;
}

static rf_status size_dims(rf_context *ctx, const rf_node *n, const rf_tensor *sizes,
                           const int *axes, int count, rf_sampling *s)
{
    if (sizes->count != count || !rf_dtype_is_index(sizes->dtype))
        return rf_node_fail(ctx, n, RF_EMODEL, "%lld sizes for a tensor of %d dims",
                            (long long)sizes->count, count);
    for (int i = 0; i < count; i++) {
        const int64_t size = rf_tensor_get_i64(sizes, i);
        if (size < 0 || size > 1000000000 || (size > 0 && !s->dims[axes[i]].in))
            return rf_node_fail(ctx, n, RF_ESHAPE, "dim %d of %lld cannot become %lld", axes[i],
                                (long long)s->dims[axes[i]].in, (long long)size);
    }
    const double common = common_scale(n, sizes, axes, s);
    for (int i = 0; i < count; i++) {
        rf_sampled_dim *d = &s->dims[axes[i]];
        d->out = common > 0.0 ? (int64_t)floor(common * (double)d->in + 0.5)
                              : rf_tensor_get_i64(sizes, i);
        d->scale = common > 0.0 ? common : d->in ? (double)d->out / (double)d->in : 1.0;
    }
    return RF_OK;
}

static rf_status read_region(rf_context *ctx, const rf_node *n, const rf_tensor *roi,
                             const int *axes, int count, rf_sampling *s)
{
    if (!s->crops)
        return RF_OK;
    if (!roi || roi->count != 2 * count || roi->dtype != RF_DTYPE_F32)
        return rf_node_fail(ctx, n, RF_EMODEL, "tf_crop_and_resize needs a roi of %d float32",
                            2 * count);
    for (int i = 0; i < count; i++) {
        s->dims[axes[i]].begin = (double)rf_tensor_f32(roi)[i];
        s->dims[axes[i]].end = (double)rf_tensor_f32(roi)[count + i];
    }
    return RF_OK;
}

rf_status rf_sampling_read(rf_context *ctx, const rf_node *n, int64_t opset,
                           const rf_sampling_inputs *in, const rf_shape *x, rf_sampling *out)
{
    int axes[RF_MAX_RANK], count;
    int64_t elements;
    *out = (rf_sampling){ .rank = x->rank,
                          .cubic_a = (double)rf_attr_float(n, "cubic_coeff_a", -0.75f),
                          .extrapolation = rf_attr_float(n, "extrapolation_value", 0.0f),
                          .exclude_outside = rf_attr_int(n, "exclude_outside", 0) != 0,
                          .antialias = rf_attr_int(n, "antialias", 0) != 0 };
    for (int d = 0; d < x->rank; d++)
        out->dims[d] =
            (rf_sampled_dim){ .in = x->dims[d], .out = x->dims[d], .scale = 1.0, .end = 1.0 };
    RF_TRY(read_names(ctx, n, opset, out));
    RF_TRY(read_axes(ctx, n, x->rank, axes, &count));
    if (in->sizes)
        RF_TRY(size_dims(ctx, n, in->sizes, axes, count, out));
    else
        RF_TRY(scale_dims(ctx, n, in, axes, count, out));
    RF_TRY(read_region(ctx, n, in->roi, axes, count, out));
    for (int d = 0; d < x->rank; d++) {
        rf_sampled_dim *dim = &out->dims[d];
        dim->identity =
            dim->in == dim->out && dim->scale == 1.0 && dim->begin == 0.0 && dim->end == 1.0;
    }
    const rf_shape shape = rf_sampling_shape(out);
    return rf_shape_count(ctx, &shape, &elements);
}

rf_shape rf_sampling_shape(const rf_sampling *s)
{
    rf_shape shape = { .rank = s->rank };
    for (int d = 0; d < s->rank; d++)
        shape.dims[d] = s->dims[d].out;
    return shape;
}

/* ---------------------------------------------------------------------------- coordinates --- */

static double half_pixel(const rf_sampled_dim *d, int64_t i)
{
    return ((double)i + 0.5) / d->scale - 0.5;
}

/* As ONNX's own models have it, the length that counts is the one before it is rounded down. */
static double aligned_corners(const rf_sampled_dim *d, int64_t i)
{
    const double length = d->scale * (double)d->in;
    return length > 1.0 ? (double)i * (double)(d->in - 1) / (length - 1.0) : 0.0;
}

static double cropped(const rf_sampled_dim *d, int64_t i)
{
    const double last = (double)(d->in - 1);
    if (d->out <= 1)
        return 0.5 * (d->begin + d->end) * last;
    return d->begin * last + (double)i * (d->end - d->begin) * last / (double)(d->out - 1);
}

/* Output pixels keep their distance, and the input's centre stays in the middle. */
static double symmetric(const rf_sampled_dim *d, int64_t i)
{
    const double in = (double)d->in, kept = (double)d->out / (d->scale * in);
    return in / 2.0 * (1.0 - kept) + half_pixel(d, i);
}

double rf_sampling_at(const rf_sampling *s, const rf_sampled_dim *d, int64_t i)
{
    const char *mode = s->coordinates;
    if (!strcmp(mode, "asymmetric"))
        return (double)i / d->scale;
    if (!strcmp(mode, "align_corners"))
        return aligned_corners(d, i);
    if (!strcmp(mode, "pytorch_half_pixel"))
        return d->out > 1 ? half_pixel(d, i) : 0.0;
    if (!strcmp(mode, "tf_half_pixel_for_nn"))
        return ((double)i + 0.5) / d->scale;
    if (!strcmp(mode, "half_pixel_symmetric"))
        return symmetric(d, i);
    return s->crops ? cropped(d, i) : half_pixel(d, i);
}

/* "simple", of the operator sets without nearest_mode: up where the dim shrinks, else down. */
static double round_to(const char *mode, double scale, double x)
{
    if (!strcmp(mode, "simple"))
        return scale < 1.0 ? ceil(x) : floor(x);
    if (!strcmp(mode, "floor"))
        return floor(x);
    if (!strcmp(mode, "ceil"))
        return ceil(x);
    return !strcmp(mode, "round_prefer_floor") ? ceil(x - 0.5) : floor(x + 0.5);
}

bool rf_sampling_is_outside(const rf_sampling *s, const rf_sampled_dim *d, double at)
{
    return s->crops && !(at >= 0.0 && at <= (double)(d->in - 1));
}

int64_t rf_sampling_nearest(const rf_sampling *s, const rf_sampled_dim *d, int64_t i)
{
    const double at = rf_sampling_at(s, d, i);
    if (rf_sampling_is_outside(s, d, at))
        return -1;
    const double rounded = round_to(s->rounding, d->scale, at), last = (double)(d->in - 1);
    return rounded < 0.0 ? 0 : rounded > last ? d->in - 1 : (int64_t)rounded;
}
