/*
 * A simulation in a file: the float ONNX model as it is, and one metadata entry "refold" with everything else as JSON.
 * The format is described in docs/FILE_FORMAT.md; a field that is missing or senseless is refused by its name.
 */
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "formats/onnx.h"
#include "ops/params.h"
#include "sim/sim_impl.h"

#define FLOAT_DIGITS 9 /* enough to read the same float32 back */

/* ------------------------------------------------------------------------------- writing --- */

static json_t *floats_json(const float *values, int64_t count)
{
    json_t *list = json_array();
    for (int64_t i = 0; list && i < count; i++) {
        if (json_array_append_new(list, json_real((double)values[i])) != 0) {
            json_decref(list);
            return NULL; /* out of memory, or not finite: JSON has no such numbers */
        }
    }
    return list;
}

static json_t *quantizer_json(const rf_node *n)
{
    const rf_qspec spec = rf_quantizer_spec(n);
    const int axis = rf_quantizer_axis(n);
    const int64_t count = rf_quantizer_count(n);
    json_t *object = json_pack(
        "{s:s, s:s, s:i, s:b, s:b, s:b, s:o, s:b, s:b, s:o, s:o}", "tensor",
        rf_quantizer_tensor(n)->name, "kind", rf_quantizer_is_param(n) ? "param" : "activation",
        "bitwidth", spec.bitwidth, "symmetric", spec.symmetric, "strict_symmetric", spec.strict,
        "unsigned_symmetric", spec.is_unsigned, "axis", axis < 0 ? json_null() : json_integer(axis),
        "enabled", rf_quantizer_enabled(n), "frozen", rf_attr_int(n, "frozen", 0) != 0, "min",
        floats_json(rf_quantizer_min(n), count), "max", floats_json(rf_quantizer_max(n), count));
    if (object && isfinite(rf_quantizer_changed(n)))
        (void)json_object_set_new(object, "changed", json_real(rf_quantizer_changed(n)));
    return object;
}

static json_t *negative_gamma_json(const rf_graph *g)
{
    json_t *object = json_object();
    for (const rf_node *n = g->first; object && n; n = n->next) {
        const int64_t flipped = rf_attr_int(n, RF_NEGATIVE_GAMMA, 0);
        if (flipped > 0)
            (void)json_object_set_new(object, n->name, json_integer(flipped));
    }
    return object;
}

static const char *compat_name(const rf_sim *sim)
{
    return sim->compat_v2 ? "aimet-v2" : sim->compat_aimet ? "aimet" : NULL;
}

static json_t *options_json(const rf_sim *sim)
{
    char scheme[RF_SCHEME_TEXT];
    return json_pack("{s:i, s:i, s:s, s:s, s:b, s:b, s:s?}", "param_bw", sim->param_bw, "output_bw",
                     sim->output_bw, "scheme", rf_scheme_text(sim, scheme), "config",
                     sim->config_name, "param_symmetric", (int)sim->param_symmetric, "per_channel",
                     (int)sim->per_channel, "compat", compat_name(sim));
}

static rf_status document(const rf_sim *sim, json_t **out)
{
    json_t *list = json_array();
    for (size_t i = 0; i < sim->quantizers.count; i++) {
        const rf_node *n = sim->quantizers.items[i];
        json_t *item = quantizer_json(n);
        if (!item || json_array_append_new(list, item) != 0) {
            json_decref(list);
            return rf_fail(sim->ctx, RF_ENUMERIC,
                           "cannot save the simulation: the range of tensor '%s' is not finite",
                           rf_quantizer_tensor(n)->name);
        }
    }
    *out = json_pack("{s:i, s:s, s:o, s:o, s:o}", "format", RF_SIM_FORMAT, "state",
                     rf_state_name(sim->state), "options", options_json(sim), "negative_gamma",
                     negative_gamma_json(sim->graph), "quantizers", list);
    return *out ? RF_OK : rf_fail(sim->ctx, RF_ENOMEM, "out of memory writing the simulation");
}

static rf_status attach_document(const rf_sim *sim, rf_graph *g)
{
    json_t *root = NULL;
    RF_TRY(document(sim, &root));
    char *text = json_dumps(root, JSON_COMPACT | JSON_REAL_PRECISION(FLOAT_DIGITS));
    json_decref(root);
    if (!text)
        return rf_fail(sim->ctx, RF_ENOMEM, "out of memory writing the simulation");
    const rf_status st = rf_graph_set_metadata(g, RF_SIM_KEY, text);
    free(text);
    return st;
}

rf_status rf_sim_save(const rf_sim *sim, const char *path, bool force)
{
    rf_graph *g = NULL;
    RF_TRY(rf_sim_strip(sim, &g));
    rf_status st = attach_document(sim, g);
    if (st == RF_OK)
        st = rf_onnx_write(g, path, force);
    rf_graph_free(g);
    return st;
}

/* ------------------------------------------------------------------------------- reading --- */

typedef struct reader {
    rf_context *ctx;
    const char *path;
    rf_sim *sim;
    int index;          /* of the quantizer being read */
    const char *tensor; /* its tensor, once known */
} reader;

static rf_status fail_file(const reader *r, const char *field, const char *expected)
{
    return rf_fail(r->ctx, RF_EMODEL, "'%s': metadata 'refold': %s: expected %s", r->path, field,
                   expected);
}

static rf_status fail_quantizer(const reader *r, const char *field, const char *expected)
{
    return rf_fail(r->ctx, RF_EMODEL,
                   "'%s': metadata 'refold': quantizers[%d] (tensor '%s'): %s: expected %s",
                   r->path, r->index, r->tensor ? r->tensor : "?", field, expected);
}

static bool read_int(const json_t *object, const char *key, int64_t least, int64_t most, int *out)
{
    const json_t *value = json_object_get(object, key);
    const json_int_t number = json_integer_value(value);
    if (!json_is_integer(value) || number < least || number > most)
        return false;
    *out = (int)number;
    return true;
}

static bool read_bool(const json_t *object, const char *key, bool *out)
{
    const json_t *value = json_object_get(object, key);
    *out = json_is_true(value);
    return json_is_boolean(value);
}

static rf_status read_flags(const reader *r, const json_t *object, rf_quantizer_desc *desc)
{
    const struct {
        const char *key;
        bool *out;
    } flags[] = {
        { "symmetric", &desc->spec.symmetric },
        { "strict_symmetric", &desc->spec.strict },
        { "unsigned_symmetric", &desc->spec.is_unsigned },
        { "enabled", &desc->enabled },
        { "frozen", &desc->frozen },
    };
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        if (!read_bool(object, flags[i].key, flags[i].out))
            return fail_quantizer(r, flags[i].key, "true or false");
    }
    return RF_OK;
}

static rf_status read_target(reader *r, const json_t *object, rf_quantizer_desc *desc)
{
    const char *kind = json_string_value(json_object_get(object, "kind"));
    r->tensor = json_string_value(json_object_get(object, "tensor"));
    desc->tensor = r->tensor ? rf_graph_find_value(r->sim->graph, r->tensor) : NULL;
    if (!desc->tensor)
        return fail_quantizer(r, "tensor", "the name of a tensor in the model");
    if (rf_value_quantizer(desc->tensor))
        return fail_quantizer(r, "tensor", "one quantizer a tensor");
    if (!kind || (strcmp(kind, "param") != 0 && strcmp(kind, "activation") != 0))
        return fail_quantizer(r, "kind", "\"param\" or \"activation\"");
    desc->is_param = strcmp(kind, "param") == 0;
    const rf_tensor *t = desc->tensor->constant;
    if (desc->tensor->dtype != RF_DTYPE_F32)
        return fail_quantizer(r, "tensor", "a float32 tensor");
    if (desc->is_param && !t)
        return fail_quantizer(r, "kind", "\"activation\", since the tensor is no constant");
    desc->axis = -1;
    if (json_is_null(json_object_get(object, "axis")))
        return RF_OK;
    if (!t || !read_int(object, "axis", 0, t->shape.rank - 1, &desc->axis))
        return fail_quantizer(r, "axis", "null, or an axis of a constant tensor");
    return RF_OK;
}

static rf_status read_ends(const reader *r, const json_t *object, const char *key, float *ends,
                           int64_t count)
{
    const json_t *list = json_object_get(object, key);
    if (!json_is_array(list) || (int64_t)json_array_size(list) != count)
        return fail_quantizer(r, key, "a list of one number a channel, or of one");
    for (int64_t i = 0; i < count; i++) {
        const json_t *value = json_array_get(list, (size_t)i);
        ends[i] = (float)json_number_value(value);
        if (!json_is_number(value) || !isfinite(ends[i]))
            return fail_quantizer(r, key, "finite numbers");
    }
    return RF_OK;
}

/* Files of simulations that were not trained have no such number. */
static rf_status read_changed(const reader *r, const json_t *object, rf_node *n)
{
    const json_t *value = json_object_get(object, "changed");
    const double share = json_number_value(value);
    if (!value)
        return RF_OK;
    if (!json_is_number(value) || share < 0.0 || share > 1.0)
        return fail_quantizer(r, "changed", "a number from 0 to 1");
    return rf_node_set_float(r->sim->graph, n, RF_CHANGED_CODES, share);
}

static rf_status insert_quantizer(const reader *r, const json_t *object,
                                  const rf_quantizer_desc *desc)
{
    rf_node *n = NULL;
    RF_TRY(rf_sim_insert(r->sim, desc, &n));
    const int64_t count = rf_quantizer_count(n);
    float *ends = rf_calloc(r->ctx, 2 * (size_t)count, sizeof *ends);
    if (!ends)
        return RF_ENOMEM;
    rf_status st = read_ends(r, object, "min", ends, count);
    if (st == RF_OK)
        st = read_ends(r, object, "max", ends + count, count);
    if (st == RF_OK)
        st = rf_quantizer_set_range(r->sim, n, ends, ends + count, count);
    if (st == RF_OK)
        st = read_changed(r, object, n);
    rf_free(r->ctx, ends);
    return st;
}

static rf_status read_quantizer(reader *r, const json_t *object)
{
    rf_quantizer_desc desc = { .spec = { .grid = r->sim->grid } };
    r->tensor = NULL;
    if (!json_is_object(object))
        return fail_quantizer(r, "entry", "an object");
    RF_TRY(read_target(r, object, &desc));
    RF_TRY(read_flags(r, object, &desc));
    if (!read_int(object, "bitwidth", 2, 16, &desc.spec.bitwidth))
        return fail_quantizer(r, "bitwidth", "an integer from 2 to 16");
    return insert_quantizer(r, object, &desc);
}

static rf_status read_quantizers(reader *r, const json_t *root)
{
    const json_t *list = json_object_get(root, "quantizers");
    if (!json_is_array(list))
        return fail_file(r, "quantizers", "a list");
    for (size_t i = 0; i < json_array_size(list); i++) {
        r->index = (int)i;
        RF_TRY(read_quantizer(r, json_array_get(list, i)));
    }
    return RF_OK;
}

static rf_status read_negative_gamma(const reader *r, const json_t *root)
{
    json_t *object = json_object_get(root, "negative_gamma");
    const char *name;
    json_t *value;
    if (!json_is_object(object))
        return fail_file(r, "negative_gamma", "an object");
    json_object_foreach(object, name, value)
    {
        rf_node *n = rf_graph_find_node(r->sim->graph, name);
        if (!n || json_integer_value(value) <= 0)
            return fail_file(r, "negative_gamma", "names of BatchNormalization nodes with a count");
        RF_TRY(rf_node_set_int(r->sim->graph, n, RF_NEGATIVE_GAMMA, json_integer_value(value)));
    }
    return RF_OK;
}

static rf_status read_state(const reader *r, const json_t *root, rf_state *out)
{
    const char *text = json_string_value(json_object_get(root, "state"));
    for (int state = RF_STATE_BUILT; text && state <= RF_STATE_FOLDED; state++) {
        if (strcmp(text, rf_state_name((rf_state)state)) == 0) {
            *out = (rf_state)state;
            return RF_OK;
        }
    }
    return fail_file(r, "state", "built, calibrated, trained, bn_reestimated or folded");
}

/* Strings are borrowed from `root`. */
static rf_status read_options(const reader *r, const json_t *root, rf_sim_options *out)
{
    const json_t *options = json_object_get(root, "options");
    out->scheme = json_string_value(json_object_get(options, "scheme"));
    out->config = json_string_value(json_object_get(options, "config"));
    out->compat = json_string_value(json_object_get(options, "compat"));
    if (!read_int(options, "param_bw", 2, 32, &out->param_bw))
        return fail_file(r, "options.param_bw", "an integer from 2 to 32");
    if (!read_int(options, "output_bw", 2, 32, &out->output_bw))
        return fail_file(r, "options.output_bw", "an integer from 2 to 32");
    if (!out->scheme || !out->config)
        return fail_file(r, out->scheme ? "options.config" : "options.scheme", "a string");
    return RF_OK;
}

static rf_status read_document(const reader *r, const json_t *root, rf_sim_options *options_out,
                               rf_state *state_out)
{
    int format;
    if (!read_int(root, "format", RF_SIM_FORMAT, RF_SIM_FORMAT, &format))
        return fail_file(r, "format", "1; a newer refold may have written this file");
    RF_TRY(read_state(r, root, state_out));
    return read_options(r, root, options_out);
}

static bool is_false(const json_t *root, const char *key)
{
    return json_is_false(json_object_get(json_object_get(root, "options"), key));
}

/* Build the sim around g (taken, also on failure) as `root` says. */
static rf_status restore(reader *r, rf_graph *g, const json_t *root, rf_sim **out)
{
    rf_sim_options options = RF_SIM_OPTIONS_INIT;
    rf_state state = RF_STATE_BUILT;
    rf_status st = read_document(r, root, &options, &state);
    if (st != RF_OK) {
        rf_graph_free(g);
        return st;
    }
    st = rf_sim_take_graph(g, &options, &r->sim);
    if (st == RF_EARG) /* wrong usage elsewhere, a bad file here */
        return rf_fail(r->ctx, RF_EMODEL, "'%s': metadata 'refold': options: %s", r->path,
                       rf_context_message(r->ctx));
    if (st != RF_OK)
        return st;
    r->sim->state = state;
    r->sim->param_symmetric = !is_false(root, "param_symmetric");
    r->sim->per_channel = !is_false(root, "per_channel");
    st = read_negative_gamma(r, root);
    if (st == RF_OK)
        st = read_quantizers(r, root);
    if (st == RF_OK)
        st = rf_sim_refresh(r->sim);
    if (st == RF_OK)
        *out = r->sim;
    else
        rf_sim_free(r->sim);
    return st;
}

static rf_status load_document(const reader *r, const rf_graph *g, json_t **out)
{
    json_error_t error;
    const char *text = rf_graph_metadata(g, RF_SIM_KEY);
    if (!text)
        return rf_fail(r->ctx, RF_ESTATE,
                       "'%s' is a plain model without a simulation; make one with refold quantize",
                       r->path);
    *out = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    if (!*out)
        return rf_fail(r->ctx, RF_EMODEL, "'%s': metadata 'refold' is no JSON: %s", r->path,
                       error.text);
    return RF_OK;
}

rf_status rf_sim_load(rf_context *ctx, const char *path, rf_sim **out)
{
    reader r = { .ctx = ctx, .path = path };
    rf_graph *g = NULL;
    json_t *root = NULL;
    RF_TRY(rf_onnx_read(ctx, path, &g));
    rf_status st = load_document(&r, g, &root);
    if (st != RF_OK) {
        rf_graph_free(g);
        return st;
    }
    st = restore(&r, g, root, out);
    json_decref(root);
    return st;
}
