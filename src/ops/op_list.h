/*
 * Every operator, one a line, ordered by ONNX name (a test checks it). Included plainly it declares the tables;
 * with RF_OP defined it is a list to expand.
 */
#include "ops/op.h"

#ifndef RF_OP
#define RF_OP(name) extern const rf_op rf_op_##name;
#endif

RF_OP(add)
RF_OP(relu)

#undef RF_OP
