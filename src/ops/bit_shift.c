/* BitShift: x shifted by y bits, LEFT or RIGHT, with NumPy broadcasting. Opset 11. */
#include <string.h>

#include "ops/elementwise.h"

static bool goes_left(const rf_node *n)
{
    return strcmp(rf_attr_string(n, "direction", ""), "LEFT") == 0;
}

static rf_status infer(rf_inference *io)
{
    const rf_dtype dtype = io->in[0].dtype;
    const char *direction = rf_attr_string(io->node, "direction", "");
    if (dtype != RF_DTYPE_U8 && dtype != RF_DTYPE_U16)
        return rf_infer_fail(io, RF_EUNSUPPORTED, "inputs are %s; refold shifts uint8 and uint16",
                             rf_dtype_name(dtype));
    if (!goes_left(io->node) && strcmp(direction, "RIGHT") != 0)
        return rf_infer_fail(io, RF_EMODEL, "direction '%s', expected LEFT or RIGHT", direction);
    return rf_binary_infer_shape(io);
}

static int64_t left(int64_t a, int64_t bits)
{
    return bits < 16 ? a << bits : 0;
}

static int64_t right(int64_t a, int64_t bits)
{
    return bits < 16 ? a >> bits : 0;
}

static rf_status forward(rf_step *s)
{
    const rf_view *views[] = { &s->out[0], &s->in[0], &s->in[1] };
    rf_integer_rows(views, goes_left(s->node) ? left : right);
    return RF_OK;
}

const rf_op rf_op_bit_shift = {
    .onnx_name = "BitShift",
    .limits = "uint8 or uint16",
    .since_opset = 11,
    .min_in = 2,
    .max_in = 2,
    .min_out = 1,
    .max_out = 1,
    .weight_axis = -1,
    .quant = RF_QUANT_NONE,
    .layout = RF_LAYOUT_ANY,
    .infer = infer,
    .forward = forward,
};
