/* Which convolutions on codes are refold's own, not oneDNN's. */
#ifndef RF_DNN_CONV_OWN_H
#define RF_DNN_CONV_OWN_H

#include "dnn/dnn.h"
#include "kernels/code_conv.h"

/* Whether `s` is; out: what kernels/code_conv.h is called with. For as many threads as OpenMP would start now. */
bool rf_conv_is_own(const rf_conv_shape *s, rf_code_conv *out);

#endif
