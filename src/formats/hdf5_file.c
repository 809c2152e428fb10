/* HDF5 files in memory: opening, finding objects, texts of attributes. */
#include "formats/hdf5_file.h"

#include <stdio.h>

#include "formats/hdf5_parts.h"

static const char signature[] = "\x89HDF\r\n\x1a\n";

/* Compressed arrays hold more bytes than the file; so many times as much, and a little. */
#define EXPANSION_LIMIT 16
#define EXPANSION_FLOOR (1 << 20)
/* Steps for each byte of the file, and a little: every structure is read a few times, for each layer that asks. */
#define WORK_LIMIT 256

bool rf_h5_is(const void *bytes, size_t size)
{
    return size >= 8 && memcmp(bytes, signature, 8) == 0;
}

rf_status rf_h5_fail(const rf_h5 *h5, const char *path, const char *what)
{
    return rf_fail(h5->ctx, RF_EMODEL, "HDF5 object '/%.300s' %s", path, what);
}

const uint8_t *rf_h5_at(const rf_h5 *h5, uint64_t address, uint64_t length)
{
    if (address > h5->size || length > h5->size - address)
        return NULL;
    return h5->bytes + address;
}

bool rf_h5_work(rf_h5 *h5, int64_t steps)
{
    h5->work -= steps < h5->work ? steps : h5->work;
    return h5->work > 0;
}

/* --- the superblock --- */

static rf_status fail_open(const rf_h5 *h5, const char *what)
{
    return rf_fail(h5->ctx, RF_EMODEL, "a HDF5 file, but %s", what);
}

/* Where the root's header lies, and that addresses are as h5py writes them: 8 bytes, from the file's beginning. */
static rf_status read_superblock(const rf_h5 *h5, uint64_t *root)
{
    const uint8_t *p = rf_h5_at(h5, 0, 96);
    if (!p)
        return fail_open(h5, "it is cut off");
    const int version = p[8];
    const bool old = version < 2;
    const size_t base = old ? (version ? 28U : 24U) : 12U, end = base + (old ? 16U : 16U);
    if (version > 3)
        return fail_open(h5, "of a version that refold does not know");
    if (p[old ? 13 : 9] != 8 || p[old ? 14 : 10] != 8 || rf_h5_u(p + base, 8) != 0)
        return fail_open(h5, "its addresses are not those of a Keras file");
    if (rf_h5_u(p + end, 8) > h5->size)
        return fail_open(h5, "it is cut off");
    *root = rf_h5_u(p + base + (old ? 40 : 24), 8);
    return RF_OK;
}

rf_status rf_h5_open(rf_context *ctx, const void *bytes, size_t size, rf_h5 **out)
{
    rf_h5 *h5 = rf_calloc(ctx, 1, sizeof *h5);
    uint64_t root = 0;
    if (!h5)
        return RF_ENOMEM;
    *h5 = (rf_h5){ .ctx = ctx, .bytes = bytes, .size = size };
    h5->expanded = (int64_t)size * EXPANSION_LIMIT + EXPANSION_FLOOR;
    h5->work = (int64_t)size * WORK_LIMIT + EXPANSION_FLOOR;
    rf_arena_init(&h5->arena, ctx);
    rf_map_init(&h5->objects, ctx);
    rf_status st = rf_h5_is(bytes, size) ? read_superblock(h5, &root)
                                         : rf_fail(ctx, RF_EMODEL, "not an HDF5 file");
    if (!st)
        st = rf_h5_index(h5, root);
    if (st)
        rf_h5_close(h5);
    else
        *out = h5;
    return st;
}

void rf_h5_close(rf_h5 *h5)
{
    if (!h5)
        return;
    rf_map_release(&h5->objects);
    rf_arena_release(&h5->arena);
    rf_free(h5->ctx, h5);
}

/* --- objects --- */

const rf_h5_object *rf_h5_find(const rf_h5 *h5, const char *path)
{
    return rf_map_find(&h5->objects, path);
}

rf_h5_kind rf_h5_kind_of(const rf_h5 *h5, const char *path)
{
    const rf_h5_object *o = rf_h5_find(h5, path);
    return o ? o->kind : RF_H5_NOTHING;
}

rf_status rf_h5_children(rf_h5 *h5, const char *path, rf_h5_texts *out)
{
    const rf_h5_object *o = rf_h5_find(h5, path);
    rf_h5_texts names = { 0 };
    if (!o || o->kind != RF_H5_GROUP)
        return rf_h5_fail(h5, path, "is not there, or not a group");
    for (o = o->children; o; o = o->next)
        if (RF_VEC_PUSH(h5->ctx, &names, o->name)) {
            RF_VEC_RELEASE(h5->ctx, &names);
            return RF_ENOMEM;
        }
    *out = names;
    return RF_OK;
}

/* --- texts: fixed or variable length, one or a list of them --- */

typedef struct text_attribute {
    rf_h5_type type;
    int64_t count;
    const uint8_t *data;
    size_t size;
} text_attribute;

static size_t padded(size_t size, bool pad)
{
    return pad ? (size + 7) / 8 * 8 : size;
}

/* Takes a message of the wanted name apart. False: damaged, or not the one (*other). */
static bool parse_attribute(const rf_h5 *h5, const rf_h5_message *m, const char *name, bool *other,
                            text_attribute *out)
{
    rf_shape shape;
    const uint8_t *p = m->bytes;
    *other = false;
    if (m->size < 8 || p[0] < 1 || p[0] > 3)
        return false;
    const bool pad = p[0] == 1;
    const size_t begin = p[0] == 3 ? 9 : 8, name_size = (size_t)rf_h5_u(p + 2, 2);
    const size_t type_size = (size_t)rf_h5_u(p + 4, 2), space_size = (size_t)rf_h5_u(p + 6, 2);
    const size_t type_at = begin + padded(name_size, pad);
    const size_t space_at = type_at + padded(type_size, pad);
    const size_t data_at = space_at + padded(space_size, pad);
    if (m->size < data_at)
        return false;
    const size_t length = strnlen((const char *)p + begin, name_size);
    *other = length != strlen(name) || memcmp(p + begin, name, length) != 0;
    if (*other || m->shared || (p[0] > 1 && p[1] & 3))
        return false;
    out->data = p + data_at;
    out->size = m->size - data_at;
    return rf_h5_parse_type(p + type_at, type_size, &out->type) &&
           rf_h5_parse_space(p + space_at, space_size, &shape) &&
           rf_shape_count(h5->ctx, &shape, &out->count) == RF_OK &&
           (uint64_t)out->count <= out->size / out->type.size;
}

/* Object `index` of the global heap at `address`, or NULL. */
static const uint8_t *heap_object(rf_h5 *h5, uint64_t address, uint64_t index, size_t length)
{
    const uint8_t *p = rf_h5_at(h5, address, 16);
    if (!p || memcmp(p, "GCOL", 4) != 0)
        return NULL;
    const uint64_t size = rf_h5_u(p + 8, 8);
    if (!rf_h5_at(h5, address, size))
        return NULL;
    for (uint64_t at = 16; at <= size && size - at >= 16 && rf_h5_work(h5, 1);) {
        const uint64_t found = rf_h5_u(p + at, 2), bytes = rf_h5_u(p + at + 8, 8);
        at += 16;
        if (!found || bytes > size - at)
            return NULL;
        if (found == index)
            return bytes >= length ? p + at : NULL;
        at += bytes + (8 - bytes % 8) % 8;
    }
    return NULL;
}

static rf_status push_text(rf_h5 *h5, rf_h5_texts *out, const uint8_t *bytes, size_t length)
{
    const char *text = (const char *)bytes;
    if (!rf_h5_work(h5, (int64_t)length + 1))
        return RF_EMODEL;
    const char *copy = rf_arena_strndup(&h5->arena, text, strnlen(text, length));
    return copy ? RF_VEC_PUSH(h5->ctx, out, copy) : RF_ENOMEM;
}

/* RF_EMODEL without a message where it holds no texts. */
static rf_status read_attribute(rf_h5 *h5, const text_attribute *a, rf_h5_texts *out)
{
    for (int64_t i = 0; i < a->count; i++) {
        const uint8_t *p = a->data + (size_t)i * a->type.size;
        size_t length = a->type.size;
        if (a->type.kind == RF_H5_VARIABLE_TEXT) {
            length = (size_t)rf_h5_u(p, 4);
            p = length ? heap_object(h5, rf_h5_u(p + 4, 8), rf_h5_u(p + 12, 4), length) : p;
        }
        if (!p || (a->type.kind != RF_H5_VARIABLE_TEXT && a->type.kind != RF_H5_TEXT))
            return RF_EMODEL;
        RF_TRY(push_text(h5, out, p, length));
    }
    return RF_OK;
}

/* Attributes in a heap of their own, as only the newest form of HDF5 has them, cannot be found. */
static bool has_hidden_attributes(const rf_h5_messages *messages)
{
    const rf_h5_message *m = rf_h5_message_of(messages, RF_H5_ATTRIBUTE_INFO);
    const size_t at = m && m->size >= 2 && (m->bytes[1] & 1) ? 4 : 2;
    return m && m->size >= at + 8 && rf_h5_u(m->bytes + at, 8) != RF_H5_NOWHERE;
}

static rf_status search_messages(rf_h5 *h5, const rf_h5_messages *messages, const char *name,
                                 bool *found, rf_h5_texts *out)
{
    text_attribute a;
    for (size_t i = 0; i < messages->count; i++) {
        bool other;
        const rf_h5_message *m = &messages->items[i];
        if (m->type != RF_H5_ATTRIBUTE)
            continue;
        *found = parse_attribute(h5, m, name, &other, &a);
        if (!*found && !other)
            return RF_EMODEL;
        if (*found)
            return read_attribute(h5, &a, out);
    }
    return has_hidden_attributes(messages) ? RF_EMODEL : RF_OK;
}

/* Appends what the attribute holds; *found tells whether it is there. */
static rf_status read_texts(rf_h5 *h5, const char *path, const char *name, bool *found,
                            rf_h5_texts *out)
{
    const rf_h5_object *o = rf_h5_find(h5, path);
    rf_h5_messages messages = { 0 };
    *found = false;
    if (!o)
        return RF_OK;
    rf_status st = rf_h5_header(h5, path, o->header, &messages);
    if (!st && (st = search_messages(h5, &messages, name, found, out)) == RF_EMODEL)
        rf_fail(h5->ctx, st,
                "HDF5 object '/%.300s': attribute '%s' is damaged, holds no text, or is in the "
                "newest form of HDF5",
                path, name);
    RF_VEC_RELEASE(h5->ctx, &messages);
    return st;
}

rf_status rf_h5_text(rf_h5 *h5, const char *path, const char *attribute, const char **out)
{
    rf_h5_texts texts = { 0 };
    bool found;
    const rf_status st = read_texts(h5, path, attribute, &found, &texts);
    if (!st)
        *out = texts.count ? texts.items[0] : NULL;
    RF_VEC_RELEASE(h5->ctx, &texts);
    return st;
}

rf_status rf_h5_text_list(rf_h5 *h5, const char *path, const char *attribute, bool *found,
                          rf_h5_texts *out)
{
    rf_h5_texts texts = { 0 };
    char part[80];
    bool there, more;
    rf_status st = read_texts(h5, path, attribute, &there, &texts);
    more = !there;
    for (int i = 0; more && !st; i++) {
        snprintf(part, sizeof part, "%.60s%d", attribute, i);
        st = read_texts(h5, path, part, &more, &texts);
        there |= more;
    }
    if (st) {
        RF_VEC_RELEASE(h5->ctx, &texts);
        return st;
    }
    if (found)
        *found = there;
    *out = texts;
    return RF_OK;
}
