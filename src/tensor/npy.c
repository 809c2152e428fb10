/* NumPy .npy files: header dictionary, dtypes, Fortran order. */
#include "tensor/npy.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/context.h"
#include "base/file.h"
#include "tensor/half.h"

#define MAGIC "\x93NUMPY"
#define MAGIC_BYTES 6
#define HEADER_LIMIT 65536 /* NumPy itself refuses longer ones by default */

/* What NumPy calls the elements, how wide they are in the file, and what they become. */
typedef struct npy_type {
    const char *descr;                                          /* without the byte order */
    rf_dtype dtype;                                             /* of the tensor */
    size_t bytes;                                               /* in the file */
    void (*convert)(const void *src, int64_t count, void *dst); /* NULL: as it is */
} npy_type;

/* An open array file and what its header says. */
typedef struct npy_file {
    rf_context *ctx;
    const char *name; /* for messages */
    FILE *stream;
    uint64_t size, offset; /* bytes of the file, and of all before the data */
    const npy_type *type;
    bool fortran;
    rf_shape shape;
    int64_t count;
} npy_file;

static void f64_to_f32(const void *src, int64_t count, void *dst)
{
    for (int64_t i = 0; i < count; i++)
        ((float *)dst)[i] = (float)((const double *)src)[i];
}

static void f16_to_f32(const void *src, int64_t count, void *dst)
{
    for (int64_t i = 0; i < count; i++)
        ((float *)dst)[i] = rf_half_to_f32(((const uint16_t *)src)[i]);
}

static void u32_to_i64(const void *src, int64_t count, void *dst)
{
    for (int64_t i = 0; i < count; i++)
        ((int64_t *)dst)[i] = ((const uint32_t *)src)[i];
}

/* The first row of a dtype is the one that is written. */
static const npy_type types[] = {
    { "f4", RF_DTYPE_F32, 4, NULL },       { "i8", RF_DTYPE_I64, 8, NULL },
    { "i4", RF_DTYPE_I32, 4, NULL },       { "u1", RF_DTYPE_U8, 1, NULL },
    { "i1", RF_DTYPE_I8, 1, NULL },        { "b1", RF_DTYPE_BOOL, 1, NULL },
    { "i2", RF_DTYPE_I16, 2, NULL },       { "u2", RF_DTYPE_U16, 2, NULL },
    { "f8", RF_DTYPE_F32, 8, f64_to_f32 }, { "f2", RF_DTYPE_F32, 2, f16_to_f32 },
    { "u4", RF_DTYPE_I64, 4, u32_to_i64 }, { "u8", RF_DTYPE_I64, 8, NULL },
};

static rf_status fail_header(const npy_file *f, const char *what)
{
    return rf_fail(f->ctx, RF_EDATA, "'%s': %s in the .npy header", f->name, what);
}

static rf_status read_exactly(const npy_file *f, void *dst, size_t bytes, const char *what)
{
    if (fread(dst, 1, bytes, f->stream) == bytes)
        return RF_OK;
    return rf_fail(f->ctx, RF_EDATA, "'%s' ends within its %s: it has %llu bytes", f->name, what,
                   (unsigned long long)f->size);
}

/* ---- the header dictionary: {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), } ---- */

static const char *skip_space(const char *p)
{
    while (isspace((unsigned char)*p))
        p++;
    return p;
}

/* Accepts `token` after white space. */
static bool accept(const char **p, const char *token)
{
    const char *q = skip_space(*p);
    if (strncmp(q, token, strlen(token)) != 0)
        return false;
    *p = q + strlen(token);
    return true;
}

/* A quoted string without escapes, into a buffer of `size` bytes. */
static bool accept_string(const char **p, char *text, size_t size)
{
    const char *q = skip_space(*p);
    const char quote = *q;
    if (quote != '\'' && quote != '"')
        return false;
    const char *end = strchr(q + 1, quote);
    if (!end || (size_t)(end - q - 1) >= size)
        return false;
    memcpy(text, q + 1, (size_t)(end - q - 1));
    text[end - q - 1] = 0;
    *p = end + 1;
    return true;
}

static rf_status parse_descr(npy_file *f, const char **p)
{
    char descr[32];
    if (!accept_string(p, descr, sizeof descr))
        return fail_header(f, "no simple dtype (structured arrays are not read)");
    const bool swapped = descr[0] == '>';
    const char *kind = descr[0] && strchr("<|=", descr[0]) ? descr + 1 : descr;
    for (size_t i = 0; !swapped && i < sizeof types / sizeof *types; i++)
        if (strcmp(kind, types[i].descr) == 0)
            f->type = &types[i];
    if (f->type)
        return RF_OK;
    return rf_fail(f->ctx, RF_EDATA,
                   "'%s': dtype '%s' is not read%s; save the array as float32 or int64", f->name,
                   descr, swapped ? " (big-endian)" : "");
}

static rf_status parse_shape(npy_file *f, const char **p)
{
    if (!accept(p, "("))
        return fail_header(f, "no shape");
    while (!accept(p, ")")) {
        const char *q = skip_space(*p);
        int64_t dim = 0;
        if (!isdigit((unsigned char)*q))
            return fail_header(f, "a shape that is no tuple of numbers");
        for (; isdigit((unsigned char)*q); q++)
            if (__builtin_mul_overflow(dim, 10, &dim) ||
                __builtin_add_overflow(dim, *q - '0', &dim))
                return fail_header(f, "a dim above 2^63");
        if (f->shape.rank == RF_MAX_RANK)
            return rf_fail(f->ctx, RF_EDATA, "'%s' has more than %d dims", f->name, RF_MAX_RANK);
        f->shape.dims[f->shape.rank++] = dim;
        *p = q;
        (void)accept(p, "L"); /* Python 2 wrote long integers so */
        if (!accept(p, ",") && *skip_space(*p) != ')')
            return fail_header(f, "a shape that is no tuple of numbers");
    }
    return RF_OK;
}

static rf_status parse_entry(npy_file *f, const char *key, const char **p)
{
    if (strcmp(key, "descr") == 0)
        return parse_descr(f, p);
    if (strcmp(key, "shape") == 0) {
        f->shape.rank = 0;
        return parse_shape(f, p);
    }
    if (strcmp(key, "fortran_order") != 0)
        return fail_header(f, "an unknown key");
    f->fortran = accept(p, "True");
    return f->fortran || accept(p, "False") ? RF_OK : fail_header(f, "no fortran_order");
}

static rf_status parse_header(npy_file *f, const char *text)
{
    const char *p = text;
    char key[32];
    if (!accept(&p, "{"))
        return fail_header(f, "no dictionary");
    while (!accept(&p, "}")) {
        if (!accept_string(&p, key, sizeof key) || !accept(&p, ":"))
            return fail_header(f, "no key where one belongs");
        RF_TRY(parse_entry(f, key, &p));
        if (!accept(&p, ",") && *skip_space(p) != '}')
            return fail_header(f, "no comma between entries");
    }
    return f->type && f->shape.rank >= 0 ? RF_OK : fail_header(f, "dtype or shape missing");
}

/* ---- reading ---- */

/* Magic, version and header; leaves the stream at the data. */
static rf_status read_header(npy_file *f)
{
    unsigned char head[12];
    RF_TRY(read_exactly(f, head, 8, "header"));
    if (memcmp(head, MAGIC, MAGIC_BYTES) != 0)
        return rf_fail(f->ctx, RF_EDATA, "'%s' is no .npy file: its first bytes are not those",
                       f->name);
    if (head[6] < 1 || head[6] > 3)
        return rf_fail(f->ctx, RF_EDATA, "'%s' is .npy version %d.%d, expected 1.0 to 3.0", f->name,
                       head[6], head[7]);
    const size_t width = head[6] == 1 ? 2 : 4;
    RF_TRY(read_exactly(f, head + 8, width, "header"));
    size_t length = (size_t)head[8] | (size_t)head[9] << 8;
    if (width == 4)
        length |= (size_t)head[10] << 16 | (size_t)head[11] << 24;
    if (length >= HEADER_LIMIT)
        return rf_fail(f->ctx, RF_EDATA, "'%s' has a header of %zu bytes, expected under %d",
                       f->name, length, HEADER_LIMIT);
    char text[HEADER_LIMIT];
    RF_TRY(read_exactly(f, text, length, "header"));
    text[length] = 0;
    f->offset = 8 + width + length;
    return parse_header(f, text);
}

/* The dims must describe the bytes that are there, so that nothing is allocated on a header's word alone. */
static rf_status check_size(npy_file *f)
{
    char text[RF_SHAPE_TEXT];
    const uint64_t there = f->size - f->offset;
    if (rf_shape_count(f->ctx, &f->shape, &f->count) != RF_OK)
        return rf_fail(f->ctx, RF_EDATA, "'%s': the size of shape %s overflows", f->name,
                       rf_shape_text(&f->shape, text));
    if ((uint64_t)f->count <= there / f->type->bytes &&
        (uint64_t)f->count * f->type->bytes == there)
        return RF_OK;
    return rf_fail(f->ctx, RF_EDATA,
                   "'%s' has %llu bytes of data, but its shape is %s with %zu bytes an element",
                   f->name, (unsigned long long)there, rf_shape_text(&f->shape, text),
                   f->type->bytes);
}

static rf_status read_values(const npy_file *f, rf_tensor *t)
{
    const size_t bytes = (size_t)f->count * f->type->bytes;
    if (!f->type->convert)
        return read_exactly(f, t->data, bytes, "data");
    void *raw = rf_alloc(f->ctx, bytes);
    if (!raw)
        return RF_ENOMEM;
    const rf_status st = read_exactly(f, raw, bytes, "data");
    if (st == RF_OK)
        f->type->convert(raw, f->count, t->data);
    rf_free(f->ctx, raw);
    return st;
}

/* Values above the largest int64 have wrapped to negative ones. */
static rf_status check_u64(const npy_file *f, const rf_tensor *t)
{
    if (strcmp(f->type->descr, "u8") != 0)
        return RF_OK;
    for (int64_t i = 0; i < f->count; i++)
        if (rf_tensor_i64(t)[i] < 0)
            return rf_fail(f->ctx, RF_EDATA, "'%s': uint64 element %lld is above 2^63 - 1", f->name,
                           (long long)i);
    return RF_OK;
}

/* Walk the row-major result while stepping through the column-major source. */
static void from_fortran(const rf_shape *shape, size_t bytes, const char *src, char *dst,
                         int64_t count)
{
    int64_t stride[RF_MAX_RANK], index[RF_MAX_RANK] = { 0 }, step = 1, at = 0;
    for (int d = 0; d < shape->rank; d++) {
        stride[d] = step;
        step *= shape->dims[d];
    }
    for (int64_t i = 0; i < count; i++) {
        memcpy(dst + (size_t)i * bytes, src + (size_t)at * bytes, bytes);
        for (int d = shape->rank - 1; d >= 0; d--) {
            at += stride[d];
            if (++index[d] < shape->dims[d])
                break;
            at -= stride[d] * shape->dims[d];
            index[d] = 0;
        }
    }
}

/* Replaces the column-major data of `t` by row-major data. */
static rf_status reorder(const npy_file *f, rf_tensor *t)
{
    if (!f->fortran || f->shape.rank < 2)
        return RF_OK;
    const size_t bytes = rf_dtype_bytes(t->dtype);
    void *ordered = rf_alloc(f->ctx, (size_t)f->count * bytes);
    if (!ordered)
        return RF_ENOMEM;
    from_fortran(&f->shape, bytes, t->data, ordered, f->count);
    rf_free(f->ctx, t->data);
    t->data = ordered;
    return RF_OK;
}

static rf_status read_stream(rf_context *ctx, const char *name, FILE *stream, uint64_t size,
                             rf_tensor **out)
{
    npy_file f = { .ctx = ctx, .name = name, .stream = stream, .size = size, .shape.rank = -1 };
    rf_tensor *t = NULL;
    RF_TRY(read_header(&f));
    RF_TRY(check_size(&f));
    RF_TRY(rf_tensor_new_shape(ctx, f.type->dtype, &f.shape, &t));
    rf_status st = read_values(&f, t);
    if (st == RF_OK)
        st = check_u64(&f, t);
    if (st == RF_OK)
        st = reorder(&f, t);
    if (st == RF_OK)
        *out = t;
    else
        rf_tensor_free(t);
    return st;
}

rf_status rf_npy_parse(rf_context *ctx, const char *name, const void *bytes, size_t size,
                       rf_tensor **out)
{
    if (size == 0)
        return rf_fail(ctx, RF_EDATA, "'%s' is empty", name);
    /* fmemopen wants a writable pointer; mode "r" does not write through it. */
    FILE *stream = fmemopen((void *)(uintptr_t)bytes, size, "rb");
    if (!stream)
        return rf_fail(ctx, RF_ENOMEM, "'%s': out of memory", name);
    const rf_status st = read_stream(ctx, name, stream, size, out);
    fclose(stream);
    return st;
}

rf_status rf_tensor_load_npy(rf_context *ctx, const char *path, rf_tensor **out)
{
    struct stat s;
    FILE *stream = fopen(path, "rbe");
    if (!stream)
        return rf_fail(ctx, RF_EIO, "cannot open '%s': %s", path, strerror(errno));
    rf_status st = RF_OK;
    if (fstat(fileno(stream), &s) != 0 || !S_ISREG(s.st_mode))
        st = rf_fail(ctx, RF_EIO, "cannot read '%s': it is not a regular file", path);
    else
        st = read_stream(ctx, path, stream, (uint64_t)s.st_size, out);
    fclose(stream);
    return st;
}

/* ---- writing ---- */

static const char *descr_of(rf_dtype dtype)
{
    if (dtype == RF_DTYPE_F64)
        return "f8";
    if (dtype == RF_DTYPE_F16)
        return "f2";
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (types[i].dtype == dtype)
            return types[i].descr;
    return "";
}

/* Version 1.0: the header is padded with spaces so that the data begins at a multiple of 64 bytes. */
static size_t make_header(const rf_tensor *t, char *head, size_t capacity)
{
    const size_t start = 10;
    const char *descr = descr_of(t->dtype);
    size_t at = start;
    at += (size_t)snprintf(head + at, capacity - at,
                           "{'descr': '%c%s', 'fortran_order': False, 'shape': (",
                           rf_dtype_bytes(t->dtype) == 1 ? '|' : '<', descr);
    for (int d = 0; d < t->shape.rank; d++)
        at += (size_t)snprintf(head + at, capacity - at, "%lld%s", (long long)t->shape.dims[d],
                               t->shape.rank == 1      ? ","
                               : d + 1 < t->shape.rank ? ", "
                                                       : "");
    at += (size_t)snprintf(head + at, capacity - at, "), }");
    while ((at + 1) % 64 != 0)
        head[at++] = ' ';
    head[at++] = '\n';
    memcpy(head, MAGIC "\x01\x00", MAGIC_BYTES + 2);
    head[8] = (char)((at - start) & 255);
    head[9] = (char)((at - start) >> 8);
    return at;
}

rf_status rf_tensor_save_npy(rf_context *ctx, const rf_tensor *tensor, const char *path, bool force)
{
    char head[512];
    const size_t head_bytes = make_header(tensor, head, sizeof head);
    rf_file_writer *w = NULL;
    RF_TRY(rf_file_writer_open(ctx, path, force, &w));
    rf_status st = rf_file_writer_write(w, head, head_bytes);
    if (st == RF_OK)
        st = rf_file_writer_write(w, tensor->data,
                                  (size_t)tensor->count * rf_dtype_bytes(tensor->dtype));
    if (st != RF_OK) {
        rf_file_writer_abort(w);
        return st;
    }
    return rf_file_writer_commit(w);
}
