/*
 * Operators whose output has its input's elements in the same order: Reshape, Squeeze, Identity and
 * the like.
 */
#ifndef RF_OPS_SAME_MEMORY_H
#define RF_OPS_SAME_MEMORY_H

#include "ops/op_util.h"

/*
 * Copy where the planner gave the output its own memory. Both are PLAIN, or of the same dims in any
 * layout.
 */
rf_status rf_same_memory_forward(rf_step *s);
rf_status rf_same_memory_backward(rf_step *s);

#endif
