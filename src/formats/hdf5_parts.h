/* What the parts of the HDF5 reader share: bounded access, the index of objects, header messages. */
#ifndef RF_FORMATS_HDF5_PARTS_H
#define RF_FORMATS_HDF5_PARTS_H

#include <string.h>

#include "base/map.h"
#include "base/status.h"
#include "formats/hdf5_file.h"

#define RF_H5_NOWHERE UINT64_MAX /* HDF5's undefined address */

/* A group or an array: where its header lies and how it is reached. */
typedef struct rf_h5_object {
    const char *path, *name; /* name: the last part of the path */
    uint64_t header;
    rf_h5_kind kind;
    struct rf_h5_object *children, *next; /* next: in the same group */
} rf_h5_object;

struct rf_h5 {
    rf_context *ctx;
    rf_arena arena;
    const uint8_t *bytes;
    size_t size;
    rf_map objects;   /* path -> rf_h5_object */
    int64_t work;     /* steps that may still be taken */
    int64_t expanded; /* bytes of arrays that may still be made */
};

/* One message of an object's header. */
typedef struct rf_h5_message {
    int type;
    bool shared; /* it is somewhere else in the file; not supported */
    const uint8_t *bytes;
    size_t size;
} rf_h5_message;

enum {
    RF_H5_DATASPACE = 0x01,
    RF_H5_LINK_INFO = 0x02,
    RF_H5_DATATYPE = 0x03,
    RF_H5_LINK = 0x06,
    RF_H5_LAYOUT = 0x08,
    RF_H5_FILTERS = 0x0b,
    RF_H5_ATTRIBUTE = 0x0c,
    RF_H5_CONTINUATION = 0x10,
    RF_H5_SYMBOL_TABLE = 0x11,
    RF_H5_ATTRIBUTE_INFO = 0x15
};

/* RF_EMODEL: "HDF5 object '/a/b' is damaged: ..." */
rf_status rf_h5_fail(const rf_h5 *h5, const char *path, const char *what);
/* `length` bytes at `address`; NULL beyond the end. */
const uint8_t *rf_h5_at(const rf_h5 *h5, uint64_t address, uint64_t length);
/* Take `steps` from the work that is left; false when there is none. */
bool rf_h5_work(rf_h5 *h5, int64_t steps);
const rf_h5_object *rf_h5_find(const rf_h5 *h5, const char *path);

/* Little-endian numbers. */
static inline uint64_t rf_h5_u(const uint8_t *p, int bytes)
{
    uint64_t v = 0;
    for (int i = bytes - 1; i >= 0; i--)
        v = v << 8 | p[i];
    return v;
}

/* --- hdf5_header.c --- */
typedef RF_VEC(rf_h5_message) rf_h5_messages;
/* All messages of the header at `address`; released with RF_VEC_RELEASE also on failure. `path`: for the failure. */
rf_status rf_h5_header(rf_h5 *h5, const char *path, uint64_t address, rf_h5_messages *out);
/* The first of a type, or NULL. */
const rf_h5_message *rf_h5_message_of(const rf_h5_messages *messages, int type);

/* --- hdf5_group.c --- */
/* Index everything below the root. */
rf_status rf_h5_index(rf_h5 *h5, uint64_t root);

/* --- hdf5_type.c --- */
typedef enum rf_h5_class {
    RF_H5_INTEGER,
    RF_H5_FLOAT,
    RF_H5_TEXT,
    RF_H5_VARIABLE_TEXT,
    RF_H5_OTHER
} rf_h5_class;
typedef struct rf_h5_type {
    rf_h5_class kind;
    size_t size;    /* bytes of one element */
    bool is_signed; /* integers */
    int exponent;   /* bits of it; floats */
    bool big_endian;
} rf_h5_type;
/* False where the message is damaged. */
bool rf_h5_parse_type(const uint8_t *bytes, size_t size, rf_h5_type *out);
bool rf_h5_parse_space(const uint8_t *bytes, size_t size, rf_shape *out);
/* Numbers of that type to float32. */
void rf_h5_to_float(const rf_h5_type *type, const uint8_t *src, int64_t count, float *dst);

/* --- hdf5_chunks.c --- */
typedef struct rf_h5_array_plan {
    const char *path;
    rf_shape shape;
    rf_h5_type type;
    const rf_h5_message *layout, *filters; /* filters: NULL for none */
} rf_h5_array_plan;
/* Fill dst, the whole array in its own type, from a chunked layout. */
rf_status rf_h5_read_chunks(rf_h5 *h5, const rf_h5_array_plan *plan, uint8_t *dst);

#endif
