/* Groups of HDF5: symbol tables (version 0 of the format) and link messages; the index of all objects. */
#include "formats/hdf5_parts.h"

enum {
    DEPTH_LIMIT = 32, /* groups in groups */
    LEVEL_LIMIT = 16, /* of a B-tree */
    SYMBOL_BYTES = 40,
    SOFT_LINK = 2 /* cache type of a symbol */
};

typedef struct group_reader {
    rf_h5 *h5;
    rf_h5_object *group;
    const uint8_t *names; /* the local heap's data */
    size_t names_size;
    rf_h5_object **tail;
} group_reader;

static rf_status fail_group(const group_reader *r)
{
    return rf_h5_fail(r->h5, r->group->path, "is damaged: its members cannot be listed");
}

static rf_status add_link(group_reader *r, const char *name, size_t length, uint64_t header)
{
    rf_arena *arena = &r->h5->arena;
    const char *group = r->group->path;
    if (!length || memchr(name, '/', length) || !rf_h5_work(r->h5, 64))
        return fail_group(r);
    rf_h5_object *o = rf_arena_alloc(arena, sizeof *o);
    const char *copy = rf_arena_strndup(arena, name, length);
    const char *path = copy && *group ? rf_arena_printf(arena, "%s/%s", group, copy) : copy;
    if (!o || !path)
        return RF_ENOMEM;
    *o = (rf_h5_object){ .path = path, .name = copy, .header = header };
    *r->tail = o;
    r->tail = &o->next;
    return rf_map_put(&r->h5->objects, path, o);
}

/* --- symbol tables --- */

static rf_status read_symbols(group_reader *r, uint64_t address)
{
    const uint8_t *p = rf_h5_at(r->h5, address, 8);
    if (!p || memcmp(p, "SNOD", 4) != 0)
        return fail_group(r);
    const size_t count = (size_t)rf_h5_u(p + 6, 2);
    const uint8_t *symbols = rf_h5_at(r->h5, address + 8, count * SYMBOL_BYTES);
    if (!symbols)
        return fail_group(r);
    for (size_t i = 0; i < count; i++, symbols += SYMBOL_BYTES) {
        const uint64_t at = rf_h5_u(symbols, 8);
        if (rf_h5_u(symbols + 16, 4) == SOFT_LINK)
            continue;
        if (at >= r->names_size)
            return fail_group(r);
        const char *name = (const char *)r->names + at;
        const size_t most = r->names_size - (size_t)at, length = strnlen(name, most);
        if (length == most)
            return fail_group(r);
        RF_TRY(add_link(r, name, length, rf_h5_u(symbols + 8, 8)));
    }
    return RF_OK;
}

/* Levels fall towards the leaves, which bounds the recursion whatever the addresses say. */
static rf_status read_tree(group_reader *r, uint64_t address, int level)
{
    const uint8_t *p = rf_h5_at(r->h5, address, 24);
    if (!p || memcmp(p, "TREE", 4) != 0 || p[4] != 0 || p[5] > LEVEL_LIMIT ||
        (level >= 0 && p[5] != level))
        return fail_group(r);
    const size_t count = (size_t)rf_h5_u(p + 6, 2);
    const uint8_t *entries = rf_h5_at(r->h5, address + 24, count * 16 + 8);
    if (!entries || !rf_h5_work(r->h5, (int64_t)count * 16 + 64))
        return fail_group(r);
    for (size_t i = 0; i < count; i++) {
        const uint64_t child = rf_h5_u(entries + 16 * i + 8, 8);
        RF_TRY(p[5] ? read_tree(r, child, p[5] - 1) : read_symbols(r, child));
    }
    return RF_OK;
}

static rf_status read_symbol_table(group_reader *r, const rf_h5_message *m)
{
    const uint8_t *heap = m->size >= 16 ? rf_h5_at(r->h5, rf_h5_u(m->bytes + 8, 8), 32) : NULL;
    if (!heap || memcmp(heap, "HEAP", 4) != 0)
        return fail_group(r);
    r->names_size = (size_t)rf_h5_u(heap + 8, 8);
    r->names = rf_h5_at(r->h5, rf_h5_u(heap + 24, 8), r->names_size);
    return r->names ? read_tree(r, rf_h5_u(m->bytes, 8), -1) : fail_group(r);
}

/* --- link messages --- */

static rf_status read_link(group_reader *r, const rf_h5_message *m)
{
    const uint8_t *p = m->bytes;
    if (m->size < 2 || p[0] != 1)
        return fail_group(r);
    const int flags = p[1], width = 1 << (flags & 3);
    const size_t kind_at = 2, order_at = kind_at + (flags & 8 ? 1 : 0);
    const size_t name_at = order_at + (flags & 4 ? 8 : 0) + (flags & 0x10 ? 1 : 0);
    if (m->size < name_at + (size_t)width)
        return fail_group(r);
    const uint64_t length = rf_h5_u(p + name_at, width);
    const size_t text_at = name_at + (size_t)width;
    if (length > m->size - text_at)
        return fail_group(r);
    if ((flags & 8) && p[kind_at] != 0) /* soft or external: it could lead out of the file */
        return RF_OK;
    if (m->size - text_at - length < 8)
        return fail_group(r);
    return add_link(r, (const char *)p + text_at, (size_t)length, rf_h5_u(p + text_at + length, 8));
}

/* Many links stand in a heap of their own, which h5py writes only with libver="latest" or track_order. */
static rf_status check_compact(const group_reader *r, const rf_h5_message *m)
{
    const size_t heap_at = m->size >= 2 && (m->bytes[1] & 1) ? 10 : 2;
    if (m->size < heap_at + 8)
        return fail_group(r);
    if (rf_h5_u(m->bytes + heap_at, 8) == RF_H5_NOWHERE)
        return RF_OK;
    return rf_fail(r->h5->ctx, RF_EUNSUPPORTED,
                   "HDF5 group '/%.300s' is in the newest form of HDF5; write the file again as "
                   "Keras does by itself, without libver='latest' and track_order",
                   r->group->path);
}

static rf_status read_links(group_reader *r, const rf_h5_messages *messages)
{
    const rf_h5_message *info = rf_h5_message_of(messages, RF_H5_LINK_INFO);
    if (info)
        RF_TRY(check_compact(r, info));
    for (size_t i = 0; i < messages->count; i++)
        if (messages->items[i].type == RF_H5_LINK)
            RF_TRY(read_link(r, &messages->items[i]));
    return RF_OK;
}

/* --- the index --- */

static rf_status index_object(rf_h5 *h5, rf_h5_object *o, int depth);

static rf_status index_group(rf_h5 *h5, rf_h5_object *o, const rf_h5_messages *messages, int depth)
{
    group_reader r = { .h5 = h5, .group = o, .tail = &o->children };
    const rf_h5_message *table = rf_h5_message_of(messages, RF_H5_SYMBOL_TABLE);
    if (depth >= DEPTH_LIMIT)
        return rf_h5_fail(h5, o->path, "lies too deep in groups");
    RF_TRY(table ? read_symbol_table(&r, table) : read_links(&r, messages));
    for (rf_h5_object *child = o->children; child; child = child->next)
        RF_TRY(index_object(h5, child, depth + 1));
    return RF_OK;
}

static rf_status index_object(rf_h5 *h5, rf_h5_object *o, int depth)
{
    rf_h5_messages messages = { 0 };
    rf_status st = rf_h5_header(h5, o->path, o->header, &messages);
    if (!st && rf_h5_message_of(&messages, RF_H5_LAYOUT))
        o->kind = RF_H5_ARRAY;
    else if (!st && (rf_h5_message_of(&messages, RF_H5_SYMBOL_TABLE) ||
                     rf_h5_message_of(&messages, RF_H5_LINK_INFO))) {
        o->kind = RF_H5_GROUP;
        st = index_group(h5, o, &messages, depth);
    }
    RF_VEC_RELEASE(h5->ctx, &messages);
    return st;
}

rf_status rf_h5_index(rf_h5 *h5, uint64_t root)
{
    rf_h5_object *o = rf_arena_alloc(&h5->arena, sizeof *o);
    if (!o)
        return RF_ENOMEM;
    *o = (rf_h5_object){ .path = "", .name = "", .header = root };
    RF_TRY(rf_map_put(&h5->objects, o->path, o));
    return index_object(h5, o, 0);
}
