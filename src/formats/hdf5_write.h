/*
 * A HDF5 file made anew from one that was read: what Keras reads of it, with other numbers where they are given.
 * libhdf5 writes; it never sees the bytes of the old file.
 */
#ifndef RF_FORMATS_HDF5_WRITE_H
#define RF_FORMATS_HDF5_WRITE_H

#include "base/map.h"
#include "formats/hdf5_file.h"

typedef struct rf_h5_new_array {
    const char *path;
    const rf_tensor *tensor;
} rf_h5_new_array;

/* What differs from the old file. All may be empty. */
typedef struct rf_h5_changes {
    rf_map arrays; /* path -> rf_tensor: in place of the old array */
    RF_VEC(rf_h5_new_array) added;
    rf_map lists;       /* path of a group -> rf_h5_texts: its weight_names */
    const char *config; /* model_config; NULL: as it was */
} rf_h5_changes;

/* Groups called `skip` at the root are left out (NULL: none). The bytes are freed with rf_free. */
rf_status rf_h5_rewrite(rf_h5 *old, const rf_h5_changes *changes, const char *skip,
                        void **bytes_out, size_t *size_out);

#endif
