/* NumPy .npz files: named arrays in a zip. */
#ifndef RF_DATA_NPZ_H
#define RF_DATA_NPZ_H

#include "base/arena.h"
#include "base/map.h"
#include "base/vec.h"
#include "tensor/tensor.h"

typedef struct rf_npz_item {
    const char *name; /* without ".npy" */
    rf_tensor *tensor;
} rf_npz_item;

typedef struct rf_npz {
    rf_context *ctx;
    rf_arena arena;
    RF_VEC(rf_npz_item) items; /* in file order */
    rf_map tensors;            /* name -> tensor of its item */
} rf_npz;

/* All arrays of the file; dtypes arrive as rf_tensor_load_npy gives them. RF_EIO, RF_EDATA (names file and array). */
rf_status rf_npz_read(rf_context *ctx, const char *path, rf_npz *out);
void rf_npz_release(rf_npz *npz);
const rf_tensor *rf_npz_find(const rf_npz *npz, const char *name); /* NULL if absent */

#endif
