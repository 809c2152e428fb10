/** Float networks: read, look at, save; untrained ones to begin with. */
#ifndef REFOLD_GRAPH_H
#define REFOLD_GRAPH_H

#include <refold/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A float network. Read-only once loaded, but for rf_train_graph, rf_reestimate_graph and rf_fold_to_weight. */
typedef struct rf_graph rf_graph;

/** One input or output of a graph. */
typedef struct rf_port {
    const char *name;
    rf_dtype dtype;
    int rank;
    int64_t dims[RF_MAX_RANK]; /* -1: decided at run time (the batch) */
    /* a Keras or TensorFlow model's: its users' arrays have the channels last, here dim 1 */
    bool channels_last;
} rf_port;

/**
 * Read a model file: ONNX, opset 7 to 17, initializers or Constant nodes, external data beside it; or Keras
 * (docs/KERAS.md), as rf_graph_import without options.
 * BN in training form and live Dropout are brought into inference form.
 * @return RF_OK, RF_EIO, RF_EMODEL (damaged or inconsistent; names node, tensor and byte), RF_ENOMEM.
 *         Operators that refold does not have are found by rf_inspect or when the graph runs.
 */
RF_API RF_MUST_USE rf_status rf_graph_load(rf_context *ctx, const char *path, rf_graph **out);

/** How a file of another framework becomes a graph. NULL everywhere: as the file says. Names are the framework's; lists
 *  are separated by commas. */
typedef struct rf_import_options {
    const char *weights; /* Keras: the HDF5 file that belongs to a JSON architecture */
    /* TensorFlow SavedModel: which of its signatures; NULL: serving_default or the only one */
    const char *signature;
    const char *inputs; /* TensorFlow: tensors that are fed; what makes them is cut off */
    /* TensorFlow: tensors that are wanted; what only follows them is cut off */
    const char *outputs;
    /* "1x224x224x3" or "NAME=1x49x10x1,...": in the framework's order; -1 or ?: open */
    const char *input_shapes;
} rf_import_options;
#define RF_IMPORT_OPTIONS_INIT                                                                     \
    {                                                                                              \
        0                                                                                          \
    }
/** rf_graph_load with a say in it; `options` may be NULL. @return as rf_graph_load, and RF_EARG (no such signature or
 *  tensor, an option that the format does not have) */
RF_API RF_MUST_USE rf_status rf_graph_import(rf_context *ctx, const char *path,
                                             const rf_import_options *options, rf_graph **out);
/** A second graph that shares nothing with the first but the context. @return RF_OK, RF_ENOMEM */
RF_API RF_MUST_USE rf_status rf_graph_copy(const rf_graph *graph, rf_graph **out);
/** Write ONNX, atomically; what was not changed is written as it was read. @return RF_OK, RF_EEXIST, RF_EIO */
RF_API RF_MUST_USE rf_status rf_graph_save(const rf_graph *graph, const char *path, bool force);
RF_API void rf_graph_free(rf_graph *graph);
/** Inputs that are fed: without initializers that old models list among them. */
RF_API int rf_graph_input_count(const rf_graph *graph);
RF_API int rf_graph_output_count(const rf_graph *graph);
/** Describe input or output `index`, from 0; the name lives with the graph. @return RF_OK, RF_EARG (no such index) */
RF_API RF_MUST_USE rf_status rf_graph_input(const rf_graph *graph, int index, rf_port *out);
RF_API RF_MUST_USE rf_status rf_graph_output(const rf_graph *graph, int index, rf_port *out);

/** What a network learns, and the statistics that it keeps; names are those of the ONNX tensors. */
typedef struct rf_parameter {
    const char *name;
    const char *node; /* the operator that uses it */
    /* "weight", "bias"; "bn_scale", "bn_bias", "bn_mean", "bn_var"; "range_min", "range_max" of
       a quantizer */
    const char *role;
    bool trainable; /* statistics are not, nor ranges of a static scheme */
    int rank;
    const int64_t *dims; /* [rank] */
    int64_t count;       /* product of dims */
    float *values;       /* [count] as they are now; to be written through a session only */
} rf_parameter;

typedef struct rf_parameters {
    int count;
    const rf_parameter *items; /* in graph order */
} rf_parameters;

/** List the parameters of a graph, or of rf_sim_graph. Names and values live with the graph, until a fold; the list is
 *  freed with rf_parameters_free. @return RF_OK, RF_ENOMEM */
RF_API RF_MUST_USE rf_status rf_graph_parameters(const rf_graph *graph, rf_parameters **out);
RF_API void rf_parameters_free(rf_parameters *parameters);

typedef struct rf_zoo_options {
    double width;                       /* channel multiplier > 0; 0: 1 */
    int64_t channels, height, width_px; /* input; 0: the network's own */
    int64_t classes;                    /* 0: the network's own */
} rf_zoo_options;
#define RF_ZOO_OPTIONS_INIT                                                                        \
    {                                                                                              \
        0                                                                                          \
    }

/** An untrained network: "resnet20", "resnet18", "mobilenet_v1", "mobilenet_v2", "ds_cnn"; weights drawn from the
 *  context's seed (He et al. 2015, fan-out). @return RF_OK, RF_EARG (lists the names) */
RF_API RF_MUST_USE rf_status rf_zoo_new(rf_context *ctx, const char *name,
                                        const rf_zoo_options *options, rf_graph **out);
/** Names in a NULL-terminated list; static. */
RF_API const char *const *rf_zoo_names(void);

#ifdef __cplusplus
}
#endif
#endif
