/* Re-reading what an export wrote: the ONNX files node by node and bit by bit, the encodings number by number. */
#include "export/export.h"

#include <jansson.h>
#include <string.h>

#include "formats/onnx.h"

static rf_status differs(rf_context *ctx, const char *path, const char *what, const char *name)
{
    return rf_fail(ctx, RF_EINTERNAL, "%s: re-read after writing, %s '%s' is not what was written",
                   path, what, name);
}

/* --- ONNX --- */

static bool same_text(const char *a, const char *b)
{
    return !strcmp(a ? a : "", b ? b : "");
}

static bool same_names(rf_value *const *a, int a_count, rf_value *const *b, int b_count)
{
    const int count = a_count > b_count ? a_count : b_count;
    for (int i = 0; i < count; i++) {
        const rf_value *left = i < a_count ? a[i] : NULL, *right = i < b_count ? b[i] : NULL;
        if (!same_text(left ? left->name : NULL, right ? right->name : NULL))
            return false;
    }
    return true;
}

static bool same_node(const rf_node *a, const rf_node *b)
{
    return same_text(a->op_type, b->op_type) && same_text(a->domain, b->domain) &&
           same_names(a->inputs, a->input_count, b->inputs, b->input_count) &&
           same_names(a->outputs, a->output_count, b->outputs, b->output_count);
}

static bool same_constant(const rf_value *a, const rf_value *b)
{
    const rf_tensor *left = a->constant, *right = b->constant;
    if (!left || !right)
        return !left && !right;
    return left->dtype == right->dtype && a->onnx_type == b->onnx_type &&
           rf_shape_equal(&left->shape, &right->shape) &&
           !memcmp(left->data, right->data, (size_t)left->count * rf_dtype_bytes(left->dtype));
}

static rf_status compare_ports(const rf_graph *expected, const rf_graph *found, const char *path)
{
    if (expected->inputs.count != found->inputs.count ||
        expected->outputs.count != found->outputs.count)
        return differs(expected->ctx, path, "the list of inputs and outputs of", expected->name);
    for (size_t i = 0; i < expected->inputs.count; i++) {
        const rf_value *a = expected->inputs.items[i], *b = found->inputs.items[i];
        if (!same_text(a->name, b->name) || a->dtype != b->dtype ||
            !rf_shape_equal(&a->shape, &b->shape))
            return differs(expected->ctx, path, "input", a->name);
    }
    for (size_t i = 0; i < expected->outputs.count; i++)
        if (!same_text(expected->outputs.items[i]->name, found->outputs.items[i]->name))
            return differs(expected->ctx, path, "output", expected->outputs.items[i]->name);
    return RF_OK;
}

static rf_status compare_graphs(const rf_graph *expected, const rf_graph *found, const char *path)
{
    RF_TRY(compare_ports(expected, found, path));
    const rf_node *b = found->first;
    for (const rf_node *a = expected->first; a; a = a->next, b = b->next)
        if (!b || !same_node(a, b))
            return differs(expected->ctx, path, "node", a->name);
    if (b)
        return differs(expected->ctx, path, "node", b->name);
    for (size_t i = 0; i < expected->values.count; i++) {
        const rf_value *v = expected->values.items[i];
        const rf_value *twin = rf_graph_find_value(found, v->name);
        if (v->constant && (!twin || !same_constant(v, twin)))
            return differs(expected->ctx, path, "constant", v->name);
    }
    return RF_OK;
}

rf_status rf_verify_onnx(const rf_graph *expected, const char *path)
{
    rf_graph *found = NULL;
    RF_TRY(rf_onnx_read(expected->ctx, path, &found));
    rf_status st = rf_graph_check(found);
    if (!st)
        st = compare_graphs(expected, found, path);
    rf_graph_free(found);
    return st;
}

/* --- encodings --- */

/* One channel of either version; version 1.0.0 has no ends. */
static bool same_encoding(const rf_encoding *e, const json_t *scale, const json_t *offset,
                          const json_t *min, const json_t *max)
{
    return json_is_number(scale) && json_number_value(scale) == e->scale &&
           json_integer_value(offset) == e->offset && (!min || json_number_value(min) == e->min) &&
           (!max || json_number_value(max) == e->max);
}

static bool same_entry_061(const rf_node *q, const json_t *list)
{
    if ((int64_t)json_array_size(list) != rf_quantizer_count(q))
        return false;
    for (int64_t c = 0; c < rf_quantizer_count(q); c++) {
        const json_t *entry = json_array_get(list, (size_t)c);
        const rf_encoding e = rf_export_encoding(q, c);
        if (json_integer_value(json_object_get(entry, "bitwidth")) !=
                rf_quantizer_spec(q).bitwidth ||
            !same_encoding(&e, json_object_get(entry, "scale"), json_object_get(entry, "offset"),
                           json_object_get(entry, "min"), json_object_get(entry, "max")))
            return false;
    }
    return true;
}

static bool same_entry_100(const rf_node *q, const json_t *entry)
{
    const json_t *scale = json_object_get(entry, "scale"),
                 *offset = json_object_get(entry, "offset");
    if ((int64_t)json_array_size(scale) != rf_quantizer_count(q) ||
        json_integer_value(json_object_get(entry, "bw")) != rf_quantizer_spec(q).bitwidth)
        return false;
    for (int64_t c = 0; c < rf_quantizer_count(q); c++) {
        const rf_encoding e = rf_export_encoding(q, c);
        if (!same_encoding(&e, json_array_get(scale, (size_t)c), json_array_get(offset, (size_t)c),
                           NULL, NULL))
            return false;
    }
    return true;
}

/* The entry of a tensor in a section of either version; NULL if it has none. */
static const json_t *find_entry(const json_t *section, const char *name)
{
    if (json_is_object(section))
        return json_object_get(section, name);
    for (size_t i = 0; i < json_array_size(section); i++) {
        const json_t *entry = json_array_get(section, i);
        if (same_text(json_string_value(json_object_get(entry, "name")), name))
            return entry;
    }
    return NULL;
}

static size_t section_size(const json_t *section)
{
    return json_is_object(section) ? json_object_size(section) : json_array_size(section);
}

static rf_status compare_encodings(const rf_sim *sim, const rf_graph *plain, const json_t *root,
                                   const char *path)
{
    const json_t *params = json_object_get(root, "param_encodings");
    const json_t *activations = json_object_get(root, "activation_encodings");
    size_t count = 0;
    for (size_t i = 0; i < sim->quantizers.count; i++) {
        const rf_node *q = sim->quantizers.items[i];
        if (!rf_quantizer_exports(q))
            continue;
        const char *name = rf_export_tensor_name(q);
        const json_t *section = rf_quantizer_is_param(q) ? params : activations;
        const json_t *entry = find_entry(section, name);
        if (!rf_graph_find_value(plain, name))
            return differs(sim->ctx, path, "the model lacks the tensor", name);
        if (!(json_is_object(section) ? same_entry_061(q, entry) : same_entry_100(q, entry)))
            return differs(sim->ctx, path, "the encoding of", name);
        count++;
    }
    if (count != section_size(params) + section_size(activations))
        return differs(sim->ctx, path, "the number of encodings of", plain->name);
    return RF_OK;
}

rf_status rf_verify_encodings(const rf_sim *sim, const rf_graph *plain, const char *version,
                              const char *path)
{
    json_error_t error;
    json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
    if (!root)
        return rf_fail(sim->ctx, RF_EINTERNAL, "%s: re-read after writing, line %d: %s", path,
                       error.line, error.text);
    rf_status st = RF_OK;
    if (!same_text(json_string_value(json_object_get(root, "version")), version))
        st = differs(sim->ctx, path, "version", version);
    if (!st)
        st = compare_encodings(sim, plain, root, path);
    json_decref(root);
    return st;
}
