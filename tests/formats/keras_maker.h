/*
 * Keras models by hand: JSON text, and HDF5 files that libhdf5 itself writes, in the forms of several versions.
 * Weights are made up from a counter, so that a test and its reference see the same ones.
 */
#ifndef RF_TESTS_KERAS_MAKER_H
#define RF_TESTS_KERAS_MAKER_H

#include <hdf5.h>

#include "formats/keras.h"
#include "graph/graph.h"
#include "testing.h"

typedef enum keras_form {
    KERAS_H5,        /* model_weights/LAYER/LAYER/kernel:0; texts of variable length */
    KERAS_H5_FIXED,  /* the same with texts of fixed length, as Python 2 wrote them */
    KERAS_H5_CHUNKS, /* the same, compressed and shuffled */
    KERAS_H5_NEWEST, /* libver="latest": other superblock, headers and links */
    KERAS_WEIGHTS    /* no architecture, groups in the root */
} keras_form;

typedef struct keras_maker {
    hid_t file;
    keras_form form;
    char layers[64][64];
    int layer_count;
    char weights[64][16][96]; /* names of each layer's weights */
    int weight_count[64];
} keras_maker;

/* Values from -1 to 1 that differ from weight to weight. */
static inline float keras_number(uint32_t seed, int64_t i)
{
    uint32_t x = (uint32_t)i * 2654435761U + seed * 40503U + 12345U;
    x ^= x >> 15;
    x *= 2246822519U;
    x ^= x >> 13;
    return (float)(x >> 8) / 8388608.0F - 1.0F;
}

static inline void keras_fill(float *dst, int64_t count, uint32_t seed)
{
    for (int64_t i = 0; i < count; i++)
        dst[i] = keras_number(seed, i);
}

static inline void keras_begin(keras_maker *m, keras_form form)
{
    const hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    memset(m, 0, sizeof *m);
    m->form = form;
    assert_true(H5Pset_fapl_core(access, 4096, /*backing_store=*/false) >= 0);
    if (form == KERAS_H5_NEWEST)
        assert_true(H5Pset_libver_bounds(access, H5F_LIBVER_V18, H5F_LIBVER_V18) >= 0);
    char name[40];
    snprintf(name, sizeof name, "model %p", (void *)m); /* two in memory must not share one */
    m->file = H5Fcreate(name, H5F_ACC_TRUNC, H5P_DEFAULT, access);
    assert_true(m->file >= 0);
    H5Pclose(access);
}

static inline const char *keras_root(const keras_maker *m)
{
    return m->form == KERAS_WEIGHTS ? "" : "/model_weights";
}

static inline int keras_layer_index(keras_maker *m, const char *layer)
{
    for (int i = 0; i < m->layer_count; i++)
        if (strcmp(m->layers[i], layer) == 0)
            return i;
    snprintf(m->layers[m->layer_count], 64, "%s", layer);
    return m->layer_count++;
}

/* An array anywhere; its groups are made. */
static inline void keras_array(keras_maker *m, const char *path, int rank, const int64_t *dims,
                               const float *data)
{
    hsize_t size[8];
    for (int d = 0; d < rank; d++)
        size[d] = (hsize_t)dims[d];
    const hid_t space = H5Screate_simple(rank, size, NULL);
    const hid_t links = H5Pcreate(H5P_LINK_CREATE), plan = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_create_intermediate_group(links, 1);
    if (m->form == KERAS_H5_CHUNKS && rank) {
        for (int d = 0; d < rank; d++)
            size[d] = (size[d] + 1) / 2; /* the last chunks hang over */
        H5Pset_chunk(plan, rank, size);
        H5Pset_shuffle(plan);
        H5Pset_deflate(plan, 6);
        H5Pset_fletcher32(plan);
    }
    const hid_t array = H5Dcreate2(m->file, path, H5T_IEEE_F32LE, space, links, plan, H5P_DEFAULT);
    assert_true(array >= 0);
    assert_true(H5Dwrite(array, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) >= 0);
    H5Dclose(array);
    H5Pclose(plan);
    H5Pclose(links);
    H5Sclose(space);
}

/* A weight of a layer under the name that Keras gives it; `seed` makes its numbers. */
static inline void keras_weight(keras_maker *m, const char *layer, const char *name, int rank,
                                const int64_t *dims, uint32_t seed)
{
    char path[320];
    int64_t count = 1;
    const int at = keras_layer_index(m, layer);
    for (int d = 0; d < rank; d++)
        count *= dims[d];
    float *data = malloc((size_t)count * sizeof *data);
    keras_fill(data, count, seed);
    if (strstr(name, "variance"))
        for (int64_t i = 0; i < count; i++)
            data[i] = fabsf(data[i]) + 0.5F;
    snprintf(m->weights[at][m->weight_count[at]++], 96, "%s", name);
    snprintf(path, sizeof path, "%s/%s/%s", keras_root(m), layer, name);
    keras_array(m, path, rank, dims, data);
    free(data);
}

static inline void keras_texts(keras_maker *m, const char *path, const char *name, int count,
                               const char *const *texts, bool scalar)
{
    const bool fixed = m->form == KERAS_H5_FIXED;
    const hsize_t dims = (hsize_t)count;
    size_t longest = 1;
    for (int i = 0; i < count; i++)
        longest = strlen(texts[i]) > longest ? strlen(texts[i]) : longest;
    char *block = calloc((size_t)count + 1, longest);
    for (int i = 0; i < count; i++)
        memcpy(block + (size_t)i * longest, texts[i], strlen(texts[i]));
    const hid_t object = H5Oopen(m->file, path, H5P_DEFAULT), type = H5Tcopy(H5T_C_S1);
    const hid_t space = scalar ? H5Screate(H5S_SCALAR) : H5Screate_simple(1, &dims, NULL);
    assert_true(object >= 0);
    H5Tset_size(type, fixed ? longest : H5T_VARIABLE);
    H5Tset_strpad(type, fixed ? H5T_STR_NULLPAD : H5T_STR_NULLTERM);
    const hid_t a = H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(a >= 0 && H5Awrite(a, type, fixed ? (const void *)block : texts) >= 0);
    H5Aclose(a);
    H5Sclose(space);
    H5Tclose(type);
    H5Oclose(object);
    free(block);
}

/* Layers in the order in which they got weights; `config`: NULL leaves the architecture out. */
static inline void keras_finish_lists(keras_maker *m, const char *config)
{
    const char *layers[64], *names[16], *version = "2.11.0";
    char path[128];
    for (int i = 0; i < m->layer_count; i++) {
        layers[i] = m->layers[i];
        for (int w = 0; w < m->weight_count[i]; w++)
            names[w] = m->weights[i][w];
        snprintf(path, sizeof path, "%s/%s", keras_root(m), m->layers[i]);
        keras_texts(m, path, "weight_names", m->weight_count[i], names, false);
    }
    if (!m->layer_count && m->form != KERAS_WEIGHTS)
        H5Gclose(H5Gcreate2(m->file, "model_weights", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    const char *root = m->form == KERAS_WEIGHTS ? "/" : "/model_weights";
    if (m->layer_count)
        keras_texts(m, root, "layer_names", m->layer_count, layers, false);
    keras_texts(m, "/", "keras_version", 1, &version, true);
    if (config && m->form != KERAS_WEIGHTS)
        keras_texts(m, "/", "model_config", 1, &config, true);
}

/* The file's bytes, for free(). */
static inline void *keras_image(keras_maker *m, size_t *size_out)
{
    assert_true(H5Fflush(m->file, H5F_SCOPE_GLOBAL) >= 0);
    const ssize_t size = H5Fget_file_image(m->file, NULL, 0);
    assert_true(size > 0);
    void *bytes = malloc((size_t)size);
    assert_true(H5Fget_file_image(m->file, bytes, (size_t)size) == size);
    H5Fclose(m->file);
    *size_out = (size_t)size;
    return bytes;
}

static inline void *keras_end(keras_maker *m, const char *config, size_t *size_out)
{
    keras_finish_lists(m, config);
    return keras_image(m, size_out);
}

#endif
