/* Softmax cross-entropy: log-sum-exp in double, gradient softmax - target. */
#include "train/loss.h"

#include <math.h>

#include "base/status.h"

static rf_status check_logits(rf_context *ctx, const rf_view *logits, const rf_loss_batch *batch)
{
    const rf_shape shape = rf_view_shape(logits);
    char text[RF_SHAPE_TEXT];
    bool fits = logits->dtype == RF_DTYPE_F32 && shape.rank >= 2 && shape.dims[1] >= 1;

    for (int d = 2; d < shape.rank; d++)
        fits = fits && shape.dims[d] == 1;
    if (!fits)
        return rf_fail(ctx, RF_ESHAPE,
                       "the first output is %s %s, cross-entropy needs float32 logits [n, classes]",
                       rf_dtype_name(logits->dtype), rf_shape_text(&shape, text));
    if (batch->count > shape.dims[0])
        return rf_fail(ctx, RF_ESHAPE, "%lld labels for an output of %lld samples",
                       (long long)batch->count, (long long)shape.dims[0]);
    if (batch->batch > 0 && batch->batch != shape.dims[0])
        return rf_fail(ctx, RF_ESHAPE,
                       "the first output is %s for a batch of %lld: its first dimension is not the "
                       "batch",
                       rf_shape_text(&shape, text), (long long)batch->batch);
    for (int64_t i = 0; i < batch->count; i++)
        if (batch->labels[i] < 0 || batch->labels[i] >= shape.dims[1])
            return rf_fail(ctx, RF_EDATA,
                           "label %lld of sample %lld (from 0, in the order of this pass) is "
                           "outside the model's %lld classes (0..%lld)",
                           (long long)batch->labels[i], (long long)(batch->first + i),
                           (long long)shape.dims[1], (long long)shape.dims[1] - 1);
    return RF_OK;
}

/* Classes that come before `label` when sorted by logit; ties go to the lower index. NaN comes before everything. */
static int64_t rank_of_label(const float *x, int64_t stride, int64_t classes, int64_t label)
{
    const float own = x[label * stride];
    int64_t before = 0;

    for (int64_t j = 0; j < classes; j++) {
        const float other = x[j * stride];
        if (j != label && !(other < own || (other == own && j > label)))
            before++;
    }
    return before;
}

static double log_sum_exp(const float *x, int64_t stride, int64_t classes)
{
    double top = (double)x[0], sum = 0.0;

    for (int64_t j = 1; j < classes; j++)
        top = fmax(top, (double)x[j * stride]);
    for (int64_t j = 0; j < classes; j++)
        sum += exp((double)x[j * stride] - top);
    return top + log(sum);
}

static double sample_loss(const float *x, int64_t stride, int64_t classes, int64_t label,
                          double smoothing, double lse)
{
    double all = 0.0;

    for (int64_t j = 0; smoothing > 0.0 && j < classes; j++)
        all += lse - (double)x[j * stride];
    return (1.0 - smoothing) * (lse - (double)x[label * stride]) +
           smoothing * all / (double)classes;
}

static void sample_gradient(const float *x, int64_t stride, int64_t classes, int64_t label,
                            const rf_loss_batch *batch, double lse, float *g, int64_t g_stride)
{
    const int64_t total = batch->total > 0 ? batch->total : batch->count;

    for (int64_t j = 0; j < classes; j++) {
        const double target =
            (j == label ? 1.0 - batch->smoothing : 0.0) + batch->smoothing / (double)classes;
        const double p = exp((double)x[j * stride] - lse);
        g[j * g_stride] = (float)((p - target) / (double)total);
    }
}

rf_status rf_loss_add(rf_context *ctx, const rf_view *logits, const rf_loss_batch *batch,
                      rf_view *diff, rf_loss_sums *sums)
{
    RF_TRY(check_logits(ctx, logits, batch));

    const int64_t classes = logits->dims[1], stride = logits->strides[1];
    for (int64_t i = 0; i < batch->count; i++) {
        const float *x = rf_view_f32(logits) + i * logits->strides[0];
        const int64_t label = batch->labels[i];
        const double lse = log_sum_exp(x, stride, classes);
        const int64_t rank = rank_of_label(x, stride, classes, label);

        sums->loss += sample_loss(x, stride, classes, label, batch->smoothing, lse);
        sums->top1 += rank < 1;
        sums->top5 += rank < 5;
        if (diff)
            sample_gradient(x, stride, classes, label, batch, lse,
                            rf_view_f32(diff) + i * diff->strides[0], diff->strides[1]);
    }
    sums->samples += batch->count;
    return RF_OK;
}

void rf_loss_sums_add(rf_loss_sums *sums, const rf_loss_sums *more)
{
    sums->loss += more->loss;
    sums->samples += more->samples;
    sums->top1 += more->top1;
    sums->top5 += more->top5;
}

double rf_loss_percent(int64_t part, int64_t samples)
{
    return samples > 0 ? 100.0 * (double)part / (double)samples : 0.0;
}

double rf_loss_mean(const rf_loss_sums *sums)
{
    return sums->samples > 0 ? sums->loss / (double)sums->samples : (double)NAN;
}
