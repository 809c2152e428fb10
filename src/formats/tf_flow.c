/* TensorFlow's operators that bring numbers in and hand them on: constants, variables, inputs, switches, ranges. */
#include <math.h>
#include <string.h>

#include "base/status.h"
#include "formats/tf_import.h"
#include "formats/tf_tensor.h"

/* --- constants and variables --- */

static void take_tensor(rf_tf_import *in, rf_tf_node *n, const char *name, rf_tensor *t)
{
    rf_tf_set(in, n, rf_net_constant(&in->net, rf_net_text(&in->net, "%s:0", name), t));
}

static void constant(rf_tf_import *in, rf_tf_node *n)
{
    const Tf__AttrValue *value = rf_tf_attr(n, "value");
    rf_tensor *t = NULL;
    in->net.st = rf_tf_tensor_decode(in->net.g->ctx, value ? value->tensor : NULL, in->net.at, &t);
    if (!in->net.st)
        take_tensor(in, n, n->name, t);
}

/* Keras' files and checkpoints speak of the shared name. */
static const char *variable_name(rf_tf_import *in, const rf_tf_node *n)
{
    const char *shared = rf_tf_attr_text(&in->g->arena, n, "shared_name");
    return shared ? shared : n->name;
}

/* Once, however many nodes stand for it. */
static const rf_net_tensor *read_variable(rf_tf_import *in, const char *key, const char *name)
{
    rf_tensor *t = NULL;
    rf_net_tensor *made = rf_arena_alloc(&in->net.g->arena, sizeof *made);
    in->net.st = made ? rf_tf_bundle_read(in->bundle, key, &t) : RF_ENOMEM;
    if (in->net.st)
        return NULL;
    *made = rf_net_constant(&in->net, rf_net_text(&in->net, "%s:0", name), t);
    if (!in->net.st)
        in->net.st = rf_map_put(&in->read, key, made);
    return in->net.st ? NULL : made;
}

static void variable(rf_tf_import *in, rf_tf_node *n)
{
    const char *name = variable_name(in, n), *key = rf_map_find(&in->keys, n->name);
    if (!key && rf_tf_bundle_has(in->bundle, name))
        key = name;
    if (!key || !in->bundle->shards) {
        rf_net_fail(
            &in->net, RF_EMODEL,
            in->bundle->shards
                ? "variable '%s' is restored by nothing in the graph and is not in the "
                  "checkpoint by its name"
                : "variable '%s' has no value here; freeze the graph, or give the SavedModel "
                  "folder with its variables/",
            name);
        return;
    }
    const rf_net_tensor *found = rf_map_find(&in->read, key);
    if (!found)
        found = read_variable(in, key, name);
    if (found)
        rf_tf_set(in, n, *found);
}

/* --- inputs --- */

static const char *input_name(rf_tf_import *in, const rf_tf_node *n)
{
    static const char prefix[] = "serving_default_";
    const size_t size = sizeof prefix - 1;
    const char *name =
        strncmp(n->name, prefix, size) == 0 && n->name[size] ? n->name + size : n->name;
    return rf_net_text(&in->net, "%s:0", name);
}

static rf_status input_shape(rf_tf_import *in, const rf_tf_node *n, rf_shape *out)
{
    const rf_shape *given = rf_map_find(&in->shapes, n->name);
    const Tf__AttrValue *a = rf_tf_attr(n, "shape");
    if (given) {
        *out = *given;
        return RF_OK;
    }
    RF_TRY(rf_tf_shape(in->net.g->ctx, a ? a->shape : NULL, in->net.at, out));
    if (out->rank >= 0)
        return RF_OK;
    return rf_net_fail(&in->net, RF_EUNSUPPORTED,
                       "the file leaves its shape open; give it with --input-shape %s=1xHxWxC",
                       n->name);
}

void rf_tf_feed(rf_tf_import *in, rf_tf_node *n)
{
    rf_shape shape;
    const rf_status st = in->net.st ? in->net.st : input_shape(in, n, &shape);
    if (st) {
        in->net.st = st;
        return;
    }
    const rf_tf_type *type = rf_tf_type_find(rf_tf_attr_type(n, "dtype"));
    if (type && type->held && type->dtype == RF_DTYPE_I64)
        rf_log(in->net.g->ctx, RF_LOG_INFO,
               "input '%s' is %s in TensorFlow; here it takes the same numbers as float32", n->name,
               type->name);
    rf_tf_set(in, n,
              rf_net_input(&in->net, input_name(in, n), RF_DTYPE_F32, &shape, !in->channels_first));
}

static void set_truth(rf_tf_import *in, rf_tf_node *n, bool value)
{
    rf_tensor *t = NULL;
    if ((in->net.st = rf_tensor_new(in->net.g->ctx, RF_DTYPE_BOOL, 0, NULL, &t)))
        return;
    ((uint8_t *)t->data)[0] = value;
    take_tensor(in, n, n->name, t);
}

static void placeholder(rf_tf_import *in, rf_tf_node *n)
{
    const rf_tf_type *type = rf_tf_type_find(rf_tf_attr_type(n, "dtype"));
    if (type && type->held && type->dtype == RF_DTYPE_BOOL) {
        rf_log(in->net.g->ctx, RF_LOG_INFO, "placeholder '%s' is taken as false: inference",
               n->name);
        set_truth(in, n, false);
        return;
    }
    if (!type || !type->held)
        rf_net_fail(&in->net, RF_EUNSUPPORTED,
                    "an input of type %s; cut it off with --inputs TENSOR, which starts behind it",
                    rf_tf_type_name(rf_tf_attr_type(n, "dtype")));
    rf_tf_feed(in, n);
}

static void placeholder_with_default(rf_tf_import *in, rf_tf_node *n)
{
    const rf_tf_made m = rf_tf_any_operand(in, n, 0);
    if (!in->net.st && m.t.shape.rank > 1 && m.t.constant)
        rf_tf_feed(in, n);
    else if (!in->net.st)
        rf_tf_set(in, n, m.t);
}

/* --- handing on --- */

static void identity(rf_tf_import *in, rf_tf_node *n)
{
    if (!rf_tf_reserve(in, n, n->input_count ? n->input_count : 1))
        return;
    for (int i = 0; i < n->input_count && (i == 0 || rf_tf_is(n, "IdentityN")); i++)
        rf_tf_set_output(in, n, i, rf_tf_any_operand(in, n, i));
}

/* Switch(data, predicate): outputs for false and true. */
static bool truth_of(rf_tf_import *in, const rf_tf_node *n, int i, bool *out)
{
    const rf_tf_made m = rf_tf_any_operand(in, n, i);
    if (in->net.st)
        return false;
    if (!m.t.constant || m.partial || m.t.constant->count != 1) {
        rf_net_fail(&in->net, RF_EUNSUPPORTED,
                    "which branch is taken shows only while the network runs; freeze the model for "
                    "inference, give the shape of the input with --input-shape, or cut it off with "
                    "--inputs and --outputs");
        return false;
    }
    *out = rf_tensor_get_i64(m.t.constant, 0) != 0;
    return true;
}

static void switch_data(rf_tf_import *in, rf_tf_node *n)
{
    bool taken = false;
    const rf_tf_made m = rf_tf_any_operand(in, n, 0);
    if (!truth_of(in, n, 1, &taken) || !rf_tf_reserve(in, n, 2))
        return;
    rf_tf_set_output(in, n, taken ? 1 : 0, m);
    rf_tf_set_output(in, n, taken ? 0 : 1, (rf_tf_made){ .dead = true });
}

static void merge(rf_tf_import *in, rf_tf_node *n)
{
    for (int i = 0; i < n->input_count && !in->net.st; i++) {
        const rf_tf_made m = rf_tf_any_operand(in, n, i);
        if (m.dead || in->net.st)
            continue;
        rf_tf_set(in, n, m.t);
        if (!in->net.st)
            in->made[n->index][0].partial = m.partial;
        return;
    }
    if (rf_tf_reserve(in, n, 1))
        rf_tf_set_output(in, n, 0, (rf_tf_made){ .dead = true });
}

static void select_data(rf_tf_import *in, rf_tf_node *n)
{
    bool first = false;
    if (truth_of(in, n, 0, &first))
        rf_tf_set(in, n, rf_tf_operand(in, n, first ? 1 : 2));
}

const rf_tf_operator rf_tf_flow_operators[] = {
    { "Const", constant, NULL },
    { "VarHandleOp", variable, NULL },
    { "VariableV2", variable, NULL },
    { "Variable", variable, NULL },
    { "Placeholder", placeholder, NULL },
    { "PlaceholderWithDefault", placeholder_with_default, NULL },
    { "Identity", identity, NULL },
    { "IdentityN", identity, NULL },
    { "ReadVariableOp", identity, NULL },
    { "StopGradient", identity, NULL },
    { "PreventGradient", identity, NULL },
    { "CheckNumerics", identity, NULL },
    { "Snapshot", identity, NULL },
    { "EnsureShape", identity, NULL },
    { "Switch", switch_data, NULL },
    { "RefSwitch", switch_data, NULL },
    { "Merge", merge, NULL },
    { "Select", select_data, NULL },
    { "SelectV2", select_data, NULL },
    { "FakeQuantWithMinMaxArgs", rf_tf_fake_quant, NULL },
    { "FakeQuantWithMinMaxVars", rf_tf_fake_quant, NULL },
    { "FakeQuantWithMinMaxVarsPerChannel", rf_tf_fake_quant, NULL },
    { NULL, NULL, NULL },
};
