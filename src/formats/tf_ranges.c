/*
 * FakeQuant nodes of TensorFlow's quantization-aware training: the network is read as float, and their ranges are kept
 * as encodings, with which a simulation can begin. Source: TensorFlow's fake_quant_ops_functor.h for the nudging.
 */
#include <jansson.h>
#include <math.h>
#include <string.h>

#include "base/status.h"
#include "formats/tf_import.h"

/* --- noting --- */

static rf_net_tensor argument(rf_tf_import *in, const rf_tf_node *n, const char *key)
{
    return rf_net_scalar(&in->net, rf_net_text(&in->net, "%s/%s:0", n->name, key),
                         rf_tf_attr_float(n, key, strcmp(key, "min") == 0 ? -6.0F : 6.0F));
}

static bool is_range(const rf_net_tensor *min, const rf_net_tensor *max)
{
    return min->constant && max->constant && min->dtype == RF_DTYPE_F32 &&
           max->dtype == RF_DTYPE_F32 && min->constant->count == max->constant->count &&
           min->constant->count > 0;
}

void rf_tf_fake_quant(rf_tf_import *in, rf_tf_node *n)
{
    const bool args = rf_tf_is(n, "FakeQuantWithMinMaxArgs");
    const rf_net_tensor x = rf_tf_operand(in, n, 0);
    const rf_net_tensor min = args ? argument(in, n, "min") : rf_tf_operand(in, n, 1);
    const rf_net_tensor max = args ? argument(in, n, "max") : rf_tf_operand(in, n, 2);
    rf_tf_set(in, n, x);
    if (in->net.st || !is_range(&min, &max))
        return;
    const int64_t bits = rf_tf_attr_int(n, "num_bits", 8);
    if (bits < 2 || bits > 16) {
        rf_net_fail(&in->net, RF_EUNSUPPORTED, "%lld bits; expected 2 to 16", (long long)bits);
        return;
    }
    const rf_tf_range range = { .tensor = x.name,
                                .is_param = x.constant != NULL,
                                .narrow = rf_tf_attr_bool(n, "narrow_range", false),
                                .bits = (int)bits,
                                .min = min.constant,
                                .max = max.constant };
    in->net.st = RF_VEC_PUSH(in->net.g->ctx, &in->ranges, range);
}

/* --- writing --- */

/* TensorFlow moves the ends so that 0 is a code. */
static json_t *encoding_of(const rf_tf_range *r, int64_t channel)
{
    const double low = r->narrow ? 1.0 : 0.0, high = (double)((1 << r->bits) - 1);
    const double min = (double)rf_tensor_f32(r->min)[channel];
    const double max = (double)rf_tensor_f32(r->max)[channel];
    const double scale = (max - min) / (high - low);
    if (!(scale > 0.0) || !isfinite(scale))
        return NULL;
    const double wanted = low - min / scale;
    const double zero = wanted < low ? low : wanted > high ? high : rint(wanted);
    const bool symmetric = r->narrow && zero - low == high - zero;
    return json_pack("{s:i, s:s, s:s, s:f, s:f, s:i, s:f}", "bitwidth", r->bits, "dtype", "int",
                     "is_symmetric", symmetric ? "True" : "False", "min", (low - zero) * scale,
                     "max", (high - zero) * scale, "offset", (int)-zero, "scale", scale);
}

static bool add_range(json_t *kinds, const rf_tf_range *r)
{
    json_t *list = json_array();
    for (int64_t c = 0; c < r->min->count; c++) {
        json_t *e = encoding_of(r, c);
        if (!e || json_array_append_new(list, e)) {
            json_decref(list);
            return !e; /* a range without extent says nothing */
        }
    }
    json_t *kind = json_object_get(kinds, r->is_param ? "param_encodings" : "activation_encodings");
    return json_object_set_new(kind, r->tensor, list) == 0;
}

rf_status rf_tf_keep_ranges(rf_tf_import *in)
{
    bool fine = true;
    if (!in->ranges.count || in->net.st)
        return in->net.st;
    json_t *all = json_pack("{s:s, s:{}, s:{}}", "version", "0.6.1", "activation_encodings",
                            "param_encodings");
    for (size_t i = 0; all && fine && i < in->ranges.count; i++)
        fine = add_range(all, &in->ranges.items[i]);
    char *text = all && fine ? json_dumps(all, JSON_COMPACT) : NULL;
    in->net.st = text ? rf_graph_set_metadata(in->net.g, "refold.encodings", text) : RF_ENOMEM;
    free(text);
    json_decref(all);
    if (!in->net.st)
        rf_log(
            in->net.g->ctx, RF_LOG_INFO,
            "%zu FakeQuant nodes: the network is read as float; their ranges stand in the metadata "
            "entry refold.encodings",
            in->ranges.count);
    return in->net.st;
}
