/* Parameters of a QDQ graph: integer initializers behind a DequantizeLinear that gives back the very floats. */
#include "export/qdq.h"

/* ONNX data types that a tensor of refold has no dtype for. */
#define ONNX_UINT4 21
#define ONNX_INT4 22

static bool every_offset_is(const int32_t *offset, int64_t count, int64_t value)
{
    for (int64_t c = 0; c < count; c++)
        if (offset[c] != value)
            return false;
    return true;
}

/* Signed where the grid lies around zero, which is what ONNX Runtime fuses; unsigned with zero points elsewhere. */
static rf_status choose_container(rf_qdq *b, const rf_node *q, rf_container *out)
{
    const rf_qspec spec = rf_quantizer_spec(q);
    if (spec.bitwidth > 8)
        return rf_fail(b->ctx, RF_EUNSUPPORTED,
                       "parameter '%s' has %d bits, and QDQ holds at most 8; leave the format qdq "
                       "out, or quantize with --param-bw 8 or less",
                       rf_export_tensor_name(q), spec.bitwidth);
    float *scale = NULL;
    int32_t *offset = NULL;
    RF_TRY(rf_quantizer_grid(b->ctx, q, &scale, &offset));
    const int64_t middle = -((rf_qspec_steps(&spec) + 1) / 2);
    const bool int4 = b->choice->int4_weights && spec.bitwidth <= 4;
    out->is_signed = every_offset_is(offset, rf_quantizer_count(q), middle);
    out->dtype = out->is_signed ? RF_DTYPE_I8 : RF_DTYPE_U8;
    out->onnx_type = !int4 ? 0 : out->is_signed ? ONNX_INT4 : ONNX_UINT4;
    out->steps = int4 ? 15 : 255;
    rf_free(b->ctx, scale);
    rf_free(b->ctx, offset);
    return RF_OK;
}

/* Integer codes of the parameter, in the container's form and the parameter's order. */
static rf_status new_codes(rf_qdq *b, const rf_node *q, const rf_container *box, rf_tensor **out)
{
    const rf_value *v = rf_quantizer_tensor(q);
    int32_t *codes = NULL, *offset = NULL;
    float *scale = NULL;
    rf_tensor *t = NULL;
    RF_TRY(rf_quantizer_codes(b->ctx, q, &codes));
    rf_status st = rf_quantizer_grid(b->ctx, q, &scale, &offset);
    if (!st)
        st = rf_tensor_new_shape(b->ctx, box->dtype, &v->constant->shape, &t);
    if (!st) {
        const int64_t channels = rf_quantizer_count(q);
        const int64_t inner = rf_channel_run(&t->shape, rf_quantizer_axis(q));
        for (int64_t i = 0; i < t->count; i++)
            rf_qdq_write_code(t, i, codes[i] + (box->is_signed ? offset[i / inner % channels] : 0));
        *out = t;
    }
    rf_free(b->ctx, codes);
    rf_free(b->ctx, offset);
    rf_free(b->ctx, scale);
    return st;
}

/* Linear layers without a bias come out of PyTorch as Transpose and MatMul. */
rf_node *rf_qdq_transpose(const rf_node *q)
{
    const rf_value *v = q->outputs[0];
    rf_node *n = rf_value_only_consumer(v);
    if (!n || !rf_node_is(n, "Transpose") || v->shape.rank != 2 || n->outputs[0]->is_output)
        return NULL;
    int64_t count = 0;
    const int64_t *perm = rf_attr_ints(n, "perm", &count);
    return !perm || (count == 2 && perm[0] == 1 && perm[1] == 0) ? n : NULL;
}

static rf_status transpose_codes(rf_tensor *t, rf_tensor **out)
{
    const int64_t rows = t->shape.dims[0], columns = t->shape.dims[1];
    rf_tensor *turned = NULL;
    RF_TRY(rf_tensor_new(t->ctx, t->dtype, 2, (const int64_t[2]){ columns, rows }, &turned));
    const uint8_t *src = t->data; /* both containers of parameters have one byte a code */
    uint8_t *dst = turned->data;
    for (int64_t r = 0; r < rows; r++)
        for (int64_t c = 0; c < columns; c++)
            dst[c * rows + r] = src[r * columns + c];
    rf_tensor_free(t);
    *out = turned;
    return RF_OK;
}

/* `codes` behind a DequantizeLinear in front of `before`. The graph owns `codes` from here on. */
static rf_status new_real(rf_qdq *b, const rf_node *q, const rf_container *box, int axis,
                          rf_tensor *codes, rf_node *before, rf_value **out)
{
    const char *base = rf_export_tensor_name(q);
    const rf_shape shape = codes->shape;
    rf_value *code_value = NULL, *scale = NULL, *zero = NULL, *real = NULL;
    rf_node *dequantize = NULL;
    RF_TRY(rf_qdq_new_constant(b, base, "quantized", codes, &code_value));
    code_value->onnx_type = box->onnx_type;
    RF_TRY(rf_qdq_new_grid(b, q, box, &scale, &zero));
    RF_TRY(rf_qdq_new_value(b->g, base, "dequantized", RF_DTYPE_F32, &shape, &real));
    RF_TRY(rf_new_node(b->g, "DequantizeLinear", (rf_value *[4]){ code_value, scale, zero }, real,
                       before, &dequantize));
    if (axis >= 0)
        RF_TRY(rf_node_set_int(b->g, dequantize, "axis", axis));
    *out = real;
    return RF_OK;
}

/*
 * Every reader but the last gets codes of its own: ONNX Runtime turns int8 weights into uint8 ones once for each reader,
 * under a name that it makes of theirs, and cannot load a file where two layers share them.
 */
static rf_status part_readers(rf_qdq *b, const rf_node *q, const rf_container *box, int axis,
                              const rf_tensor *codes, rf_value *replaced)
{
    while (replaced->uses && replaced->uses->next) {
        const rf_use use = *replaced->uses;
        rf_tensor *own = NULL;
        rf_value *real = NULL;
        RF_TRY(rf_tensor_copy(codes, &own));
        RF_TRY(new_real(b, q, box, axis, own, use.node, &real));
        RF_TRY(rf_node_set_input(b->g, use.node, use.index, real));
    }
    return RF_OK;
}

/* Puts the codes, which the graph owns from here on, in the place of `replaced`. */
static rf_status replace_by_codes(rf_qdq *b, rf_node *q, const rf_container *box, int axis,
                                  rf_tensor *codes, rf_value *replaced)
{
    rf_value *real = NULL;
    const rf_status st = part_readers(b, q, box, axis, codes, replaced);
    if (st) {
        rf_tensor_free(codes);
        return st;
    }
    RF_TRY(new_real(b, q, box, axis, codes, q, &real));
    return rf_graph_replace_uses(b->g, replaced, real, NULL);
}

rf_status rf_qdq_expand_parameter(rf_qdq *b, rf_node *q)
{
    rf_value *replaced = q->outputs[0];
    rf_node *transpose = rf_qdq_transpose(q);
    int axis = rf_quantizer_axis(q);
    rf_container box;
    rf_tensor *codes = NULL;
    RF_TRY(choose_container(b, q, &box));
    RF_TRY(new_codes(b, q, &box, &codes));
    if (transpose) {
        const rf_status st = transpose_codes(codes, &codes);
        if (st) {
            rf_tensor_free(codes);
            return st;
        }
        replaced = transpose->outputs[0];
        axis = axis < 0 ? axis : 1 - axis;
    }
    RF_TRY(replace_by_codes(b, q, &box, axis, codes, replaced));
    if (transpose)
        RF_TRY(rf_graph_remove_node(b->g, transpose));
    return rf_graph_remove_node(b->g, q);
}
