/*
 * HDF5 files in memory, as far as Keras writes them (h5py's default, version 0 of the format and compact groups of
 * later ones): groups, arrays of numbers, texts and lists of texts as attributes.
 * libhdf5 is not asked to read: damaged files make it crash or run for ever. Here every address is checked against the
 * file, arrays against what the file can hold, and the work is bounded by the file's size.
 * A path is "model_weights/conv1/conv1/kernel:0"; "" is the root.
 * Source: HDF5 File Format Specification, version 3.0.
 */
#ifndef RF_FORMATS_HDF5_FILE_H
#define RF_FORMATS_HDF5_FILE_H

#include "base/arena.h"
#include "base/vec.h"
#include "tensor/tensor.h"

typedef struct rf_h5 rf_h5;
typedef RF_VEC(const char *) rf_h5_texts; /* the texts lie in the file's arena */

typedef enum rf_h5_kind { RF_H5_NOTHING, RF_H5_GROUP, RF_H5_ARRAY } rf_h5_kind;

bool rf_h5_is(const void *bytes, size_t size);
/* The bytes are borrowed and must outlive the file. RF_EMODEL. */
rf_status rf_h5_open(rf_context *ctx, const void *bytes, size_t size, rf_h5 **out);
void rf_h5_close(rf_h5 *h5); /* accepts NULL */

rf_h5_kind rf_h5_kind_of(const rf_h5 *h5, const char *path);
/* Names in a group, in alphabetical order as a rule. Released with RF_VEC_RELEASE. */
rf_status rf_h5_children(rf_h5 *h5, const char *path, rf_h5_texts *out);
/* *out is NULL where the object or the attribute is absent; it lives as long as the file. */
rf_status rf_h5_text(rf_h5 *h5, const char *path, const char *attribute, const char **out);
/* A list of texts; one over 64 KB is split into NAME0, NAME1, ... as Keras does. *found (may be NULL): it is there.
   Released with RF_VEC_RELEASE. */
rf_status rf_h5_text_list(rf_h5 *h5, const char *path, const char *attribute, bool *found,
                          rf_h5_texts *out);
rf_status rf_h5_array_shape(rf_h5 *h5, const char *path, rf_shape *out);
/* Any type of number arrives as float32. */
rf_status rf_h5_array(rf_h5 *h5, const char *path, rf_tensor **out);

#endif
