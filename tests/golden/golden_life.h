/* The steps of a golden life behind calibration, through the public API: five SGD steps, re-estimation, fold. */
#ifndef RF_TESTS_GOLDEN_LIFE_H
#define RF_TESTS_GOLDEN_LIFE_H

#include "golden.h"

/* Five steps over train.npy; checks the losses. */
void golden_train(golden *g, rf_sim *sim);
/* Over reest.npy; free with rf_reestimation_free. */
rf_reestimation *golden_reestimate(golden *g, rf_sim *sim);
/*
 * Outputs of the simulation on eval.npy against array `name`, to 1e-4. An output may lie so close to the boundary between
 * two codes of its own quantizer that one activation on a tie decides: that output is named, and counted.
 */
void golden_check_logits(const golden *g, rf_sim *sim, const char *name);
/* Outputs on a tie, so far. */
int golden_flipped_logits(void);
/* AIMET folds all pairs but those that it warns about, or raises before it touches anything. */
void golden_fold(golden *g, rf_sim *sim);

#endif
