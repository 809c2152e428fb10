/* How many integer codes of each weight an epoch changes: weights that swing between two codes never settle. */
#ifndef RF_TRAIN_CODE_CHANGES_H
#define RF_TRAIN_CODE_CHANGES_H

#include "sim/sim.h"

typedef struct rf_code_snapshot {
    rf_node *quantizer;
    int64_t count;
    uint16_t *codes; /* [count], or NULL where the quantizer is off */
} rf_code_snapshot;

/* Start from { 0 }. */
typedef struct rf_code_changes {
    rf_sim *sim; /* NULL: a plain graph, which has no codes */
    rf_code_snapshot *items;
    size_t count;
} rf_code_changes;

rf_status rf_code_changes_init(rf_code_changes *c, rf_sim *sim);
/* Codes as they are now: the epoch begins. */
rf_status rf_code_changes_begin(rf_code_changes *c);
/* The share that differs from then becomes each quantizer's RF_CHANGED_CODES. */
rf_status rf_code_changes_end(rf_code_changes *c);
void rf_code_changes_release(rf_code_changes *c);

#endif
