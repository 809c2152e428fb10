/* Which dtype an ONNX element type becomes, for Cast and its kin. */
#ifndef RF_OPS_CAST_H
#define RF_OPS_CAST_H

#include "ops/op_util.h"

/* Of TensorProto.DataType `type`; RF_EUNSUPPORTED where refold has none. */
rf_status rf_infer_cast_type(const rf_inference *io, int64_t type, rf_dtype *out);
/* Output 0 = input 0, element by element, and its gradient. */
rf_status rf_cast_forward(rf_step *s);
rf_status rf_cast_backward(rf_step *s);

#endif
