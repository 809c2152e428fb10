/* The float network of an export: stripped of quantizers, with parameters on their integer grids, as AIMET writes it. */
#include "export/export.h"

#include <string.h>

#include "ops/params.h"

bool rf_quantizer_exports(const rf_node *fakequant)
{
    return rf_quantizer_enabled(fakequant) && rf_quantizer_spec(fakequant).bitwidth < 32;
}

const char *rf_export_tensor_name(const rf_node *fakequant)
{
    return rf_quantizer_tensor(fakequant)->name;
}

rf_encoding rf_export_encoding(const rf_node *fakequant, int64_t channel)
{
    const rf_qspec spec = rf_quantizer_spec(fakequant);
    return rf_effective_encoding(&spec, rf_quantizer_min(fakequant)[channel],
                                 rf_quantizer_max(fakequant)[channel]);
}

rf_status rf_quantizer_grid(rf_context *ctx, const rf_node *fakequant, float **scale_out,
                            int32_t **offset_out)
{
    const rf_qspec spec = rf_quantizer_spec(fakequant);
    const int64_t count = rf_quantizer_count(fakequant);
    const float *min = rf_quantizer_min(fakequant), *max = rf_quantizer_max(fakequant);
    float *scale = rf_alloc(ctx, (size_t)count * sizeof *scale);
    int32_t *offset = rf_alloc(ctx, (size_t)count * sizeof *offset);
    if (!scale || !offset) {
        rf_free(ctx, scale);
        rf_free(ctx, offset);
        return RF_ENOMEM;
    }
    for (int64_t c = 0; c < count; c++)
        rf_scale_offset(&spec, min[c], max[c], &scale[c], &offset[c]);
    *scale_out = scale;
    *offset_out = offset;
    return RF_OK;
}

int64_t rf_channel_run(const rf_shape *shape, int axis)
{
    int64_t run = 1;
    for (int d = axis < 0 ? 0 : axis + 1; d < shape->rank; d++)
        run *= shape->dims[d];
    return run;
}

/* Replace the values of `dst` by what the quantizer makes of its parameter. */
static rf_status fill_quantized(rf_context *ctx, const rf_node *fakequant, rf_tensor *dst)
{
    int32_t *codes = NULL, *offset = NULL;
    float *scale = NULL;
    RF_TRY(rf_quantizer_codes(ctx, fakequant, &codes));
    const rf_status st = rf_quantizer_grid(ctx, fakequant, &scale, &offset);
    if (!st) {
        const int64_t channels = rf_quantizer_count(fakequant);
        const int64_t inner = rf_channel_run(&dst->shape, rf_quantizer_axis(fakequant));
        for (int64_t i = 0; i < dst->count; i++) {
            const int64_t c = i / inner % channels;
            rf_tensor_f32(dst)[i] = (float)(codes[i] + offset[c]) * scale[c];
        }
    }
    rf_free(ctx, codes);
    rf_free(ctx, offset);
    rf_free(ctx, scale);
    return st;
}

static rf_status quantize_parameters(const rf_sim *sim, rf_graph *plain)
{
    for (size_t i = 0; i < sim->quantizers.count; i++) {
        const rf_node *q = sim->quantizers.items[i];
        if (!rf_quantizer_is_param(q) || !rf_quantizer_exports(q))
            continue;
        rf_value *v = rf_graph_find_value(plain, rf_export_tensor_name(q));
        if (!v || !v->constant)
            return rf_fail(sim->ctx, RF_EINTERNAL, "quantized parameter '%s' is not in the graph",
                           rf_export_tensor_name(q));
        RF_TRY(fill_quantized(sim->ctx, q, v->constant));
        rf_value_touch(v);
    }
    return RF_OK;
}

rf_status rf_export_plain(const rf_sim *sim, rf_graph **out)
{
    rf_graph *g = NULL;
    RF_TRY(rf_sim_strip(sim, &g));
    rf_status st = quantize_parameters(sim, g);
    if (!st) /* a model that carries the simulation would be taken for one */
        st = rf_graph_set_metadata(g, RF_DOMAIN, NULL);
    if (st) {
        rf_graph_free(g);
        return st;
    }
    *out = g;
    return RF_OK;
}
