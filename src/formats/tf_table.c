/*
 * LevelDB's table format: data blocks, an index block whose values are their places, and a footer with the index's place.
 * A block is a list of entries whose keys share beginnings, restart points that we do not need, a byte for the
 * compression, and a checksum. Source: LevelDB's doc/table_format.md.
 */
#include "formats/tf_table.h"

#include <string.h>

#include "base/status.h"
#include "formats/crc32c.h"

enum { FOOTER = 48, TRAILER = 5, LONGEST_KEY = 65536, KEY_BYTES_PER_BYTE = 16 };
#define MAGIC UINT64_C(0xdb4775248b80fb57)

typedef struct table {
    rf_context *ctx;
    rf_arena *arena;
    const char *name;
    const uint8_t *bytes;
    size_t size;
    size_t *key_room; /* bytes of keys that may still be kept */
} table;

typedef struct block {
    const uint8_t *at, *end; /* entries, without restarts */
} block;

static rf_status fail(const table *t, const uint8_t *at, const char *what)
{
    return rf_fail(t->ctx, RF_EMODEL, "'%s', byte %zu: %s; the index is damaged", t->name,
                   (size_t)(at - t->bytes), what);
}

static bool read_varint(const uint8_t **at, const uint8_t *end, uint64_t *out)
{
    uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
        if (*at == end)
            return false;
        const uint8_t byte = *(*at)++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80)) {
            *out = value;
            return true;
        }
    }
    return false;
}

static uint32_t read_u32(const uint8_t *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

/* --- blocks --- */

static rf_status open_block(const table *t, const uint8_t **handle, const uint8_t *end, block *out)
{
    uint64_t offset = 0, size = 0;
    const uint8_t *begin = *handle;
    if (!read_varint(handle, end, &offset) || !read_varint(handle, end, &size))
        return fail(t, begin, "the place of a block ends too early");
    const size_t room = t->size - FOOTER;
    if (offset > room || size > room - offset || room - offset - size < TRAILER || size < 4)
        return fail(t, begin, "a block lies outside of the file");
    const uint8_t *bytes = t->bytes + offset, *trailer = bytes + size;
    if (!rf_crc32c_fits(bytes, (size_t)size + 1, read_u32(trailer + 1)))
        return fail(t, bytes, "a block's checksum differs from its bytes");
    if (trailer[0])
        return rf_fail(t->ctx, RF_EUNSUPPORTED,
                       "'%s', byte %zu: a block is compressed (kind %u); TensorFlow writes the "
                       "index of a checkpoint without compression: save the model again with it",
                       t->name, (size_t)offset, trailer[0]);
    const uint64_t restarts = read_u32(trailer - 4);
    if (restarts > (size - 4) / 4)
        return fail(t, trailer - 4, "more restart points than the block has room for");
    *out = (block){ bytes, trailer - 4 - 4 * restarts };
    return RF_OK;
}

/* The key grows in `key`, of which the last `shared` bytes of the one before stay. */
static rf_status read_entry(const table *t, block *b, char *key, size_t *key_size,
                            const uint8_t **value, size_t *value_size)
{
    uint64_t shared = 0, own = 0, length = 0;
    const uint8_t *begin = b->at;
    if (!read_varint(&b->at, b->end, &shared) || !read_varint(&b->at, b->end, &own) ||
        !read_varint(&b->at, b->end, &length))
        return fail(t, begin, "an entry ends too early");
    const size_t left = (size_t)(b->end - b->at);
    if (shared > *key_size || own > left || length > left - own || own > LONGEST_KEY - shared)
        return fail(t, begin, "an entry is longer than its block");
    memcpy(key + shared, b->at, own);
    *key_size = (size_t)(shared + own);
    key[*key_size] = '\0';
    b->at += own;
    *value = b->at;
    *value_size = (size_t)length;
    b->at += length;
    return RF_OK;
}

static rf_status read_data_block(const table *t, block b, char *key, rf_tf_table_entry entry,
                                 void *user)
{
    size_t key_size = 0;
    while (b.at < b.end) {
        const uint8_t *value = NULL;
        size_t value_size = 0;
        RF_TRY(read_entry(t, &b, key, &key_size, &value, &value_size));
        if (key_size > *t->key_room) /* an entry of four bytes can repeat a key of thousands */
            return fail(t, b.at, "the keys unfold to many times the file's size");
        *t->key_room -= key_size;
        const char *kept = rf_arena_strndup(t->arena, key, key_size);
        if (!kept)
            return RF_ENOMEM;
        RF_TRY(entry(user, kept, key_size, value, value_size));
    }
    return RF_OK;
}

/* --- the table --- */

static rf_status read_blocks(const table *t, block index, char *keys, rf_tf_table_entry entry,
                             void *user)
{
    char *index_key = keys, *key = keys + LONGEST_KEY + 1;
    size_t index_key_size = 0, read = 0;
    while (index.at < index.end) {
        const uint8_t *place = NULL;
        size_t place_size = 0;
        block data;
        RF_TRY(read_entry(t, &index, index_key, &index_key_size, &place, &place_size));
        RF_TRY(open_block(t, &place, place + place_size, &data));
        read += (size_t)(data.end - data.at);
        if (read > t->size) /* every block once, or a small file would be read for hours */
            return fail(t, place, "the index names the same block again and again");
        RF_TRY(read_data_block(t, data, key, entry, user));
    }
    return RF_OK;
}

rf_status rf_tf_table_read(rf_arena *arena, const uint8_t *bytes, size_t size, const char *name,
                           rf_tf_table_entry entry, void *user)
{
    size_t key_room = size * KEY_BYTES_PER_BYTE;
    const table t = { arena->ctx, arena, name, bytes, size, &key_room };
    const uint8_t *footer = bytes + (size < FOOTER ? 0 : size - FOOTER), *at = footer;
    uint64_t ignored;
    block index;
    if (size < FOOTER ||
        (read_u32(bytes + size - 8) | (uint64_t)read_u32(bytes + size - 4) << 32) != MAGIC)
        return rf_fail(t.ctx, RF_EMODEL,
                       "'%s' does not end as an index of a checkpoint does; it is truncated or "
                       "another kind of file",
                       name);
    if (!read_varint(&at, bytes + size, &ignored) || !read_varint(&at, bytes + size, &ignored))
        return fail(&t, footer, "the footer is damaged");
    RF_TRY(open_block(&t, &at, bytes + size, &index));
    char *keys = rf_alloc(t.ctx, 2 * (LONGEST_KEY + 1));
    if (!keys)
        return RF_ENOMEM;
    const rf_status st = read_blocks(&t, index, keys, entry, user);
    rf_free(t.ctx, keys);
    return st;
}
