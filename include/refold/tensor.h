/** Dense arrays, and the .npy files that they come from. */
#ifndef REFOLD_TENSOR_H
#define REFOLD_TENSOR_H

#include <refold/context.h>

#ifdef __cplusplus
extern "C" {
#endif

#define RF_MAX_RANK 8

#define RF_DTYPE_MAP(X)                                                                            \
    X(F32, 0, "float32", 4)                                                                        \
    X(I64, 1, "int64", 8)                                                                          \
    X(I32, 2, "int32", 4)                                                                          \
    X(U8, 3, "uint8", 1)                                                                           \
    X(I8, 4, "int8", 1)                                                                            \
    X(BOOL, 5, "bool", 1)                                                                          \
    X(F64, 6, "float64", 8)                                                                        \
    X(F16, 7, "float16", 2)                                                                        \
    X(I16, 8, "int16", 2)                                                                          \
    X(U16, 9, "uint16", 2)

typedef enum rf_dtype {
#define RF_DTYPE_ENUM(name, value, text, bytes) RF_DTYPE_##name = (value),
    RF_DTYPE_MAP(RF_DTYPE_ENUM)
#undef RF_DTYPE_ENUM
} rf_dtype;
/** "float32", ...; "unknown" outside the list. */
RF_API const char *rf_dtype_name(rf_dtype dtype);
/** Bytes of one element; 0 outside the list. */
RF_API size_t rf_dtype_bytes(rf_dtype dtype);

/** A dense row-major array of up to RF_MAX_RANK dimensions. Rank 0 is a scalar; dims may be 0. */
typedef struct rf_tensor rf_tensor;

/** New zeroed tensor. @return RF_OK, RF_EARG (rank, negative dim), RF_ESHAPE (size overflows), RF_ENOMEM */
RF_API RF_MUST_USE rf_status rf_tensor_new(rf_context *ctx, rf_dtype dtype, int rank,
                                           const int64_t *dims, rf_tensor **out);
/** Accepts NULL, as every function that frees. */
RF_API void rf_tensor_free(rf_tensor *tensor);
RF_API rf_dtype rf_tensor_dtype(const rf_tensor *tensor);
RF_API int rf_tensor_rank(const rf_tensor *tensor);
RF_API const int64_t *rf_tensor_dims(const rf_tensor *tensor); /* [rank] */
RF_API int64_t rf_tensor_count(const rf_tensor *tensor);       /* product of dims; 1 for a scalar */
/** The elements, [count] of the dtype, 64-byte aligned; they live as long as the tensor. */
RF_API void *rf_tensor_data(rf_tensor *tensor);
RF_API const void *rf_tensor_const_data(const rf_tensor *tensor);
/**
 * Read a NumPy .npy file (format 1.0 to 3.0, little-endian, C or Fortran order; float64 and float16
 * arrive as float32, unsigned 32/64-bit integers as int64). @return RF_OK, RF_EIO, RF_EDATA, RF_ENOMEM
 */
RF_API RF_MUST_USE rf_status rf_tensor_load_npy(rf_context *ctx, const char *path, rf_tensor **out);
/** Write format 1.0, atomically. `force`: replace an existing file. @return RF_OK, RF_EEXIST, RF_EIO */
RF_API RF_MUST_USE rf_status rf_tensor_save_npy(rf_context *ctx, const rf_tensor *tensor,
                                                const char *path, bool force);

#ifdef __cplusplus
}
#endif
#endif
