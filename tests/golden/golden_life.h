/* The steps of a golden life behind calibration, through the public API: five SGD steps, re-estimation, fold. */
#ifndef RF_TESTS_GOLDEN_LIFE_H
#define RF_TESTS_GOLDEN_LIFE_H

#include "golden.h"

/* Five steps over train.npy; checks the losses. */
void golden_train(golden *g, rf_sim *sim);
/* Over reest.npy; free with rf_reestimation_free. */
rf_reestimation *golden_reestimate(golden *g, rf_sim *sim);
/* AIMET folds all pairs but those that it warns about, or raises before it touches anything. */
void golden_fold(golden *g, rf_sim *sim);

#endif
