/*
 * Range: start, start + delta, ... below (or above, for a negative delta) limit. Opset 11.
 */
#include <math.h>

#include "ops/element.h"
#include "ops/op_util.h"

static rf_status infer(rf_inference *io)
{
    double v[3];
    for (int i = 0; i < 3; i++) {
        RF_TRY(rf_infer_known(io, i));
        const rf_tensor *t = io->in[i].constant;
        if (t->count != 1 || t->dtype != io->in[0].dtype)
            return rf_infer_fail(io, RF_EUNSUPPORTED,
                                 "start, limit and delta must be numbers of one dtype");
        v[i] = rf_element_f64(t->dtype, t->data, 0);
    }
    const double count = ceil((v[1] - v[0]) / v[2]);
    if (!(v[2] != 0.0) || !(count < 1e9))
        return rf_infer_fail(io, RF_EMODEL, "from %g to %g in steps of %g", v[0], v[1], v[2]);
    const rf_shape dst = { .rank = 1, .dims = { count > 0.0 ? (int64_t)count : 0 } };
    return rf_infer_set(io, 0, io->in[0].dtype, &dst);
}

static rf_status forward(rf_step *s)
{
    const rf_dtype dtype = s->out[0].dtype;
    const double start = rf_element_f64(dtype, s->in[0].data, 0),
                 delta = rf_element_f64(dtype, s->in[2].data, 0);
    for (int64_t i = 0; i < s->out[0].dims[0]; i++)
        rf_element_set_f64(dtype, s->out[0].data, i, start + (double)i * delta);
    return RF_OK;
}

const rf_op rf_op_range = {
    .onnx_name = "Range",
    .since_opset = 11,
    .min_in = 3,
    .max_in = 3,
    .min_out = 1,
    .max_out = 1,
    .weight_axis = -1,
    .quant = RF_QUANT_NONE,
    .layout = RF_LAYOUT_NEED_PLAIN,
    .infer = infer,
    .forward = forward,
};
