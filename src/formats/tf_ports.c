/* Inputs, outputs, shapes and signatures of a TensorFlow graph. */
#include "formats/tf_ports.h"

#include <stdlib.h>
#include <string.h>

#include "base/status.h"

/* --- lists of names --- */

typedef rf_status (*take_name)(rf_tf_import *in, rf_tf_ports *ports, const char *name);

static rf_status each_name(rf_tf_import *in, rf_tf_ports *ports, const char *list, take_name take)
{
    for (const char *at = list; *at;) {
        const size_t size = strcspn(at, ",");
        const char *name = rf_arena_strndup(&in->g->arena, at, size);
        if (!name)
            return RF_ENOMEM;
        if (size)
            RF_TRY(take(in, ports, name));
        at += size + (at[size] == ',');
    }
    return RF_OK;
}

static rf_status take_input(rf_tf_import *in, rf_tf_ports *ports, const char *name)
{
    rf_tf_ref ref;
    (void)ports;
    RF_TRY(rf_tf_graph_tensor(in->g, name, &ref));
    if (ref.output)
        return rf_fail(in->g->ctx, RF_EARG,
                       "'%s' cannot be fed: an input begins at output 0 of a node", name);
    return rf_map_put(&in->inputs, ref.node->name, ref.node);
}

static rf_status take_output(rf_tf_import *in, rf_tf_ports *ports, const char *name)
{
    rf_tf_output output = { .name = NULL };
    RF_TRY(rf_tf_graph_tensor(in->g, name, &output.ref));
    output.name = strchr(name, ':') ? name : rf_arena_printf(&in->g->arena, "%s:0", name);
    return output.name ? RF_VEC_PUSH(in->g->ctx, &ports->outputs, output) : RF_ENOMEM;
}

/* --- what nobody reads --- */

static bool begins_with(const char *text, const char *begin)
{
    return strncmp(text, begin, strlen(begin)) == 0;
}

static bool is_result(const rf_tf_node *n)
{
    static const char *const others[] = { "Const",
                                          "Placeholder",
                                          "NoOp",
                                          "Assert",
                                          "Print",
                                          "SaveV2",
                                          "MergeV2Checkpoints",
                                          "Assign",
                                          "VarHandleOp",
                                          "VariableV2",
                                          "Variable",
                                          "VarIs",
                                          "RestoreV2",
                                          "ReadVariableOp",
                                          "DeleteSession",
                                          "ShardedFilename",
                                          "InitializeTable",
                                          "HashTable",
                                          "Shape" };
    const size_t size = strlen(n->op);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (begins_with(n->op, others[i]))
            return false;
    return !n->results && !(size > 7 && strcmp(n->op + size - 7, "Summary") == 0);
}

/* Converters that freeze graphs call what they add so; the tensor behind it has the better name. */
static bool is_made_up(const rf_tf_node *n)
{
    return rf_tf_is(n, "Identity") && begins_with(n->name, "Identity");
}

static rf_status take_leaves(rf_tf_import *in, rf_tf_ports *ports)
{
    const rf_tf_graph *g = in->g;
    bool *read = rf_calloc(g->ctx, g->nodes.count + 1, sizeof *read);
    rf_status st = read ? RF_OK : RF_ENOMEM;
    for (size_t i = 0; i < g->nodes.count && !st; i++)
        for (int k = 0; k < g->nodes.items[i]->input_count; k++)
            read[g->nodes.items[i]->inputs[k].node->index] = true;
    for (size_t i = 0; i < g->nodes.count && !st; i++) {
        rf_tf_node *n = g->nodes.items[i];
        if (read[i] || !is_result(n))
            continue;
        rf_tf_output output = { .ref = { n, 0 } };
        if (!is_made_up(n) && !(output.name = rf_arena_printf(&in->g->arena, "%s:0", n->name)))
            st = RF_ENOMEM;
        if (!st)
            st = RF_VEC_PUSH(g->ctx, &ports->outputs, output);
    }
    rf_free(g->ctx, read);
    if (!st && !ports->outputs.count)
        st = rf_fail(g->ctx, RF_EMODEL,
                     "every result in the graph is read again or none is there; name one with "
                     "--outputs");
    return st;
}

/* --- shapes --- */

static rf_status parse_dims(rf_context *ctx, const char *text, rf_shape *out)
{
    const char *at = text;
    rf_shape shape = { 0 };
    while (shape.rank < RF_MAX_RANK) {
        char *end = NULL;
        const bool open = *at == '?';
        const long long value = open ? -1 : strtoll(at, &end, 10);
        const char *next = open ? at + 1 : end;
        if (next == at || value < -1 || value == 0 || value > INT32_MAX)
            break;
        shape.dims[shape.rank++] = value;
        if (!*next) {
            *out = shape;
            return RF_OK;
        }
        if (*next != 'x')
            break;
        at = next + 1;
    }
    return rf_fail(ctx, RF_EARG, "input shape '%s'; expected numbers such as 1x224x224x3", text);
}

/* The one input where no name is given. */
static rf_status only_input(rf_tf_import *in, const char **out)
{
    const char *found = NULL;
    int count = 0;
    for (size_t i = 0; i < in->g->nodes.count; i++) {
        const rf_tf_node *n = in->g->nodes.items[i];
        const bool listed = rf_map_find(&in->inputs, n->name) != NULL;
        if (listed || (!in->inputs.count && rf_tf_is(n, "Placeholder"))) {
            found = n->name;
            count++;
        }
    }
    if (count != 1)
        return rf_fail(in->g->ctx, RF_EARG,
                       "the graph has %d inputs; say which one a shape is for: NAME=1x224x224x3",
                       count);
    *out = found;
    return RF_OK;
}

static rf_status take_shape(rf_tf_import *in, rf_tf_ports *ports, const char *text)
{
    const char *equals = strchr(text, '='), *name = NULL;
    rf_shape *shape = rf_arena_alloc(&in->g->arena, sizeof *shape);
    (void)ports;
    if (!shape)
        return RF_ENOMEM;
    RF_TRY(parse_dims(in->g->ctx, equals ? equals + 1 : text, shape));
    if (!equals) {
        RF_TRY(only_input(in, &name));
        return rf_map_put(&in->shapes, name, shape);
    }
    rf_tf_ref ref;
    name = rf_arena_strndup(&in->g->arena, text, (size_t)(equals - text));
    if (!name)
        return RF_ENOMEM;
    rf_status st = rf_tf_graph_tensor(in->g, name, &ref);
    if (st) { /* as the signature calls it */
        const char *longer = rf_arena_printf(&in->g->arena, "serving_default_%s", name);
        st = longer ? rf_tf_graph_tensor(in->g, longer, &ref) : RF_ENOMEM;
    }
    return st ? st : rf_map_put(&in->shapes, ref.node->name, shape);
}

/* --- signatures --- */

static bool is_internal(const Tf__SignatureEntry *e)
{
    return begins_with(e->key, "__saved_model");
}

static const char *list_signatures(rf_arena *arena, const Tf__MetaGraphDef *meta)
{
    const char *list = "";
    size_t shown = 0;
    for (size_t i = 0; i < meta->n_signature_def && list && shown < 20; i++)
        if (!is_internal(meta->signature_def[i]))
            list = rf_arena_printf(arena, "%s%s'%.100s'", list, shown++ ? ", " : "",
                                   meta->signature_def[i]->key);
    return list ? list : "";
}

static const Tf__SignatureDef *find_signature(const Tf__MetaGraphDef *meta, const char *key)
{
    for (size_t i = 0; i < meta->n_signature_def; i++)
        if (strcmp(meta->signature_def[i]->key, key) == 0)
            return meta->signature_def[i]->value;
    return NULL;
}

rf_status rf_tf_choose_signature(rf_context *ctx, const Tf__MetaGraphDef *meta,
                                 const rf_import_options *options, const Tf__SignatureDef **out)
{
    const char *asked = options ? options->signature : NULL;
    const Tf__SignatureDef *only = NULL;
    size_t count = 0;
    for (size_t i = 0; i < meta->n_signature_def; i++)
        if (!is_internal(meta->signature_def[i]) && meta->signature_def[i]->value) {
            only = meta->signature_def[i]->value;
            count++;
        }
    *out = find_signature(meta, asked ? asked : "serving_default");
    if (!*out && !asked && count <= 1)
        *out = only;
    if (*out || (!asked && (!count || (options && options->outputs))))
        return RF_OK;
    rf_arena scratch;
    rf_arena_init(&scratch, ctx);
    const char *list = count ? list_signatures(&scratch, meta) : "none";
    const rf_status st =
        asked ? rf_fail(ctx, RF_EARG, "no signature '%s'; the model has %s", asked, list)
              : rf_fail(
                    ctx, RF_EARG,
                    "the model has several signatures and none is serving_default: %s; choose one "
                    "with --signature",
                    list);
    rf_arena_release(&scratch);
    return st;
}

static rf_status take_signature(rf_tf_import *in, const Tf__SignatureDef *s, rf_tf_ports *ports)
{
    for (size_t i = 0; i < s->n_outputs; i++) {
        rf_tf_output output = { .name = NULL };
        if (!s->outputs[i]->value)
            continue;
        RF_TRY(rf_tf_graph_tensor(in->g, s->outputs[i]->value->name, &output.ref));
        RF_TRY(RF_VEC_PUSH(in->g->ctx, &ports->outputs, output));
    }
    if (!ports->outputs.count)
        return rf_fail(in->g->ctx, RF_EMODEL, "the signature has no output");
    return RF_OK;
}

rf_status rf_tf_choose_ports(rf_tf_import *in, const Tf__SignatureDef *signature,
                             const rf_import_options *options, rf_tf_ports *out)
{
    if (options && options->inputs)
        RF_TRY(each_name(in, out, options->inputs, take_input));
    if (options && options->input_shapes)
        RF_TRY(each_name(in, out, options->input_shapes, take_shape));
    if (options && options->outputs)
        return each_name(in, out, options->outputs, take_output);
    return signature ? take_signature(in, signature, out) : take_leaves(in, out);
}
