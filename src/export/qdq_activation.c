/* Activations of a QDQ graph: QuantizeLinear and DequantizeLinear on the quantizer's grid, with zero point -offset. */
#include "export/qdq.h"

/* A container with more codes than the quantizer would let values through beyond the range: they are cut before. */
static rf_status insert_clip(rf_qdq *b, const rf_node *q, rf_value *x, rf_node *before,
                             rf_value **out)
{
    const rf_qspec spec = rf_quantizer_spec(q);
    float scale;
    int32_t offset;
    rf_scale_offset(&spec, *rf_quantizer_min(q), *rf_quantizer_max(q), &scale, &offset);
    const float low = (float)offset * scale;
    const float high = (float)(rf_qspec_steps(&spec) + offset) * scale;
    rf_value *min = NULL, *max = NULL, *y = NULL;
    rf_node *clip = NULL;
    RF_TRY(rf_new_scalar(b->g, rf_arena_printf(&b->g->arena, "%s_low", x->name), low, &min));
    RF_TRY(rf_new_scalar(b->g, rf_arena_printf(&b->g->arena, "%s_high", x->name), high, &max));
    RF_TRY(rf_qdq_new_value(b->g, x->name, "clipped", RF_DTYPE_F32, &x->shape, &y));
    RF_TRY(rf_new_node(b->g, "Clip", (rf_value *[4]){ x, min, max }, y, before, &clip));
    *out = y;
    return RF_OK;
}

rf_status rf_qdq_expand_activation(rf_qdq *b, rf_node *q)
{
    const rf_qspec spec = rf_quantizer_spec(q);
    const bool wide = spec.bitwidth > 8;
    const bool in_onnx = !wide || rf_graph_opset(b->g, "") >= RF_OPSET_SMALL_INTS;
    const char *domain = in_onnx ? "" : RF_MICROSOFT_DOMAIN;
    const rf_container box = { .dtype = wide ? RF_DTYPE_U16 : RF_DTYPE_U8,
                               .steps = wide ? 65535 : 255 };
    rf_value *x = rf_quantizer_tensor(q), *src = x;
    rf_value *scale = NULL, *zero = NULL, *codes = NULL, *real = NULL;
    if (spec.bitwidth > 16)
        return rf_fail(b->ctx, RF_EUNSUPPORTED, "tensor '%s' has %d bits, and QDQ holds at most 16",
                       x->name, spec.bitwidth);
    RF_TRY(rf_qdq_new_grid(b, q, &box, &scale, &zero));
    if (rf_qspec_steps(&spec) < box.steps)
        RF_TRY(insert_clip(b, q, x, q, &src));
    RF_TRY(rf_qdq_new_value(b->g, x->name, "quantized", box.dtype, &x->shape, &codes));
    RF_TRY(rf_qdq_new_value(b->g, x->name, "dequantized", RF_DTYPE_F32, &x->shape, &real));
    RF_TRY(rf_qdq_new_node(b, "QuantizeLinear", (rf_value *[3]){ src, scale, zero }, codes, domain,
                           q));
    RF_TRY(rf_qdq_new_node(b, "DequantizeLinear", (rf_value *[3]){ codes, scale, zero }, real,
                           domain, q));
    RF_TRY(rf_graph_replace_uses(b->g, q->outputs[0], real, NULL));
    return rf_graph_remove_node(b->g, q);
}
