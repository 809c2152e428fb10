/* Reading variables: the index says in which shard the bytes of a tensor lie, and their checksum. */
#include "formats/tf_bundle.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/status.h"
#include "formats/crc32c.h"
#include "formats/proto.h"
#include "formats/tf_table.h"
#include "formats/tf_tensor.h"

enum { MOST_SHARDS = 99999 };

typedef struct entry {
    int type;
    rf_shape shape;
    int shard;
    int64_t offset, size;
    uint32_t crc;
    bool sliced; /* its parts have keys of their own */
} entry;

void rf_tf_bundle_init(rf_tf_bundle *b, rf_context *ctx)
{
    *b = (rf_tf_bundle){ .ctx = ctx };
    rf_arena_init(&b->arena, ctx);
    rf_map_init(&b->entries, ctx);
}

void rf_tf_bundle_release(rf_tf_bundle *b)
{
    rf_map_release(&b->entries);
    rf_arena_release(&b->arena);
}

/* --- the index --- */

typedef struct index_reader {
    rf_tf_bundle *bundle;
    const char *name;
} index_reader;

static rf_status unpack(const index_reader *r, const ProtobufCMessageDescriptor *schema,
                        const uint8_t *value, size_t size, rf_proto *out)
{
    RF_TRY(rf_proto_scan(r->bundle->ctx, schema, "checkpoint index", value, size));
    return rf_proto_unpack(out, r->bundle->ctx, schema, value, size);
}

static rf_status read_header(const index_reader *r, const uint8_t *value, size_t size)
{
    rf_proto proto = { 0 };
    rf_status st = unpack(r, &tf__bundle_header_proto__descriptor, value, size, &proto);
    const Tf__BundleHeaderProto *header = (const Tf__BundleHeaderProto *)proto.message;
    if (!st && header->endianness)
        st = rf_fail(r->bundle->ctx, RF_EUNSUPPORTED,
                     "'%s' was written on a big-endian machine; save the model again on another",
                     r->name);
    if (!st && (header->num_shards < 1 || header->num_shards > MOST_SHARDS))
        st = rf_fail(r->bundle->ctx, RF_EMODEL, "'%s' speaks of %d shards", r->name,
                     header->num_shards);
    if (!st)
        r->bundle->shards = header->num_shards;
    rf_proto_release(&proto);
    return st;
}

static rf_status take_entry(const index_reader *r, const char *key,
                            const Tf__BundleEntryProto *proto)
{
    rf_tf_bundle *b = r->bundle;
    entry *e = rf_arena_alloc(&b->arena, sizeof *e);
    if (!e)
        return RF_ENOMEM;
    RF_TRY(rf_tf_shape(b->ctx, proto->shape, key, &e->shape));
    if (!proto->shape)
        e->shape.rank = 0;
    e->type = proto->dtype;
    e->shard = proto->shard_id;
    e->offset = proto->offset;
    e->size = proto->size;
    e->crc = proto->crc32c;
    e->sliced = proto->n_slices > 0;
    return rf_map_put(&b->entries, key, e);
}

/* The header has the empty key. */
static rf_status read_entry(void *user, const char *key, size_t key_size, const uint8_t *value,
                            size_t value_size)
{
    const index_reader *r = user;
    rf_proto proto = { 0 };
    if (!key_size)
        return read_header(r, value, value_size);
    rf_status st = unpack(r, &tf__bundle_entry_proto__descriptor, value, value_size, &proto);
    if (!st && strlen(key) == key_size) /* keys of slices hold zeros; we do not read these */
        st = take_entry(r, key, (const Tf__BundleEntryProto *)proto.message);
    rf_proto_release(&proto);
    return st;
}

rf_status rf_tf_bundle_decode(rf_tf_bundle *b, const uint8_t *bytes, size_t size, const char *name)
{
    index_reader r = { b, name };
    RF_TRY(rf_tf_table_read(&b->arena, bytes, size, name, read_entry, &r));
    if (!b->shards)
        return rf_fail(b->ctx, RF_EMODEL, "'%s' has no header", name);
    return RF_OK;
}

rf_status rf_tf_bundle_open(rf_tf_bundle *b, const char *prefix)
{
    void *bytes = NULL;
    size_t size = 0;
    b->prefix = rf_arena_strdup(&b->arena, prefix);
    char *path = rf_arena_printf(&b->arena, "%s.index", prefix);
    if (!b->prefix || !path)
        return RF_ENOMEM;
    RF_TRY(rf_file_read(b->ctx, path, &bytes, &size));
    const rf_status st = rf_tf_bundle_decode(b, bytes, size, path);
    rf_free(b->ctx, bytes);
    return st;
}

/* --- the data --- */

bool rf_tf_bundle_has(const rf_tf_bundle *b, const char *key)
{
    return rf_map_find(&b->entries, key) != NULL;
}

static bool read_range(int fd, uint8_t *bytes, size_t size, int64_t offset)
{
    size_t done = 0;
    while (done < size) {
        const ssize_t n = pread(fd, bytes + done, size - done, (off_t)(offset + (int64_t)done));
        if (n <= 0 && !(n < 0 && errno == EINTR))
            return false;
        done += n > 0 ? (size_t)n : 0;
    }
    return true;
}

/* Sizes are compared before memory is asked for. */
static rf_status read_bytes(const rf_tf_bundle *b, const char *key, const entry *e, int fd,
                            const char *path, uint8_t **out)
{
    struct stat s;
    if (fstat(fd, &s) != 0 || !S_ISREG(s.st_mode))
        return rf_fail(b->ctx, RF_EMODEL, "'%s' is no regular file", path);
    if (e->offset < 0 || e->size < 0 || e->offset > s.st_size || e->size > s.st_size - e->offset)
        return rf_fail(b->ctx, RF_EMODEL,
                       "variable '%s' needs %lld bytes at byte %lld of '%s', that has %lld", key,
                       (long long)e->size, (long long)e->offset, path, (long long)s.st_size);
    uint8_t *bytes = rf_alloc(b->ctx, (size_t)e->size);
    if (!bytes)
        return RF_ENOMEM;
    if (!read_range(fd, bytes, (size_t)e->size, e->offset)) {
        rf_free(b->ctx, bytes);
        return rf_fail(b->ctx, RF_EIO, "variable '%s': cannot read '%s'", key, path);
    }
    if (!rf_crc32c_fits(bytes, (size_t)e->size, e->crc)) {
        rf_free(b->ctx, bytes);
        return rf_fail(b->ctx, RF_EMODEL,
                       "variable '%s': the checksum differs from its bytes in '%s'; the file is "
                       "damaged",
                       key, path);
    }
    *out = bytes;
    return RF_OK;
}

/* The shard's name is ours; what it must not be is a link to somewhere else. */
static rf_status read_shard(const rf_tf_bundle *b, const char *key, const entry *e, char *path,
                            rf_tensor **out)
{
    uint8_t *bytes = NULL;
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
    if (fd < 0)
        return rf_fail(b->ctx, RF_EMODEL, "variable '%s': cannot open '%s': %s", key, path,
                       errno == ELOOP ? "it is a symbolic link; put the file itself there"
                                      : strerror(errno));
    rf_status st = read_bytes(b, key, e, fd, path, &bytes);
    close(fd);
    if (!st)
        st = rf_tf_tensor_of_bytes(b->ctx, e->type, &e->shape, bytes, (size_t)e->size, key, out);
    rf_free(b->ctx, bytes);
    return st;
}

rf_status rf_tf_bundle_read(const rf_tf_bundle *b, const char *key, rf_tensor **out)
{
    const entry *e = rf_map_find(&b->entries, key);
    if (!e)
        return rf_fail(b->ctx, RF_EMODEL, "the checkpoint has no variable '%s'", key);
    if (e->sliced)
        return rf_fail(b->ctx, RF_EUNSUPPORTED,
                       "variable '%s' is saved in slices; save the model without partitioned "
                       "variables",
                       key);
    if (e->shard < 0 || e->shard >= b->shards)
        return rf_fail(b->ctx, RF_EMODEL, "variable '%s' lies in shard %d of %d", key, e->shard,
                       b->shards);
    rf_arena scratch;
    rf_arena_init(&scratch, b->ctx);
    char *path = rf_arena_printf(&scratch, "%s.data-%05d-of-%05d", b->prefix, e->shard, b->shards);
    const rf_status st = path ? read_shard(b, key, e, path, out) : RF_ENOMEM;
    rf_arena_release(&scratch);
    return st;
}
