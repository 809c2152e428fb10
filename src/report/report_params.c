/* Weight quantizers: where the integer codes lie, before training and now; and what the parameters take. */
#include <math.h>
#include <string.h>

#include "base/status.h"
#include "ops/params.h"
#include "report/report.h"

enum { MOST_BINS = 256 }; /* of a histogram of codes; more than 8 bits share bins */

static rf_status fail_memory(const rf_sim *sim)
{
    return rf_fail(sim->ctx, RF_ENOMEM, "out of memory making the report");
}

static rf_node *param_quantizer(const rf_sim *sim, const char *tensor)
{
    for (size_t i = 0; sim && i < sim->quantizers.count; i++) {
        rf_node *n = sim->quantizers.items[i];
        if (rf_quantizer_is_param(n) && strcmp(rf_quantizer_tensor(n)->name, tensor) == 0)
            return n;
    }
    return NULL;
}

/* ---- histograms ---- */

typedef struct codes {
    int64_t steps, bins, count;
    int32_t *q; /* [count] from 0 to steps */
} codes;

static rf_status take_codes(rf_sim *sim, const rf_node *n, codes *out)
{
    const rf_qspec spec = rf_quantizer_spec(n);
    *out =
        (codes){ .steps = rf_qspec_steps(&spec), .count = rf_quantizer_tensor(n)->constant->count };
    out->bins = out->steps < MOST_BINS ? out->steps + 1 : MOST_BINS;
    return rf_quantizer_codes(sim->ctx, n, &out->q);
}

static json_t *histogram(const codes *c)
{
    int64_t bins[MOST_BINS] = { 0 };
    json_t *list = json_array();
    for (int64_t i = 0; i < c->count; i++)
        bins[(int64_t)c->q[i] * c->bins / (c->steps + 1)]++;
    for (int64_t i = 0; i < c->bins; i++)
        json_array_append_new(list, json_integer(bins[i]));
    return list;
}

static rf_status histogram_of(rf_sim *sim, const rf_node *n, json_t **out)
{
    codes c;
    RF_TRY(take_codes(sim, n, &c));
    *out = histogram(&c);
    rf_free(sim->ctx, c.q);
    return RF_OK;
}

/* ---- one quantizer ---- */

/* Channels whose codes are all that of 0. */
static rf_status dead_channels(rf_context *ctx, const rf_quantizer *q, const rf_tensor *t,
                               const codes *c, int64_t *out)
{
    const int axis = q->axis < 0 ? 0 : q->axis;
    const int64_t channels = q->axis < 0 || t->shape.rank == 0 ? 1 : t->shape.dims[axis];
    int64_t inner = q->axis < 0 ? t->count : 1, dead = channels;
    bool *alive = rf_calloc(ctx, (size_t)channels, sizeof *alive);
    if (!alive)
        return RF_ENOMEM;
    for (int d = axis + 1; q->axis >= 0 && d < t->shape.rank; d++)
        inner *= t->shape.dims[d];
    for (int64_t i = 0; i < c->count; i++) {
        const int64_t k = i / inner % channels;
        if (!alive[k] && c->q[i] != -q->offset[q->count > 1 ? k : 0]) {
            alive[k] = true;
            dead--;
        }
    }
    rf_free(ctx, alive);
    *out = dead;
    return RF_OK;
}

/* Of the lowest and the highest code. */
static double share_at_ends(const codes *c)
{
    int64_t ends = 0;
    for (int64_t i = 0; i < c->count; i++)
        ends += c->q[i] == 0 || c->q[i] == c->steps;
    return c->count ? (double)ends / (double)c->count : 0.0;
}

static double end_of(const float *values, int64_t count, double sign)
{
    double end = -(double)INFINITY;
    for (int64_t i = 0; i < count; i++)
        end = fmax(end, sign * (double)values[i]);
    return sign * end;
}

static int64_t negative_gamma(const rf_bn_pairs *pairs, const rf_value *weight)
{
    for (size_t i = 0; i < pairs->count; i++) {
        rf_layer layer;
        if (pairs->items[i].kind == RF_BN_BACKWARD &&
            rf_layer_match(pairs->items[i].layer, &layer) &&
            strcmp(layer.weight->name, weight->name) == 0)
            return rf_attr_int(pairs->items[i].bn, RF_NEGATIVE_GAMMA, 0);
    }
    return 0;
}

static json_t *describe(const rf_quantizer *q, const rf_tensor *t)
{
    json_t *shape = json_array();
    for (int d = 0; d < t->shape.rank; d++)
        json_array_append_new(shape, json_integer(t->shape.dims[d]));
    return json_pack("{s:o, s:o, s:o, s:b, s:i, s:b, s:I, s:I, s:o, s:o, s:o}", "tensor",
                     rf_json_text(q->tensor), "op", rf_json_text(q->op), "shape", shape, "enabled",
                     (int)q->enabled, "bitwidth", q->bitwidth, "symmetric", (int)q->symmetric,
                     "count", (json_int_t)t->count, "encodings", (json_int_t)q->count, "min",
                     q->count ? rf_json_real(end_of(q->min, q->count, -1.0)) : json_null(), "max",
                     q->count ? rf_json_real(end_of(q->max, q->count, 1.0)) : json_null(),
                     "changed", rf_json_real(q->changed));
}

static rf_status add_codes(rf_sim *sim, rf_sim *before, const rf_node *n, const rf_quantizer *q,
                           json_t *object)
{
    const rf_node *old = param_quantizer(before, q->tensor);
    json_t *then = NULL;
    int64_t dead = 0;
    codes c;
    RF_TRY(take_codes(sim, n, &c));
    rf_status st = dead_channels(sim->ctx, q, rf_quantizer_tensor(n)->constant, &c, &dead);
    json_object_set_new(object, "first_code", json_integer(q->offset[0]));
    json_object_set_new(object, "codes_a_bin", json_integer((c.steps + c.bins) / c.bins));
    json_object_set_new(object, "codes_after", histogram(&c));
    json_object_set_new(object, "dead_channels", json_integer(dead));
    json_object_set_new(object, "at_ends", rf_json_real(share_at_ends(&c)));
    rf_free(sim->ctx, c.q);
    if (!st && old && rf_quantizer_enabled(old))
        st = histogram_of(before, old, &then);
    json_object_set_new(object, "codes_before", then ? then : json_null());
    return st;
}

static rf_status add_param(rf_sim *sim, rf_sim *before, const rf_bn_pairs *pairs, size_t index,
                           json_t *list)
{
    const rf_node *n = sim->quantizers.items[index];
    const rf_tensor *t = rf_quantizer_tensor(n)->constant;
    rf_quantizer q;
    if (!rf_quantizer_is_param(n) || !t)
        return RF_OK;
    RF_TRY(rf_sim_quantizer(sim, (int)index, &q));
    json_t *object = describe(&q, t);
    if (!object || json_array_append_new(list, object) != 0)
        return fail_memory(sim);
    json_object_set_new(object, "negative_gamma",
                        json_integer(negative_gamma(pairs, rf_quantizer_tensor(n))));
    return q.enabled && q.count > 0 && q.bitwidth <= 16 ? add_codes(sim, before, n, &q, object)
                                                        : RF_OK;
}

rf_status rf_report_params(rf_sim *sim, rf_sim *before, rf_sim *with_bn, json_t **out)
{
    rf_bn_pairs pairs = { 0 };
    json_t *list = json_array();
    rf_status st = rf_bn_pairs_find(with_bn->graph, &pairs);
    for (size_t i = 0; !st && i < sim->quantizers.count; i++)
        st = add_param(sim, before, &pairs, i, list);
    RF_VEC_RELEASE(sim->ctx, &pairs);
    if (st)
        json_decref(list);
    else
        *out = list;
    return st;
}

/* ---- sizes ---- */

rf_status rf_report_size(rf_sim *sim, json_t **out)
{
    int64_t parameters = 0, quantized = 0;
    double bits = 0.0;
    for
        RF_GRAPH_EACH_NODE(n, sim->graph)
        {
            for (int i = 0; i < n->input_count; i++) {
                const rf_value *v = n->inputs[i];
                /* Each tensor counts once: with its first reader. Ranges belong to the quantizers. */
                if (!v || !v->constant || v->constant->dtype != RF_DTYPE_F32 ||
                    v->uses->node != n || (rf_node_is_fakequant(n) && i > 0))
                    continue;
                const bool on = rf_node_is_fakequant(n) && rf_quantizer_enabled(n) &&
                                rf_quantizer_spec(n).bitwidth < 32;
                parameters += v->constant->count;
                quantized += on ? v->constant->count : 0;
                bits += (double)v->constant->count * (on ? rf_quantizer_spec(n).bitwidth : 32);
            }
        }
    *out = json_pack("{s:I, s:I, s:f, s:o, s:I}", "parameters", (json_int_t)parameters, "quantized",
                     (json_int_t)quantized, "bytes", bits / 8.0, "bits_per_weight",
                     parameters ? rf_json_real(bits / (double)parameters) : json_null(),
                     "float_bytes", (json_int_t)(parameters * 4));
    return *out ? RF_OK : fail_memory(sim);
}
