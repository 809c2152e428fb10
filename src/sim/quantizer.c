/* Quantizers as nodes of the graph: reading their attributes, their ranges, inserting them, and codes. */
#include <math.h>
#include <string.h>

#include "base/status.h"
#include "ops/params.h"
#include "quant/fakequant.h"
#include "sim/sim_impl.h"

/* ------------------------------------------------------------------------------- reading --- */

rf_node *rf_value_quantizer(const rf_value *v)
{
    for (const rf_use *use = v->uses; use; use = use->next) {
        if (use->index == 0 && rf_node_is_fakequant(use->node))
            return use->node;
    }
    return NULL;
}

static rf_grid grid_of_name(const char *name)
{
    if (strcmp(name, "static") == 0)
        return RF_GRID_STATIC;
    return strcmp(name, "v2") == 0 ? RF_GRID_V2 : RF_GRID_LEARNED;
}

static const char *name_of_grid(rf_grid grid)
{
    static const char *const names[] = {
        [RF_GRID_LEARNED] = "learned", [RF_GRID_STATIC] = "static", [RF_GRID_V2] = "v2"
    };
    return names[grid];
}

rf_qspec rf_quantizer_spec(const rf_node *n)
{
    return (rf_qspec){
        .bitwidth = (int)rf_attr_int(n, "bitwidth", 8),
        .symmetric = rf_attr_int(n, "symmetric", 0) != 0,
        .strict = rf_attr_int(n, "strict", 0) != 0,
        .is_unsigned = rf_attr_int(n, "unsigned", 0) != 0,
        .grid = grid_of_name(rf_attr_string(n, "grid", "learned")),
    };
}

bool rf_quantizer_enabled(const rf_node *n)
{
    return rf_attr_int(n, "enabled", 1) != 0;
}

int rf_quantizer_axis(const rf_node *n)
{
    return (int)rf_attr_int(n, "axis", -1);
}

bool rf_quantizer_is_param(const rf_node *n)
{
    return strcmp(rf_attr_string(n, "kind", "activation"), "param") == 0;
}

double rf_quantizer_changed(const rf_node *n)
{
    return (double)rf_attr_float(n, RF_CHANGED_CODES, NAN);
}

float *rf_quantizer_min(const rf_node *n)
{
    return rf_tensor_f32(n->inputs[1]->constant);
}

float *rf_quantizer_max(const rf_node *n)
{
    return rf_tensor_f32(n->inputs[2]->constant);
}

int64_t rf_quantizer_count(const rf_node *n)
{
    return n->inputs[1]->constant->count;
}

rf_value *rf_quantizer_tensor(const rf_node *n)
{
    return n->inputs[0];
}

rf_node *rf_quantizer_layer(const rf_node *n)
{
    if (!rf_quantizer_is_param(n))
        return rf_quantizer_tensor(n)->producer;
    const rf_use *use = n->outputs[0]->uses;
    if (use && rf_node_is(use->node, "Transpose") && use->node->outputs[0]->uses)
        use = use->node->outputs[0]->uses;
    return use ? use->node : NULL;
}

/* ------------------------------------------------------------------------------ changing --- */

static rf_status new_vector(rf_context *ctx, const float *values, int64_t count, rf_tensor **out)
{
    RF_TRY(rf_tensor_new(ctx, RF_DTYPE_F32, 1, &count, out));
    memcpy((*out)->data, values, (size_t)count * sizeof *values);
    return RF_OK;
}

static rf_status set_end(rf_graph *g, rf_value *end, const float *values, int64_t count)
{
    if (end->constant->count == count) {
        memcpy(end->constant->data, values, (size_t)count * sizeof *values);
        rf_value_touch(end);
        return RF_OK;
    }
    rf_tensor *t = NULL;
    RF_TRY(new_vector(g->ctx, values, count, &t));
    return rf_value_take_constant(g, end, t);
}

rf_status rf_quantizer_set_range(rf_sim *sim, rf_node *n, const float *min, const float *max,
                                 int64_t count)
{
    RF_TRY(set_end(sim->graph, n->inputs[1], min, count));
    return set_end(sim->graph, n->inputs[2], max, count);
}

rf_status rf_quantizer_store(rf_sim *sim, rf_node *n, const rf_encoding *encodings, int64_t count)
{
    const rf_qspec spec = rf_quantizer_spec(n);
    const bool mirrored = spec.grid == RF_GRID_LEARNED && spec.symmetric;
    float *ends = rf_calloc(sim->ctx, 2 * (size_t)count, sizeof *ends);
    if (!ends)
        return RF_ENOMEM;
    float *min = ends, *max = ends + count;
    for (int64_t c = 0; c < count; c++) {
        max[c] = (float)encodings[c].max;
        min[c] = mirrored ? -max[c] : (float)encodings[c].min;
    }
    rf_status st = rf_quantizer_set_range(sim, n, min, max, count);
    if (st == RF_OK &&
        !rf_quantizer_enabled(
            n)) /* setting an attribute costs memory, and static schemes come often */
        st = rf_node_set_int(sim->graph, n, "enabled", 1);
    rf_free(sim->ctx, ends);
    return st;
}

/* ----------------------------------------------------------------------------- inserting --- */

static const char *derived_name(rf_graph *g, const rf_value *v, const char *part)
{
    const char *name = rf_arena_printf(&g->arena, "%s/%s", v->name, part);
    return name ? rf_graph_unique_name(g, name) : NULL;
}

static rf_status add_end(rf_graph *g, const rf_value *v, const char *part, float value,
                         int64_t count, rf_value **out)
{
    const char *name = derived_name(g, v, part);
    rf_tensor *t = NULL;
    if (!name)
        return RF_ENOMEM;
    RF_TRY(rf_tensor_new(g->ctx, RF_DTYPE_F32, 1, &count, &t));
    for (int64_t i = 0; i < count; i++)
        rf_tensor_f32(t)[i] = value;
    return rf_graph_take_constant(g, name, t, out);
}

/* One range a channel of a constant; one in all otherwise. */
static int64_t range_count(const rf_quantizer_desc *desc)
{
    return desc->axis >= 0 && desc->tensor->constant
               ? desc->tensor->constant->shape.dims[desc->axis]
               : 1;
}

static rf_status set_attributes(rf_graph *g, rf_node *n, const rf_quantizer_desc *desc)
{
    RF_TRY(rf_node_set_string(g, n, "kind", desc->is_param ? "param" : "activation"));
    RF_TRY(rf_node_set_int(g, n, "bitwidth", desc->spec.bitwidth));
    RF_TRY(rf_node_set_int(g, n, "symmetric", desc->spec.symmetric));
    RF_TRY(rf_node_set_int(g, n, "strict", desc->spec.strict));
    RF_TRY(rf_node_set_int(g, n, "unsigned", desc->spec.is_unsigned));
    RF_TRY(rf_node_set_int(g, n, "axis", desc->axis));
    RF_TRY(rf_node_set_int(g, n, "enabled", desc->enabled));
    RF_TRY(rf_node_set_int(g, n, "frozen", desc->frozen));
    return rf_node_set_string(g, n, "grid", name_of_grid(desc->spec.grid));
}

static bool uses(const rf_node *n, const rf_value *v)
{
    for (int i = 0; i < n->input_count; i++) {
        if (n->inputs[i] == v)
            return true;
    }
    return false;
}

/*
 * Behind the producer, or in front of the first user; in both cases behind the quantizers that are there already. So
 * quantizers that are inserted in the order of the list keep that order, and a file that is read and written again
 * stays the same.
 */
static rf_node *place_for(const rf_graph *g, const rf_value *v)
{
    rf_node *n = v->producer ? v->producer->next : g->first;
    while (n && (v->producer ? rf_node_is_fakequant(n) : !uses(n, v)))
        n = n->next;
    return n;
}

static rf_status add_node(rf_graph *g, rf_value *v, rf_value *min, rf_value *max, rf_node **out)
{
    rf_value *quantized = NULL;
    const char *value_name = derived_name(g, v, "quantized");
    const char *node_name = rf_arena_printf(&g->arena, "%s/quantizer", v->name);
    if (!value_name || !node_name || !(node_name = rf_graph_unique_name(g, node_name)))
        return RF_ENOMEM;
    RF_TRY(rf_graph_add_value(g, value_name, v->dtype, &v->shape, &quantized));
    rf_value *const inputs[] = { v, min, max }, *const outputs[] = { quantized };
    const rf_node_desc desc = {
        .name = node_name,
        .op_type = RF_FAKEQUANT,
        .domain = RF_DOMAIN,
        .inputs = inputs,
        .input_count = 3,
        .outputs = outputs,
        .output_count = 1,
        .before = place_for(g, v),
    };
    return rf_graph_add_node(g, &desc, out);
}

rf_status rf_sim_insert(rf_sim *sim, const rf_quantizer_desc *desc, rf_node **out)
{
    rf_graph *g = sim->graph;
    rf_value *v = desc->tensor, *min = NULL, *max = NULL;
    rf_node *n = NULL;
    const int64_t count = range_count(desc);
    RF_TRY(add_end(g, v, "encoding_min", -1.0f, count, &min));
    RF_TRY(add_end(g, v, "encoding_max", 1.0f, count, &max));
    RF_TRY(add_node(g, v, min, max, &n));
    RF_TRY(set_attributes(g, n, desc));
    RF_TRY(rf_graph_replace_uses(g, v, n->outputs[0], n));
    if (out)
        *out = n;
    return RF_OK;
}

/* --------------------------------------------------------------------------------- codes --- */

static rf_qarray array_around(const rf_shape *shape, int axis)
{
    rf_qarray a = { 1, 1, 1 };
    for (int i = 0; i < shape->rank; i++) {
        if (axis < 0 || i > axis)
            a.inner *= shape->dims[i];
        else if (i < axis)
            a.outer *= shape->dims[i];
        else
            a.channels = shape->dims[i];
    }
    return a;
}

static rf_status grids_of(rf_context *ctx, const rf_node *n, float **scale_out,
                          int32_t **offset_out)
{
    const rf_qspec spec = rf_quantizer_spec(n);
    const int64_t count = rf_quantizer_count(n);
    float *scale = rf_calloc(ctx, (size_t)count, sizeof *scale);
    int32_t *offset = rf_calloc(ctx, (size_t)count, sizeof *offset);
    if (!scale || !offset) {
        rf_free(ctx, scale);
        rf_free(ctx, offset);
        return RF_ENOMEM;
    }
    for (int64_t c = 0; c < count; c++)
        rf_scale_offset(&spec, rf_quantizer_min(n)[c], rf_quantizer_max(n)[c], &scale[c],
                        &offset[c]);
    *scale_out = scale;
    *offset_out = offset;
    return RF_OK;
}

rf_status rf_quantizer_codes(rf_context *ctx, const rf_node *n, int32_t **out)
{
    const rf_tensor *t = rf_quantizer_tensor(n)->constant;
    const rf_qspec spec = rf_quantizer_spec(n);
    float *scale = NULL;
    int32_t *offset = NULL;
    if (!t || t->dtype != RF_DTYPE_F32)
        return rf_fail(ctx, RF_EARG, "quantizer '%s' has no codes: '%s' is no constant", n->name,
                       rf_quantizer_tensor(n)->name);
    if (spec.bitwidth > 16)
        return rf_fail(ctx, RF_EARG, "quantizer '%s' has no codes: %d bits", n->name,
                       spec.bitwidth);
    RF_TRY(grids_of(ctx, n, &scale, &offset));
    uint16_t *narrow = rf_alloc(ctx, (size_t)t->count * sizeof *narrow);
    int32_t *codes = rf_calloc(ctx, (size_t)t->count, sizeof *codes);
    const rf_status st = narrow && codes ? RF_OK : RF_ENOMEM;
    if (st == RF_OK) {
        const rf_qarray a = array_around(&t->shape, rf_quantizer_axis(n));
        rf_quantize_u16(&spec, &a, scale, offset, rf_tensor_f32(t), narrow);
        for (int64_t i = 0; i < t->count; i++)
            codes[i] = narrow[i];
        *out = codes;
        codes = NULL;
    }
    rf_free(ctx, codes);
    rf_free(ctx, narrow);
    rf_free(ctx, offset);
    rf_free(ctx, scale);
    return st;
}
