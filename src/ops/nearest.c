/* Nearest-neighbour resizing. */
#include <math.h>
#include <string.h>

#include "ops/nearest.h"

static bool is_one_of(const char *name, const char *const *names)
{
    for (; *names; names++)
        if (!strcmp(name, *names))
            return true;
    return false;
}

rf_status rf_nearest_check(const rf_inference *io, const rf_nearest *rule)
{
    static const char *const coordinates[] = { "asymmetric", "half_pixel", "pytorch_half_pixel",
                                               "align_corners", NULL };
    static const char *const roundings[] = { "floor", "ceil", "round_prefer_floor",
                                             "round_prefer_ceil", NULL };
    if (!is_one_of(rule->coordinates, coordinates))
        return rf_infer_fail(io, RF_EUNSUPPORTED, "coordinate_transformation_mode '%s'",
                             rule->coordinates);
    if (!is_one_of(rule->rounding, roundings))
        return rf_infer_fail(io, RF_EUNSUPPORTED, "nearest_mode '%s'", rule->rounding);
    return RF_OK;
}

rf_status rf_nearest_scaled(const rf_inference *io, const float *scales, int64_t count,
                            rf_shape *out)
{
    int64_t size;
    *out = io->in[0].shape;
    if (count != out->rank)
        return rf_infer_fail(io, RF_EMODEL, "%lld scales for a tensor of %d dims", (long long)count,
                             out->rank);
    for (int d = 0; d < out->rank; d++) {
        const double dim = floor((double)out->dims[d] * (double)scales[d]);
        if (!(scales[d] > 0.0f) || !(dim < 1e9))
            return rf_infer_fail(io, RF_EMODEL, "scale %g of dim %d", (double)scales[d], d);
        out->dims[d] = (int64_t)dim;
    }
    return rf_shape_count(io->ctx, out, &size);
}

static double coordinate(const char *mode, int64_t i, double scale, int64_t src, int64_t dst)
{
    if (!strcmp(mode, "asymmetric"))
        return (double)i / scale;
    if (!strcmp(mode, "align_corners"))
        return dst > 1 ? (double)i * (double)(src - 1) / (double)(dst - 1) : 0.0;
    if (!strcmp(mode, "pytorch_half_pixel") && dst <= 1)
        return 0.0;
    return ((double)i + 0.5) / scale - 0.5;
}

static double round_to(const char *mode, double x)
{
    if (!strcmp(mode, "floor"))
        return floor(x);
    if (!strcmp(mode, "ceil"))
        return ceil(x);
    return !strcmp(mode, "round_prefer_floor") ? ceil(x - 0.5) : floor(x + 0.5);
}

rf_status rf_nearest_prepare(rf_step *s, const rf_nearest *rule, const float *scales)
{
    rf_index_map *map;
    RF_TRY(rf_index_map_new(s, &map));
    for (int d = 0; d < s->in[0].rank; d++) {
        const int64_t src = s->in[0].dims[d], dst = s->out[0].dims[d];
        const double scale = scales ? (double)scales[d] : (double)dst / (double)src;
        for (int64_t i = 0; i < dst && src != dst; i++) {
            const double at =
                round_to(rule->rounding, coordinate(rule->coordinates, i, scale, src, dst));
            map->at[d][i] = at < 0.0 ? 0 : at > (double)(src - 1) ? src - 1 : (int64_t)at;
        }
    }
    return RF_OK;
}
