/* HDF5 files written by libhdf5, in memory. */
#include "formats/hdf5_write.h"

#include <hdf5.h>
#include <stdio.h>

#include "formats/hdf5_parts.h"

enum {
    DEPTH_LIMIT = 32,
    INCREMENT = 1 << 16,
    LIST_PART = 4000 /* texts of 16 bytes below 64 KB */
};

typedef struct writer {
    rf_h5 *old;
    const rf_h5_changes *changes;
    const char *skip;
    hid_t file;
} writer;

static rf_status fail_write(const writer *w, const char *path)
{
    return rf_h5_fail(w->old, path, "cannot be written");
}

/* --- attributes: texts as h5py writes str --- */

static bool write_texts(hid_t object, const char *name, const char *const *texts, size_t count,
                        bool scalar)
{
    const hsize_t dims = count;
    const hid_t type = H5Tcopy(H5T_C_S1);
    const hid_t space = scalar ? H5Screate(H5S_SCALAR) : H5Screate_simple(1, &dims, NULL);
    H5Tset_size(type, H5T_VARIABLE);
    H5Tset_cset(type, H5T_CSET_UTF8);
    const hid_t a = H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    const bool done = a >= 0 && (!count || H5Awrite(a, type, texts) >= 0);
    if (a >= 0)
        H5Aclose(a);
    H5Sclose(space);
    H5Tclose(type);
    return done;
}

static rf_status copy_text(const writer *w, hid_t group, const char *path, const char *name)
{
    const char *text = NULL;
    const bool config = !*path && strcmp(name, "model_config") == 0 && w->changes->config;
    if (config)
        text = w->changes->config;
    else
        RF_TRY(rf_h5_text(w->old, path, name, &text));
    if (!text || write_texts(group, name, &text, 1, /*scalar=*/true))
        return RF_OK;
    return fail_write(w, path);
}

static bool write_list(hid_t group, const char *name, const rf_h5_texts *texts)
{
    char part[80];
    if (texts->count <= LIST_PART)
        return write_texts(group, name, texts->items, texts->count, /*scalar=*/false);
    for (size_t at = 0, i = 0; at < texts->count; at += LIST_PART, i++) {
        const size_t left = texts->count - at;
        snprintf(part, sizeof part, "%s%zu", name, i);
        if (!write_texts(group, part, texts->items + at, left < LIST_PART ? left : LIST_PART,
                         /*scalar=*/false))
            return false;
    }
    return true;
}

static rf_status copy_list(const writer *w, hid_t group, const char *path, const char *name)
{
    rf_h5_texts old = { 0 };
    bool found = false;
    const rf_h5_texts *changed =
        strcmp(name, "weight_names") == 0 ? rf_map_find(&w->changes->lists, path) : NULL;
    RF_TRY(rf_h5_text_list(w->old, path, name, &found, &old));
    const rf_h5_texts *texts = changed ? changed : &old;
    const bool done = !found || write_list(group, name, texts);
    RF_VEC_RELEASE(w->old->ctx, &old);
    return done ? RF_OK : fail_write(w, path);
}

/* Everything that Keras looks at. */
static rf_status copy_attributes(const writer *w, hid_t group, const char *path)
{
    static const char *const texts[] = { "keras_version", "backend", "model_config",
                                         "training_config", "name" };
    static const char *const lists[] = { "layer_names", "weight_names" };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        RF_TRY(copy_text(w, group, path, texts[i]));
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
        RF_TRY(copy_list(w, group, path, lists[i]));
    return RF_OK;
}

/* --- arrays and groups --- */

static rf_status write_array(const writer *w, const char *path, const rf_tensor *t)
{
    hsize_t dims[RF_MAX_RANK];
    for (int d = 0; d < t->shape.rank; d++)
        dims[d] = (hsize_t)t->shape.dims[d];
    const hid_t links = H5Pcreate(H5P_LINK_CREATE), plan = H5Pcreate(H5P_DATASET_CREATE);
    const hid_t space =
        t->shape.rank ? H5Screate_simple(t->shape.rank, dims, NULL) : H5Screate(H5S_SCALAR);
    H5Pset_create_intermediate_group(links, 1);
    H5Pset_obj_track_times(plan, /*track=*/false); /* the same numbers give the same bytes */
    const hid_t array = H5Dcreate2(w->file, path, H5T_IEEE_F32LE, space, links, plan, H5P_DEFAULT);
    const bool done = array >= 0 && H5Dwrite(array, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT,
                                             t->data) >= 0;
    if (array >= 0)
        H5Dclose(array);
    H5Sclose(space);
    H5Pclose(plan);
    H5Pclose(links);
    return done ? RF_OK : fail_write(w, path);
}

static rf_status copy_array(const writer *w, const char *path)
{
    rf_tensor *t = NULL;
    const rf_tensor *changed = rf_map_find(&w->changes->arrays, path);
    if (changed)
        return write_array(w, path, changed);
    RF_TRY(rf_h5_array(w->old, path, &t));
    const rf_status st = write_array(w, path, t);
    rf_tensor_free(t);
    return st;
}

static rf_status copy_group(const writer *w, const rf_h5_object *o, int depth)
{
    const hid_t group = *o->path
                            ? H5Gcreate2(w->file, o->path, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT)
                            : H5Gopen2(w->file, "/", H5P_DEFAULT);
    if (group < 0)
        return fail_write(w, o->path);
    rf_status st = depth < DEPTH_LIMIT ? copy_attributes(w, group, o->path) : RF_EMODEL;
    H5Gclose(group);
    for (const rf_h5_object *child = o->children; child && !st; child = child->next) {
        const bool skipped = !depth && w->skip && strcmp(child->name, w->skip) == 0;
        if (child->kind == RF_H5_GROUP && !skipped)
            st = copy_group(w, child, depth + 1);
        else if (child->kind == RF_H5_ARRAY)
            st = copy_array(w, child->path);
    }
    return st;
}

/* Arrays that the old file does not have. */
static rf_status add_arrays(const writer *w)
{
    for (size_t i = 0; i < w->changes->added.count; i++)
        RF_TRY(write_array(w, w->changes->added.items[i].path, w->changes->added.items[i].tensor));
    return RF_OK;
}

static rf_status take_image(const writer *w, void **bytes_out, size_t *size_out)
{
    const ssize_t size =
        H5Fflush(w->file, H5F_SCOPE_GLOBAL) >= 0 ? H5Fget_file_image(w->file, NULL, 0) : -1;
    void *bytes = size > 0 ? rf_alloc(w->old->ctx, (size_t)size) : NULL;
    if (size > 0 && !bytes)
        return RF_ENOMEM;
    if (size <= 0 || H5Fget_file_image(w->file, bytes, (size_t)size) != size) {
        rf_free(w->old->ctx, bytes);
        return fail_write(w, "");
    }
    *bytes_out = bytes;
    *size_out = (size_t)size;
    return RF_OK;
}

/* Files in memory of one name would be one file, also those of other contexts. */
static hid_t new_file(const rf_h5 *old)
{
    char name[40];
    snprintf(name, sizeof name, "refold %p", (const void *)old);
    const hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    H5Pset_fapl_core(access, INCREMENT, /*backing_store=*/false);
    const hid_t file = H5Fcreate(name, H5F_ACC_TRUNC, H5P_DEFAULT, access);
    H5Pclose(access);
    return file;
}

rf_status rf_h5_rewrite(rf_h5 *old, const rf_h5_changes *changes, const char *skip,
                        void **bytes_out, size_t *size_out)
{
    H5E_auto2_t print;
    void *data;
    H5Eget_auto2(H5E_DEFAULT, &print, &data);
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL); /* the library prints nothing */
    const writer w = { old, changes, skip, new_file(old) };
    rf_status st = w.file >= 0 ? copy_group(&w, rf_h5_find(old, ""), 0) : fail_write(&w, "");
    if (!st)
        st = add_arrays(&w);
    if (!st)
        st = take_image(&w, bytes_out, size_out);
    if (w.file >= 0)
        H5Fclose(w.file);
    H5Eset_auto2(H5E_DEFAULT, print, data);
    return st;
}
