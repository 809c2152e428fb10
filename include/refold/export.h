/** Step 5, export: ONNX, encodings, QDQ ONNX; the weights back into a Keras file. */
#ifndef REFOLD_EXPORT_H
#define REFOLD_EXPORT_H

#include <refold/sim.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct rf_export_options {
    const char *formats; /* comma list of "onnx", "encodings", "qdq"; NULL: all */
    const char *prefix;  /* files PREFIX.onnx, PREFIX.encodings, PREFIX_qdq.onnx; NULL: "model" */
    const char *encodings_version; /* "0.6.1" (default) or "1.0.0" */
    const char *qdq_weights;       /* container: "int8" (default) or "int4" (opset 21) */
    const char *qdq_bias;          /* "int32" (default, what ONNX Runtime fuses) or "float" */
    bool force;                    /* replace files that exist */
} rf_export_options;
#define RF_EXPORT_OPTIONS_INIT                                                                     \
    {                                                                                              \
        0                                                                                          \
    }

typedef struct rf_export_report {
    int file_count;
    const char *const *files; /* paths, each re-read and checked */
    int64_t encoded;          /* tensors with an encoding */
    int float_count;
    const char *const *float_tensors; /* tensors that have none: float on purpose */
} rf_export_report;
RF_API void rf_export_report_free(rf_export_report *report);

/**
 * Write the simulation for a target into folder `dir` (made if missing): all files, read again and compared, or none.
 * BN that were not folded stay, as float nodes of the plain and the QDQ model.
 * @param out  may be NULL; else free with rf_export_report_free
 * @return RF_OK, RF_ESTATE (not calibrated), RF_EEXIST, RF_EIO, RF_EARG, RF_ENUMERIC (a range that is not finite; names
 *         the tensor), RF_EUNSUPPORTED (a bit width that a container cannot hold), RF_ENOMEM
 */
RF_API RF_MUST_USE rf_status rf_export(rf_sim *sim, const char *dir,
                                       const rf_export_options *options, rf_export_report **out);

/** Options of rf_export_keras, from RF_KERAS_EXPORT_OPTIONS_INIT. */
typedef struct rf_keras_export_options {
    /* the Keras file; NULL: the one that the model was read from, under the same path */
    const char *template_file;
    const char *weights; /* of a template that is a JSON architecture; NULL: the file beside it */
    bool force;          /* replace files that exist */
} rf_keras_export_options;
#define RF_KERAS_EXPORT_OPTIONS_INIT                                                               \
    {                                                                                              \
        0                                                                                          \
    }

typedef struct rf_keras_export_report {
    int layers;       /* whose weights were written */
    int identities;   /* BN layers that were folded away and now do nothing */
    int biases_added; /* layers that had none: use_bias is true in the new file's architecture */
    /* the architecture of a weights file had to change: it lies beside as .json */
    bool json_written;
} rf_keras_export_report;

/**
 * Write the parameters of a simulation into a copy of the Keras file that its model came from: what rf_export calls the
 * plain model, parameters on their grids. A BN that was folded stays as the identity (gamma 1, beta 0, mean 0, variance
 * 1 - epsilon). The copy has what Keras loads, not the optimizer's state.
 * @param out  may be NULL
 * @return RF_OK, RF_ESTATE (not calibrated), RF_EARG (no template is known), RF_EMODEL (the template does not fit: names
 *         the layer), RF_EEXIST, RF_EIO, RF_ENOMEM
 */
RF_API RF_MUST_USE rf_status rf_export_keras(rf_sim *sim, const char *path,
                                             const rf_keras_export_options *options,
                                             rf_keras_export_report *out);

#ifdef __cplusplus
}
#endif
#endif
