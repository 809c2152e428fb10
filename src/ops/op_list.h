/*
 * Every operator, one a line, ordered by ONNX name (a test checks it). Included plainly it declares the tables;
 * with RF_OP defined it is a list to expand.
 */
#include "ops/op.h"

#ifndef RF_OP
#define RF_OP(name) extern const rf_op rf_op_##name;
#endif

RF_OP(abs)
RF_OP(add)
RF_OP(batch_normalization)
RF_OP(ceil)
RF_OP(clip)
RF_OP(concat)
RF_OP(conv)
RF_OP(conv_transpose)
RF_OP(dequantize)
RF_OP(div)
RF_OP(elu)
RF_OP(erf)
RF_OP(exp)
RF_OP(fake_quant)
RF_OP(flatten)
RF_OP(floor)
RF_OP(hard_sigmoid)
RF_OP(hard_swish)
RF_OP(identity)
RF_OP(layout)
RF_OP(leaky_relu)
RF_OP(log)
RF_OP(mul)
RF_OP(neg)
RF_OP(prelu)
RF_OP(pow)
RF_OP(reciprocal)
RF_OP(relu)
RF_OP(reshape)
RF_OP(sigmoid)
RF_OP(slice)
RF_OP(softplus)
RF_OP(split)
RF_OP(sqrt)
RF_OP(squeeze)
RF_OP(sub)
RF_OP(tanh)
RF_OP(transpose)
RF_OP(unsqueeze)

#undef RF_OP
