/** Step 1, the simulation: a network whose weights and activations pass through quantizers. */
#ifndef REFOLD_SIM_H
#define REFOLD_SIM_H

#include <refold/data.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The ladder. Training may be skipped (post-training re-estimation), and so may re-estimation. */
#define RF_STATE_MAP(X)                                                                            \
    X(BUILT, 0, "built")                                                                           \
    X(CALIBRATED, 1, "calibrated")                                                                 \
    X(TRAINED, 2, "trained")                                                                       \
    X(BN_REESTIMATED, 3, "bn_reestimated")                                                         \
    X(FOLDED, 4, "folded")

typedef enum rf_state {
#define RF_STATE_ENUM(name, value, text) RF_STATE_##name = (value),
    RF_STATE_MAP(RF_STATE_ENUM)
#undef RF_STATE_ENUM
} rf_state;
/** "built", ...; never NULL. */
RF_API const char *rf_state_name(rf_state state);

/** A network whose weights and activations pass through quantizers. Holds its own copy of the graph. */
typedef struct rf_sim rf_sim;

typedef struct rf_sim_options {
    int param_bw;  /* 2..16, 32 = float; 0: 8 */
    int output_bw; /* 2..16, 32 = float; 0: 8 */
    /* "tf-init", "tf-enhanced-init" (learned ranges), "tf", "tf-enhanced", "percentile:P",
       "mse" (static ranges; 90 <= P <= 100), or AIMET's long names; NULL: tf-init. Source:
       AIMET QuantScheme */
    const char *scheme;
    /* path of an AIMET quantsim config JSON, or one of AIMET's by name: "per-channel",
       "default", "bn-reestimation"; NULL: per-channel, with compat bn-reestimation */
    const char *config;
    /* NULL; "aimet": its behaviour where ours improves on it; "aimet-v2": the arithmetic of its
       second generation as well (docs/NUMERICS.md, section 8) */
    const char *compat;
} rf_sim_options;
#define RF_SIM_OPTIONS_INIT                                                                        \
    {                                                                                              \
        0                                                                                          \
    }

/** One quantizer. Encodings in AIMET's convention: real = scale * (q + offset), offset <= 0, q from 0. */
typedef struct rf_quantizer {
    const char *tensor; /* ONNX tensor it quantizes */
    const char *kind;   /* "param" or "activation" */
    const char *op;     /* node that owns the parameter or makes the tensor; "" for a model input */
    bool enabled;
    int bitwidth;
    bool symmetric, strict_symmetric, unsigned_symmetric;
    int axis;               /* channel axis; -1: per tensor */
    int64_t count;          /* encodings: channels, or 1; 0 before calibration */
    const float *min, *max; /* [count] stored ends of the range, real units */
    const double *scale;    /* [count] real units a code */
    const int64_t *offset;  /* [count] codes */
    /* of a parameter: share of its codes that the last epoch of training changed; NaN: not
       trained */
    double changed;
} rf_quantizer;

/**
 * Build a simulation: copy the graph, rewrite channels of negative gamma (not with compat "aimet"),
 * and place quantizers by the configuration's rules. State: built.
 * @return RF_OK, RF_EARG (bit widths, scheme, compat), RF_EIO/RF_EMODEL (configuration, names the key), RF_ESTATE (the
 *         model is quantized already), RF_EUNSUPPORTED, RF_ENOMEM
 */
RF_API RF_MUST_USE rf_status rf_sim_new(const rf_graph *graph, const rf_sim_options *options,
                                        rf_sim **out);
/** Read a file that rf_sim_save wrote. @return RF_OK, RF_EIO, RF_EMODEL, RF_ESTATE (a plain model) */
RF_API RF_MUST_USE rf_status rf_sim_load(rf_context *ctx, const char *path, rf_sim **out);
/**
 * Write the FP32 ONNX model with its BN layers; the simulation lies in metadata_props, key "refold"
 * (docs/FILE_FORMAT.md). Ranges are written so that reading them back gives the same floats.
 */
RF_API RF_MUST_USE rf_status rf_sim_save(const rf_sim *sim, const char *path, bool force);
RF_API void rf_sim_free(rf_sim *sim);
/** Whether the file that this graph came from holds a simulation (then rf_sim_load reads it). */
RF_API bool rf_graph_holds_sim(const rf_graph *graph);
/** The network with its quantizers, to run or evaluate; lives as long as the sim. */
RF_API const rf_graph *rf_sim_graph(const rf_sim *sim);
RF_API rf_state rf_sim_state(const rf_sim *sim);
RF_API int rf_sim_quantizer_count(const rf_sim *sim);
/** Describe quantizer `index`; pointers live until the sim changes. @return RF_OK, RF_EARG */
RF_API RF_MUST_USE rf_status rf_sim_quantizer(rf_sim *sim, int index, rf_quantizer *out);

typedef struct rf_calibrate_options {
    int64_t samples; /* 0: 1024; all where there are fewer */
    int64_t batch;   /* samples a pass; 0: 128 */
} rf_calibrate_options;
#define RF_CALIBRATE_OPTIONS_INIT                                                                  \
    {                                                                                              \
        0                                                                                          \
    }

typedef struct rf_calibration {
    int64_t samples;
    int enabled, disabled; /* quantizers; one that saw no data is disabled */
    double seconds;
} rf_calibration;

/**
 * Set every range from the weights and from `dataset`: not augmented, in order where all of it is used, else a sample
 * drawn with the context's seed (with compat the first ones, as they come). State: calibrated.
 * Activations are observed as AIMET v1 does: float activations of quantized weights.
 * @return RF_OK, RF_ESTATE (already trained), RF_EDATA (no samples), RF_ENUMERIC (names the tensor), ...
 */
RF_API RF_MUST_USE rf_status rf_sim_calibrate(rf_sim *sim, const rf_dataset *dataset,
                                              const rf_calibrate_options *options,
                                              rf_calibration *out);

/** AIMET's words and defaults, from RF_LOAD_ENCODINGS_OPTIONS_INIT. */
typedef struct rf_load_encodings_options {
    /* an entry that no quantizer can take as it is, is an error; else what has no quantizer
       that is on is ignored, and symmetry and the number of channels are the file's */
    bool strict;
    bool partial; /* quantizers without an entry stay as they are; else they are switched off */
    bool freeze;  /* what was loaded is neither calibrated nor trained from now on */
} rf_load_encodings_options;
#define RF_LOAD_ENCODINGS_OPTIONS_INIT                                                             \
    {                                                                                              \
        .strict = true, .partial = true                                                            \
    }

typedef struct rf_encodings_report {
    int loaded; /* quantizers that have the file's range now */
    int kept_count;
    const char *const *kept; /* tensors whose quantizers were frozen before and keep their range */
    int ignored_count;
    const char *const *ignored; /* entries without a quantizer (not strict) */
    int missing_count;
    const char *const *missing; /* tensors whose quantizers have no entry */
} rf_encodings_report;
RF_API void rf_encodings_report_free(rf_encodings_report *report);

/**
 * Take ranges and bit widths from an encodings file, version 0.4.0 to 1.0.0, keyed by ONNX tensors. A file that refold
 * wrote gives back the scales and offsets it was written from, bit for bit. State: calibrated once every quantizer has a
 * range or is off; until then rf_sim_calibrate sets the others (and those loaded ones that are not frozen).
 * @param out  may be NULL; else free with rf_encodings_report_free
 * @return RF_OK, RF_EIO, RF_EMODEL (names file, tensor and key; the simulation is as before), RF_ENOMEM
 *         Source: AIMET QuantizationSimModel.load_encodings.
 */
RF_API RF_MUST_USE rf_status rf_sim_load_encodings(rf_sim *sim, const char *path,
                                                   const rf_load_encodings_options *options,
                                                   rf_encodings_report **out);

#ifdef __cplusplus
}
#endif
#endif
