/* What parameters and activations of a QDQ graph have in common: names, codes, scales and zero points. */
#include "export/qdq.h"

rf_status rf_qdq_new_constant(rf_qdq *b, const char *base, const char *suffix, rf_tensor *t,
                              rf_value **out)
{
    return rf_new_constant(b->g, rf_arena_printf(&b->g->arena, "%s_%s", base, suffix), t, out);
}

rf_status rf_qdq_new_value(rf_graph *g, const char *base, const char *suffix, rf_dtype dtype,
                           const rf_shape *shape, rf_value **out)
{
    return rf_new_value(g, rf_arena_printf(&g->arena, "%s_%s", base, suffix), dtype, shape, out);
}

void rf_qdq_write_code(rf_tensor *t, int64_t i, int32_t code)
{
    if (t->dtype == RF_DTYPE_I8)
        ((int8_t *)t->data)[i] = (int8_t)code;
    else if (t->dtype == RF_DTYPE_U8)
        ((uint8_t *)t->data)[i] = (uint8_t)code;
    else
        ((uint16_t *)t->data)[i] = (uint16_t)code;
}

/* The grid in ONNX's form; `scales` and `zeros` are [count]. */
static rf_status fill_grid(rf_qdq *b, const rf_node *q, const rf_container *box, rf_tensor *scales,
                           rf_tensor *zeros)
{
    float *scale = NULL;
    int32_t *offset = NULL;
    rf_status st = rf_quantizer_grid(b->ctx, q, &scale, &offset);
    for (int64_t c = 0; !st && c < scales->count; c++) {
        const int32_t zero = box->is_signed ? 0 : -offset[c];
        if (zero < 0 || zero > box->steps)
            st = rf_fail(b->ctx, RF_EUNSUPPORTED,
                         "tensor '%s': the range %g..%g does not contain 0, and QDQ has no zero "
                         "point for it; leave the format qdq out",
                         rf_export_tensor_name(q), (double)rf_quantizer_min(q)[c],
                         (double)rf_quantizer_max(q)[c]);
        rf_tensor_f32(scales)[c] = scale[c];
        rf_qdq_write_code(zeros, c, zero);
    }
    rf_free(b->ctx, scale);
    rf_free(b->ctx, offset);
    return st;
}

rf_status rf_qdq_new_grid(rf_qdq *b, const rf_node *q, const rf_container *box,
                          rf_value **scale_out, rf_value **zero_out)
{
    const char *base = rf_export_tensor_name(q);
    const int64_t count = rf_quantizer_count(q);
    const int rank = rf_quantizer_axis(q) < 0 ? 0 : 1;
    rf_tensor *scales = NULL, *zeros = NULL;
    rf_status st = rf_tensor_new(b->ctx, RF_DTYPE_F32, rank, &count, &scales);
    if (!st)
        st = rf_tensor_new(b->ctx, box->dtype, rank, &count, &zeros);
    if (!st)
        st = fill_grid(b, q, box, scales, zeros);
    if (!st) {
        rf_tensor *taken = scales;
        scales = NULL;
        st = rf_qdq_new_constant(b, base, "scale", taken, scale_out);
    }
    if (!st) {
        rf_tensor *taken = zeros;
        zeros = NULL;
        st = rf_qdq_new_constant(b, base, "zero_point", taken, zero_out);
    }
    if (!st)
        (*zero_out)->onnx_type = box->onnx_type;
    rf_tensor_free(scales);
    rf_tensor_free(zeros);
    return st;
}

rf_status rf_qdq_new_node(rf_qdq *b, const char *op_type, rf_value *const inputs[3],
                          rf_value *output, const char *domain, rf_node *before)
{
    const char *base = rf_arena_printf(&b->g->arena, "%s_%s", output->name, op_type);
    const char *name = base ? rf_graph_unique_name(b->g, base) : NULL;
    if (!name)
        return RF_ENOMEM;
    const rf_node_desc desc = { .name = name,
                                .op_type = op_type,
                                .domain = domain,
                                .inputs = inputs,
                                .input_count = 3,
                                .outputs = &output,
                                .output_count = 1,
                                .before = before };
    b->uses_microsoft = b->uses_microsoft || domain[0];
    return rf_graph_add_node(b->g, &desc, NULL);
}
