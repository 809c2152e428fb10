/* idx:IMAGES,LABELS: the files of MNIST and its relatives, gzip or not. */
#include "data/source.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

#define UBYTE 8                 /* element type in the third byte of the magic number */
#define DEFLATE_MAX_RATIO 1032u /* what one compressed byte can become */

/* An IDX file of bytes in memory. */
typedef struct idx_array {
    rf_shape shape;
    uint8_t *data;
} idx_array;

typedef struct idx_source {
    rf_source base;
    char *images_path;
    idx_array images;
    int64_t height, width, channels;
    bool channels_last;
    int64_t *labels;
} idx_source;

/* ---- the file format ---- */

static rf_status fail_idx(rf_context *ctx, const char *path, const char *what)
{
    return rf_fail(ctx, RF_EDATA, "'%s' is no usable IDX file: %s", path, what);
}

static rf_status read_dims(rf_context *ctx, const char *path, gzFile file, rf_shape *out)
{
    unsigned char head[4], dim[4];
    if (gzread(file, head, 4) != 4 || head[0] != 0 || head[1] != 0)
        return fail_idx(ctx, path, "its first two bytes are not 0");
    if (head[2] != UBYTE)
        return fail_idx(ctx, path, "its elements are not unsigned bytes (type 0x08)");
    if (head[3] < 1 || head[3] > 4)
        return fail_idx(ctx, path, "it has not 1 to 4 dims");
    rf_shape shape = { .rank = head[3] };
    for (int d = 0; d < shape.rank; d++) {
        if (gzread(file, dim, 4) != 4)
            return fail_idx(ctx, path, "it ends within its header");
        shape.dims[d] =
            (int64_t)dim[0] << 24 | (int64_t)dim[1] << 16 | (int64_t)dim[2] << 8 | dim[3];
    }
    *out = shape;
    return RF_OK;
}

/* Memory is only asked for when a file of this size can hold so much. */
static rf_status check_size(rf_context *ctx, const char *path, const rf_shape *shape,
                            int64_t *count_out)
{
    struct stat s;
    int64_t count = 0;
    char text[RF_SHAPE_TEXT];
    if (stat(path, &s) != 0)
        return rf_fail(ctx, RF_EIO, "cannot read '%s': %s", path, strerror(errno));
    if (rf_shape_count(ctx, shape, &count) != RF_OK || count < 1 ||
        (uint64_t)count / DEFLATE_MAX_RATIO > (uint64_t)s.st_size)
        return rf_fail(ctx, RF_EDATA, "'%s' of %lld bytes cannot hold the %s elements it declares",
                       path, (long long)s.st_size, rf_shape_text(shape, text));
    *count_out = count;
    return RF_OK;
}

/* gzread takes an int, so large arrays come in pieces. */
static bool read_data(gzFile file, uint8_t *data, int64_t count)
{
    while (count > 0) {
        const unsigned piece = count > 1 << 24 ? 1u << 24 : (unsigned)count;
        if (gzread(file, data, piece) != (int)piece)
            return false;
        data += piece;
        count -= piece;
    }
    return true;
}

static rf_status read_array(rf_context *ctx, const char *path, gzFile file, idx_array *out)
{
    idx_array array = { 0 };
    int64_t count = 0;
    unsigned char more;
    RF_TRY(read_dims(ctx, path, file, &array.shape));
    RF_TRY(check_size(ctx, path, &array.shape, &count));
    array.data = rf_alloc(ctx, (size_t)count);
    if (!array.data)
        return RF_ENOMEM;
    const bool whole = read_data(file, array.data, count);
    if (!whole || gzread(file, &more, 1) != 0) {
        char text[RF_SHAPE_TEXT];
        rf_free(ctx, array.data);
        return rf_fail(ctx, RF_EDATA, "'%s' has %s bytes than its dims %s say", path,
                       whole ? "more" : "fewer (or damaged)", rf_shape_text(&array.shape, text));
    }
    *out = array;
    return RF_OK;
}

static rf_status load(rf_context *ctx, const char *path, idx_array *out)
{
    gzFile file = gzopen(path, "rbe");
    if (!file)
        return rf_fail(ctx, RF_EIO, "cannot open '%s': %s", path, strerror(errno));
    (void)gzbuffer(file, 1 << 17);
    const rf_status st = read_array(ctx, path, file, out);
    gzclose_r(file);
    return st;
}

/* ---- the source ---- */

static void describe(const rf_source *source, int64_t index, char *text, size_t size)
{
    snprintf(text, size, "%s, image %lld", ((const idx_source *)source)->images_path,
             (long long)index);
}

static rf_status image(const rf_source *source, rf_context *ctx, int64_t index, rf_image *out)
{
    const idx_source *s = (const idx_source *)source;
    const int64_t area = s->height * s->width, bytes = area * s->channels;
    const uint8_t *src = s->images.data + index * bytes;
    rf_image copy = { 0 };
    RF_TRY(rf_image_init(ctx, s->images_path, s->height, s->width, s->channels, &copy));
    if (s->channels_last || s->channels == 1)
        memcpy(copy.pixels, src, (size_t)bytes);
    else
        for (int64_t i = 0; i < area; i++)
            for (int64_t c = 0; c < s->channels; c++)
                copy.pixels[i * s->channels + c] = src[c * area + i];
    *out = copy;
    return RF_OK;
}

static void free_source(rf_source *source)
{
    idx_source *s = (idx_source *)source;
    rf_context *ctx = source->ctx;
    rf_free(ctx, s->images_path);
    rf_free(ctx, s->images.data);
    rf_free(ctx, s->labels);
    rf_free(ctx, s);
}

static const rf_source_kind kind = { .image = image, .describe = describe, .free = free_source };

/* [n, h, w], [n, h, w, 1 or 3] or [n, 1 or 3, h, w]; where both would do, channels last. */
static rf_status set_layout(idx_source *s)
{
    const rf_shape *shape = &s->images.shape;
    const int64_t *d = shape->dims;
    char text[RF_SHAPE_TEXT];
    s->channels_last = shape->rank == 3 || (shape->rank == 4 && (d[3] == 1 || d[3] == 3));
    if (shape->rank < 3 || (!s->channels_last && d[1] != 1 && d[1] != 3))
        return rf_fail(s->base.ctx, RF_EDATA,
                       "'%s' has shape %s, expected images: [n, h, w] or [n, h, w, 1 or 3]",
                       s->images_path, rf_shape_text(shape, text));
    s->channels = shape->rank == 3 ? 1 : s->channels_last ? d[3] : d[1];
    s->height = s->channels_last ? d[1] : d[2];
    s->width = s->channels_last ? d[2] : d[3];
    s->base.count = d[0];
    return RF_OK;
}

static rf_status take_labels(idx_source *s, const char *path, const idx_array *labels)
{
    char text[RF_SHAPE_TEXT];
    if (labels->shape.rank != 1)
        return rf_fail(s->base.ctx, RF_EDATA, "'%s' has shape %s, expected labels: [n]", path,
                       rf_shape_text(&labels->shape, text));
    if (labels->shape.dims[0] != s->base.count)
        return rf_fail(s->base.ctx, RF_EDATA,
                       "'%s' has %lld images, but '%s' has %lld labels: expected as many",
                       s->images_path, (long long)s->base.count, path,
                       (long long)labels->shape.dims[0]);
    RF_NEW_ARRAY(s->base.ctx, s->labels, s->base.count);
    for (int64_t i = 0; i < s->base.count; i++) {
        s->labels[i] = labels->data[i];
        if (s->labels[i] >= s->base.classes)
            s->base.classes = s->labels[i] + 1;
    }
    s->base.labels = s->labels;
    return RF_OK;
}

static rf_status load_labels(idx_source *s, const char *path)
{
    idx_array labels = { 0 };
    RF_TRY(load(s->base.ctx, path, &labels));
    const rf_status st = take_labels(s, path, &labels);
    rf_free(s->base.ctx, labels.data);
    return st;
}

rf_status rf_idx_open(rf_context *ctx, const char *images, const char *labels, rf_source **out)
{
    idx_source *s = rf_calloc(ctx, 1, sizeof *s);
    if (!s)
        return RF_ENOMEM;
    s->base = (rf_source){ .kind = &kind, .ctx = ctx, .input_count = 1 };
    s->images_path = rf_strdup(ctx, images);
    rf_status st = s->images_path ? load(ctx, images, &s->images) : RF_ENOMEM;
    if (st == RF_OK)
        st = set_layout(s);
    if (st == RF_OK && labels)
        st = load_labels(s, labels);
    if (st == RF_OK)
        *out = &s->base;
    else
        free_source(&s->base);
    return st;
}

static bool matches(const char *spec)
{
    return rf_spec_after(spec, "idx:") != NULL;
}

static rf_status open_idx(rf_context *ctx, const char *spec, rf_source **out)
{
    char *images = NULL, *labels = NULL;
    RF_TRY(rf_spec_split(ctx, spec, rf_spec_after(spec, "idx:"), &images, &labels));
    const rf_status st = rf_idx_open(ctx, images, labels, out);
    rf_free(ctx, images);
    rf_free(ctx, labels);
    return st;
}

const rf_source_row rf_source_idx = { .form = "idx:IMAGES,LABELS",
                                      .matches = matches,
                                      .open = open_idx };
