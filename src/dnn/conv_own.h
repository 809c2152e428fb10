/* Which convolutions are refold's own, not oneDNN's. */
#ifndef RF_DNN_CONV_OWN_H
#define RF_DNN_CONV_OWN_H

#include "dnn/dnn.h"
#include "kernels/code_conv.h"
#include "kernels/winograd.h"

/* On codes: whether `s` is; out: what kernels/code_conv.h is called with. For as many threads as OpenMP would start now. */
bool rf_conv_is_own(const rf_conv_shape *s, rf_code_conv *out);
/* In float32, backward: whether they are; out: what kernels/winograd.h is called with. */
bool rf_conv_gradients_are_own(const rf_conv_shape *s, int threads, rf_winograd *out);

#endif
