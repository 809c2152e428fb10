/* Transpose: output dim i is input dim perm[i]; without perm the dims are reversed. Opset 1. */
#include "ops/op_util.h"
#include "ops/strided.h"

static rf_status read_perm(const rf_node *n, int rank, int *perm)
{
    int64_t count;
    const int64_t *ints = rf_attr_ints(n, "perm", &count);
    unsigned seen = 0;
    for (int d = 0; d < rank; d++)
        perm[d] = rank - 1 - d;
    if (!ints)
        return RF_OK;
    for (int d = 0; d < rank && count == rank; d++) {
        if (ints[d] < 0 || ints[d] >= rank)
            return RF_EMODEL;
        perm[d] = (int)ints[d];
        seen |= 1u << perm[d];
    }
    return count == rank && seen == (1u << rank) - 1 ? RF_OK : RF_EMODEL;
}

static rf_status infer(rf_inference *io)
{
    const rf_shape *src = &io->in[0].shape;
    rf_shape dst = { .rank = src->rank };
    int perm[RF_MAX_RANK];
    if (read_perm(io->node, src->rank, perm) != RF_OK)
        return rf_infer_fail(io, RF_EMODEL, "perm is not an order of %d dims", src->rank);
    for (int d = 0; d < src->rank; d++)
        dst.dims[d] = src->dims[perm[d]];
    return rf_infer_set(io, 0, io->in[0].dtype, &dst);
}

/* v (of the input's dims) as the output sees it. */
static rf_status permuted(const rf_step *s, const rf_view *v, rf_view *out)
{
    int perm[RF_MAX_RANK];
    RF_TRY(read_perm(s->node, v->rank, perm));
    *out = *v;
    for (int d = 0; d < v->rank; d++) {
        out->dims[d] = v->dims[perm[d]];
        out->strides[d] = v->strides[perm[d]];
    }
    return RF_OK;
}

static rf_status forward(rf_step *s)
{
    rf_view src;
    RF_TRY(permuted(s, &s->in[0], &src));
    rf_strided_copy(&src, &s->out[0]);
    return RF_OK;
}

static rf_status backward(rf_step *s)
{
    rf_view dst;
    if (!rf_step_has_gradient(s, 0))
        return RF_OK;
    RF_TRY(permuted(s, &s->diff_in[0], &dst));
    rf_strided_copy(&s->diff_out[0], &dst);
    return RF_OK;
}

const rf_op rf_op_transpose = {
    .onnx_name = "Transpose",
    .since_opset = 1,
    .min_in = 1,
    .max_in = 1,
    .min_out = 1,
    .max_out = 1,
    .weight_axis = -1,
    .quant = RF_QUANT_NONE,
    .layout = RF_LAYOUT_ANY,
    .infer = infer,
    .forward = forward,
    .backward = backward,
};
