/* From sorted TensorFlow nodes to a net: what handlers ask for, and the walk over the nodes. */
#include "formats/tf_import.h"

#include <string.h>

#include "base/status.h"

/* --- what handlers ask for --- */

rf_net_name rf_tf_names(rf_tf_import *in, const rf_tf_node *n)
{
    return (rf_net_name){ n->name, rf_net_text(&in->net, "%s:0", n->name) };
}

bool rf_tf_reserve(rf_tf_import *in, const rf_tf_node *n, int count)
{
    if (in->net.st)
        return false;
    in->made[n->index] = rf_arena_array(&in->g->arena, (size_t)count, sizeof *in->made[0]);
    in->made_count[n->index] = count;
    if (!in->made[n->index])
        in->net.st = RF_ENOMEM;
    return !in->net.st;
}

void rf_tf_set_output(rf_tf_import *in, const rf_tf_node *n, int output, rf_tf_made made)
{
    if (!in->net.st && output < in->made_count[n->index])
        in->made[n->index][output] = made;
}

static bool has_unknown(const rf_tensor *t)
{
    for (int64_t i = 0; t && t->dtype == RF_DTYPE_I64 && i < t->count; i++)
        if (rf_tensor_i64(t)[i] == RF_TF_UNKNOWN)
            return true;
    return false;
}

void rf_tf_set(rf_tf_import *in, const rf_tf_node *n, rf_net_tensor t)
{
    if (rf_tf_reserve(in, n, 1))
        rf_tf_set_output(in, n, 0, (rf_tf_made){ .t = t, .partial = has_unknown(t.constant) });
}

const rf_tf_made *rf_tf_made_of(rf_tf_import *in, rf_tf_ref ref)
{
    const rf_tf_node *n = ref.node;
    if (in->net.st)
        return NULL;
    if (n && in->made[n->index] && ref.output < in->made_count[n->index]) {
        const rf_tf_made *m = &in->made[n->index][ref.output];
        if (m->dead || m->t.value || m->t.constant)
            return m;
    }
    if (n)
        rf_net_fail(&in->net, RF_EUNSUPPORTED,
                    "output %d of %s node '%s' is not available in inference", ref.output, n->op,
                    n->name);
    return NULL;
}

rf_tf_made rf_tf_any_operand(rf_tf_import *in, const rf_tf_node *n, int i)
{
    if (i >= n->input_count)
        rf_net_fail(&in->net, RF_EMODEL, "it has %d inputs; input %d is missing", n->input_count,
                    i);
    const rf_tf_made *m = in->net.st ? NULL : rf_tf_made_of(in, n->inputs[i]);
    return m ? *m : (rf_tf_made){ 0 };
}

rf_net_tensor rf_tf_operand(rf_tf_import *in, const rf_tf_node *n, int i)
{
    const rf_tf_made m = rf_tf_any_operand(in, n, i);
    if (m.partial)
        rf_net_fail(&in->net, RF_EUNSUPPORTED,
                    "it computes with a size that is open ('%s'); give the shape of the input with "
                    "--input-shape",
                    m.t.name);
    return m.t;
}

int rf_tf_ints(rf_tf_import *in, const rf_tf_node *n, int i, int room, int64_t *out)
{
    const rf_tf_made m = rf_tf_any_operand(in, n, i);
    if (in->net.st)
        return 0;
    const rf_tensor *t = m.t.constant;
    if (!t || t->dtype != RF_DTYPE_I64 || t->count > room) {
        rf_net_fail(&in->net, RF_EUNSUPPORTED,
                    "input %d ('%s') is computed while the network runs, or is no list of up to %d "
                    "integers; if it depends on sizes, give the shape with --input-shape",
                    i, m.t.name, room);
        return 0;
    }
    for (int64_t k = 0; k < t->count; k++)
        out[k] = rf_tensor_i64(t)[k];
    return (int)t->count;
}

int rf_tf_known_ints(rf_tf_import *in, const rf_tf_node *n, int i, int room, int64_t *out)
{
    const int count = rf_tf_ints(in, n, i, room, out);
    for (int k = 0; k < count; k++)
        if (out[k] == RF_TF_UNKNOWN)
            rf_net_fail(
                &in->net, RF_EUNSUPPORTED,
                "input %d depends on a size that is open; give the shape with --input-shape", i);
    return in->net.st ? 0 : count;
}

int rf_tf_attr_ints(rf_tf_import *in, const rf_tf_node *n, const char *key, int room, int64_t *out)
{
    const Tf__AttrValue *a = rf_tf_attr(n, key);
    if (!a || !a->list)
        return 0;
    if (a->list->n_i > (size_t)room) {
        rf_net_fail(&in->net, RF_EMODEL, "%s has %zu numbers; expected up to %d", key, a->list->n_i,
                    room);
        return 0;
    }
    for (size_t i = 0; i < a->list->n_i; i++)
        out[i] = a->list->i[i];
    return (int)a->list->n_i;
}

bool rf_tf_is_nchw(const rf_tf_node *n)
{
    return rf_tf_attr_is(n, "data_format", "NCHW") || rf_tf_attr_is(n, "data_format", "NCDHW");
}

/* --- the walk --- */

const rf_tf_operator *rf_tf_operator_find(const char *op)
{
    const rf_tf_operator *const lists[] = { rf_tf_element_operators, rf_tf_layer_operators,
                                            rf_tf_shape_operators, rf_tf_flow_operators };
    for (size_t l = 0; l < sizeof lists / sizeof lists[0]; l++)
        for (const rf_tf_operator *o = lists[l]; o->op; o++)
            if (strcmp(o->op, op) == 0)
                return o;
    return NULL;
}

static const char *advice_for(const char *op)
{
    static const struct {
        const char *begin, *advice;
    } known[] = {
        { "Mfcc", "compute features outside of the model" },
        { "AudioSpectrogram", "compute features outside of the model" },
        { "DecodeWav", "compute features outside of the model" },
        { "Decode", "decode images outside of the model" },
        { "NonMaxSuppression", "leave the choice of boxes to the program around it" },
        { "CombinedNonMax", "leave the choice of boxes to the program around it" },
        { "Where", "leave the choice of boxes to the program around it" },
        { "Quantize", "take the float model, from before the conversion to integers" },
        { "Quantized", "take the float model, from before the conversion to integers" },
        { "While", "loops and recurrent layers are not supported" },
        { "StatelessWhile", "loops and recurrent layers are not supported" },
        { "TensorList", "loops and recurrent layers are not supported" },
        { "TensorArray", "loops and recurrent layers are not supported" },
        { "Enter", "loops and recurrent layers are not supported" },
        { "If", "freeze the model for inference, so that its branches are decided" },
        { "StatelessIf", "freeze the model for inference, so that its branches are decided" },
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strncmp(op, known[i].begin, strlen(known[i].begin)) == 0)
            return known[i].advice;
    return NULL;
}

static void refuse(rf_tf_import *in, const rf_tf_node *n)
{
    const char *advice = advice_for(n->op);
    rf_net_fail(
        &in->net, RF_EUNSUPPORTED,
        "refold does not have this operator; %s%scut it off: refold convert --inputs TENSOR "
        "starts behind it, --outputs TENSOR ends before it",
        advice ? advice : "", advice ? ", and " : "");
}

/* A node behind a branch that is not taken computes nothing. */
static bool is_dead(rf_tf_import *in, const rf_tf_node *n)
{
    for (int i = 0; i < n->input_count; i++) {
        const rf_tf_node *from = n->inputs[i].node;
        if (in->made[from->index] && n->inputs[i].output < in->made_count[from->index] &&
            in->made[from->index][n->inputs[i].output].dead)
            return true;
    }
    return false;
}

static void set_dead(rf_tf_import *in, const rf_tf_node *n)
{
    enum { OUTPUTS = 8 };
    if (rf_tf_reserve(in, n, OUTPUTS))
        for (int i = 0; i < OUTPUTS; i++)
            rf_tf_set_output(in, n, i, (rf_tf_made){ .dead = true });
}

static void import_node(rf_tf_import *in, rf_tf_node *n)
{
    const rf_tf_operator *o = rf_tf_operator_find(n->op);
    in->net.at = rf_net_text(&in->net, "%s node '%s'", n->op, n->name);
    if (rf_map_find(&in->inputs, n->name) && !rf_tf_is(n, "Placeholder")) {
        rf_tf_feed(in, n);
        return;
    }
    if (rf_tf_is(n, "Merge") || !is_dead(in, n)) {
        if (o && rf_tf_is(n, "Merge"))
            o->convert(in, n);
        else if (rf_tf_fold(in, n) || in->net.st)
            return;
        else if (o)
            o->convert(in, n);
        else
            refuse(in, n);
        return;
    }
    set_dead(in, n);
}

rf_status rf_tf_import_nodes(rf_tf_import *in, const rf_tf_nodes *order)
{
    in->made = rf_arena_array(&in->g->arena, in->g->nodes.count, sizeof *in->made);
    in->made_count = rf_arena_array(&in->g->arena, in->g->nodes.count, sizeof *in->made_count);
    if (!in->made || !in->made_count)
        return RF_ENOMEM;
    for (size_t i = 0; i < order->count && !in->net.st; i++)
        import_node(in, order->items[i]);
    in->net.at = "the network";
    return in->net.st;
}
