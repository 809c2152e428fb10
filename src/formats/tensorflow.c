/* Files of TensorFlow -> graph: which kind it is, its parts, and one line that says what is wrong with them. */
#include "formats/tensorflow.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/status.h"
#include "formats/model_file.h"
#include "formats/proto.h"
#include "formats/tf_ports.h"

/* --- which kind --- */

static bool ends_with(const char *text, const char *end)
{
    const size_t a = strlen(text), b = strlen(end);
    return a >= b && strcmp(text + a - b, end) == 0;
}

/* A GraphDef begins with a node, and that with its name. ONNX begins with a number. */
static bool begins_as_graph(const uint8_t *bytes, size_t size)
{
    size_t at = 1;
    if (size < 4 || bytes[0] != 0x0a)
        return false;
    while (at < size && at < 6 && bytes[at] & 0x80)
        at++;
    return at + 1 < size && bytes[at + 1] == 0x0a;
}

/* Its version 1 and a meta graph. */
static bool begins_as_saved_model(const uint8_t *bytes, size_t size)
{
    return size > 3 && memcmp(bytes, "\x08\x01\x12", 3) == 0;
}

bool rf_tensorflow_is_mine(const char *path)
{
    uint8_t head[16] = { 0 };
    if (rf_file_is_folder(path) || ends_with(path, ".pbtxt"))
        return true;
    FILE *f = fopen(path, "rb");
    const size_t size = f ? fread(head, 1, sizeof head, f) : 0;
    if (f)
        fclose(f);
    return begins_as_graph(head, size) ||
           (begins_as_saved_model(head, size) && ends_with(path, ".pb"));
}

/* --- from messages to a graph --- */

typedef struct source {
    rf_context *ctx;
    const rf_import_options *options;
    const rf_tf_bundle *bundle;
    const Tf__GraphDef *graph;
    const Tf__SignatureDef *signature; /* NULL: none */
} source;

/* Users of a network with NCHW convolutions have NCHW data. */
static bool has_channels_first(const rf_tf_graph *g)
{
    for (size_t i = 0; i < g->nodes.count; i++)
        if (rf_tf_is(g->nodes.items[i], "Conv2D") && rf_tf_is_nchw(g->nodes.items[i]))
            return true;
    return false;
}

static rf_status take_outputs(rf_tf_import *in, const rf_tf_ports *ports)
{
    for (size_t i = 0; i < ports->outputs.count && !in->net.st; i++) {
        const rf_tf_output *o = &ports->outputs.items[i];
        in->net.at = rf_net_text(&in->net, "output '%s'", o->ref.node->name);
        const rf_tf_made *m = rf_tf_made_of(in, o->ref);
        if (m)
            rf_net_output(&in->net, m->t, o->name);
    }
    in->net.at = "the network";
    return in->net.st;
}

static rf_status import_nodes(rf_tf_import *in, const rf_tf_ports *ports)
{
    rf_tf_nodes order = { 0 };
    const size_t count = ports->outputs.count;
    rf_tf_ref *refs = rf_arena_array(&in->g->arena, count + 1, sizeof *refs);
    for (size_t i = 0; refs && i < count; i++)
        refs[i] = ports->outputs.items[i].ref;
    rf_status st =
        refs ? rf_tf_graph_sort(in->g, refs, (int)count, &in->inputs, &order) : RF_ENOMEM;
    if (!st)
        st = rf_tf_import_nodes(in, &order);
    RF_VEC_RELEASE(in->g->ctx, &order);
    return st ? st : take_outputs(in, ports);
}

static rf_status import(const source *s, rf_tf_import *in, rf_tf_ports *ports)
{
    RF_TRY(rf_tf_graph_init(in->g, s->ctx, s->graph));
    rf_tf_find_atrous(in->g);
    in->channels_first = has_channels_first(in->g);
    RF_TRY(rf_net_init(&in->net, s->ctx, "tensorflow"));
    RF_TRY(rf_tf_bind_variables(in));
    RF_TRY(rf_tf_choose_ports(in, s->signature, s->options, ports));
    RF_TRY(import_nodes(in, ports));
    RF_TRY(rf_tf_keep_ranges(in));
    return RF_OK;
}

static rf_status read_graph(const source *s, rf_graph **out)
{
    rf_tf_graph g = { 0 };
    rf_tf_import in = { .g = &g, .bundle = s->bundle };
    rf_tf_ports ports = { 0 };
    rf_map_init(&in.keys, s->ctx);
    rf_map_init(&in.inputs, s->ctx);
    rf_map_init(&in.shapes, s->ctx);
    rf_map_init(&in.read, s->ctx);
    rf_graph *made = NULL;
    rf_status st = import(s, &in, &ports);
    if (!st)
        st = rf_net_finish(&in.net, &made);
    if (!st)
        st = rf_tf_absorb_biases(made);
    if (!st)
        st = rf_graph_prune(made);
    if (st)
        rf_graph_free(made);
    else
        *out = made;
    rf_net_release(&in.net);
    RF_VEC_RELEASE(s->ctx, &in.ranges);
    RF_VEC_RELEASE(s->ctx, &ports.outputs);
    rf_map_release(&in.keys);
    rf_map_release(&in.inputs);
    rf_map_release(&in.shapes);
    rf_map_release(&in.read);
    rf_tf_graph_release(&g);
    return st;
}

/* --- from bytes to messages --- */

/* The one for serving, else the first. */
static const Tf__MetaGraphDef *serving_graph(const Tf__SavedModel *model)
{
    for (size_t i = 0; i < model->n_meta_graphs; i++) {
        const Tf__MetaInfoDef *info = model->meta_graphs[i]->meta_info_def;
        for (size_t k = 0; info && k < info->n_tags; k++)
            if (strcmp(info->tags[k], "serve") == 0)
                return model->meta_graphs[i];
    }
    return model->n_meta_graphs ? model->meta_graphs[0] : NULL;
}

static rf_status read_saved_model(source *s, const Tf__SavedModel *model, rf_graph **out)
{
    const Tf__MetaGraphDef *meta = serving_graph(model);
    if (!meta || !meta->graph_def)
        return rf_fail(s->ctx, RF_EMODEL, "the SavedModel holds no graph");
    RF_TRY(rf_tf_choose_signature(s->ctx, meta, s->options, &s->signature));
    s->graph = meta->graph_def;
    return read_graph(s, out);
}

static rf_status check_options(rf_context *ctx, const rf_import_options *options, bool saved_model)
{
    if (options && options->weights)
        return rf_fail(ctx, RF_EARG,
                       "a TensorFlow model has its weights with it; weights are given for "
                       "Keras' JSON files");
    if (options && options->signature && !saved_model)
        return rf_fail(ctx, RF_EARG,
                       "a frozen graph has no signatures; name tensors with --inputs and "
                       "--outputs");
    return RF_OK;
}

static rf_status read_messages(source *s, const uint8_t *bytes, size_t size, rf_graph **out)
{
    const bool saved = begins_as_saved_model(bytes, size);
    const ProtobufCMessageDescriptor *schema =
        saved ? &tf__saved_model__descriptor : &tf__graph_def__descriptor;
    rf_proto proto = { 0 };
    RF_TRY(check_options(s->ctx, s->options, saved));
    RF_TRY(rf_proto_scan(s->ctx, schema, saved ? "SavedModel" : "GraphDef", bytes, size));
    rf_status st = rf_proto_unpack(&proto, s->ctx, schema, bytes, size);
    s->graph = (const Tf__GraphDef *)proto.message;
    if (!st)
        st = saved ? read_saved_model(s, (const Tf__SavedModel *)proto.message, out)
                   : read_graph(s, out);
    rf_proto_release(&proto);
    return st;
}

static rf_status decode(rf_context *ctx, const uint8_t *bytes, size_t size, const char *prefix,
                        const rf_import_options *options, rf_graph **out)
{
    rf_tf_bundle bundle;
    source s = { .ctx = ctx, .options = options, .bundle = &bundle };
    rf_tf_bundle_init(&bundle, ctx);
    rf_status st = prefix ? rf_tf_bundle_open(&bundle, prefix) : RF_OK;
    if (!st)
        st = read_messages(&s, bytes, size, out);
    rf_tf_bundle_release(&bundle);
    return st;
}

rf_status rf_tensorflow_decode(rf_context *ctx, const void *bytes, size_t size, const char *prefix,
                               const char *name, const rf_import_options *options, rf_graph **out)
{
    const rf_status st = decode(ctx, bytes, size, prefix, options, out);
    return st ? rf_with_file_name(ctx, st, name) : RF_OK;
}

/* --- from files to bytes --- */

/* `scratch` holds the names. *prefix_out NULL: no variables lie there. */
static rf_status find_files(rf_arena *scratch, const char *path, const char **file_out,
                            const char **prefix_out)
{
    const char *slash = strrchr(path, '/');
    const bool folder = rf_file_is_folder(path);
    *file_out = folder ? rf_arena_printf(scratch, "%s/saved_model.pb", path) : path;
    const char *prefix =
        folder  ? rf_arena_printf(scratch, "%s/variables/variables", path)
        : slash ? rf_arena_printf(scratch, "%.*s/variables/variables", (int)(slash - path), path)
                : "variables/variables";
    const char *index = prefix ? rf_arena_printf(scratch, "%s.index", prefix) : NULL;
    if (!*file_out || !index)
        return RF_ENOMEM;
    const bool saved = folder || ends_with(path, "saved_model.pb");
    *prefix_out = saved && rf_file_exists(index) ? prefix : NULL;
    if (folder && !rf_file_exists(*file_out))
        return rf_fail(
            scratch->ctx, RF_EMODEL,
            "'%s' is a folder without saved_model.pb; expected a model file or a SavedModel", path);
    return RF_OK;
}

static rf_status read_files(rf_arena *scratch, const char *path, const rf_import_options *options,
                            rf_graph **out)
{
    rf_context *ctx = scratch->ctx;
    const char *file = NULL, *prefix = NULL;
    void *bytes = NULL;
    size_t size = 0;
    RF_TRY(find_files(scratch, path, &file, &prefix));
    RF_TRY(rf_file_read(ctx, file, &bytes, &size));
    const rf_status st = rf_tensorflow_decode(ctx, bytes, size, prefix, file, options, out);
    rf_free(ctx, bytes);
    return st;
}

rf_status rf_tensorflow_read(rf_context *ctx, const char *path, const rf_import_options *options,
                             rf_graph **out)
{
    rf_arena scratch;
    if (ends_with(path, ".pbtxt"))
        return rf_fail(ctx, RF_EUNSUPPORTED,
                       "'%s' is a graph as text; write it binary (tf.io.write_graph with "
                       "as_text=False)",
                       path);
    rf_arena_init(&scratch, ctx);
    const rf_status st = read_files(&scratch, path, options, out);
    rf_arena_release(&scratch);
    return st;
}
