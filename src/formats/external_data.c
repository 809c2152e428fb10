/* Numbers of a tensor that lie in a file beside the model, and never anywhere else. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/status.h"
#include "formats/onnx_parts.h"

enum { SHARED_MOST = 8 };

typedef struct range {
    const char *location;
    int64_t offset, length; /* length -1: not given */
} range;

static const char *find_entry(const Onnx__TensorProto *proto, const char *key)
{
    for (size_t i = 0; i < proto->n_external_data; i++) {
        const Onnx__StringStringEntryProto *entry = proto->external_data[i];
        if (entry->key && entry->value && strcmp(entry->key, key) == 0)
            return entry->value;
    }
    return NULL;
}

static rf_status parse_number(rf_context *ctx, const char *name, const char *key, const char *text,
                              int64_t fallback, int64_t *out)
{
    if (!text) {
        *out = fallback;
        return RF_OK;
    }
    char *end = NULL;
    errno = 0;
    const long long value = strtoll(text, &end, 10);
    if (errno || end == text || *end || value < 0)
        return rf_fail(ctx, RF_EMODEL,
                       "tensor '%s': external data has %s '%.40s'; expected a number of bytes",
                       name, key, text);
    *out = value;
    return RF_OK;
}

static rf_status parse_range(rf_context *ctx, const Onnx__TensorProto *proto, const char *name,
                             range *out)
{
    out->location = find_entry(proto, "location");
    if (!out->location || !out->location[0])
        return rf_fail(ctx, RF_EMODEL, "tensor '%s': external data has no location", name);
    RF_TRY(parse_number(ctx, name, "offset", find_entry(proto, "offset"), 0, &out->offset));
    return parse_number(ctx, name, "length", find_entry(proto, "length"), -1, &out->length);
}

static bool has_parent_component(const char *path)
{
    for (const char *part = path; part; part = strchr(part, '/')) {
        part += *part == '/';
        if (strncmp(part, "..", 2) == 0 && (part[2] == '/' || part[2] == '\0'))
            return true;
    }
    return false;
}

static rf_status fail_outside(rf_context *ctx, const char *name, const char *location)
{
    return rf_fail(
        ctx, RF_EMODEL,
        "tensor '%s': external data lies at '%.200s'; expected a file in the model's own "
        "folder",
        name, location);
}

/* Both ends are resolved, so a link that leads out of the folder is seen. `path` receives the resolved file. */
static rf_status resolve(const rf_onnx_source *source, const char *name, const char *location,
                         char path[PATH_MAX])
{
    rf_context *ctx = source->ctx;
    char joined[PATH_MAX], folder[PATH_MAX];
    if (!source->folder || location[0] == '/' || strchr(location, '\\') ||
        has_parent_component(location))
        return fail_outside(ctx, name, location);
    const size_t folder_length = strlen(source->folder), length = strlen(location);
    if (folder_length + length + 2 > sizeof joined)
        return fail_outside(ctx, name, location);
    memcpy(joined, source->folder, folder_length);
    joined[folder_length] = '/';
    memcpy(joined + folder_length + 1, location, length + 1);
    if (!realpath(source->folder, folder) || !realpath(joined, path))
        return rf_fail(ctx, RF_EMODEL, "tensor '%s': cannot open its external data '%.200s': %s",
                       name, location, strerror(errno));
    const size_t prefix = strcmp(folder, "/") == 0 ? 0 : strlen(folder);
    if (strncmp(path, folder, prefix) != 0 || path[prefix] != '/')
        return fail_outside(ctx, name, location);
    return RF_OK;
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

/* Tensors that share their bytes must not add up: a file of a thousand lines could ask for a thousand times the data. */
static rf_status count_use(const rf_onnx_source *source, const char *name, const struct stat *s,
                           size_t size)
{
    rf_external_use *use = source->external;
    char *file = rf_arena_printf(&use->arena, "%llx:%llx", (unsigned long long)s->st_dev,
                                 (unsigned long long)s->st_ino);
    if (!file)
        return RF_ENOMEM;
    if (!rf_map_find(&use->files, file)) {
        use->held += s->st_size;
        RF_TRY(rf_map_put(&use->files, file, file));
    }
    use->read += (int64_t)size;
    if (use->read / SHARED_MOST > use->held)
        return rf_fail(source->ctx, RF_EMODEL,
                       "tensor '%s': with it external data comes to %lld bytes, but the files "
                       "hold %lld; expected at most %d times as much",
                       name, (long long)use->read, (long long)use->held, SHARED_MOST);
    return RF_OK;
}

/* Sizes are compared before memory is asked for. */
static rf_status read_open_file(const rf_onnx_source *source, const char *name, const range *r,
                                int fd, size_t size, uint8_t **out)
{
    rf_context *ctx = source->ctx;
    struct stat s;
    if (fstat(fd, &s) != 0 || !S_ISREG(s.st_mode))
        return rf_fail(ctx, RF_EMODEL, "tensor '%s': external data '%.200s' is no regular file",
                       name, r->location);
    if (r->offset > s.st_size || size > (uint64_t)(s.st_size - r->offset))
        return rf_fail(ctx, RF_EMODEL,
                       "tensor '%s': needs %zu bytes at byte %lld of '%.200s', that has %lld", name,
                       size, (long long)r->offset, r->location, (long long)s.st_size);
    RF_TRY(count_use(source, name, &s, size));
    uint8_t *bytes = rf_alloc(ctx, size);
    if (!bytes)
        return RF_ENOMEM;
    if (!read_range(fd, bytes, size, r->offset)) {
        rf_free(ctx, bytes);
        return rf_fail(ctx, RF_EIO, "tensor '%s': cannot read '%.200s'", name, r->location);
    }
    *out = bytes;
    return RF_OK;
}

rf_status rf_external_data_read(const rf_onnx_source *source, const Onnx__TensorProto *proto,
                                const char *name, size_t size, uint8_t **out)
{
    rf_context *ctx = source->ctx;
    range r = { 0 };
    char path[PATH_MAX];
    RF_TRY(parse_range(ctx, proto, name, &r));
    if (r.length >= 0 && (uint64_t)r.length != size)
        return rf_fail(ctx, RF_EMODEL,
                       "tensor '%s': external data is %lld bytes long; its dims need %zu", name,
                       (long long)r.length, size);
    RF_TRY(resolve(source, name, r.location, path));
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return rf_fail(ctx, RF_EIO, "tensor '%s': cannot open '%.200s': %s", name, path,
                       strerror(errno));
    const rf_status st = read_open_file(source, name, &r, fd, size, out);
    close(fd);
    return st;
}
