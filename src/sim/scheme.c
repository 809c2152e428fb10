/* Names of quantization schemes: ours, and AIMET's long ones. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/sim_impl.h"

/* The first name of a (scheme, learned) pair is the one that files hold. */
static const struct {
    const char *name;
    rf_scheme scheme;
    bool learned;
} schemes[] = {
    { "tf-init", RF_SCHEME_TF, true },
    { "tf-enhanced-init", RF_SCHEME_TF_ENHANCED, true },
    { "tf", RF_SCHEME_TF, false },
    { "tf-enhanced", RF_SCHEME_TF_ENHANCED, false },
    { "percentile", RF_SCHEME_PERCENTILE, false },
    { "mse", RF_SCHEME_MSE, false },
    { "training_range_learning_with_tf_init", RF_SCHEME_TF, true },
    { "training_range_learning_with_tf_enhanced_init", RF_SCHEME_TF_ENHANCED, true },
    { "post_training_tf", RF_SCHEME_TF, false },
    { "post_training_tf_enhanced", RF_SCHEME_TF_ENHANCED, false },
    { "post_training_percentile", RF_SCHEME_PERCENTILE, false },
    { "tf_enhanced", RF_SCHEME_TF_ENHANCED, false },
};

#define SCHEME_COUNT (sizeof schemes / sizeof *schemes)

static rf_status fail_unknown(rf_context *ctx, const char *name)
{
    return rf_fail(
        ctx, RF_EARG,
        "scheme '%s' is not known; learned ranges: tf-init, tf-enhanced-init; static ranges: tf, "
        "tf-enhanced, percentile:P (90 to 100), mse",
        name);
}

static rf_status parse_percentile(rf_context *ctx, const char *name, const char *number,
                                  double *out)
{
    char *end;
    const double value = strtod(number, &end);
    if (end == number || *end || !(value >= 90.0 && value <= 100.0))
        return rf_fail(ctx, RF_EARG, "scheme '%s': expected percentile:P with P from 90 to 100",
                       name);
    *out = value;
    return RF_OK;
}

rf_status rf_scheme_parse(rf_context *ctx, const char *name, rf_scheme *scheme_out,
                          double *percentile_out, bool *learned_out)
{
    if (!name)
        name = schemes[0].name;
    const char *colon = strchr(name, ':');
    const size_t length = colon ? (size_t)(colon - name) : strlen(name);
    double percentile = 100.0;
    for (size_t i = 0; i < SCHEME_COUNT; i++) {
        if (strlen(schemes[i].name) != length || memcmp(schemes[i].name, name, length) != 0)
            continue;
        if (colon && schemes[i].scheme != RF_SCHEME_PERCENTILE)
            break;
        if (colon)
            RF_TRY(parse_percentile(ctx, name, colon + 1, &percentile));
        *scheme_out = schemes[i].scheme;
        *percentile_out = percentile;
        *learned_out = schemes[i].learned;
        return RF_OK;
    }
    return fail_unknown(ctx, name);
}

const char *rf_scheme_text(const rf_sim *sim, char buffer[RF_SCHEME_TEXT])
{
    size_t i = 0;
    while (schemes[i].scheme != sim->scheme || schemes[i].learned != sim->learned)
        i++;
    if (sim->scheme == RF_SCHEME_PERCENTILE)
        snprintf(buffer, RF_SCHEME_TEXT, "%s:%.17g", schemes[i].name, sim->percentile);
    else
        snprintf(buffer, RF_SCHEME_TEXT, "%s", schemes[i].name);
    return buffer;
}
