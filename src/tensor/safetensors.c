/* .safetensors: 8 bytes of header length, a JSON header, then the data of all tensors without gaps. */
#include "tensor/safetensors.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/map.h"
#include "base/vec.h"

#define HEADER_LIMIT 100000000 /* bytes; the limit of the reference implementation */
#define METADATA "__metadata__"

typedef struct entry {
    const char *name;
    rf_dtype dtype;
    rf_shape shape;
    const void *data;  /* borrowed, of a file that is being made */
    rf_tensor *tensor; /* owned, of a file that was read */
    size_t bytes;
} entry;

typedef struct text {
    const char *key, *value;
} text;

struct rf_safetensors {
    rf_context *ctx;
    rf_arena arena;   /* names and strings */
    const char *path; /* of a file that was read */
    RF_VEC(entry) entries;
    rf_map index; /* name -> number of its entry, from 1 */
    RF_VEC(text) texts;
};

static const struct {
    rf_dtype dtype;
    const char *name;
} dtype_names[] = {
    { RF_DTYPE_F32, "F32" }, { RF_DTYPE_I64, "I64" }, { RF_DTYPE_I32, "I32" },
    { RF_DTYPE_U8, "U8" },   { RF_DTYPE_I8, "I8" },   { RF_DTYPE_BOOL, "BOOL" },
    { RF_DTYPE_F64, "F64" }, { RF_DTYPE_F16, "F16" }, { RF_DTYPE_I16, "I16" },
    { RF_DTYPE_U16, "U16" },
};
#define DTYPE_COUNT (sizeof dtype_names / sizeof *dtype_names)

static const char *dtype_text(rf_dtype dtype)
{
    for (size_t i = 0; i < DTYPE_COUNT; i++)
        if (dtype_names[i].dtype == dtype)
            return dtype_names[i].name;
    return "";
}

static bool dtype_find(const char *name, rf_dtype *out)
{
    for (size_t i = 0; name && i < DTYPE_COUNT; i++)
        if (strcmp(dtype_names[i].name, name) == 0) {
            *out = dtype_names[i].dtype;
            return true;
        }
    return false;
}

rf_status rf_safetensors_new(rf_context *ctx, rf_safetensors **out)
{
    rf_safetensors *file = rf_calloc(ctx, 1, sizeof *file);
    if (!file)
        return RF_ENOMEM;
    file->ctx = ctx;
    rf_arena_init(&file->arena, ctx);
    rf_map_init(&file->index, ctx);
    *out = file;
    return RF_OK;
}

void rf_safetensors_free(rf_safetensors *file)
{
    if (!file)
        return;
    for (size_t i = 0; i < file->entries.count; i++)
        rf_tensor_free(file->entries.items[i].tensor);
    RF_VEC_RELEASE(file->ctx, &file->entries);
    RF_VEC_RELEASE(file->ctx, &file->texts);
    rf_map_release(&file->index);
    rf_arena_release(&file->arena);
    rf_free(file->ctx, file);
}

static const entry *find_entry(const rf_safetensors *file, const char *name)
{
    const size_t found = (size_t)(uintptr_t)rf_map_find(&file->index, name);
    return found ? &file->entries.items[found - 1] : NULL;
}

static rf_status push_entry(rf_safetensors *file, const entry *e)
{
    RF_TRY(rf_map_put(&file->index, e->name, (void *)(uintptr_t)(file->entries.count + 1)));
    const rf_status st = RF_VEC_PUSH(file->ctx, &file->entries, *e);
    if (st)
        rf_map_remove(&file->index, e->name);
    return st;
}

/* ---- filling ---- */

rf_status rf_safetensors_add_array(rf_safetensors *file, const char *name, rf_dtype dtype,
                                   const rf_shape *shape, const void *data)
{
    int64_t count = 0;
    RF_TRY(rf_shape_count(file->ctx, shape, &count));
    if (strcmp(name, METADATA) == 0 || find_entry(file, name))
        return rf_fail(file->ctx, RF_EARG, "a tensor '%s' is in the file already", name);
    const entry e = { .name = rf_arena_strdup(&file->arena, name),
                      .dtype = dtype,
                      .shape = *shape,
                      .data = data,
                      .bytes = (size_t)count * rf_dtype_bytes(dtype) };
    return e.name ? push_entry(file, &e) : RF_ENOMEM;
}

rf_status rf_safetensors_add(rf_safetensors *file, const char *name, const rf_tensor *tensor)
{
    return rf_safetensors_add_array(file, name, tensor->dtype, &tensor->shape, tensor->data);
}

static rf_status add_text(rf_safetensors *file, const char *key, const char *value)
{
    const text t = { rf_arena_strdup(&file->arena, key), rf_arena_strdup(&file->arena, value) };
    return t.key && t.value ? RF_VEC_PUSH(file->ctx, &file->texts, t) : RF_ENOMEM;
}

rf_status rf_safetensors_set(rf_safetensors *file, const char *key, const char *value)
{
    for (size_t i = 0; i < file->texts.count; i++)
        if (strcmp(file->texts.items[i].key, key) == 0) {
            file->texts.items[i].value = rf_arena_strdup(&file->arena, value);
            return file->texts.items[i].value ? RF_OK : RF_ENOMEM;
        }
    return add_text(file, key, value);
}

/* ---- checksum ---- */

/* With the 0 behind it, so that two strings never run into each other. */
static uLong add_string(uLong sum, const char *word)
{
    return crc32_z(sum, (const Bytef *)word, strlen(word) + 1);
}

uint32_t rf_safetensors_checksum(const rf_safetensors *file, const char *except)
{
    uLong sum = crc32_z(0, NULL, 0);
    for (size_t i = 0; i < file->texts.count; i++) {
        const text *t = &file->texts.items[i];
        if (strcmp(t->key, except) != 0)
            sum = add_string(add_string(sum, t->key), t->value);
    }
    for (size_t i = 0; i < file->entries.count; i++) {
        const entry *e = &file->entries.items[i];
        char shape[RF_SHAPE_TEXT];
        sum = add_string(add_string(sum, e->name), dtype_text(e->dtype));
        sum = add_string(sum, rf_shape_text(&e->shape, shape));
        sum = crc32_z(sum, e->data, e->bytes);
    }
    return (uint32_t)sum;
}

/* ---- writing ---- */

static json_t *entry_to_json(const entry *e, size_t begin)
{
    json_t *shape = json_array();
    for (int d = 0; d < e->shape.rank; d++)
        json_array_append_new(shape, json_integer((json_int_t)e->shape.dims[d]));
    return json_pack("{s:s, s:o, s:[I, I]}", "dtype", dtype_text(e->dtype), "shape", shape,
                     "data_offsets", (json_int_t)begin, (json_int_t)(begin + e->bytes));
}

/* NULL when out of memory or when a name is not UTF-8. */
static json_t *header_to_json(const rf_safetensors *file)
{
    json_t *root = json_object(), *metadata = json_object();
    int failed = 0;
    for (size_t i = 0; i < file->texts.count; i++)
        failed |= json_object_set_new(metadata, file->texts.items[i].key,
                                      json_string(file->texts.items[i].value));
    if (file->texts.count > 0)
        failed |= json_object_set(root, METADATA, metadata);
    json_decref(metadata);
    size_t at = 0;
    for (size_t i = 0; i < file->entries.count; i++) {
        const entry *e = &file->entries.items[i];
        failed |= json_object_set_new(root, e->name, entry_to_json(e, at));
        at += e->bytes;
    }
    if (!failed)
        return root;
    json_decref(root);
    return NULL;
}

/* Length, header padded with spaces to 8 bytes (so that float64 data is aligned), data. */
static rf_status write_all(const rf_safetensors *file, const char *header, rf_file_writer *w)
{
    const size_t length = strlen(header), padding = (8 - length % 8) % 8;
    const uint64_t total = length + padding;
    unsigned char prefix[8];
    for (int i = 0; i < 8; i++)
        prefix[i] = (unsigned char)(total >> (8 * i));
    RF_TRY(rf_file_writer_write(w, prefix, sizeof prefix));
    RF_TRY(rf_file_writer_write(w, header, length));
    RF_TRY(rf_file_writer_write(w, "        ", padding));
    for (size_t i = 0; i < file->entries.count; i++)
        RF_TRY(rf_file_writer_write(w, file->entries.items[i].data, file->entries.items[i].bytes));
    return RF_OK;
}

rf_status rf_safetensors_write(const rf_safetensors *file, const char *path, bool force)
{
    json_t *root = header_to_json(file);
    char *header = root ? json_dumps(root, JSON_COMPACT) : NULL;
    json_decref(root);
    if (!header)
        return rf_fail(file->ctx, RF_ENOMEM,
                       "'%s': the header could not be made (memory, or a name that is not UTF-8)",
                       path);
    rf_file_writer *w = NULL;
    rf_status st = rf_file_writer_open(file->ctx, path, force, &w);
    if (st == RF_OK && (st = write_all(file, header, w)) != RF_OK)
        rf_file_writer_abort(w);
    else if (st == RF_OK)
        st = rf_file_writer_commit(w);
    free(header);
    return st;
}

/* ---- reading ---- */

/* The bytes of a file that is being read. */
typedef struct bytes_view {
    const unsigned char *data;
    size_t size;
} bytes_view;

static rf_status fail_tensor(const rf_safetensors *file, const char *name, const char *what)
{
    return rf_fail(file->ctx, RF_EDATA, "'%s': tensor '%s' has %s", file->path, name, what);
}

static rf_status read_shape(const rf_safetensors *file, const char *name, const json_t *json,
                            rf_shape *out)
{
    rf_shape shape = { .rank = (int)json_array_size(json) };
    if (!json_is_array(json) || json_array_size(json) > RF_MAX_RANK)
        return fail_tensor(file, name, "no shape of at most 8 dims");
    for (int d = 0; d < shape.rank; d++) {
        const json_t *dim = json_array_get(json, (size_t)d);
        if (!json_is_integer(dim) || json_integer_value(dim) < 0)
            return fail_tensor(file, name, "a dim that is not a number from 0");
        shape.dims[d] = (int64_t)json_integer_value(dim);
    }
    *out = shape;
    return RF_OK;
}

/* Begin and end of the tensor's data; both inside the data part. */
static rf_status read_offsets(const rf_safetensors *file, const char *name, const json_t *json,
                              size_t limit, size_t offsets[2])
{
    if (json_array_size(json) != 2)
        return fail_tensor(file, name, "no pair of data_offsets");
    for (size_t i = 0; i < 2; i++) {
        const json_t *offset = json_array_get(json, i);
        if (!json_is_integer(offset) || json_integer_value(offset) < 0 ||
            (uint64_t)json_integer_value(offset) > limit)
            return fail_tensor(file, name, "data_offsets outside the file");
        offsets[i] = (size_t)json_integer_value(offset);
    }
    return offsets[0] <= offsets[1] ? RF_OK
                                    : fail_tensor(file, name, "data_offsets in wrong order");
}

static rf_status read_tensor(rf_safetensors *file, const char *name, const json_t *json,
                             bytes_view data)
{
    entry e = { 0 };
    size_t offsets[2];
    int64_t count = 0;
    if (!dtype_find(json_string_value(json_object_get(json, "dtype")), &e.dtype))
        return fail_tensor(file, name, "a dtype that is not known");
    RF_TRY(read_shape(file, name, json_object_get(json, "shape"), &e.shape));
    RF_TRY(read_offsets(file, name, json_object_get(json, "data_offsets"), data.size, offsets));
    if (rf_shape_count(file->ctx, &e.shape, &count) != RF_OK)
        return fail_tensor(file, name, "a shape whose size overflows");
    e.bytes = offsets[1] - offsets[0];
    const size_t width = rf_dtype_bytes(e.dtype);
    if ((uint64_t)count > data.size / width || (size_t)count * width != e.bytes)
        return fail_tensor(file, name, "a shape that does not fit its data_offsets");
    e.name = rf_arena_strdup(&file->arena, name);
    if (!e.name)
        return RF_ENOMEM;
    RF_TRY(rf_tensor_new_unfilled(file->ctx, e.dtype, &e.shape, &e.tensor));
    memcpy(e.tensor->data, data.data + offsets[0], e.bytes);
    e.data = e.tensor->data;
    const rf_status st = push_entry(file, &e);
    if (st != RF_OK)
        rf_tensor_free(e.tensor);
    return st;
}

static rf_status read_metadata(rf_safetensors *file, json_t *json)
{
    const char *key;
    json_t *value;
    json_object_foreach(json, key, value)
    {
        if (!json_is_string(value))
            return rf_fail(file->ctx, RF_EDATA, "'%s': metadata '%s' is not a string", file->path,
                           key);
        RF_TRY(add_text(file, key, json_string_value(value))); /* JSON has no key twice */
    }
    return RF_OK;
}

/* Every byte belongs to a tensor: a file that was cut or that hides something is refused. */
static rf_status check_no_gaps(const rf_safetensors *file, size_t size)
{
    size_t sum = 0;
    for (size_t i = 0; i < file->entries.count && sum <= size; i++)
        sum += file->entries.items[i].bytes;
    return sum == size ? RF_OK
                       : rf_fail(file->ctx, RF_EDATA,
                                 "'%s': its tensors describe %zu bytes of data, the file has %zu",
                                 file->path, sum, size);
}

static rf_status read_entries(rf_safetensors *file, json_t *root, bytes_view data)
{
    const char *key;
    json_t *value;
    if (!json_is_object(root))
        return rf_fail(file->ctx, RF_EDATA, "'%s': the header is not a JSON object", file->path);
    json_object_foreach(root, key, value)
    {
        const rf_status st = strcmp(key, METADATA) == 0 ? read_metadata(file, value)
                                                        : read_tensor(file, key, value, data);
        if (st != RF_OK)
            return st;
    }
    return check_no_gaps(file, data.size);
}

static rf_status read_file(rf_safetensors *file, bytes_view all)
{
    uint64_t length = 0;
    for (size_t i = 0; i < 8 && all.size >= 8; i++)
        length |= (uint64_t)all.data[i] << (8 * i);
    if (all.size < 8 || length > all.size - 8 || length > HEADER_LIMIT)
        return rf_fail(file->ctx, RF_EDATA,
                       "'%s' is no .safetensors file: a header of %llu bytes in a file of %zu",
                       file->path, (unsigned long long)length, all.size);
    json_error_t error;
    json_t *root =
        json_loadb((const char *)all.data + 8, (size_t)length, JSON_REJECT_DUPLICATES, &error);
    if (!root)
        return rf_fail(file->ctx, RF_EDATA, "'%s': header, byte %d: %s", file->path,
                       error.position + 8, error.text);
    const bytes_view data = { all.data + 8 + length, all.size - 8 - (size_t)length };
    const rf_status st = read_entries(file, root, data);
    json_decref(root);
    return st;
}

rf_status rf_safetensors_read(rf_context *ctx, const char *path, rf_safetensors **out)
{
    rf_safetensors *file = NULL;
    void *bytes = NULL;
    size_t size = 0;
    RF_TRY(rf_file_read(ctx, path, &bytes, &size));
    rf_status st = rf_safetensors_new(ctx, &file);
    if (st == RF_OK)
        st = (file->path = rf_arena_strdup(&file->arena, path)) ? RF_OK : RF_ENOMEM;
    if (st == RF_OK)
        st = read_file(file, (bytes_view){ bytes, size });
    if (st == RF_OK)
        *out = file;
    else
        rf_safetensors_free(file);
    rf_free(ctx, bytes);
    return st;
}

/* ---- looking up ---- */

const rf_tensor *rf_safetensors_find(const rf_safetensors *file, const char *name)
{
    const entry *e = find_entry(file, name);
    return e ? e->tensor : NULL;
}

rf_status rf_safetensors_get(const rf_safetensors *file, const char *name, rf_dtype dtype,
                             const rf_shape *shape, const rf_tensor **out)
{
    const rf_tensor *t = rf_safetensors_find(file, name);
    const char *path = file->path ? file->path : "the new file";
    char found[RF_SHAPE_TEXT], expected[RF_SHAPE_TEXT];
    if (!t)
        return rf_fail(file->ctx, RF_EDATA, "'%s' has no tensor '%s'", path, name);
    if (t->dtype != dtype || !rf_shape_equal(&t->shape, shape))
        return rf_fail(file->ctx, RF_EDATA, "'%s': tensor '%s' is %s %s, expected %s %s", path,
                       name, rf_dtype_name(t->dtype), rf_shape_text(&t->shape, found),
                       rf_dtype_name(dtype), rf_shape_text(shape, expected));
    *out = t;
    return RF_OK;
}

const char *rf_safetensors_text(const rf_safetensors *file, const char *key)
{
    for (size_t i = 0; i < file->texts.count; i++)
        if (strcmp(file->texts.items[i].key, key) == 0)
            return file->texts.items[i].value;
    return NULL;
}

size_t rf_safetensors_count(const rf_safetensors *file)
{
    return file->entries.count;
}

const char *rf_safetensors_name(const rf_safetensors *file, size_t index)
{
    return index < file->entries.count ? file->entries.items[index].name : NULL;
}
