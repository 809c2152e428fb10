/*
 * Models of other floats than float32: the message is made to say FLOAT wherever it says FLOAT16 or DOUBLE,
 * before anything is read from it, and tensors are converted as they are decoded. So refold computes them in float32, and
 * writes float32.
 */
#include <string.h>

#include "base/context.h"
#include "base/status.h"
#include "formats/onnx_parts.h"
#include "tensor/half.h"

enum { FLOAT = 1, FLOAT16 = 10, DOUBLE = 11 };

bool rf_onnx_is_other_float(int onnx_type)
{
    return onnx_type == FLOAT16 || onnx_type == DOUBLE;
}

rf_status rf_onnx_to_single(int onnx_type, rf_tensor **t)
{
    const rf_tensor *from = *t;
    rf_tensor *to = NULL;
    if (!rf_onnx_is_other_float(onnx_type))
        return RF_OK;
    const rf_status st = rf_tensor_new_shape(from->ctx, RF_DTYPE_F32, &from->shape, &to);
    for (int64_t i = 0; !st && i < from->count; i++)
        rf_tensor_f32(to)[i] = onnx_type == DOUBLE
                                   ? (float)((const double *)from->data)[i]
                                   : rf_half_to_f32(((const uint16_t *)from->data)[i]);
    rf_tensor_free(*t);
    *t = to;
    return st;
}

static int declare_single(size_t count, Onnx__ValueInfoProto *const *list)
{
    int changed = 0;
    for (size_t i = 0; i < count; i++) {
        Onnx__TypeProto *type = list[i]->type;
        if (!type || type->value_case != ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE ||
            !rf_onnx_is_other_float(type->tensor_type->elem_type))
            continue;
        type->tensor_type->elem_type = FLOAT;
        changed++;
    }
    return changed;
}

/* Cast's attribute `to`, EyeLike's `dtype`. */
static void name_single(const Onnx__NodeProto *node)
{
    for (size_t i = 0; i < node->n_attribute; i++) {
        Onnx__AttributeProto *a = node->attribute[i];
        const bool names_type = a->name && (!strcmp(a->name, "to") || !strcmp(a->name, "dtype"));
        if (names_type && (a->i == FLOAT16 || a->i == DOUBLE))
            a->i = FLOAT;
    }
}

void rf_onnx_declare_single(rf_context *ctx, Onnx__GraphProto *graph)
{
    int changed = declare_single(graph->n_input, graph->input);
    changed += declare_single(graph->n_output, graph->output);
    declare_single(graph->n_value_info, graph->value_info);
    for (size_t i = 0; i < graph->n_initializer; i++)
        changed += rf_onnx_is_other_float(graph->initializer[i]->data_type);
    for (size_t i = 0; i < graph->n_node; i++)
        name_single(graph->node[i]);
    if (changed)
        rf_log(ctx, RF_LOG_INFO,
               "the model has %d inputs, outputs and constants of other floats than float32: it is "
               "computed in float32, and written so",
               changed);
}
