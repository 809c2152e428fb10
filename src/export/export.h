/* The parts of an export: the graphs and the encodings that are written, and the checks of what was written. */
#ifndef RF_EXPORT_EXPORT_H
#define RF_EXPORT_EXPORT_H

#include "graph/graph.h"
#include "sim/sim.h"

/* rf_export_options, checked and with defaults in place. */
typedef struct rf_export_choice {
    bool onnx, encodings, qdq;
    const char *prefix;
    const char *encodings_version; /* "0.6.1" or "1.0.0" */
    bool int4_weights;             /* weights of at most 4 bits travel in int4 */
    bool int32_bias;
    bool force;
} rf_export_choice;

/* RF_EARG names the option and what it may be. `options` may be NULL. */
rf_status rf_export_choose(rf_context *ctx, const rf_export_options *options,
                           rf_export_choice *out);

/* The quantizer writes an encoding: enabled, with a range, and of fewer than 32 bits. */
bool rf_quantizer_exports(const rf_node *fakequant);
/* Scale and offset of every channel as the simulation runs them. Both freed with rf_free. */
rf_status rf_quantizer_grid(rf_context *ctx, const rf_node *fakequant, float **scale_out,
                            int32_t **offset_out);

/* Elements of one channel lie in runs of this length; the channel of element i is i / run % channels. */
int64_t rf_channel_run(const rf_shape *shape, int axis);

/* --- plain_onnx.c --- */
/* The float network under its own names; quantized parameters carry quantize-dequantized values. */
rf_status rf_export_plain(const rf_sim *sim, rf_graph **out);
/* A quantizer's range in the form that the encodings file gives it; `channel` in [0, count). */
rf_encoding rf_export_encoding(const rf_node *fakequant, int64_t channel);
/* Name under which the quantizer's tensor appears in the plain graph. */
const char *rf_export_tensor_name(const rf_node *fakequant);

/* --- qdq.c --- */
/* `plain` names the outputs. The network with QuantizeLinear and DequantizeLinear in the form that ONNX Runtime fuses. */
rf_status rf_export_qdq(const rf_sim *sim, const rf_export_choice *choice, const rf_graph *plain,
                        rf_graph **out);

/* --- opset.c --- */
/* Bring a graph to at least `version` of ONNX's operator set. RF_EUNSUPPORTED names the node that has no newer form. */
rf_status rf_export_upgrade_opset(rf_graph *g, int64_t version);

/* --- new_values.c: constants, values, nodes under new names that derive from `base` (NULL: RF_ENOMEM) --- */
/* The graph owns `t` from here on, even on failure. */
rf_status rf_new_constant(rf_graph *g, const char *base, rf_tensor *t, rf_value **out);
rf_status rf_new_ints(rf_graph *g, const char *base, const int64_t *values, int64_t count,
                      rf_value **out);
rf_status rf_new_scalar(rf_graph *g, const char *base, float value, rf_value **out);
rf_status rf_new_value(rf_graph *g, const char *base, rf_dtype dtype, const rf_shape *shape,
                       rf_value **out);
/* A node with one output, in front of `before`; inputs NULL-terminated at 4. */
rf_status rf_new_node(rf_graph *g, const char *op_type, rf_value *const inputs[4], rf_value *output,
                      rf_node *before, rf_node **out);

/* --- encodings.c --- */
/* JSON text, sorted keys, indent 4; numbers re-read exactly. Freed with rf_free. */
rf_status rf_export_encodings(const rf_sim *sim, const char *version, char **out);

/* --- verify.c --- */
/* The file holds exactly this graph: nodes, ports, and every constant bit for bit. */
rf_status rf_verify_onnx(const rf_graph *expected, const char *path);
/* Every encoding of the file belongs to a tensor of `plain` and equals the simulation's; none is missing. */
rf_status rf_verify_encodings(const rf_sim *sim, const rf_graph *plain, const char *version,
                              const char *path);

/* --- coverage.c --- */
typedef RF_VEC(const char *) rf_names;
/* Float tensors of `plain` that have no encoding, in order of creation; borrowed from `plain`. */
rf_status rf_export_float_tensors(const rf_sim *sim, const rf_graph *plain, rf_names *out);

/* --- staging.c: files appear together or not at all --- */
#define RF_STAGED_MAX 3
typedef struct rf_staging {
    rf_context *ctx;
    const char *dir;
    char *folder; /* temporary, inside dir */
    bool made_dir;
    int count;
    struct rf_staged {
        char *temporary, *final;
    } files[RF_STAGED_MAX];
} rf_staging;
rf_status rf_staging_init(rf_staging *staging, rf_context *ctx, const char *dir);
/* Where to write a file that will be called `name`; the path lives as long as `staging`. */
rf_status rf_staging_add(rf_staging *staging, const char *name, const char **path_out);
/* Move all files to their names, replacing what is there. */
rf_status rf_staging_publish(rf_staging *staging);
/* Removes whatever was not published, and `dir` if it was made for nothing. */
void rf_staging_release(rf_staging *staging);

#endif
