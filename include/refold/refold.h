/**
 * refold: quantization-aware training with batch-norm re-estimation, in C.
 *
 * This header is the manual of the library, in the order in which a network passes through it:
 *
 *     0  status and context      errors, memory, threads, messages, interruption
 *     1  tensors                 dense arrays, .npy files
 *     2  graphs                  float networks: load, look at, save
 *     3  data sets               images, arrays, your own samples; preprocessing
 *     4  running and evaluating  outputs, accuracy
 *     5  the simulation          quantizers; built -> calibrated -> trained -> bn_reestimated -> folded
 *     6  training                FP32 or through the simulation; step by step
 *     7  BN re-estimation        and its undo
 *     8  folding                 BN into the quantization scale, or into the weights
 *     9  export                  ONNX, encodings, QDQ ONNX
 *    10  zoo                     untrained networks
 *    11  inspection              what a network holds, and what would become of it
 *    12  comparison              two networks on the same samples, tensor by tensor
 *    13  several processes       the same steps, shared by the ranks of an MPI job
 *    14  looking at it           event files for TensorBoard, the report
 *    15  sensitivity             which layer's quantizers cost what
 *    16  speed                   images a second, by part, and what the machine would allow
 *
 * Conventions. A function that can fail returns rf_status; on failure no output argument has been
 * written, and rf_context_message() tells the fault, its place and the cure in one line.
 * Pointers to const are only read, other pointers may be written through; apart from its context an
 * object keeps none of them. What comes back through `T **out` the caller frees with the matching
 * rf_..._free; what is returned as `const T *` lives as long as the object that was asked. A context
 * and all that was made with it belong to one thread at a time; two contexts share nothing.
 * Shapes, names and axes are ONNX's (channels first). Options structs start from their _INIT macro.
 */
#ifndef REFOLD_REFOLD_H
#define REFOLD_REFOLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define RF_API __attribute__((visibility("default")))
#define RF_MUST_USE __attribute__((warn_unused_result))
#else
#define RF_API
#define RF_MUST_USE
#endif

/* ---------------------------------------------------------------- 0  status and context --- */

/** Every status: name, value, exit code of the program, meaning. Values never change; append only. */
#define RF_STATUS_MAP(X)                                                                           \
    X(OK, 0, 0, "ok")                                                                              \
    X(EARG, 1, 2, "invalid argument")                                                              \
    X(ENOMEM, 2, 1, "out of memory")                                                               \
    X(EIO, 3, 1, "file could not be read or written")                                              \
    X(EEXIST, 4, 1, "output exists")                                                               \
    X(EMODEL, 5, 3, "bad model file")                                                              \
    X(EUNSUPPORTED, 6, 3, "model uses something refold does not support")                          \
    X(ESHAPE, 7, 3, "shapes do not fit")                                                           \
    X(EDATA, 8, 4, "bad data")                                                                     \
    X(ESTATE, 9, 1, "a step is missing or was done already")                                       \
    X(ENUMERIC, 10, 1, "numbers are no longer finite")                                             \
    X(EREFUSED, 11, 1, "refused: the result would not be exact")                                   \
    X(EINTERRUPTED, 12, 130, "interrupted")                                                        \
    X(EINTERNAL, 13, 1, "internal error")

typedef enum rf_status {
#define RF_STATUS_ENUM(name, value, exit_code, text) RF_##name = (value),
    RF_STATUS_MAP(RF_STATUS_ENUM)
#undef RF_STATUS_ENUM
} rf_status;

/** "ok", "bad model file", ...; never NULL. */
RF_API const char *rf_status_text(rf_status status);
/** Exit code that the program gives for `status`: 0 done, 1 failed, 2 usage, 3 model, 4 data, 130. Of RF_EIO the
 *  program knows which file it was, and gives 3 or 4 for a model or data that is not there. */
RF_API int rf_status_exit_code(rf_status status);
/** "0.1.0"; static. */
RF_API const char *rf_version(void);

/** What this machine lets the engine do; all static. */
typedef struct rf_machine {
    const char *isa; /* "AVX-512 with VNNI": as oneDNN uses it; ONEDNN_MAX_CPU_ISA lowers it */
    int integer_weight_bits; /* widest weights that integer sums are exact for; 0: floats only */
    const char *onednn;      /* its version */
} rf_machine;
RF_API rf_machine rf_machine_describe(void);

typedef enum rf_log_level { RF_LOG_ERROR, RF_LOG_WARNING, RF_LOG_INFO, RF_LOG_DEBUG } rf_log_level;
/** Receives one line without a newline. Called on the thread that called the library. */
typedef void (*rf_log_fn)(void *user, rf_log_level level, const char *line);

/** How far a long step has come. Numbers that are not known are NaN. */
typedef struct rf_progress {
    const char *task; /* "calibrate", "train", "evaluate", "reestimate", "compare", "analyze" */
    int64_t done;     /* units finished, of `total` */
    int64_t total;    /* 0 where unknown */
    const char *unit; /* "img" or "batch" */
    double img_per_s; /* images a second since the task began */
    double seconds_left;
    int epoch, epochs; /* training only, from 1; else 0 */
    double loss, top1; /* running means; top1 in percent */
} rf_progress;
typedef void (*rf_progress_fn)(void *user, const rf_progress *progress);

typedef struct rf_context rf_context;

/** How a simulation computes. Both engines make the same numbers but for float32 rounding before each quantizer. */
typedef enum rf_compute {
    RF_COMPUTE_AUTO, /* layers with codes on both sides add integers wherever that is exact on this CPU */
    RF_COMPUTE_FLOAT, /* everything in float32: the reference */
    RF_COMPUTE_INT8 /* as AUTO, and the log (info) names each layer that computes in float32, and why */
} rf_compute;

typedef struct rf_context_options {
    int threads;   /* >= 1; 0: all processors; at most OMP_THREAD_LIMIT */
    uint64_t seed; /* of everything random: shuffling, augmentation, initial weights */
    rf_log_fn log; /* NULL: silent */
    void *log_user;
    rf_progress_fn progress; /* NULL: none; called at most a few times a second */
    void *progress_user;
    /* Memory: 64-byte aligned, or NULL. Called on the thread that called the library; the loader's threads and the
       libraries below refold use the C library's. free never gets NULL. Both NULL: the C library's. */
    void *(*alloc)(void *user, size_t bytes);
    void (*free)(void *user, void *memory);
    void *alloc_user;
    rf_compute compute; /* default RF_COMPUTE_AUTO */
} rf_context_options;
#define RF_CONTEXT_OPTIONS_INIT                                                                    \
    {                                                                                              \
        0                                                                                          \
    }

/** Create a context; `options` may be NULL. @return RF_OK, RF_EARG (threads < 0, one of alloc and free), RF_ENOMEM */
RF_API RF_MUST_USE rf_status rf_context_new(const rf_context_options *options, rf_context **out);
/** Free after everything that was made with it. Accepts NULL. */
RF_API void rf_context_free(rf_context *ctx);
/** Text of the last failure in this context, one line; "" before any. Valid until the next failure. */
RF_API const char *rf_context_message(const rf_context *ctx);
/** Threads it computes with, >= 1. */
RF_API int rf_context_threads(const rf_context *ctx);
/** The seed it was made with. */
RF_API uint64_t rf_context_seed(const rf_context *ctx);
/** Ask the running step to stop at its next safe point, with RF_EINTERRUPTED (training: RF_OK and `interrupted`).
 *  Safe in a signal handler and from another thread. */
RF_API void rf_context_interrupt(rf_context *ctx);
/** Forget an interruption, so that steps run again; after one that ended with RF_EINTERRUPTED. */
RF_API void rf_context_resume(rf_context *ctx);

/* ---------------------------------------------------------------------------- 1  tensors --- */

#define RF_MAX_RANK 8

#define RF_DTYPE_MAP(X)                                                                            \
    X(F32, 0, "float32", 4)                                                                        \
    X(I64, 1, "int64", 8)                                                                          \
    X(I32, 2, "int32", 4)                                                                          \
    X(U8, 3, "uint8", 1)                                                                           \
    X(I8, 4, "int8", 1)                                                                            \
    X(BOOL, 5, "bool", 1)                                                                          \
    X(F64, 6, "float64", 8)                                                                        \
    X(F16, 7, "float16", 2)                                                                        \
    X(I16, 8, "int16", 2)                                                                          \
    X(U16, 9, "uint16", 2)

typedef enum rf_dtype {
#define RF_DTYPE_ENUM(name, value, text, bytes) RF_DTYPE_##name = (value),
    RF_DTYPE_MAP(RF_DTYPE_ENUM)
#undef RF_DTYPE_ENUM
} rf_dtype;
/** "float32", ...; "unknown" outside the list. */
RF_API const char *rf_dtype_name(rf_dtype dtype);
/** Bytes of one element; 0 outside the list. */
RF_API size_t rf_dtype_bytes(rf_dtype dtype);

/** A dense row-major array of up to RF_MAX_RANK dimensions. Rank 0 is a scalar; dims may be 0. */
typedef struct rf_tensor rf_tensor;

/** New zeroed tensor. @return RF_OK, RF_EARG (rank, negative dim), RF_ESHAPE (size overflows), RF_ENOMEM */
RF_API RF_MUST_USE rf_status rf_tensor_new(rf_context *ctx, rf_dtype dtype, int rank,
                                           const int64_t *dims, rf_tensor **out);
/** Accepts NULL, as every function that frees. */
RF_API void rf_tensor_free(rf_tensor *tensor);
RF_API rf_dtype rf_tensor_dtype(const rf_tensor *tensor);
RF_API int rf_tensor_rank(const rf_tensor *tensor);
RF_API const int64_t *rf_tensor_dims(const rf_tensor *tensor); /* [rank] */
RF_API int64_t rf_tensor_count(const rf_tensor *tensor);       /* product of dims; 1 for a scalar */
/** The elements, [count] of the dtype, 64-byte aligned; they live as long as the tensor. */
RF_API void *rf_tensor_data(rf_tensor *tensor);
RF_API const void *rf_tensor_const_data(const rf_tensor *tensor);
/**
 * Read a NumPy .npy file (format 1.0 to 3.0, little-endian, C or Fortran order; float64 and float16
 * arrive as float32, unsigned 32/64-bit integers as int64). @return RF_OK, RF_EIO, RF_EDATA, RF_ENOMEM
 */
RF_API RF_MUST_USE rf_status rf_tensor_load_npy(rf_context *ctx, const char *path, rf_tensor **out);
/** Write format 1.0, atomically. `force`: replace an existing file. @return RF_OK, RF_EEXIST, RF_EIO */
RF_API RF_MUST_USE rf_status rf_tensor_save_npy(rf_context *ctx, const rf_tensor *tensor,
                                                const char *path, bool force);

/* ----------------------------------------------------------------------------- 2  graphs --- */

/** A float network. Read-only once loaded, but for rf_train_graph, rf_reestimate_graph and rf_fold_to_weight. */
typedef struct rf_graph rf_graph;

/** One input or output of a graph. */
typedef struct rf_port {
    const char *name;
    rf_dtype dtype;
    int rank;
    int64_t dims[RF_MAX_RANK]; /* -1: decided at run time (the batch) */
    bool
        channels_last; /* a Keras or TensorFlow model's: its users' arrays have the channels last, here dim 1 */
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
    const char *
        signature; /* TensorFlow SavedModel: which of its signatures; NULL: serving_default or the only one */
    const char *inputs; /* TensorFlow: tensors that are fed; what makes them is cut off */
    const char
        *outputs; /* TensorFlow: tensors that are wanted; what only follows them is cut off */
    const char *
        input_shapes; /* "1x224x224x3" or "NAME=1x49x10x1,...": in the framework's order; -1 or ?: open */
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
    const char *
        role; /* "weight", "bias"; "bn_scale", "bn_bias", "bn_mean", "bn_var"; "range_min", "range_max" of a quantizer */
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

/* -------------------------------------------------------------------------- 3  data sets --- */

typedef struct rf_dataset rf_dataset;

/**
 * How a sample becomes the model's input. Images: decode -> (training, re-estimation) augment the raw pixels ->
 * resize -> crop -> scale -> (x - mean) / std. Arrays (npy, npz) are taken as they are. Presets:
 *     imagenet       resize 256, crop 224, mean 0.485 0.456 0.406, std 0.229 0.224 0.225
 *     cifar10        mean 0.4914 0.4822 0.4465, std 0.2470 0.2435 0.2616
 *     fashion-mnist  mean 0.2860, std 0.3530
 * Source: torchvision's reference training and its users' practice; check against what the network was trained with.
 */
typedef struct rf_dataset_options {
    const char *
        preset; /* "imagenet", "cifar10", "fashion-mnist", "none", or NULL = none; sets the fields below that are left at 0 */
    int64_t resize; /* shorter side in pixels; 0: as it is */
    int64_t crop;   /* centre crop, pixels a side; 0: none */
    float scale;    /* of a raw value 0..255; 0: 1/255 */
    int mean_count; /* 0, 1 or the number of channels */
    float mean[4];  /* after scale, channel order RGB(A) or gray */
    int std_count;
    float std[4]; /* > 0 */
    const char *
        augment; /* "flip,crop:4", "none" or NULL; crop:P pads P black pixels and cuts the old size at random */
    int64_t channels, height,
        width; /* what the model takes; 0: any. Gray <-> RGB is converted; a size that does not fit is an error */
    bool input_nhwc; /* arrays lie [n, ..., c]; default [n, c, ...] */
    bool
        input_nchw_where_it_fits; /* with input_nhwc: arrays that only fit channels, height, width in this order lie so */
} rf_dataset_options;
#define RF_DATASET_OPTIONS_INIT                                                                    \
    {                                                                                              \
        0                                                                                          \
    }

/**
 * Open a data set by its specification:
 *     DIR                      class folders of JPEG or PNG files; classes in byte order of their names
 *     FILE.tar                 the same as a tar (.tar.gz as well)
 *     idx:IMAGES,LABELS        IDX files as MNIST has them, gzip or not
 *     npy:X.npy[,Y.npy]        X float32 [n, ...] as the model takes it, Y int64 [n]
 *     npz:FILE                 arrays x (or one a model input, by name) and, optionally, y
 *     fashion-mnist[:train|test]  Debian's dataset-fashion-mnist; default train
 * @return RF_OK, RF_EARG (specification, options), RF_EIO, RF_EDATA (names file and byte), RF_ENOMEM
 */
RF_API RF_MUST_USE rf_status rf_dataset_open(rf_context *ctx, const char *spec,
                                             const rf_dataset_options *options, rf_dataset **out);

/** Samples of your own: memory, another loader, a camera. */
typedef struct rf_data_source {
    int64_t samples; /* of an epoch, >= 1 */
    int input_count; /* >= 1 */
    const rf_port *
        inputs; /* [input_count] float32; dims[0] is the batch, and not looked at; the others are known. name NULL: by
                   position. channels_last: the samples lie so, in all inputs or in none, while dims are as always */
    bool has_labels;
    int64_t classes; /* 0: not known */
    /**
     * Write samples first to first + count - 1 of epoch `epoch`. Called on the thread that called the library, a batch at
     * a time, in order from 0 on, as far as the step needs them; order and augmentation are the source's own. A training
     * that resumes begins where it was; of several processes each asks for its own samples.
     * @param inputs  [input_count] of [count, ...] each
     * @param labels  [count]; NULL without
     * @return RF_OK, or what the step shall fail with
     */
    rf_status (*read)(void *user, int64_t epoch, int64_t first, int64_t count, float *const *inputs,
                      int64_t *labels);
    void *user;
} rf_data_source;

/** A data set of samples that a function of yours hands out; names and ports are copied. @return RF_OK, RF_EARG, RF_ENOMEM */
RF_API RF_MUST_USE rf_status rf_dataset_from_source(rf_context *ctx, const rf_data_source *source,
                                                    rf_dataset **out);
RF_API void rf_dataset_free(rf_dataset *dataset);
/** Number of samples. */
RF_API int64_t rf_dataset_count(const rf_dataset *dataset);
RF_API bool rf_dataset_has_labels(const rf_dataset *dataset);
/** Number of classes: class folders, or the largest label and 1; 0 without labels. */
RF_API int64_t rf_dataset_classes(const rf_dataset *dataset);

/* --------------------------------------------------------------- 4  running and evaluating --- */

/**
 * Run samples through a graph (plain, or rf_sim_graph).
 * @param inputs   [rf_graph_input_count] float32 [n, ...] each, the same n
 * @param batch    samples a pass, >= 1; a graph with a fixed batch takes only that
 * @param outputs  [rf_graph_output_count] receives new tensors [n, ...]; the caller frees each
 * @return RF_OK, RF_EARG, RF_EDATA (an input does not fit the graph), RF_ESHAPE, RF_EUNSUPPORTED (names the operator),
 *         RF_ENOMEM, RF_EINTERRUPTED
 */
RF_API RF_MUST_USE rf_status rf_infer(const rf_graph *graph, const rf_tensor *const *inputs,
                                      int64_t batch, rf_tensor **outputs);

typedef struct rf_accuracy {
    int64_t samples;
    double top1, top5; /* percent; top5 is NaN with fewer than 5 classes */
    double loss;       /* mean cross-entropy, natural logarithm, over all samples */
    double seconds, img_per_s;
} rf_accuracy;

/**
 * Top-1, top-5 and loss of the graph's first output: float32 logits [n, classes] or [n, classes, 1, 1], before any
 * softmax. Samples come in order and are not augmented; of equal logits the lower class counts first.
 * @param batch  samples a pass, >= 1; a graph with a fixed batch uses that
 * @return RF_OK, RF_EARG, RF_EDATA (no labels or samples, label out of range), RF_ESHAPE, RF_EUNSUPPORTED (names the
 *         operator), RF_ENOMEM, RF_EINTERRUPTED
 */
RF_API RF_MUST_USE rf_status rf_evaluate(const rf_graph *graph, const rf_dataset *dataset,
                                         int64_t batch, rf_accuracy *out);

/* ---------------------------------------------------------------------- 5  the simulation --- */

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
    const char *
        scheme; /* "tf-init", "tf-enhanced-init" (learned ranges), "tf", "tf-enhanced", "percentile:P", "mse"
                           (static ranges; 90 <= P <= 100), or AIMET's long names; NULL: tf-init. Source: AIMET
                           QuantScheme */
    const char *
        config; /* path of an AIMET quantsim config JSON, or one of AIMET's by name: "per-channel", "default",
                   "bn-reestimation"; NULL: per-channel, with compat bn-reestimation */
    const char *
        compat; /* NULL; "aimet": its behaviour where ours improves on it; "aimet-v2": the arithmetic of its second
                    generation as well (docs/NUMERICS.md, section 8) */
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
    double
        changed; /* of a parameter: share of its codes that the last epoch of training changed; NaN: not trained */
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
    bool
        strict; /* an entry that no quantizer can take as it is, is an error; else what has no quantizer that is on
                    is ignored, and symmetry and the number of channels are the file's */
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

/* --------------------------------------------------------------------------- 6  training --- */

/** What one step, or the end of an epoch, gave. */
typedef struct rf_train_event {
    int64_t step;           /* steps done in all, also by the runs before a resume */
    int64_t epoch;          /* the present one, from 1 */
    bool epoch_end;         /* loss and top1 are of the whole epoch; else of this step's batch */
    double loss, top1;      /* mean cross-entropy; percent */
    double learning_rate;   /* that the step was taken with */
    rf_accuracy validation; /* at an epoch's end; samples 0 without */
} rf_train_event;
/** Called on the thread that trains, after every step and at every epoch's end; on every rank of a job. */
typedef void (*rf_train_event_fn)(void *user, const rf_train_event *event);

typedef struct rf_train_options {
    int64_t epochs;        /* 0: 1, unless steps is given */
    int64_t steps;         /* stop after so many steps; 0: by epochs */
    int64_t batch;         /* samples a step; 0: 128. A graph with a fixed batch uses that */
    const char *optimizer; /* "sgd" (default) or "adam" (betas 0.9, 0.999; eps 1e-8) */
    double learning_rate;  /* > 0; 0: 0.01 */
    double momentum;       /* sgd: v = momentum v + g; w -= lr v. Negative: 0.9 */
    double
        weight_decay; /* added to the gradient of weights, not of BN parameters, biases, ranges. Negative: 1e-4 */
    double encoding_learning_rate; /* of the ranges; negative: learning_rate */
    const char *schedule; /* "constant" (default), "cosine", "step:E,..." (tenth at these epochs) */
    double warmup;        /* epochs of linear warm-up, may be a fraction; default 0 */
    double label_smoothing; /* 0 <= s < 1 */
    int64_t
        freeze_bn_after; /* epochs, from then on BN uses and keeps its running statistics; negative: never */
    bool no_shuffle; /* batches are consecutive */
    bool
        sync_bn; /* among several processes: BN statistics over the whole batch, not of each one's share */
    bool no_augment;              /* default: as the data set says */
    const rf_dataset *validation; /* evaluated after each epoch; NULL: none */
    const char *
        checkpoint; /* file; NULL: none. Written at each epoch's end, on interruption, and every checkpoint_every steps;
                       the one before it stays as FILE.1 (docs/FILE_FORMAT.md) */
    int64_t checkpoint_every; /* steps; 0: epochs only */
    bool
        resume; /* continue from `checkpoint` where it exists; epochs and steps count from the first one */
    rf_train_event_fn on_event; /* NULL: none */
    void *on_event_user;
} rf_train_options;
#define RF_TRAIN_OPTIONS_INIT                                                                      \
    {                                                                                              \
        .momentum = -1.0, .weight_decay = -1.0, .encoding_learning_rate = -1.0,                    \
        .freeze_bn_after = -1                                                                      \
    }

typedef struct rf_training {
    int64_t epochs, steps;        /* done in all */
    double first_loss, last_loss; /* of the first step, and the mean over the last epoch */
    double train_top1;            /* percent, running, last epoch */
    rf_accuracy validation;       /* after the last epoch; samples 0 without */
    double seconds, img_per_s;
    bool interrupted; /* stopped by rf_context_interrupt; what was learned until then is kept */
    int processes;    /* that trained together */
    double bytes_per_step; /* that this process gave to the others: gradients, statistics, counts */
    double seconds_waited; /* for the others, and for sums that were still under way */
} rf_training;

/**
 * Train by cross-entropy of the first output, as rf_evaluate takes it. A sim learns weights, BN and, with a "-init"
 * scheme, ranges (AIMET v1 gradients, arXiv 1912.09356 for range learning; ranges gated m <= 0 <= M, M >= m + 1e-5
 * before each forward); static ranges of weights follow the weights. State: trained. The same seed, thread count and
 * data give the same bits. Values learned before a failure or an interruption stay.
 * @param out  may be NULL
 * @return RF_OK (also when interrupted), RF_EARG (options, or a checkpoint of another run), RF_ESTATE (not calibrated,
 *         folded, or quantized by QDQ), RF_EDATA (no labels, label out of range, too few samples, damaged checkpoint),
 *         RF_ESHAPE, RF_EUNSUPPORTED (nothing to train), RF_ENUMERIC (loss not finite: names step and layer), RF_EIO,
 *         RF_ENOMEM
 */
RF_API RF_MUST_USE rf_status rf_train_graph(rf_graph *graph, const rf_dataset *dataset,
                                            const rf_train_options *options, rf_training *out);
RF_API RF_MUST_USE rf_status rf_train_sim(rf_sim *sim, const rf_dataset *dataset,
                                          const rf_train_options *options, rf_training *out);

/** Training step by step: a loop, a loss and gradients of your own. */
typedef struct rf_session rf_session;

/**
 * Get ready to take steps. Of the options count optimizer, learning_rate, momentum, weight_decay and
 * encoding_learning_rate; freeze_bn_after 0 keeps the BN statistics. While the session lives, the graph or sim is
 * changed through it alone, and through the values of its parameters.
 * @param options  may be NULL
 * @return RF_OK, RF_EARG, RF_ESTATE (not calibrated, folded, or quantized by QDQ), RF_ENOMEM
 */
RF_API RF_MUST_USE rf_status rf_session_new_graph(rf_graph *graph, const rf_train_options *options,
                                                  rf_session **out);
RF_API RF_MUST_USE rf_status rf_session_new_sim(rf_sim *sim, const rf_train_options *options,
                                                rf_session **out);
/** Accepts NULL. Before the graph or sim. */
RF_API void rf_session_free(rf_session *session);
/** All parameters; values may be written between a step and the next forward. */
RF_API const rf_parameters *rf_session_parameters(const rf_session *session);
/**
 * Run a batch in training form: BN on the statistics of the batch, running ones updated. The first batch decides the
 * memory that is kept ready, and so does the last one of another size.
 * @param inputs  [rf_graph_input_count] float32 [n, ...] each, the same n; a graph with a fixed batch takes only that
 * @return RF_OK, RF_EDATA (an input does not fit), RF_EUNSUPPORTED (names the operator), RF_ENOMEM
 */
RF_API RF_MUST_USE rf_status rf_session_forward(rf_session *session,
                                                const rf_tensor *const *inputs);
/** Output `index` of the last forward, until the next one; NULL: no such output, or no forward since the last step. */
RF_API const rf_tensor *rf_session_output(const rf_session *session, int index);
/**
 * From the gradient of a loss with respect to the outputs to that of every parameter. Quantizers pass gradients straight
 * through inside their range.
 * @param diff_outputs  [rf_graph_output_count] float32, shaped as the outputs; NULL: zeros
 * @return RF_OK, RF_ESTATE (no forward before), RF_ESHAPE, RF_EUNSUPPORTED (that output reaches no parameter), RF_ENUMERIC
 */
RF_API RF_MUST_USE rf_status rf_session_backward(rf_session *session,
                                                 const rf_tensor *const *diff_outputs);
/** Gradient of parameter `index`, [count]; it may be changed (clipped, averaged) before the step. NULL: it has none. */
RF_API float *rf_session_gradient(rf_session *session, int index);
/** Let the optimizer take a step with the learning rates times `factor` (a schedule's; 1). @return RF_OK, RF_ESTATE */
RF_API RF_MUST_USE rf_status rf_session_step(rf_session *session, double factor);
/** After the last step: what was learned reaches files, and a sim's state is trained. @return RF_OK, RF_ENOMEM */
RF_API RF_MUST_USE rf_status rf_session_finish(rf_session *session);

/* ------------------------------------------------------------------- 7  BN re-estimation --- */

typedef enum rf_estimator {
    RF_ESTIMATOR_MEAN_OF_BATCHES, /* mean over batches of the batch mean and of the unbiased batch variance (AIMET) */
    RF_ESTIMATOR_POOLED /* mean and unbiased variance of all values together */
} rf_estimator;

typedef struct rf_reestimate_options {
    int64_t batches; /* at most; 0: 100. A short last batch is left out */
    int64_t batch;   /* samples; 0: 128. A graph with a fixed batch uses that */
    rf_estimator estimator;
    bool no_augment; /* default: the data set's augmentation is on, as training saw it */
    bool no_shuffle;
} rf_reestimate_options;
#define RF_REESTIMATE_OPTIONS_INIT                                                                 \
    {                                                                                              \
        0                                                                                          \
    }

typedef struct rf_bn_layer {
    const char *bn, *mean, *var; /* node and tensor names */
    int64_t channels;
    const float *mean_before, *mean_after, *var_before, *var_after; /* [channels] */
} rf_bn_layer;

/** What a re-estimation did, and the way back. */
typedef struct rf_reestimation rf_reestimation;

/**
 * Re-estimate the statistics of every BN that has them: the network runs in inference form, quantizers active and
 * frozen, BN alone on batch statistics. Each of the n batches gives mean and unbiased variance a channel; the
 * averages become the running statistics. State: bn_reestimated, also of a sim without BN, which is only warned of. For
 * a plain graph: rf_reestimate_graph.
 * @param out  may be NULL; else free with rf_reestimation_free
 * @return RF_OK, RF_ESTATE, RF_EDATA (no batch, one value a channel; names the layer), RF_ENUMERIC. On failure and on
 *         interruption the statistics are as before. Source: AIMET 1.x reestimate_bn_stats (torch).
 */
RF_API RF_MUST_USE rf_status rf_reestimate_sim(rf_sim *sim, const rf_dataset *dataset,
                                               const rf_reestimate_options *options,
                                               rf_reestimation **out);
RF_API RF_MUST_USE rf_status rf_reestimate_graph(rf_graph *graph, const rf_dataset *dataset,
                                                 const rf_reestimate_options *options,
                                                 rf_reestimation **out);
/** Batches that were averaged. */
RF_API int64_t rf_reestimation_batches(const rf_reestimation *reestimation);
RF_API int rf_reestimation_layer_count(const rf_reestimation *reestimation);
/** Describe layer `index`, from 0, in graph order; pointers live with the re-estimation. @return RF_OK, RF_EARG */
RF_API RF_MUST_USE rf_status rf_reestimation_layer(const rf_reestimation *reestimation, int index,
                                                   rf_bn_layer *out);
/** Put the old statistics back, bit for bit, and the sim's old state. A second call does nothing. Call it while the
 *  graph or sim lives and before a fold. */
RF_API void rf_reestimation_undo(rf_reestimation *reestimation);
RF_API void rf_reestimation_free(rf_reestimation *reestimation);

/* --------------------------------------------------------------------------- 8  folding --- */

typedef struct rf_folded {
    const char *layer, *bn;
    int64_t channels;
    int64_t
        max_code_difference; /* largest difference of an integer weight code before and after: 0; may be more with
                                compat "aimet", which leaves ties and mirrored lowest codes where rounding takes them */
    int64_t
        negative_gamma; /* channels whose sign was changed before calibration, or mirrored here (compat) */
    int64_t dead_channels; /* gamma ~ 0: codes 0, output beta */
} rf_folded;

typedef struct rf_fold_refusal {
    const char *layer, *bn, *reason;
} rf_fold_refusal; /* layer NULL: stand-alone BN */

typedef struct rf_fold_report {
    int folded_count;
    const rf_folded *folded;
    int refused_count; /* pairs that could not be folded exactly */
    const rf_fold_refusal *refused;
    int standalone_count; /* BN without a layer before it: stays, as a multiply-add */
    const rf_fold_refusal *standalone;
} rf_fold_report;
RF_API void rf_fold_report_free(rf_fold_report *report);

/**
 * Fold each BN into the quantization scale of the layer before it: c = gamma / sqrt(var + eps); W' = W c, range' =
 * range |c|, bias' = beta + (bias - mean) c; the integer codes of W stay, and this is proven channel by channel.
 * Then biases behind quantized input and weights are rounded to multiples of input scale * weight scale, as integer
 * targets add them (not with compat "aimet"). State: folded. A second call finds nothing to fold and changes nothing.
 * @param out  may be NULL; else free with rf_fold_report_free; written on RF_EREFUSED as well
 * @return RF_OK; RF_EREFUSED if a pair was refused (the others are folded; report and message name it and the cure);
 *         RF_ESTATE before calibration. Source: AIMET 1.x fold_all_batch_norms_to_scale.
 */
RF_API RF_MUST_USE rf_status rf_fold_to_scale(rf_sim *sim, rf_fold_report **out);
/** The ordinary fold of a plain graph, into the weights; BN before an unpadded layer is folded too, what is left
 *  becomes a stand-alone multiply-add. max_code_difference is 0 by definition. @return RF_OK, RF_ENOMEM.
 *  Source: AIMET fold_all_batch_norms. */
RF_API RF_MUST_USE rf_status rf_fold_to_weight(rf_graph *graph, rf_fold_report **out);

/* ---------------------------------------------------------------------------- 9  export --- */

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
    const char *
        template_file; /* the Keras file; NULL: the one that the model was read from, under the same path */
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
    bool
        json_written; /* the architecture of a weights file had to change: it lies beside as .json */
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

/* ------------------------------------------------------------------------------- 10  zoo --- */

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

/* ------------------------------------------------------------------------ 11  inspection --- */

/** A BatchNormalization and where it would go. */
typedef struct rf_bn_info {
    const char *bn;         /* node name */
    const char *folds_into; /* node name of the layer before it, or NULL */
    const char *reason;     /* why not, or NULL */
} rf_bn_info;

typedef struct rf_count {
    const char *name;
    int64_t count;
} rf_count;

/** A quantizer that a simulation has, or would get. */
typedef struct rf_planned_quantizer {
    const char *tensor; /* ONNX tensor that it quantizes */
    const char *kind;   /* "param" or "activation" */
    const char *op;     /* node that owns the parameter or makes the tensor; "" for a model input */
    const char *op_type;
    int bitwidth;
    bool symmetric;
    int axis;         /* channel axis; -1: per tensor */
    int64_t channels; /* encodings that it has: 1 per tensor */
} rf_planned_quantizer;

typedef struct rf_inspection {
    const char *producer; /* "pytorch 2.1.0": what wrote the file; "" where it does not say */
    int64_t opset;        /* of ONNX's own operators */
    int64_t parameters;   /* elements of the trainable tensors and BN statistics */
    int64_t
        macs; /* multiply-adds of one sample in Conv, ConvTranspose, Gemm and MatMul; 0 if shapes are unknown */
    int operator_count;
    const rf_count *operators; /* by type, most frequent first */
    int batch_norm_count;
    const rf_bn_info *batch_norms; /* in graph order */
    const char
        *bn_fused_by; /* likely exporter, where BN seem to have been fused before; else NULL */
    int64_t negative_gamma_channels, dead_channels; /* of all BN */
    int param_quantizers, activation_quantizers;    /* numbers of the two kinds among: */
    int quantizer_count;
    const rf_planned_quantizer *quantizers; /* in graph order; none for a QDQ model */
    int64_t batch;                          /* samples a pass that the bytes below are for */
    int64_t activation_bytes; /* largest sum of tensors alive at one moment of inference */
    /* Predicted peaks: weights, tensors, gradients, scratch, SGD's velocities, batches ahead of their use; without the
       program itself and the file while it is read. 0 where it cannot run. qat and reestimate: with the quantizers. */
    int64_t infer_bytes, train_bytes, qat_bytes, reestimate_bytes;
    int unsupported_count;
    const char *const *
        unsupported; /* "TopK (node 'nms/top')"; with ": why" where a known operator has a form refold lacks */
    int advice_count;
    const char *const *advice; /* whole sentences: what to do next */
} rf_inspection;

typedef struct rf_inspect_options {
    int64_t batch; /* of the memory predictions; 0: 128. A graph with a fixed batch uses that */
    rf_sim_options simulation; /* what quantize would be told */
    rf_sim *
        sim; /* the simulation of this graph, whose enabled quantizers are listed instead; NULL: none */
} rf_inspect_options;
#define RF_INSPECT_OPTIONS_INIT                                                                    \
    {                                                                                              \
        0                                                                                          \
    }

/**
 * Look at a network without running or changing it; it need not be one that refold can run. Strings live with the result,
 * which is freed with rf_inspection_free. @param options  may be NULL
 * @return RF_OK, RF_EARG, RF_EIO/RF_EMODEL (configuration), RF_ENOMEM
 */
RF_API RF_MUST_USE rf_status rf_inspect(const rf_graph *graph, const rf_inspect_options *options,
                                        rf_inspection **out);
RF_API void rf_inspection_free(rf_inspection *inspection);

/* ------------------------------------------------------------------------ 12  comparison --- */

/** A tensor that both networks have, over all samples compared. */
typedef struct rf_compared_tensor {
    const char *name;        /* without what quantization adds to it */
    const char *in_a, *in_b; /* what was compared: behind the tensor's quantizer where it has one */
    double max_abs;          /* largest |b - a|; NaN where one alone is not finite */
    double max_rel;          /* max_abs as a share of the largest |a| */
    double sqnr_db;          /* 10 log10 of sum a^2 over sum (b - a)^2; infinite where equal */
    double mse;              /* mean of (b - a)^2 */
    bool differs;            /* max_rel beyond the tolerance */
} rf_compared_tensor;

typedef struct rf_compared {
    int64_t samples;
    double top1_agreement; /* percent, of the first output; NaN where that is not [n, classes] */
    int output_count;
    const rf_compared_tensor *outputs;
    int tensor_count;
    const rf_compared_tensor
        *tensors; /* between inputs and outputs, in the order in which a computes them */
    const char *first_difference; /* first of all these, in that order, that differs; NULL: none */
} rf_compared;

/** Runs a network outside of refold. Both functions may fail with a status of their own, which comes back. */
typedef struct rf_runner {
    /** Get ready to give `graph`'s outputs. *handle_out names it in calls of run. */
    rf_status (*open)(void *user, const rf_graph *graph, int *handle_out);
    /** @param inputs [rf_graph_input_count] float32  @param outputs [rf_graph_output_count] receives new tensors */
    rf_status (*run)(void *user, int handle, const rf_tensor *const *inputs, rf_tensor **outputs);
    void *user;
} rf_runner;

typedef struct rf_compare_options {
    const rf_dataset *dataset;      /* samples in order, not augmented; or */
    const rf_tensor *const *inputs; /* [inputs of a] float32 [n, ...] */
    int64_t samples;                /* 0: all */
    int64_t batch; /* at most; 0: 128. Cut where all tensors at once would take too much memory */
    double tolerance;        /* of max_rel; default 1e-4 */
    bool outputs_only;       /* leave the tensors between out */
    const rf_runner *runner; /* of b; NULL: refold runs it */
} rf_compare_options;
#define RF_COMPARE_OPTIONS_INIT                                                                    \
    {                                                                                              \
        .tolerance = 1e-4                                                                          \
    }

/**
 * Run two networks on the same samples: plain, rf_sim_graph, or QDQ, in any pairing. Outputs are matched by name, else by
 * position, and come from the networks as they are; tensors between are matched by name and come from a second run that
 * keeps them all. Inputs are matched like outputs.
 * @return RF_OK, RF_EARG (inputs or outputs do not match), RF_EDATA, RF_ESHAPE (an output), RF_EUNSUPPORTED, RF_ENOMEM,
 *         RF_EINTERRUPTED; or what the runner gave
 */
RF_API RF_MUST_USE rf_status rf_compare(const rf_graph *a, const rf_graph *b,
                                        const rf_compare_options *options, rf_compared **out);
RF_API void rf_compared_free(rf_compared *compared);

/* ----------------------------------------------------------------- 13  several processes --- */

/**
 * Join the MPI job that a launcher (mpirun) started this process in; without a launcher, or in a library built without
 * MPI, do nothing. From then on rf_sim_calibrate, rf_train_*, rf_reestimate_* and rf_evaluate are collective: every rank
 * calls them with the same arguments, reads its share of each epoch, and has the same result; `batch` is that of all
 * ranks together. Rank 0 alone reads and writes checkpoints. One context of a process may do this, once.
 * Docs: SCALING.md; formulas: NUMERICS.md, section 11.
 * @param timeout seconds that a rank waits for the others before it gives up and names those that did not come
 * @return RF_OK, RF_EARG (timeout), RF_ESTATE (joined already), RF_EIO (MPI), RF_ENOMEM
 */
RF_API RF_MUST_USE rf_status rf_distributed_init(rf_context *ctx, double timeout);
/** Wait for the others and leave; before rf_context_free. */
RF_API RF_MUST_USE rf_status rf_distributed_finalize(rf_context *ctx);
/** End all processes of the job at once; for a rank that met a fault of its own. Does nothing for a process alone. */
RF_API void rf_distributed_abort(rf_context *ctx, int exit_code);
RF_API int rf_distributed_rank(const rf_context *ctx); /**< from 0; 0 alone */
RF_API int rf_distributed_size(const rf_context *ctx); /**< processes; 1 alone */
RF_API bool rf_distributed_available(void);            /**< built with MPI */

/* --------------------------------------------------------------------- 14  looking at it --- */

/** Scalars over steps, as TensorBoard and its like read them: TFRecord framing around Event messages. */
typedef struct rf_event_file rf_event_file;

/** Begin a new file of its own in folder `dir`, which is made if missing. @return RF_OK, RF_EIO, RF_ENOMEM */
RF_API RF_MUST_USE rf_status rf_event_file_new(rf_context *ctx, const char *dir,
                                               rf_event_file **out);
/** One point of the curve `tag`; what is not finite is left out. On disk when this returns. @return RF_OK, RF_EIO */
RF_API RF_MUST_USE rf_status rf_event_file_scalar(rf_event_file *file, const char *tag,
                                                  int64_t step, double value);
RF_API void rf_event_file_free(rf_event_file *file);

/** A file beside the simulation, to be listed with its size. */
typedef struct rf_report_file {
    const char *name;
    int64_t bytes;
} rf_report_file;

/** What a report draws on besides its simulation; NULL or 0: is not there, and the report says so. */
typedef struct rf_report_options {
    const char *title; /* NULL: the model of the run */
    const char *run;   /* JSON text of `refold run`, its summary.json: steps, curves, options */
    const char *
        measured; /* JSON text of an earlier report, whose measurements stand where there is no data set */
    rf_sim *calibrated;  /* the simulation as it was before training: codes before */
    rf_sim *trained;     /* before re-estimation: statistics before */
    rf_sim *reestimated; /* before the fold: its BN, with the statistics after */
    int file_count;
    const rf_report_file *files;
    const rf_dataset
        *dataset;           /* to measure clipping and errors on: samples in order, not augmented */
    int64_t samples;        /* 0: 256 */
    int64_t batch;          /* at most; 0: 128 */
    const rf_graph *target; /* the exported QDQ model, run by `runner` against the simulation */
    const rf_runner *runner;
    const char *no_target; /* why there is none: a sentence */
} rf_report_options;
#define RF_REPORT_OPTIONS_INIT                                                                     \
    {                                                                                              \
        0                                                                                          \
    }

typedef struct rf_report rf_report;

/**
 * Gather what there is to see of a simulation: BN statistics before and after re-estimation, integer codes of the
 * weights, ranges and clipping of activations, SQNR by tensor against float32 and of the target against the simulation,
 * sizes, options and versions. The document is described in docs/FILE_FORMAT.md. A measurement that cannot be taken
 * leaves its reason in the report. @param options  may be NULL
 * @return RF_OK, RF_EARG, RF_EDATA (run or measured are no JSON), RF_ENOMEM, RF_EINTERRUPTED
 */
RF_API RF_MUST_USE rf_status rf_report_new(rf_sim *sim, const rf_report_options *options,
                                           rf_report **out);
/** The document, one line of ASCII; lives with the report. */
RF_API const char *rf_report_json(const rf_report *report);
/** Write it as JSON. @return RF_OK, RF_EEXIST, RF_EIO */
RF_API RF_MUST_USE rf_status rf_report_save_json(const rf_report *report, const char *path,
                                                 bool force);
/** Write it as one HTML page that needs nothing else, no network either. @return RF_OK, RF_EEXIST, RF_EIO, RF_ENOMEM */
RF_API RF_MUST_USE rf_status rf_report_save_html(const rf_report *report, const char *path,
                                                 bool force);
RF_API void rf_report_free(rf_report *report);

/* ----------------------------------------------------------------------- 15  sensitivity --- */

/** What a choice of enabled quantizers gives, against the same network with all of them off. */
typedef struct rf_measured {
    double sqnr_db;   /* of the first output, 10 log10 of signal over noise; infinite where equal */
    double agreement; /* percent of samples with the float network's class; NaN without classes */
    double top1, loss; /* percent, cross-entropy; NaN without labels */
} rf_measured;

/** Quantizers of one layer that were switched together. */
typedef struct rf_sensitivity {
    const char
        *layer; /* node that owns the parameters or makes the activation; or an input's tensor */
    const char *op_type;     /* of the node; "" for an input */
    const char *kind;        /* "param", "activation", or "both" where the layer has the two */
    int param_bw, output_bw; /* widest of each; 0: none of the kind */
    int quantizers;
    rf_measured only;    /* these quantizers on, all others off */
    rf_measured all_but; /* these off, all others on */
    double harm;  /* by top1: points lost by `only`; by loss: its increase; by sqnr: -sqnr_db */
    int position; /* in graph order, parameters before activations before both */
} rf_sensitivity;

typedef struct rf_analysis {
    int64_t samples;
    const char *by; /* what rows are sorted by */
    rf_measured fp32, params, activations,
        quantized; /* none, all of a kind, and all quantizers on */
    int row_count;
    const rf_sensitivity *rows; /* most harm first */
    int tensor_count; /* with everything on: how far each tensor is from the float network's */
    const rf_compared_tensor *tensors;
    double seconds;
} rf_analysis;

typedef struct rf_analyze_options {
    int64_t samples; /* first ones of the data, kept in memory; 0: 512 */
    int64_t batch;   /* samples a pass; 0: 128. A graph with a fixed batch uses that */
    const char *by;  /* "top1", "loss", "sqnr"; NULL: top1 with labels, else sqnr */
} rf_analyze_options;
#define RF_ANALYZE_OPTIONS_INIT                                                                    \
    {                                                                                              \
        0                                                                                          \
    }

/**
 * Per-layer sensitivity: of a calibrated simulation every layer's enabled quantizers are switched on alone and off
 * alone; parameters, activations, and both. Ranges stay as they are, and so does the simulation. Samples come in order
 * and are not augmented. @param options  may be NULL
 * @return RF_OK, RF_ESTATE (not calibrated, no quantizer), RF_EARG, RF_EDATA (no samples; labels that `by` needs),
 *         RF_ESHAPE, RF_ENOMEM, RF_EINTERRUPTED. Source: AIMET QuantAnalyzer.
 */
RF_API RF_MUST_USE rf_status rf_analyze(const rf_sim *sim, const rf_dataset *dataset,
                                        const rf_analyze_options *options, rf_analysis **out);
RF_API void rf_analysis_free(rf_analysis *analysis);

/* ----------------------------------------------------------------------------- 16  speed --- */

/** Parts of a step: name, value, key in documents, text. Every moment of a step belongs to exactly one. */
#define RF_PART_MAP(X)                                                                             \
    X(CONV_FORWARD, 0, "conv_forward", "convolution, forward")                                     \
    X(CONV_BACKWARD_DATA, 1, "conv_backward_data", "convolution, backward data")                   \
    X(CONV_BACKWARD_WEIGHTS, 2, "conv_backward_weights", "convolution, backward weights")          \
    X(MATRIX_PRODUCTS, 3, "matrix_products", "matrix products")                                    \
    X(FUSED_KERNELS, 4, "fused_kernels", "fused kernels")                                          \
    X(QUANTIZE_WEIGHTS, 5, "quantize_weights", "quantizing weights")                               \
    X(OPTIMIZER, 6, "optimizer", "optimizer")                                                      \
    X(DATA, 7, "data", "waiting for data")                                                         \
    X(ALL_REDUCE, 8, "all_reduce", "all-reduce")                                                   \
    X(OTHER, 9, "other", "loss and the rest")
#define RF_PART_COUNT 10

typedef enum rf_step_part {
#define RF_PART_ENUM(name, value, key, text) RF_PART_##name = (value),
    RF_PART_MAP(RF_PART_ENUM)
#undef RF_PART_ENUM
} rf_step_part;
/** "conv_forward" and "convolution, forward"; static, never NULL. */
RF_API const char *rf_part_key(rf_step_part part);
RF_API const char *rf_part_text(rf_step_part part);

typedef enum rf_bench_mode { RF_BENCH_INFER, RF_BENCH_TRAIN, RF_BENCH_REESTIMATE } rf_bench_mode;

typedef struct rf_bench_options {
    int64_t batch;  /* samples a step; 0: 128. A graph with a fixed batch uses that */
    int64_t repeat; /* steps that are timed, behind two that are not; 0: 10 */
} rf_bench_options;
#define RF_BENCH_OPTIONS_INIT                                                                      \
    {                                                                                              \
        0                                                                                          \
    }

/**
 * Medians over the steps timed. The limit is what the same step would take if nothing but these happened: each
 * convolution and matrix product as a bare oneDNN primitive of its shape (on codes where the engine computes on codes and
 * that is faster), and once each the bytes that the other steps, the optimizer and the batch must read and write, at the
 * rate at which this machine copies memory with as many threads; inputs of batch statistics twice. Small tensors stay in
 * caches, so that a step can be faster than that.
 */
typedef struct rf_speed {
    int64_t batch, steps;              /* samples a step; steps timed */
    double img_per_s;                  /* batch / step_seconds */
    double step_seconds;               /* of the step of median length */
    double seconds[RF_PART_COUNT];     /* of its parts, which add up to it */
    int64_t peak_bytes;                /* largest resident memory of the process meanwhile */
    double limit_seconds, limit_ratio; /* of the step; limit_seconds / step_seconds */
    double copy_bytes_per_s;           /* read and written, as measured for the limit */
} rf_speed;

/**
 * Time steps of a network: of a float graph, or of a calibrated simulation through its quantizers (RF_BENCH_TRAIN is QAT
 * then). TRAIN and REESTIMATE change it as rf_train_... and rf_reestimate_... do. The log (debug) names the layers of a
 * simulation that compute in float32, with the reason. @param options  may be NULL
 * @return RF_OK, or the failure of what was timed; RF_EDATA (too few samples)
 */
RF_API RF_MUST_USE rf_status rf_bench_graph(rf_graph *graph, rf_bench_mode mode,
                                            const rf_dataset *dataset,
                                            const rf_bench_options *options, rf_speed *out);
RF_API RF_MUST_USE rf_status rf_bench_sim(rf_sim *sim, rf_bench_mode mode,
                                          const rf_dataset *dataset,
                                          const rf_bench_options *options, rf_speed *out);
/** Labelled random samples (normal numbers from the context's seed) in the shape that a graph takes: for benchmarks.
 *  @return RF_OK, RF_ESHAPE (the graph leaves more than the batch open), RF_ENOMEM */
RF_API RF_MUST_USE rf_status rf_dataset_random(const rf_graph *graph, int64_t samples,
                                               rf_dataset **out);

#ifdef __cplusplus
}
#endif
#endif
