/* How many integer codes of each weight an epoch changes: weights that swing between two codes never settle. */
#ifndef RF_TRAIN_CODE_CHANGES_H
#define RF_TRAIN_CODE_CHANGES_H

#include "base/arena.h"
#include "sim/sim.h"
#include "tensor/safetensors.h"

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
    bool restored; /* the codes are of the beginning of an epoch that is being continued */
} rf_code_changes;

rf_status rf_code_changes_init(rf_code_changes *c, rf_sim *sim);
/* Codes as they are now: the epoch begins. Nothing to do at the first call after a restore in the midst of one. */
rf_status rf_code_changes_begin(rf_code_changes *c);
/* The share that differs from then becomes each quantizer's RF_CHANGED_CODES. */
rf_status rf_code_changes_end(rf_code_changes *c);
/*
 * To and from a checkpoint, by the name of the quantizer's smaller end: "changed/NAME", and in the midst of an epoch
 * "epoch_codes/NAME". Codes are borrowed by the file, names and shares live in the arena.
 */
rf_status rf_code_changes_store(const rf_code_changes *c, bool midst, rf_arena *arena,
                                rf_safetensors *file);
rf_status rf_code_changes_restore(rf_code_changes *c, bool midst, rf_arena *arena,
                                  const rf_safetensors *file);
void rf_code_changes_release(rf_code_changes *c);

#endif
