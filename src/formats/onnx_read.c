/* Bytes of an ONNX file -> graph; and one line that says what is wrong with them. */
#include <string.h>

#include "base/file.h"
#include "base/status.h"
#include "formats/model_file.h"
#include "formats/onnx.h"
#include "formats/onnx_parts.h"

typedef struct signature {
    const char *bytes;
    size_t size, at;
    const char *what;
} signature;

/* What people hand us instead. A GraphDef begins with a node, a SavedModel with its version 1 and a graph. */
static const signature strangers[] = {
    { "\x89HDF\r\n\x1a\n", 8, 0, "a Keras (HDF5) file; turn it into ONNX first" },
    { "TFL3", 4, 4, "a TensorFlow Lite file; turn the original model into ONNX" },
    { "PK\x03\x04", 4, 0, "a zip archive (PyTorch .pt or .keras); export the model to ONNX first" },
    { "\x08\x01\x12", 3, 0, "a TensorFlow SavedModel; turn it into ONNX first" },
    { "\x0a", 1, 0, "a TensorFlow GraphDef or text; turn the model into ONNX first" },
};

static const char *recognize(const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < sizeof strangers / sizeof strangers[0]; i++) {
        const signature *s = &strangers[i];
        if (size >= s->at + s->size && memcmp(bytes + s->at, s->bytes, s->size) == 0)
            return s->what;
    }
    const size_t looked_at = size < 64 ? size : 64;
    for (size_t i = 0; i < looked_at; i++)
        if (!(bytes[i] >= 0x20 && bytes[i] < 0x7f) && !strchr("\t\r\n", bytes[i]))
            return NULL;
    return "text";
}

static rf_status check_bytes(rf_context *ctx, const uint8_t *bytes, size_t size)
{
    if (!size)
        return rf_fail(ctx, RF_EMODEL, "the file is empty; expected an ONNX model");
    const rf_status st =
        rf_proto_scan(ctx, &onnx__model_proto__descriptor, "ONNX model", bytes, size);
    const char *what = st ? recognize(bytes, size) : NULL;
    return what ? rf_fail(ctx, RF_EMODEL, "not an ONNX model, but %s", what) : st;
}

static rf_status read_graph(const rf_onnx_source *source, rf_onnx_origin *origin, rf_graph **out)
{
    rf_context *ctx = source->ctx;
    const Onnx__GraphProto *proto = rf_onnx_origin_model(origin)->graph;
    rf_graph *g = NULL;
    if (!proto)
        return rf_fail(ctx, RF_EMODEL, "not an ONNX model: it holds no graph");
    RF_TRY(rf_graph_new(ctx, proto->name, &g));
    rf_onnx_origin_retain(origin);
    g->origin = origin;
    g->origin_retain = rf_onnx_origin_retain;
    g->origin_release = rf_onnx_origin_release;
    rf_onnx_declare_single(ctx, rf_onnx_origin_model(origin)->graph);
    rf_status st = rf_onnx_build(source, origin, g);
    if (!st)
        st = rf_onnx_convert_opset6(g);
    if (!st)
        st = rf_onnx_normalize(g);
    if (st) {
        rf_graph_free(g);
        return st;
    }
    *out = g;
    return RF_OK;
}

static rf_status decode(const rf_onnx_source *source, const void *bytes, size_t size,
                        rf_graph **out)
{
    rf_onnx_origin *origin = NULL;
    RF_TRY(check_bytes(source->ctx, bytes, size));
    RF_TRY(rf_onnx_origin_unpack(source->ctx, bytes, size, &origin));
    const rf_status st = read_graph(source, origin, out);
    rf_onnx_origin_release(origin);
    return st;
}

rf_status rf_onnx_decode(rf_context *ctx, const void *bytes, size_t size, const char *folder,
                         const char *name, rf_graph **out)
{
    rf_external_use external = { .held = 0 };
    const rf_onnx_source source = { .ctx = ctx, .folder = folder, .external = &external };
    rf_arena_init(&external.arena, ctx);
    rf_map_init(&external.files, ctx);
    const rf_status st = decode(&source, bytes, size, out);
    rf_map_release(&external.files);
    rf_arena_release(&external.arena);
    return st ? rf_with_file_name(ctx, st, name) : RF_OK;
}

/* "." for a path without a folder. */
static char *folder_of(rf_context *ctx, const char *path)
{
    char *folder = rf_strdup(ctx, path);
    char *slash = folder ? strrchr(folder, '/') : NULL;
    if (slash == folder && slash)
        slash[1] = '\0';
    else if (slash)
        *slash = '\0';
    else if (folder) {
        rf_free(ctx, folder);
        folder = rf_strdup(ctx, ".");
    }
    return folder;
}

rf_status rf_onnx_read(rf_context *ctx, const char *path, rf_graph **out)
{
    void *bytes = NULL;
    size_t size = 0;
    if (rf_file_is_folder(path))
        return rf_fail(ctx, RF_EMODEL, "'%s' is a folder; expected an ONNX file", path);
    RF_TRY(rf_file_read(ctx, path, &bytes, &size));
    char *folder = folder_of(ctx, path);
    const rf_status st = folder ? rf_onnx_decode(ctx, bytes, size, folder, path, out) : RF_ENOMEM;
    rf_free(ctx, folder);
    rf_free(ctx, bytes);
    return st;
}
