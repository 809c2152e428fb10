/*
 * What ONNX Runtime's integer kernels (seen in 1.30) compute wrongly stays float there. Softmax on a fine grid: the kernel
 * multiplies with 1 / scale in 32 bits that have room for 256, and beyond gives zeros. AveragePool with dilations: the
 * kernel does not know them, and the file is refused. A Clip that cuts nothing keeps them from being chosen.
 */
#include "export/qdq.h"

#include <float.h>
#include <string.h>

#define FINEST_SCALE (1.0f / 256.0f)

static bool makes_fine_codes(const rf_node *softmax)
{
    const rf_node *n = rf_value_only_consumer(softmax->outputs[0]);
    if (!n || strcmp(n->op_type, "QuantizeLinear"))
        return false;
    return rf_tensor_f32(n->inputs[1]->constant)[0] < FINEST_SCALE;
}

static bool is_dilated(const rf_node *pool)
{
    return rf_node_attr(pool, "dilations") != NULL;
}

static rf_status insert_clip(rf_graph *g, rf_node *n)
{
    rf_value *x = n->inputs[0], *lowest = NULL, *y = NULL;
    rf_node *clip = NULL;
    RF_TRY(rf_new_scalar(g, "lowest", -FLT_MAX, &lowest));
    RF_TRY(rf_qdq_new_value(g, x->name, "kept", RF_DTYPE_F32, &x->shape, &y));
    RF_TRY(rf_new_node(g, "Clip", (rf_value *[4]){ x, lowest }, y, n, &clip));
    return rf_node_set_input(g, n, 0, y);
}

rf_status rf_qdq_keep_float(rf_graph *g)
{
    for (rf_node *n = g->first; n; n = n->next)
        if ((rf_node_is(n, "Softmax") && makes_fine_codes(n)) ||
            (rf_node_is(n, "AveragePool") && is_dilated(n)))
            RF_TRY(insert_clip(g, n));
    return RF_OK;
}
