/*
 * FakeQuant (domain refold): a quantizer as a node. y = dequantize(quantize(x)) on the grid of
 * (min, max), or the codes themselves where the planner asks for them. Arithmetic and gradients:
 * quant/fakequant.h.
 */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "ops/op_util.h"
#include "ops/params.h"
#include "ops/strided.h"
#include "quant/fakequant.h"

#define DISABLED_BITWIDTH 32

typedef struct fake_quant {
    rf_qspec spec;
    rf_qarray array;
    bool passes; /* disabled, or too wide to quantize */
    bool gated;  /* ends are kept in order at every call */
    float *scale;
    int32_t *offset;     /* both [array.channels]; behind this struct */
    float *weight_scale; /* [array.channels] as scale; NaN where a weight is NaN */
    bool *has_nan;       /* [array.channels] */
} fake_quant;

bool rf_node_is_fakequant(const rf_node *n)
{
    return n && !strcmp(n->op_type, RF_FAKEQUANT) && n->domain && !strcmp(n->domain, RF_DOMAIN);
}

static bool passes(const rf_node *n)
{
    return !rf_attr_int(n, "enabled", 1) || rf_attr_int(n, "bitwidth", 8) == DISABLED_BITWIDTH;
}

static rf_status read_grid(const char *text, rf_grid *out)
{
    static const struct {
        const char *name;
        rf_grid grid;
    } grids[] = { { "learned", RF_GRID_LEARNED },
                  { "static", RF_GRID_STATIC },
                  { "v2", RF_GRID_V2 } };
    for (size_t i = 0; i < sizeof grids / sizeof grids[0]; i++)
        if (!strcmp(text, grids[i].name)) {
            *out = grids[i].grid;
            return RF_OK;
        }
    return RF_EMODEL;
}

static rf_status check_range(const rf_inference *io, int64_t channels)
{
    for (int i = 1; i < 3; i++) {
        const rf_spec *end = &io->in[i];
        if (i >= io->in_count || !end->present || end->dtype != RF_DTYPE_F32)
            return rf_infer_fail(io, RF_EMODEL, "%s must be a float32 tensor",
                                 i == 1 ? "min" : "max");
        if (rf_shape_product(&end->shape) != channels)
            return rf_infer_fail(io, RF_EMODEL, "'%s' has %lld values, expected %lld",
                                 io->node->inputs[i]->name,
                                 (long long)rf_shape_product(&end->shape), (long long)channels);
    }
    return RF_OK;
}

static rf_status infer(rf_inference *io)
{
    const rf_shape *x = &io->in[0].shape;
    const int64_t axis = rf_attr_int(io->node, "axis", -1),
                  bitwidth = rf_attr_int(io->node, "bitwidth", 8);
    const char *grid_name = rf_attr_string(io->node, "grid", "learned");
    rf_grid grid;
    RF_TRY(rf_infer_float(io));
    if (read_grid(grid_name, &grid) != RF_OK)
        return rf_infer_fail(io, RF_EMODEL, "grid is '%s', expected learned, static or v2",
                             grid_name);
    if ((bitwidth < 2 || bitwidth > 16) && bitwidth != DISABLED_BITWIDTH)
        return rf_infer_fail(io, RF_EMODEL, "bitwidth is %lld, expected 2 to 16, or 32",
                             (long long)bitwidth);
    if (axis < -1 || axis >= x->rank)
        return rf_infer_fail(io, RF_EMODEL, "axis %lld is outside a tensor of %d dims",
                             (long long)axis, x->rank);
    if (!passes(io->node))
        RF_TRY(check_range(io, axis < 0 ? 1 : x->dims[axis]));
    return rf_infer_set(io, 0, RF_DTYPE_F32, x);
}

/* (outer, channels, inner) of a dense view, whose memory order need not be that of its dims. */
static rf_qarray array_of(const rf_view *v, int64_t axis)
{
    rf_qarray a = { .outer = 1, .channels = 1, .inner = rf_view_count(v) };
    if (axis < 0 || v->dims[axis] == 1)
        return a;
    a.channels = v->dims[axis];
    a.inner = 1;
    for (int d = 0; d < v->rank; d++)
        if (d != axis && v->dims[d] > 1)
            *(v->strides[d] > v->strides[axis] ? &a.outer : &a.inner) *= v->dims[d];
    return a;
}

rf_qspec rf_fakequant_spec(const rf_node *n, bool *gated_out)
{
    rf_qspec spec = { .bitwidth = (int)rf_attr_int(n, "bitwidth", 8),
                      .symmetric = rf_attr_int(n, "symmetric", 0) != 0,
                      .strict = rf_attr_int(n, "strict", 0) != 0,
                      .is_unsigned = rf_attr_int(n, "unsigned", 0) != 0 };
    const rf_status st = read_grid(rf_attr_string(n, "grid", "learned"), &spec.grid);
    assert(st == RF_OK); /* infer checked it */
    (void)st;
    *gated_out = spec.grid == RF_GRID_LEARNED && !rf_attr_int(n, "frozen", 0);
    return spec;
}

static rf_status prepare(rf_step *s)
{
    const rf_qarray array = array_of(&s->in[0], rf_attr_int(s->node, "axis", -1));
    const size_t grid_bytes =
        (size_t)array.channels * (2 * sizeof(float) + sizeof(int32_t) + sizeof(bool));
    void *state;
    RF_TRY(rf_step_new_state(s, sizeof(fake_quant) + grid_bytes, &state));
    fake_quant *q = state;
    *q = (fake_quant){ .array = array, .passes = passes(s->node) };
    q->spec = rf_fakequant_spec(s->node, &q->gated);
    q->scale = (float *)(q + 1);
    q->weight_scale = q->scale + array.channels;
    q->offset = (int32_t *)(q->weight_scale + array.channels);
    q->has_nan = (bool *)(q->offset + array.channels);
    return RF_OK;
}

/* The ends belong to the graph: gating moves them there, as AIMET moves its parameters. */
static void update_grid(const rf_step *s, const fake_quant *q)
{
    float *min = rf_view_f32(&s->in[1]), *max = rf_view_f32(&s->in[2]);
    for (int64_t c = 0; c < q->array.channels; c++) {
        if (q->gated)
            rf_gate(&min[c], &max[c]);
        rf_scale_offset(&q->spec, min[c], max[c], &q->scale[c], &q->offset[c]);
    }
}

/* A NaN has no code. Its channel's scale carries it on, so that every sum it belongs to is NaN, as in real numbers. */
static rf_status weight_codes(rf_step *s, const fake_quant *q)
{
    const int64_t channels = q->array.channels, steps = rf_qspec_steps(&q->spec);
    for (int64_t c = 0; c < channels; c++)
        if (q->offset[c] < INT8_MIN || q->offset[c] + steps > INT8_MAX)
            return rf_step_fail(s, RF_EUNSUPPORTED,
                                "weight codes from %d on do not fit 8 signed bits; use --compute "
                                "float",
                                q->offset[c]);
    for (int64_t c = 0; c < channels; c++)
        q->has_nan[c] = false;
    rf_quantize_s8(&q->spec, &q->array, q->scale, q->offset, rf_view_f32(&s->in[0]), s->out[0].data,
                   q->has_nan);
    for (int64_t c = 0; c < channels; c++)
        q->weight_scale[c] = q->has_nan[c] ? NAN : q->scale[c];
    s->codes = (rf_codes){ .scales = q->weight_scale, .channels = channels };
    return RF_OK;
}

static rf_status forward(rf_step *s)
{
    const fake_quant *q = s->state;
    if (q->passes) {
        rf_strided_copy(&s->in[0], &s->out[0]);
        return RF_OK;
    }
    update_grid(s, q);
    if (s->out[0].dtype == RF_DTYPE_I8) {
        return weight_codes(s, q);
    } else if (s->out[0].dtype == RF_DTYPE_U8) {
        s->codes = (rf_codes){ .scale = q->scale[0], .offset = q->offset[0] };
        rf_quantize_u8(&q->spec, &q->array, q->scale, q->offset, rf_view_f32(&s->in[0]),
                       s->out[0].data);
    } else {
        rf_fakequant_forward(&q->spec, &q->array, q->scale, q->offset, rf_view_f32(&s->in[0]),
                             rf_view_f32(&s->out[0]));
    }
    return RF_OK;
}

static void zero_wanted(const rf_view *diff)
{
    if (diff->data)
        rf_view_zero(diff);
}

static rf_status backward(rf_step *s)
{
    const fake_quant *q = s->state;
    float *dx = rf_view_f32(&s->diff_in[0]), *dmin = rf_view_f32(&s->diff_in[1]),
          *dmax = rf_view_f32(&s->diff_in[2]);
    if (q->passes || !s->diff_out[0].data) {
        zero_wanted(&s->diff_in[1]);
        zero_wanted(&s->diff_in[2]);
        if (dx && s->diff_out[0].data)
            rf_strided_copy(&s->diff_out[0], &s->diff_in[0]);
        else
            zero_wanted(&s->diff_in[0]);
        return RF_OK;
    }
    assert((dmin == NULL) == (dmax == NULL)); /* both ends learn, or neither */
    if (dx || dmin)
        rf_fakequant_backward(&q->spec, &q->array, rf_view_f32(&s->in[1]), rf_view_f32(&s->in[2]),
                              rf_view_f32(&s->in[0]), rf_view_f32(&s->diff_out[0]), dx, dmin, dmax);
    return RF_OK;
}

const rf_op rf_op_fake_quant = {
    .onnx_name = RF_FAKEQUANT,
    .domain = RF_DOMAIN,
    .since_opset = 1,
    .min_in = 1,
    .max_in = 3,
    .min_out = 1,
    .max_out = 1,
    .weight_axis = -1,
    .quant = RF_QUANT_NONE,
    .layout = RF_LAYOUT_ANY,
    .roles = { RF_ROLE_NONE, RF_ROLE_RANGE_MIN, RF_ROLE_RANGE_MAX },
    .backward_needs = RF_NEEDS_IN(0) | RF_NEEDS_IN(1) | RF_NEEDS_IN(2),
    .diff_in_place = true,
    .in_place = true,
    .never_constant = true,
    .infer = infer,
    .prepare = prepare,
    .forward = forward,
    .backward = backward,
    .release = rf_step_free_state,
};
