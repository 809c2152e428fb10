/* The report of a fold. */
#include "bn/fold_report.h"

#include "base/status.h"

rf_status rf_fold_log_new(rf_context *ctx, rf_fold_log **out)
{
    rf_fold_log *log = rf_calloc(ctx, 1, sizeof *log);

    if (!log)
        return RF_ENOMEM;
    log->ctx = ctx;
    rf_arena_init(&log->arena, ctx);
    *out = log;
    return RF_OK;
}

void rf_fold_log_free(rf_fold_log *log)
{
    if (!log)
        return;
    RF_VEC_RELEASE(log->ctx, &log->folded);
    RF_VEC_RELEASE(log->ctx, &log->refused);
    RF_VEC_RELEASE(log->ctx, &log->standalone);
    rf_arena_release(&log->arena);
    rf_free(log->ctx, log);
}

/* The report is the head of its log. */
void rf_fold_report_free(rf_fold_report *report)
{
    rf_fold_log_free((rf_fold_log *)report);
}

rf_status rf_fold_log_folded(rf_fold_log *log, const rf_folded *folded)
{
    rf_folded f = *folded;

    f.layer = rf_arena_strdup(&log->arena, folded->layer);
    f.bn = rf_arena_strdup(&log->arena, folded->bn);
    if (!f.layer || !f.bn)
        return RF_ENOMEM;
    return RF_VEC_PUSH(log->ctx, &log->folded, f);
}

static rf_status copy_refusal(rf_fold_log *log, const rf_bn_pair *pair, const char *reason,
                              rf_fold_refusal *out)
{
    out->layer = pair->layer ? rf_arena_strdup(&log->arena, pair->layer->name) : NULL;
    out->bn = rf_arena_strdup(&log->arena, pair->bn->name);
    out->reason = rf_arena_strdup(&log->arena, reason);
    return (pair->layer && !out->layer) || !out->bn || !out->reason ? RF_ENOMEM : RF_OK;
}

rf_status rf_fold_log_refused(rf_fold_log *log, const rf_bn_pair *pair, const char *reason)
{
    rf_fold_refusal r = { 0 };

    RF_TRY(copy_refusal(log, pair, reason, &r));
    rf_log(log->ctx, RF_LOG_DEBUG, "BatchNormalization '%s' was not folded into '%s': %s", r.bn,
           r.layer, reason);
    return RF_VEC_PUSH(log->ctx, &log->refused, r);
}

rf_status rf_fold_log_standalone(rf_fold_log *log, const rf_bn_pair *pair, const char *reason)
{
    rf_fold_refusal r = { 0 };

    RF_TRY(copy_refusal(log, pair, reason, &r));
    return RF_VEC_PUSH(log->ctx, &log->standalone, r);
}

rf_status rf_fold_log_finish(rf_fold_log *log, rf_fold_report **out)
{
    rf_status st = RF_OK;

    log->report = (rf_fold_report){
        .folded_count = (int)log->folded.count,
        .folded = log->folded.items,
        .refused_count = (int)log->refused.count,
        .refused = log->refused.items,
        .standalone_count = (int)log->standalone.count,
        .standalone = log->standalone.items,
    };
    if (log->refused.count > 0) {
        const rf_fold_refusal *first = &log->refused.items[0];
        st =
            rf_fail(log->ctx, RF_EREFUSED,
                    "%zu of %zu BN layers were not folded; '%s' into '%s': %s", log->refused.count,
                    log->refused.count + log->folded.count, first->bn, first->layer, first->reason);
    }
    if (out)
        *out = &log->report;
    else
        rf_fold_log_free(log);
    return st;
}
