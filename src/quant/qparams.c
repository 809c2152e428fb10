/* Ranges and grids: min/max <-> scale/offset, as AIMET's three generations compute them. */
#include "quant/qparams.h"

#include <float.h>
#include <math.h>

int64_t rf_qspec_steps(const rf_qspec *spec)
{
    const int64_t steps = ((int64_t)1 << spec->bitwidth) - 1;
    return spec->symmetric && spec->strict ? steps - 1 : steps;
}

/* A signed grid around zero; the other ones put their offset where the range says. */
static bool is_signed_symmetric(const rf_qspec *spec, double min)
{
    return spec->symmetric && (min < 0.0 || !spec->is_unsigned);
}

static int64_t half_down(int64_t steps)
{
    return steps / 2;
}

static int64_t half_up(int64_t steps)
{
    return (steps + 1) / 2;
}

static double clamp(double x, double low, double high)
{
    return x < low ? low : x > high ? high : x;
}

static double finite_end(double x)
{
    return isinf(x) ? copysign((double)FLT_MAX, x) : x;
}

static rf_encoding symmetric_encoding(int64_t steps, double min, double max)
{
    const double scale = fmax(fabs(max), fabs(min)) / (double)half_down(steps);
    const int64_t offset = -half_up(steps);
    return (rf_encoding){
        .min = fmax((double)offset * scale, -(double)FLT_MAX),
        .max = fmin(scale * (double)half_down(steps), (double)FLT_MAX),
        .scale = scale,
        .offset = offset,
    };
}

rf_encoding rf_encoding_of_range(const rf_qspec *spec, double min, double max)
{
    const int64_t steps = rf_qspec_steps(spec);
    min = finite_end(min);
    max = finite_end(max);
    if (is_signed_symmetric(spec, min))
        return symmetric_encoding(steps, min, max);
    const double scale = (max - min) / (double)steps;
    if (!(min < 0.0 && max > 0.0))
        return (rf_encoding){ min, max, scale, scale > 0.0 ? (int64_t)round(min / scale) : 0 };
    const double zero = clamp(round(-min / scale), 0.0, (double)steps);
    const double snapped = fmax(-scale * zero, -(double)FLT_MAX);
    return (rf_encoding){
        .min = snapped,
        .max = fmin(max - min + snapped, (double)FLT_MAX),
        .scale = scale,
        .offset = -(int64_t)zero,
    };
}

void rf_gate(float *min, float *max)
{
    *min = fminf(*min, 0.0f);
    *max = fmaxf(*max, 0.0f);
    *max = fmaxf(*max, *min + RF_GATE_EPSILON);
}

/* A scale must divide: a range of width zero keeps the smallest normal float, and its values become zero. */
static float positive_scale(float scale)
{
    return scale >= FLT_MIN || isnan(scale) ? scale : FLT_MIN;
}

/* A range that went astray must not reach the undefined end of a float -> int conversion. */
static int32_t offset_of_float(float offset, int64_t steps)
{
    const float most = (float)steps * 2.0f;
    return offset > -most ? (int32_t)fminf(offset, most) : (int32_t)-most;
}

static void learned_grid(const rf_qspec *spec, float min, float max, float *scale_out,
                         int32_t *offset_out)
{
    const int64_t steps = rf_qspec_steps(spec);
    if (spec->symmetric) {
        *scale_out = positive_scale(max / (float)half_down(steps));
        *offset_out = (int32_t)-half_up(steps);
        return;
    }
    *scale_out = positive_scale((max - min) / (float)steps);
    const float zero = rintf(-min / *scale_out);
    *offset_out = -(int32_t)(zero > 0.0f ? fminf(zero, (float)steps) : 0.0f);
}

/* In double, as the C++ core does at each call. */
static void static_grid(const rf_qspec *spec, float min, float max, float *scale_out,
                        int32_t *offset_out)
{
    const int64_t steps = rf_qspec_steps(spec);
    const double scale = ((double)max - (double)min) / (double)steps;
    *scale_out = positive_scale((float)scale);
    *offset_out = offset_of_float((float)(scale > 0.0 ? round((double)min / scale) : 0.0), steps);
}

static void v2_grid(const rf_qspec *spec, float min, float max, float *scale_out,
                    int32_t *offset_out)
{
    const int64_t steps = rf_qspec_steps(spec);
    *scale_out = positive_scale((max - min) / (float)steps);
    *offset_out = spec->symmetric ? (int32_t)-half_up(steps)
                                  : offset_of_float(rintf(min / *scale_out), steps);
}

void rf_scale_offset(const rf_qspec *spec, float min, float max, float *scale_out,
                     int32_t *offset_out)
{
    if (spec->grid == RF_GRID_LEARNED)
        learned_grid(spec, min, max, scale_out, offset_out);
    else if (spec->grid == RF_GRID_STATIC)
        static_grid(spec, min, max, scale_out, offset_out);
    else
        v2_grid(spec, min, max, scale_out, offset_out);
}

rf_encoding rf_effective_encoding(const rf_qspec *spec, float min, float max)
{
    float scale;
    int32_t offset;
    rf_scale_offset(spec, min, max, &scale, &offset);
    rf_encoding e = { (double)min, (double)max, (double)scale, offset };
    if (spec->grid == RF_GRID_LEARNED && spec->symmetric) {
        /* The stored pair is strict (min = -max); the grid has one code more below it. */
        if (!spec->strict)
            e.min -= e.scale;
        return e;
    }
    e.min = e.scale * (double)offset;
    e.max = spec->grid == RF_GRID_LEARNED ? (double)max - (double)min + e.min
                                          : e.min + e.scale * (double)rf_qspec_steps(spec);
    return e;
}
