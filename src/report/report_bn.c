/* BN statistics before and after re-estimation, channel by channel. */
#include "base/status.h"
#include "report/report.h"

enum { SCALE = 1, MEAN = 3, VARIANCE = 4 }; /* inputs of BatchNormalization */

static const rf_tensor *constant_of(const rf_node *bn, int index)
{
    rf_value *v = bn && index < bn->input_count ? rf_skip_fakequant(bn->inputs[index]) : NULL;
    const rf_tensor *t = v ? v->constant : NULL;
    return t && t->dtype == RF_DTYPE_F32 ? t : NULL;
}

static json_t *floats_of(const rf_node *bn, int index, int64_t count)
{
    const rf_tensor *t = constant_of(bn, index);
    return t && t->count == count ? rf_json_floats(t->data, t->count) : json_null();
}

static json_t *layer_json(const rf_bn_pair *pair, const rf_node *before)
{
    const rf_tensor *mean = constant_of(pair->bn, MEAN);
    const int64_t channels = mean ? mean->count : 0;
    return json_pack(
        "{s:o, s:o, s:o, s:I, s:I, s:f, s:o, s:o, s:o, s:o, s:o}", "bn",
        rf_json_text(pair->bn->name), "layer",
        pair->layer ? rf_json_text(pair->layer->name) : json_null(), "reason",
        pair->reason ? rf_json_text(pair->reason) : json_null(), "channels", (json_int_t)channels,
        "negative_gamma", (json_int_t)rf_attr_int(pair->bn, RF_NEGATIVE_GAMMA, 0), "epsilon",
        (double)rf_attr_float(pair->bn, "epsilon", 1e-5f), "gamma",
        floats_of(pair->bn, SCALE, channels), "mean_before", floats_of(before, MEAN, channels),
        "mean_after", floats_of(pair->bn, MEAN, channels), "var_before",
        floats_of(before, VARIANCE, channels), "var_after",
        floats_of(pair->bn, VARIANCE, channels));
}

rf_status rf_report_batch_norms(rf_sim *now, rf_sim *before, json_t **out)
{
    rf_bn_pairs pairs = { 0 };
    json_t *list = json_array();
    rf_status st = rf_bn_pairs_find(now->graph, &pairs);
    for (size_t i = 0; !st && i < pairs.count; i++) {
        const rf_bn_pair *pair = &pairs.items[i];
        const rf_node *old = before ? rf_graph_find_node(before->graph, pair->bn->name) : NULL;
        if (json_array_append_new(list, layer_json(pair, old)) != 0)
            st = rf_fail(now->ctx, RF_ENOMEM, "out of memory making the report");
    }
    RF_VEC_RELEASE(now->ctx, &pairs);
    if (st)
        json_decref(list);
    else
        *out = list;
    return st;
}
