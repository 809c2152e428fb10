/*
 * Named tensors and strings in one .safetensors file: the form of training checkpoints, which Python can open.
 * One object serves both ways: fill it and write it, or read it and look things up.
 * Source: the safetensors format (8-byte little-endian header length, JSON header, data).
 */
#ifndef RF_TENSOR_SAFETENSORS_H
#define RF_TENSOR_SAFETENSORS_H

#include "tensor/tensor.h"

typedef struct rf_safetensors rf_safetensors;

rf_status rf_safetensors_new(rf_context *ctx, rf_safetensors **out);
void rf_safetensors_free(rf_safetensors *file);

/* Names and strings are copied; data is borrowed until the file is written or freed. RF_EARG: the name is there already. */
rf_status rf_safetensors_add(rf_safetensors *file, const char *name, const rf_tensor *tensor);
rf_status rf_safetensors_add_array(rf_safetensors *file, const char *name, rf_dtype dtype,
                                   const rf_shape *shape, const void *data);
/* Replaces an earlier value of `key`. */
rf_status rf_safetensors_set(rf_safetensors *file, const char *key, const char *value);
/* CRC-32 of every name, shape, byte and string but the metadata `except`, where it may be kept; the same once read back. */
uint32_t rf_safetensors_checksum(const rf_safetensors *file, const char *except);
/* Atomic. RF_EEXIST unless `force`, RF_EIO. */
rf_status rf_safetensors_write(const rf_safetensors *file, const char *path, bool force);

/* Tensors belong to *out. RF_EIO; RF_EDATA names the file and the tensor whose offsets, shape or dtype is wrong. */
rf_status rf_safetensors_read(rf_context *ctx, const char *path, rf_safetensors **out);
/* NULL if absent; of a file that was read. */
const rf_tensor *rf_safetensors_find(const rf_safetensors *file, const char *name);
/* The same, but RF_EDATA names file and tensor when it is absent or of another dtype or shape. */
rf_status rf_safetensors_get(const rf_safetensors *file, const char *name, rf_dtype dtype,
                             const rf_shape *shape, const rf_tensor **out);
const char *rf_safetensors_text(const rf_safetensors *file,
                                const char *key); /* metadata; NULL if absent */
size_t rf_safetensors_count(const rf_safetensors *file);
const char *rf_safetensors_name(const rf_safetensors *file, size_t index); /* in file order */

#endif
