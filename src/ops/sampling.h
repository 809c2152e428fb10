/* Where Resize and Upsample look for each output index: sizes, scales and source coordinates. */
#ifndef RF_OPS_SAMPLING_H
#define RF_OPS_SAMPLING_H

#include "ops/op_util.h"

typedef enum rf_sampling_mode {
    RF_SAMPLE_NEAREST,
    RF_SAMPLE_LINEAR,
    RF_SAMPLE_CUBIC
} rf_sampling_mode;

/* One dim; begin and end are those of the region of interest, in parts of the input. */
typedef struct rf_sampled_dim {
    int64_t in, out;
    double scale, begin, end;
    bool identity; /* every index takes itself */
} rf_sampled_dim;

typedef struct rf_sampling {
    rf_sampling_mode mode;
    const char *coordinates, *rounding; /* as ONNX names them */
    bool crops;                         /* tf_crop_and_resize: what lies outside is extrapolation */
    bool exclude_outside, antialias;
    double cubic_a;
    float extrapolation;
    int rank;
    rf_sampled_dim dims[RF_MAX_RANK];
} rf_sampling;

/* What the node lists as inputs; NULL: absent or empty. */
typedef struct rf_sampling_inputs {
    const rf_tensor *roi, *sizes;
    const float *scales;
    int64_t scales_count;
} rf_sampling_inputs;

/*
 * From the attributes of Resize or Upsample (whose old forms have none) and the constants, for an
 * input of shape x.
 */
rf_status rf_sampling_read(rf_context *ctx, const rf_node *n, int64_t opset,
                           const rf_sampling_inputs *in, const rf_shape *x, rf_sampling *out);
rf_shape rf_sampling_shape(const rf_sampling *s);
/* The real source coordinate of output index i. */
double rf_sampling_at(const rf_sampling *s, const rf_sampled_dim *d, int64_t i);
/* ... as an index within the dim, by the rule of mode nearest; -1: extrapolated. */
int64_t rf_sampling_nearest(const rf_sampling *s, const rf_sampled_dim *d, int64_t i);
/* Whether that coordinate lies outside and takes the extrapolation value. */
bool rf_sampling_is_outside(const rf_sampling *s, const rf_sampled_dim *d, double at);

#endif
