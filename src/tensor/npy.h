/* NumPy arrays in memory; the public rf_tensor_load_npy and rf_tensor_save_npy are defined beside it. */
#ifndef RF_TENSOR_NPY_H
#define RF_TENSOR_NPY_H

#include "tensor/tensor.h"

/* Read a whole .npy image; `name` is for messages. float64 and float16 arrive as float32, uint32 and uint64 as int64. */
rf_status rf_npy_parse(rf_context *ctx, const char *name, const void *bytes, size_t size,
                       rf_tensor **out);

#endif
