/* What the files that build a QDQ graph share. Source: ONNX QuantizeLinear and DequantizeLinear, versions 13 and 21. */
#ifndef RF_EXPORT_QDQ_H
#define RF_EXPORT_QDQ_H

#include "export/export.h"

#define RF_OPSET_PER_AXIS 13                /* QuantizeLinear with an axis */
#define RF_OPSET_SMALL_INTS 21              /* int4 and uint16 in ONNX's own domain */
#define RF_MICROSOFT_DOMAIN "com.microsoft" /* ONNX Runtime's own: uint16 in any operator set */

typedef struct rf_qdq {
    rf_context *ctx;
    rf_graph *g;
    const rf_export_choice *choice;
    bool uses_microsoft;
} rf_qdq;

/* The integers that a quantizer's codes travel in, and where zero lies in them. */
typedef struct rf_container {
    rf_dtype dtype;
    int onnx_type;  /* 0: that of dtype */
    bool is_signed; /* codes lie as q + offset, zero point 0; else as q, zero point -offset */
    int64_t steps;  /* highest unsigned code */
} rf_container;

/* A constant, a value, with a name made of `base` and `suffix`. The graph owns `t` from here on, even on failure. */
rf_status rf_qdq_new_constant(rf_qdq *b, const char *base, const char *suffix, rf_tensor *t,
                              rf_value **out);
rf_status rf_qdq_new_value(rf_graph *g, const char *base, const char *suffix, rf_dtype dtype,
                           const rf_shape *shape, rf_value **out);
/* Element i of an int8, uint8 or uint16 tensor. */
void rf_qdq_write_code(rf_tensor *t, int64_t i, int32_t code);
/* Scale and zero point as ONNX wants them: scalars, or one element a channel. */
rf_status rf_qdq_new_grid(rf_qdq *b, const rf_node *q, const rf_container *box,
                          rf_value **scale_out, rf_value **zero_out);
/* QuantizeLinear or DequantizeLinear in `domain`, in front of `before` (NULL: at the end). */
rf_status rf_qdq_new_node(rf_qdq *b, const char *op_type, rf_value *const inputs[3],
                          rf_value *output, const char *domain, rf_node *before);
/* The matrix Transpose that alone reads a quantized parameter and goes with it, or NULL. */
rf_node *rf_qdq_transpose(const rf_node *q);
/* weight -> FakeQuant -> [Transpose] becomes codes -> DequantizeLinear. */
rf_status rf_qdq_expand_parameter(rf_qdq *b, rf_node *q);
/* x -> FakeQuant becomes x -> [Clip] -> QuantizeLinear -> DequantizeLinear. */
rf_status rf_qdq_expand_activation(rf_qdq *b, rf_node *q);
/* Clip -> QuantizeLinear without the Clip, where saturation does the same. */
rf_status rf_qdq_drop_redundant_clips(rf_qdq *b);
/* A Clip that cuts nothing in front of what ONNX Runtime's integer kernels would get wrong. */
rf_status rf_qdq_keep_float(rf_graph *g);
/* Behind operators that only move data, the grid of what they move. */
rf_status rf_qdq_carry_grids(rf_qdq *b);
/* Biases of layers whose input and weights are behind DequantizeLinear become int32 behind one of their own. */
rf_status rf_qdq_quantize_biases(rf_graph *g);

#endif
