/* Bringing a graph to a newer version of ONNX's operator set, operator by operator, by a table of what changed. */
#include "export/export.h"

#include <string.h>

/* One change of an operator's form: nodes older than `since` need `convert`; NULL: there is no newer form. */
typedef struct change {
    const char *op_type;
    int64_t since;
    rf_status (*convert)(rf_graph *g, rf_node *n);
} change;

static rf_status refuse(rf_graph *g, const rf_node *n, const char *what)
{
    return rf_fail(g->ctx, RF_EUNSUPPORTED,
                   "%s '%s': %s has no equal in the newer operator set that QDQ needs; export the "
                   "model again with opset 13 or later",
                   n->op_type, n->name, what);
}

/* Attribute `attr` (a list of integers) becomes input `index`; nothing to do where it is absent. */
static rf_status ints_to_input(rf_graph *g, rf_node *n, const char *attr, int index)
{
    int64_t count = 0;
    const int64_t *values = rf_attr_ints(n, attr, &count);
    if (!values)
        return RF_OK;
    const char *base = rf_arena_printf(&g->arena, "%s_%s", n->name, attr);
    rf_value *v = NULL;
    RF_TRY(rf_new_ints(g, base, values, count, &v));
    rf_node_remove_attr(n, attr);
    return rf_node_set_input(g, n, index, v);
}

/* Attribute `attr` (a float) becomes scalar input `index`; nothing to do where it is absent. */
static rf_status float_to_input(rf_graph *g, rf_node *n, const char *attr, int index)
{
    if (!rf_node_attr(n, attr))
        return RF_OK;
    const char *base = rf_arena_printf(&g->arena, "%s_%s", n->name, attr);
    rf_value *v = NULL;
    RF_TRY(rf_new_scalar(g, base, rf_attr_float(n, attr, 0.0f), &v));
    rf_node_remove_attr(n, attr);
    return rf_node_set_input(g, n, index, v);
}

static rf_status axes_to_input(rf_graph *g, rf_node *n)
{
    return ints_to_input(g, n, "axes", 1);
}

static rf_status split_to_input(rf_graph *g, rf_node *n)
{
    return ints_to_input(g, n, "split", 1);
}

static rf_status split_counts_outputs(rf_graph *g, rf_node *n)
{
    return rf_node_input(n, 1) ? RF_OK : rf_node_set_int(g, n, "num_outputs", n->output_count);
}

static rf_status slice_to_inputs(rf_graph *g, rf_node *n)
{
    RF_TRY(ints_to_input(g, n, "starts", 1));
    RF_TRY(ints_to_input(g, n, "ends", 2));
    return ints_to_input(g, n, "axes", 3);
}

static rf_status clip_to_inputs(rf_graph *g, rf_node *n)
{
    RF_TRY(float_to_input(g, n, "min", 1));
    return float_to_input(g, n, "max", 2);
}

static rf_status pad_to_inputs(rf_graph *g, rf_node *n)
{
    RF_TRY(ints_to_input(g, n, "pads", 1));
    return float_to_input(g, n, "value", 2);
}

/* The one way in which older operator sets sampled. */
static rf_status sample_asymmetrically(rf_graph *g, rf_node *n)
{
    RF_TRY(rf_node_set_string(g, n, "coordinate_transformation_mode", "asymmetric"));
    if (strcmp(rf_attr_string(n, "mode", "nearest"), "nearest"))
        return RF_OK;
    return rf_node_set_string(g, n, "nearest_mode", "floor");
}

/* Input 1 has become the region of interest. */
static rf_status scales_behind_roi(rf_graph *g, rf_node *n)
{
    rf_value *scales = rf_node_input(n, 1);
    RF_TRY(rf_node_set_input(g, n, 2, scales));
    RF_TRY(rf_node_set_input(g, n, 1, NULL));
    return sample_asymmetrically(g, n);
}

/* Factors as an attribute, until operator set 8, or as input 1. */
static rf_status upsample_scales(rf_graph *g, const rf_node *n, rf_value **out)
{
    const rf_attr *a = rf_node_attr(n, "scales");
    rf_tensor *t = NULL;
    if (!a || a->type != RF_ATTR_FLOATS) {
        *out = rf_node_input(n, 1);
        return *out ? RF_OK : refuse(g, n, "a form without scales");
    }
    RF_TRY(rf_tensor_new(g->ctx, RF_DTYPE_F32, 1, &a->count, &t));
    memcpy(t->data, a->floats, (size_t)a->count * sizeof *a->floats);
    return rf_new_constant(g, rf_arena_printf(&g->arena, "%s_scales", n->name), t, out);
}

static rf_status upsample_to_resize(rf_graph *g, rf_node *n)
{
    rf_value *scales = NULL, *y = n->outputs[0];
    rf_node *resize = NULL;
    RF_TRY(upsample_scales(g, n, &scales));
    rf_value *inputs[3] = { n->inputs[0], NULL, scales };
    const rf_node_desc desc = { .name = n->name,
                                .op_type = "Resize",
                                .inputs = inputs,
                                .input_count = 3,
                                .outputs = &y,
                                .output_count = 1,
                                .before = n->next };
    const char *mode = rf_attr_string(n, "mode", "nearest");
    RF_TRY(rf_graph_remove_node(g, n));
    RF_TRY(rf_graph_add_node(g, &desc, &resize));
    RF_TRY(rf_node_set_string(g, resize, "mode", mode));
    return sample_asymmetrically(g, resize);
}

/* In inference form Dropout is the identity, whatever its ratio. */
static rf_status drop_ratio(rf_graph *g, rf_node *n)
{
    (void)g;
    rf_node_remove_attr(n, "ratio");
    return RF_OK;
}

static rf_status drop_spatial(rf_graph *g, rf_node *n)
{
    if (!rf_attr_int(n, "spatial", 1))
        return refuse(g, n, "spatial = 0");
    rf_node_remove_attr(n, "spatial");
    return RF_OK;
}

static rf_status need_inference_form(rf_graph *g, rf_node *n)
{
    for (int i = 1; i < n->output_count; i++)
        if (n->outputs[i])
            return refuse(g, n, "training form");
    return RF_OK;
}

/*
 * Before opset 13 a Softmax worked on the tensor made two-dimensional at `axis`; now it works along one axis.
 * Where that axis is not the last, the old meaning is spelled out: Flatten, Softmax, Reshape to the old shape.
 */
static rf_status softmax_along_axis(rf_graph *g, rf_node *n)
{
    rf_value *x = n->inputs[0], *y = n->outputs[0];
    const int64_t axis = rf_attr_int(n, "axis", 1);
    const rf_shape unknown = { .rank = -1 };
    const int rank = x->shape.rank;
    if (axis == -1 || (rank > 0 && axis == rank - 1))
        return rf_node_set_int(g, n, "axis", -1);
    rf_value *dims = NULL, *flat = NULL, *soft = NULL;
    rf_node *flatten = NULL, *reshape = NULL, *shape_of = NULL;
    RF_TRY(rf_new_value(g, rf_arena_printf(&g->arena, "%s_shape", y->name), RF_DTYPE_I64, &unknown,
                        &dims));
    RF_TRY(rf_new_value(g, rf_arena_printf(&g->arena, "%s_flat", y->name), RF_DTYPE_F32, &unknown,
                        &flat));
    RF_TRY(rf_new_value(g, rf_arena_printf(&g->arena, "%s_soft", y->name), RF_DTYPE_F32, &unknown,
                        &soft));
    RF_TRY(rf_new_node(g, "Shape", (rf_value *[4]){ x }, dims, n, &shape_of));
    RF_TRY(rf_new_node(g, "Flatten", (rf_value *[4]){ x }, flat, n, &flatten));
    RF_TRY(rf_node_set_int(g, flatten, "axis", axis));
    RF_TRY(rf_node_set_input(g, n, 0, flat));
    RF_TRY(rf_node_set_output(g, n, 0, soft));
    RF_TRY(rf_node_set_int(g, n, "axis", -1));
    return rf_new_node(g, "Reshape", (rf_value *[4]){ soft, dims }, y, n->next, &reshape);
}

static const change changes[] = {
    { "BatchNormalization", 9, drop_spatial },
    { "BatchNormalization", 14, need_inference_form },
    { "Clip", 11, clip_to_inputs },
    { "DFT", 20, NULL },
    { "Dropout", 12, drop_ratio },
    { "GridSample", 20, NULL },
    { "GroupNormalization", 21, NULL },
    { "Hardmax", 13, softmax_along_axis },
    { "LogSoftmax", 13, softmax_along_axis },
    { "Pad", 11, pad_to_inputs },
    { "ReduceL1", 18, axes_to_input },
    { "ReduceL2", 18, axes_to_input },
    { "ReduceLogSum", 18, axes_to_input },
    { "ReduceLogSumExp", 18, axes_to_input },
    { "ReduceMax", 18, axes_to_input },
    { "ReduceMean", 18, axes_to_input },
    { "ReduceMin", 18, axes_to_input },
    { "ReduceProd", 18, axes_to_input },
    { "ReduceSum", 13, axes_to_input },
    { "ReduceSumSquare", 18, axes_to_input },
    { "Resize", 11, scales_behind_roi },
    { "RoiAlign", 16, NULL },
    { "Scatter", 11, NULL },
    { "Slice", 10, slice_to_inputs },
    { "Softmax", 13, softmax_along_axis },
    { "Split", 13, split_to_input },
    { "Split", 18, split_counts_outputs },
    { "Squeeze", 13, axes_to_input },
    { "TopK", 10, NULL },
    { "Unsqueeze", 13, axes_to_input },
    { "Upsample", 10, upsample_to_resize },
};

/* Bodies of If, Loop and Scan are opaque to the graph, so that their nodes cannot be converted. */
static rf_status check_attributes(rf_graph *g, const rf_node *n)
{
    for (int i = 0; i < n->attr_count; i++)
        if (n->attrs[i].type == RF_ATTR_OTHER)
            return refuse(g, n, n->attrs[i].name);
    return RF_OK;
}

static rf_status upgrade_node(rf_graph *g, rf_node *n, int64_t from, int64_t to)
{
    RF_TRY(check_attributes(g, n));
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        const change *c = &changes[i];
        if (strcmp(n->op_type, c->op_type) || from >= c->since || to < c->since)
            continue;
        if (!c->convert)
            return refuse(g, n, "its old form");
        RF_TRY(c->convert(g, n));
    }
    return RF_OK;
}

rf_status rf_export_upgrade_opset(rf_graph *g, int64_t version)
{
    const int64_t from = rf_graph_opset(g, "");
    if (from >= version)
        return RF_OK;
    for (rf_node *n = g->first, *next = NULL; n; n = next) {
        next = n->next; /* nodes that a conversion adds are in their new form already */
        if (!*n->domain)
            RF_TRY(upgrade_node(g, n, from, version));
    }
    return rf_graph_set_opset(g, "", version);
}
