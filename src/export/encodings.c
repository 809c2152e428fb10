/* AIMET's encodings files, versions 0.6.1 and 1.0.0: which tensor is quantized how, as JSON. */
#include "export/export.h"

#include <jansson.h>
#include <string.h>

/*
 * Objects under construction may be NULL when memory ran out; jansson's *_new functions take NULL and fail, so
 * that one check at the end is enough.
 */
static json_t *entry_061(const rf_node *q, int64_t channel)
{
    const rf_qspec spec = rf_quantizer_spec(q);
    const rf_encoding e = rf_export_encoding(q, channel);
    return json_pack("{s:i, s:s, s:s, s:f, s:f, s:I, s:f}", "bitwidth", spec.bitwidth, "dtype",
                     "int", "is_symmetric", spec.symmetric ? "True" : "False", "max", e.max, "min",
                     e.min, "offset", (json_int_t)e.offset, "scale", e.scale);
}

static json_t *entries_061(const rf_node *q)
{
    json_t *list = json_array();
    for (int64_t c = 0; c < rf_quantizer_count(q); c++)
        if (json_array_append_new(list, entry_061(q, c))) {
            json_decref(list);
            return NULL;
        }
    return list;
}

static json_t *entry_100(const rf_node *q)
{
    const rf_qspec spec = rf_quantizer_spec(q);
    json_t *scale = json_array(), *offset = json_array();
    int failed = 0;
    for (int64_t c = 0; c < rf_quantizer_count(q); c++) {
        const rf_encoding e = rf_export_encoding(q, c);
        failed |= json_array_append_new(scale, json_real(e.scale));
        failed |= json_array_append_new(offset, json_integer((json_int_t)e.offset));
    }
    if (failed) {
        json_decref(scale);
        json_decref(offset);
        return NULL;
    }
    return json_pack("{s:i, s:s, s:s, s:b, s:s, s:o, s:o}", "bw", spec.bitwidth, "dtype", "INT",
                     "enc_type", rf_quantizer_axis(q) < 0 ? "PER_TENSOR" : "PER_CHANNEL", "is_sym",
                     (int)spec.symmetric, "name", rf_export_tensor_name(q), "offset", offset,
                     "scale", scale);
}

/* Encodings of parameters, or of activations: an object by tensor (0.6.1) or a list in graph order (1.0.0). */
static json_t *section(const rf_sim *sim, bool param, bool as_list)
{
    json_t *all = as_list ? json_array() : json_object();
    int failed = 0;
    for (size_t i = 0; i < sim->quantizers.count; i++) {
        const rf_node *q = sim->quantizers.items[i];
        if (rf_quantizer_is_param(q) != param || !rf_quantizer_exports(q))
            continue;
        failed |= as_list ? json_array_append_new(all, entry_100(q))
                          : json_object_set_new(all, rf_export_tensor_name(q), entries_061(q));
    }
    if (failed) {
        json_decref(all);
        return NULL;
    }
    return all;
}

/* AIMET names the range learning schemes by the analyzer they start from, and has no name for mse: its
 * tf_enhanced is the analyzer that minimizes the same error. */
static const char *scheme_name(rf_scheme scheme)
{
    switch (scheme) {
    case RF_SCHEME_TF:
        return "post_training_tf";
    case RF_SCHEME_PERCENTILE:
        return "post_training_percentile";
    case RF_SCHEME_TF_ENHANCED:
    case RF_SCHEME_MSE:
        break;
    }
    return "post_training_tf_enhanced";
}

/* The options and the defaults of the configuration, as AIMET has it, not what single quantizers came to be. */
static json_t *quantizer_args(const rf_sim *sim)
{
    return json_pack("{s:i, s:s, s:b, s:i, s:b, s:s}", "activation_bitwidth", sim->output_bw,
                     "dtype", "int", "is_symmetric", (int)sim->param_symmetric, "param_bitwidth",
                     sim->param_bw, "per_channel_quantization", (int)sim->per_channel,
                     "quant_scheme", scheme_name(sim->scheme));
}

rf_status rf_export_encodings(const rf_sim *sim, const char *version, char **out)
{
    const bool as_list = !strcmp(version, "1.0.0");
    json_t *root = json_object();
    int failed = 0;
    failed |= json_object_set_new(root, "version", json_string(version));
    failed |= json_object_set_new(root, "activation_encodings", section(sim, false, as_list));
    failed |= json_object_set_new(root, "param_encodings", section(sim, true, as_list));
    failed |= json_object_set_new(root, "excluded_layers", json_array());
    failed |= json_object_set_new(root, "quantizer_args", quantizer_args(sim));
    /* 17 digits: any double comes back as it was */
    char *text =
        failed ? NULL : json_dumps(root, JSON_INDENT(4) | JSON_SORT_KEYS | JSON_REAL_PRECISION(17));
    json_decref(root);
    if (!text)
        return rf_fail(sim->ctx, RF_ENOMEM, "out of memory while writing encodings as JSON");
    char *copy = rf_strdup(sim->ctx, text);
    free(text);
    if (!copy)
        return RF_ENOMEM;
    *out = copy;
    return RF_OK;
}
