/*
 * AIMET's numbers, for comparison: one case is a small model and one life of its simulation. Those that AIMET itself
 * produced lie in the folder of shared reference files (REFOLD_SHARED), golden/CASE; whatever case lies there is lived.
 * Further networks lie beside this file, in cases/: their numbers come from make/, a second implementation of AIMET's
 * arithmetic that repeats every number of the former (make/check.py). Quantizers are named as AIMET names them
 * ("conv1.weight", "relu1.output0") and mapped to ONNX tensors.
 */
#ifndef RF_TESTS_GOLDEN_H
#define RF_TESTS_GOLDEN_H

#include <jansson.h>

#include "data/npz.h"
#include "sim/sim.h"
#include "temp_folder.h"
#include "testing.h"

#define GOLDEN_BATCH 16 /* samples of every batch in the files */

/* Which life of which case. */
typedef struct golden_id {
    char root[512];  /* folder of the cases and their configurations */
    char model[128]; /* "linear_bn1d" */
    char life[128];  /* "v1_tf_w4a8" */
} golden_id;

typedef enum golden_kind { GOLDEN_V1, GOLDEN_V2, GOLDEN_POST_TRAINING } golden_kind;

/* Every life of a kind in both folders, in the order of their names. */
void golden_for_each(golden_kind kind, void (*check)(const golden_id *id));

typedef struct golden {
    rf_context *ctx;
    golden_id id;
    const char *model, *life; /* of id */
    char config[700]; /* path of the quantizer configuration, or the name of a built-in one */
    rf_graph *graph;
    rf_npz values;
    json_t *info; /* LIFE.json */
    json_t *map;  /* AIMET's quantizer -> ONNX tensor */
    temp_folder temp;
} golden;

void golden_open(golden *g, const golden_id *id);
void golden_close(golden *g);

/* NULL where this life lacks it. */
const rf_tensor *golden_find(const golden *g, const char *name);
/* Fails the test where it is missing. */
const rf_tensor *golden_get(const golden *g, const char *name);
/* MODEL/NAME.npy: [batches, 16, ...], or [16, ...] for "eval"; the caller frees. */
rf_tensor *golden_array(const golden *g, const char *name);

/* A data set of the samples of an array, batches of 16 in order; labels NULL or the name of the labels' array. */
rf_dataset *golden_dataset(golden *g, const char *samples, const char *labels);

/* A life of AIMET's second generation. */
bool golden_is_v2(const golden *g);

/* The simulation of this life, with compat "aimet" or "aimet-v2"; built, and calibrated on the calibration batches. */
rf_sim *golden_sim(golden *g);
rf_sim *golden_calibrated_sim(golden *g);

/* Outputs of `graph` on eval.npy; the caller frees. */
rf_tensor *golden_logits(const golden *g, const rf_graph *graph);

/* ONNX tensor of an AIMET quantizer; fails the test where there is none. */
const char *golden_tensor_name(const golden *g, const char *quantizer);
/* The simulation's quantizer of an AIMET quantizer; NULL where it has none. */
rf_node *golden_quantizer(const golden *g, const rf_sim *sim, const char *quantizer);

/* Every |actual - expected| <= tolerance * max(1, |expected|); fails with the worst element and `what`. */
void golden_check(const golden *g, const char *what, const float *actual, const rf_tensor *expected,
                  double tolerance);
bool golden_agrees(const float *actual, const rf_tensor *expected, double tolerance);
/* The largest magnitude. */
double golden_largest(const rf_tensor *t);
/* The same relative to the largest expected magnitude, or `floor`: for gradients and other sums of mixed sign. */
void golden_check_scaled(const golden *g, const char *what, const float *actual,
                         const rf_tensor *expected, double floor, double tolerance);
bool golden_agrees_scaled(const float *actual, const rf_tensor *expected, double floor,
                          double tolerance);

#endif
