/* Learning-rate schedules: constant, cosine to 0, a tenth at given epochs; each may warm up linearly. */
#include "train/schedule.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PI 3.14159265358979323846

static rf_status parse_drops(rf_context *ctx, const char *text, rf_schedule *s)
{
    const char *p = text;

    for (;;) {
        char *end = NULL;
        const long long epoch = strtoll(p, &end, 10);
        const bool rises = s->drop_count == 0 || epoch > s->drops[s->drop_count - 1];
        if (end == p || (*end != ',' && *end != '\0') || epoch < 1 || !rises ||
            s->drop_count == RF_SCHEDULE_DROPS)
            return rf_fail(
                ctx, RF_EARG,
                "schedule 'step:%s': expected up to %d rising epochs >= 1, as in step:30,60", text,
                RF_SCHEDULE_DROPS);
        s->drops[s->drop_count++] = epoch;
        if (*end == '\0')
            return RF_OK;
        p = end + 1;
    }
}

rf_status rf_schedule_parse(rf_context *ctx, const char *text, double warmup, rf_schedule *out)
{
    rf_schedule s = { .kind = RF_SCHEDULE_CONSTANT, .warmup = warmup };

    if (!(warmup >= 0.0) || !isfinite(warmup))
        return rf_fail(ctx, RF_EARG, "warm-up of %g epochs: expected 0 or more", warmup);
    if (text && strcmp(text, "cosine") == 0) {
        s.kind = RF_SCHEDULE_COSINE;
    } else if (text && strncmp(text, "step:", 5) == 0) {
        s.kind = RF_SCHEDULE_STEP;
        RF_TRY(parse_drops(ctx, text + 5, &s));
    } else if (text && strcmp(text, "constant") != 0) {
        return rf_fail(ctx, RF_EARG,
                       "schedule '%s' is unknown; there are constant, cosine and step:E,...", text);
    }
    *out = s;
    return RF_OK;
}

static double shape_factor(const rf_schedule *s, int64_t step, int64_t per_epoch, int64_t total)
{
    double factor = 1.0;

    if (s->kind == RF_SCHEDULE_COSINE)
        return 0.5 * (1.0 + cos(PI * (double)step / (double)(total > 0 ? total : 1)));
    for (int i = 0; i < s->drop_count; i++)
        if (step >= s->drops[i] * per_epoch)
            factor *= 0.1;
    return factor;
}

double rf_schedule_factor(const rf_schedule *s, int64_t step, int64_t per_epoch, int64_t total)
{
    const double warm = s->warmup * (double)per_epoch;
    const double rise = (double)(step + 1) < warm ? (double)(step + 1) / warm : 1.0;

    return rise * shape_factor(s, step, per_epoch, total);
}
