/*
 * Pad: begin and end of each dim grow (constant, reflect, edge, wrap) or shrink (negative pads). Pads are
 * an attribute before opset 11, input 1 since; the constant is attribute or input 2; input 3 (opset
 * 18) names the axes. Opset 2.
 */
#include <string.h>

#include "ops/index_map.h"

typedef enum border {
    BORDER_CONSTANT,
    BORDER_REFLECT,
    BORDER_EDGE,
    BORDER_WRAP,
    BORDER_UNKNOWN
} border;

typedef struct pads {
    int64_t begin[RF_MAX_RANK], end[RF_MAX_RANK];
} pads;

static border read_border(const rf_node *n)
{
    static const char *const names[] = { [BORDER_CONSTANT] = "constant",
                                         [BORDER_REFLECT] = "reflect",
                                         [BORDER_EDGE] = "edge",
                                         [BORDER_WRAP] = "wrap" };
    const char *mode = rf_attr_string(n, "mode", "constant");
    for (int i = 0; i < BORDER_UNKNOWN; i++)
        if (!strcmp(mode, names[i]))
            return (border)i;
    return BORDER_UNKNOWN;
}

/*
 * The list of pads (all begins, then all ends, of the axes or of every dim) sorted to dims; false
 * if it does not fit.
 */
static bool place(const int64_t *values, int count, const int64_t *axes, int axes_count, int rank,
                  pads *out)
{
    const int named = axes_count < 0 ? rank : axes_count;
    *out = (pads){ 0 };
    if (count != 2 * named)
        return false;
    for (int i = 0; i < named; i++) {
        const int64_t axis = axes_count < 0 ? i : axes[i];
        if (axis < -rank || axis >= rank)
            return false;
        out->begin[rf_axis_wrap(axis, rank)] = values[i];
        out->end[rf_axis_wrap(axis, rank)] = values[named + i];
    }
    return true;
}

static rf_status check_dim(const rf_inference *io, border mode, int d, int64_t n, int64_t begin,
                           int64_t end)
{
    const int64_t most = INT64_C(1) << 40; /* far beyond any tensor, far below overflow */
    if (begin > most || begin < -n || end > most || end < -n || n + begin + end < 0)
        return rf_infer_fail(io, RF_ESHAPE, "pads %lld and %lld do not fit dim %d of %lld",
                             (long long)begin, (long long)end, d, (long long)n);
    if ((mode == BORDER_REFLECT && (begin >= n || end >= n)) ||
        ((mode == BORDER_EDGE || mode == BORDER_WRAP) && n == 0))
        if (begin > 0 || end > 0)
            return rf_infer_fail(io, RF_ESHAPE,
                                 "pads %lld and %lld need more than the %lld elements of dim %d",
                                 (long long)begin, (long long)end, (long long)n, d);
    return RF_OK;
}

static rf_status infer(rf_inference *io)
{
    int64_t values[2 * RF_MAX_RANK], axes[2 * RF_MAX_RANK], size;
    int count, axes_count;
    const border mode = read_border(io->node);
    rf_shape dst = io->in[0].shape;
    pads p;
    if (mode == BORDER_UNKNOWN)
        return rf_infer_fail(io, RF_EUNSUPPORTED,
                             "mode '%s'; refold has constant, reflect, edge and wrap",
                             rf_attr_string(io->node, "mode", ""));
    RF_TRY(rf_infer_ints(io, "pads", 1, values, &count));
    RF_TRY(rf_infer_ints(io, NULL, 3, axes, &axes_count));
    if (!place(values, count, axes, axes_count, dst.rank, &p))
        return rf_infer_fail(io, RF_EMODEL, "%d pads for a tensor of %d dims", count, dst.rank);
    RF_TRY(rf_infer_known(io, 2));
    if (io->in_count > 2 && io->in[2].present && io->in[2].dtype != io->in[0].dtype)
        return rf_infer_fail(io, RF_EMODEL, "the padding value is %s, the input %s",
                             rf_dtype_name(io->in[2].dtype), rf_dtype_name(io->in[0].dtype));
    for (int d = 0; d < dst.rank; d++) {
        RF_TRY(check_dim(io, mode, d, dst.dims[d], p.begin[d], p.end[d]));
        dst.dims[d] += p.begin[d] + p.end[d];
    }
    RF_TRY(rf_shape_count(io->ctx, &dst, &size));
    return rf_infer_set(io, 0, io->in[0].dtype, &dst);
}

/* Index of the source, or -1 for the constant. */
static int64_t source(border mode, int64_t i, int64_t n)
{
    if (i >= 0 && i < n)
        return i;
    if (mode == BORDER_CONSTANT)
        return -1;
    if (mode == BORDER_EDGE)
        return i < 0 ? 0 : n - 1;
    if (mode == BORDER_WRAP)
        return (i % n + n) % n;
    return i < 0 ? -i : 2 * (n - 1) - i;
}

static rf_status prepare(rf_step *s)
{
    int64_t values[2 * RF_MAX_RANK], axes[2 * RF_MAX_RANK];
    int count, axes_count;
    rf_index_map *map;
    pads p;
    RF_TRY(rf_step_ints(s, "pads", 1, values, &count));
    RF_TRY(rf_step_ints(s, NULL, 3, axes, &axes_count));
    RF_TRY(rf_index_map_new(s, &map));
    if (!place(values, count, axes, axes_count, s->in[0].rank, &p))
        return rf_step_fail(s, RF_EMODEL, "%d pads for a tensor of %d dims", count, s->in[0].rank);
    for (int d = 0; d < s->in[0].rank; d++)
        for (int64_t i = 0; i < s->out[0].dims[d]; i++)
            map->at[d][i] = source(read_border(s->node), i - p.begin[d], s->in[0].dims[d]);
    return RF_OK;
}

static rf_status forward(rf_step *s)
{
    const float value = rf_attr_float(s->node, "value", 0.0f);
    const rf_tensor *t = s->in_count > 2 ? s->in_constant[2] : NULL;
    const void *fill = t && t->count ? t->data : s->in[0].dtype == RF_DTYPE_F32 ? &value : NULL;
    rf_index_map_gather(s->state, &s->in[0], &s->out[0], fill);
    return RF_OK;
}

const rf_op rf_op_pad = {
    .onnx_name = "Pad",
    .since_opset = 2,
    .min_in = 1,
    .max_in = 4,
    .min_out = 1,
    .max_out = 1,
    .weight_axis = -1,
    .quant = RF_QUANT_NONE,
    .layout = RF_LAYOUT_ANY,
    .infer = infer,
    .prepare = prepare,
    .forward = forward,
    .backward = rf_index_map_backward,
    .release = rf_step_free_state,
};
