/* Growing a rf_fold_report: an arena for its strings, arrays that grow. */
#ifndef RF_BN_FOLD_REPORT_H
#define RF_BN_FOLD_REPORT_H

#include "base/arena.h"
#include "base/vec.h"
#include "graph/bn_pairs.h"

typedef struct rf_fold_log {
    rf_fold_report report; /* first: what the user holds and frees */
    rf_context *ctx;
    rf_arena arena;
    RF_VEC(rf_folded) folded;
    RF_VEC(rf_fold_refusal) refused;
    RF_VEC(rf_fold_refusal) standalone;
} rf_fold_log;

rf_status rf_fold_log_new(rf_context *ctx, rf_fold_log **out);
void rf_fold_log_free(rf_fold_log *log);
/* Strings are copied. */
rf_status rf_fold_log_folded(rf_fold_log *log, const rf_folded *folded);
rf_status rf_fold_log_refused(rf_fold_log *log, const rf_bn_pair *pair, const char *reason);
rf_status rf_fold_log_standalone(rf_fold_log *log, const rf_bn_pair *pair, const char *reason);
/* Fill in the report; it goes to *out (may be NULL: freed). RF_EREFUSED with a message when a pair was refused. */
rf_status rf_fold_log_finish(rf_fold_log *log, rf_fold_report **out);

#endif
