/* What many operators share: error messages, axes, broadcasting, constants. */
#ifndef RF_OPS_OP_UTIL_H
#define RF_OPS_OP_UTIL_H

#include "ops/op.h"

/* "Conv 'conv1': ..." in front of the message. */
rf_status rf_infer_fail(const rf_inference *io, rf_status status, const char *format, ...)
    RF_PRINTF(3, 4);
rf_status rf_step_fail(const rf_step *s, rf_status status, const char *format, ...) RF_PRINTF(3, 4);

/* Wrap a negative axis; RF_EMODEL outside [-rank, rank). */
rf_status rf_infer_axis(const rf_inference *io, int64_t axis, int rank, int *out);
/* Output i: same dtype and shape as input 0. */
rf_status rf_infer_same(rf_inference *io);
/* RF_EUNSUPPORTED unless every input that is there is float32. */
rf_status rf_infer_float(const rf_inference *io);
rf_status rf_infer_float_at(const rf_inference *io, int i); /* the same of input i alone */
/*
 * Fails where input i is there and its contents are not known yet: the shape of an output depends on
 * them. The planner then asks again at run time, in inference.
 */
rf_status rf_infer_known(rf_inference *io, int i);
rf_status rf_infer_set(rf_inference *io, int i, rf_dtype dtype, const rf_shape *shape);
/*
 * Integers from attribute `attr` (older opsets) or constant input `input` (newer ones): axes, pads,
 * splits, shape. *count_out = -1 where neither is there. At most RF_MAX_RANK * 2. Fails as
 * rf_infer_known does.
 */
rf_status rf_infer_ints(rf_inference *io, const char *attr, int input, int64_t *values,
                        int *count_out);
rf_status rf_step_ints(const rf_step *s, const char *attr, int input, int64_t *values,
                       int *count_out);
float rf_constant_f32(const rf_tensor *t,
                      float fallback);    /* element 0; fallback for NULL or empty */
int rf_axis_wrap(int64_t axis, int rank); /* of an axis that infer checked */

/* Views of a and b stretched to the dims of `dst` (strides 0 where a dim is repeated). */
void rf_broadcast_view(const rf_view *v, const rf_view *dst, rf_view *out);
/*
 * dst (dims may be 1 or missing where src has more) = sum of src over the repeated dims. Double
 * sums, fixed order.
 */
void rf_sum_to(const rf_view *src, const rf_view *dst);

/*
 * Whether backward has to compute input i's gradient from that of output 0. Where that is zero and
 * input i's is wanted, it is filled here.
 */
bool rf_step_has_gradient(const rf_step *s, int i);

/* Allocate zeroed s->state; RF_ENOMEM. */
rf_status rf_step_new_state(rf_step *s, size_t bytes, void **out);
void rf_step_free_state(rf_step *s); /* a ready `release` for a state without handles */

#endif
