/* FakeQuant, Dequantize, Layout: quantizers as nodes, codes, channels in either layout, gating. */
#include "op_testing.h"

#include "ops/params.h"
#include "quant/fakequant.h"

/* An activation quantizer of `bitwidth` bits over [low, high]. */
static op_test *activation(int64_t bitwidth, float low, float high)
{
    op_test *t = op_test_new(RF_FAKEQUANT, 1);
    op_test_string(t, "kind", "activation");
    op_test_int(t, "bitwidth", bitwidth);
    op_test_int(t, "axis", -1);
    op_test_int(t, "enabled", 1);
    op_test_string(t, "grid", "learned");
    op_test_random(t, SHAPE(2, 3, 4), -1.5f, 2.5f);
    op_test_param(t, SHAPE(1), &low);
    op_test_param(t, SHAPE(1), &high);
    return t;
}

static const rf_qspec asymmetric_4 = { .bitwidth = 4, .grid = RF_GRID_LEARNED };
static const rf_qspec symmetric_4 = { .bitwidth = 4, .symmetric = true, .grid = RF_GRID_LEARNED };

static void values_are_those_of_the_quantizer(void **state)
{
    (void)state;
    const rf_qarray all = { 1, 1, 24 };
    float scale, expected[24];
    int32_t offset;
    op_test *t = activation(4, -1.0f, 2.0f);
    rf_scale_offset(&asymmetric_4, -1.0f, 2.0f, &scale, &offset);
    rf_fakequant_forward(&asymmetric_4, &all, &scale, &offset, rf_tensor_f32(t->inputs[0].values),
                         expected);
    op_test_expect(t, 0, SHAPE(2, 3, 4), expected, TOL_EXACT);
    op_test_free(t);
}

static void codes_stand_for_the_same_numbers(void **state)
{
    (void)state;
    op_test *t = activation(8, -1.0f, 2.0f);
    op_test_run(t, RF_MODE_INFER, RF_LAYOUT_CHANNELS_LAST);
    double real[24];
    for (int64_t i = 0; i < 24; i++)
        real[i] = op_test_out(t, 0, i);
    t->force_dtype = true;
    t->out_dtype = RF_DTYPE_U8;
    op_test_run(t, RF_MODE_INFER, RF_LAYOUT_CHANNELS_LAST);
    assert_ptr_equal(t->out[0].codes, &t->step.codes);
    for (int64_t i = 0; i < 24; i++)
        CHECK_NEAR((op_test_out(t, 0, i) + t->step.codes.offset) * (double)t->step.codes.scale,
                   real[i], TOL_F32);
    /* and the Dequantize step brings them back */
    op_test *d = op_test_new("Dequantize", 1);
    op_test_tensor(d, RF_DTYPE_U8, SHAPE(2, 3, 4), t->out[0].data, false);
    CHECK_OK(d->ctx, op_test_prepare(d, RF_MODE_INFER, RF_LAYOUT_PLAIN));
    d->in[0].codes = &t->step.codes;
    CHECK_OK(d->ctx, d->op->forward(&d->step));
    for (int64_t i = 0; i < 24; i++)
        CHECK_NEAR(op_test_out(d, 0, i),
                   ((double)((uint8_t *)t->out[0].data)[i] + t->step.codes.offset) *
                       (double)t->step.codes.scale,
                   TOL_F32);
    op_test_free(d);
    op_test_free(t);
}

/*
 * Both ends of the range, and the input, from AIMET's formulas; the plain arrays are tested in
 * tests/quant.
 */
static void gradients_are_those_of_the_quantizer(void **state)
{
    (void)state;
    const rf_qarray all = { 1, 1, 24 };
    const float low = -1.0f, high = 2.0f;
    float diff_out[24], diff_src[24], diff_min, diff_max;
    op_test *t = activation(4, low, high);
    for (int i = 0; i < 24; i++)
        diff_out[i] = (float)(i % 5) - 1.5f;
    rf_fakequant_backward(&asymmetric_4, &all, &low, &high, rf_tensor_f32(t->inputs[0].values),
                          diff_out, diff_src, &diff_min, &diff_max);
    for (int layout = 0; layout < 2; layout++) {
        op_test_run(t, RF_MODE_TRAIN, (rf_layout)layout);
        op_test_set_diff(t, 0, diff_out);
        op_test_backward(t);
        for (int64_t i = 0; i < 24; i++)
            assert_true(op_test_at(&t->diff_in[0], i) == (double)diff_src[i]);
        CHECK_NEAR(op_test_at(&t->diff_in[1], 0), diff_min, TOL_F32);
        CHECK_NEAR(op_test_at(&t->diff_in[2], 0), diff_max, TOL_F32);
    }
    op_test_free(t);
}

static void each_channel_has_its_range_in_either_layout(void **state)
{
    (void)state;
    for (int64_t axis = 0; axis < 3; axis++) {
        const int64_t dims[] = { 2, 3, 4 };
        const float low[] = { -1.0f, -2.0f, -0.5f, -1.5f }, high[] = { 1.0f, 2.0f, 0.5f, 1.5f };
        float expected[24];
        op_test *t = op_test_new(RF_FAKEQUANT, 1);
        op_test_string(t, "kind", "param");
        op_test_int(t, "bitwidth", 4);
        op_test_int(t, "symmetric", 1);
        op_test_int(t, "axis", axis);
        op_test_random(t, SHAPE(2, 3, 4), -2.5f, 2.5f);
        op_test_param(t, SHAPE(dims[axis]), low);
        op_test_param(t, SHAPE(dims[axis]), high);
        const float *x = rf_tensor_f32(t->inputs[0].values);
        for (int i = 0; i < 24; i++) {
            const int at[] = { i / 12, i / 4 % 3, i % 4 };
            const rf_qarray one = { 1, 1, 1 };
            float scale;
            int32_t offset;
            rf_scale_offset(&symmetric_4, low[at[axis]], high[at[axis]], &scale, &offset);
            rf_fakequant_forward(&symmetric_4, &one, &scale, &offset, &x[i], &expected[i]);
        }
        op_test_expect(t, 0, SHAPE(2, 3, 4), expected, TOL_EXACT);
        op_test_free(t);
    }
}

static void learned_ends_are_gated_where_they_are_kept(void **state)
{
    (void)state;
    op_test *t = activation(8, 0.5f, -0.5f);
    op_test_run(t, RF_MODE_INFER, RF_LAYOUT_PLAIN);
    assert_true(op_test_at(&t->in[1], 0) == 0.0);
    assert_true(op_test_at(&t->in[2], 0) == (double)RF_GATE_EPSILON);
    op_test_int(t, "frozen", 1);
    op_test_run(t, RF_MODE_INFER, RF_LAYOUT_PLAIN);
    assert_true(op_test_at(&t->in[1], 0) == 0.5);
    op_test_free(t);
}

static void static_grids_mask_the_gradient_on_real_values(void **state)
{
    (void)state;
    const float low = -1.0f, high = 1.0f;
    op_test *t = op_test_new(RF_FAKEQUANT, 1);
    op_test_string(t, "grid", "static");
    op_test_int(t, "bitwidth", 8);
    op_test_flow(t, SHAPE(4), FLOATS(-1.001f, -0.9f, 0.9f, 1.001f));
    op_test_const(t, SHAPE(1), &low);
    op_test_const(t, SHAPE(1), &high);
    op_test_run(t, RF_MODE_TRAIN, RF_LAYOUT_PLAIN);
    op_test_set_diff(t, 0, FLOATS(1.0f, 1.0f, 1.0f, 1.0f));
    op_test_backward(t);
    for (int64_t i = 0; i < 4; i++)
        assert_true(op_test_at(&t->diff_in[0], i) == (i == 1 || i == 2 ? 1.0 : 0.0));
    op_test_free(t);
}

static void disabled_quantizers_pass_everything(void **state)
{
    (void)state;
    op_test *t = op_test_new(RF_FAKEQUANT, 1);
    op_test_int(t, "enabled", 0);
    op_test_flow(t, SHAPE(1, 2, 1), FLOATS(-123.456f, 0.001f));
    op_test_expect(t, 0, SHAPE(1, 2, 1), FLOATS(-123.456f, 0.001f), TOL_EXACT);
    op_test_gradients(t, TOL_GRADIENT);
    op_test_free(t);
    t = activation(32, -1.0f, 1.0f);
    op_test_expect(t, 0, SHAPE(2, 3, 4), rf_tensor_f32(t->inputs[0].values), TOL_EXACT);
    op_test_free(t);
}

static void a_range_of_another_length_is_refused(void **state)
{
    (void)state;
    op_test *t = op_test_new(RF_FAKEQUANT, 1);
    op_test_int(t, "axis", 0);
    op_test_random(t, SHAPE(3, 2), 0.0f, 1.0f);
    op_test_const(t, SHAPE(2), FLOATS(-1.0f, -1.0f));
    op_test_const(t, SHAPE(2), FLOATS(1.0f, 1.0f));
    op_test_refused(t, RF_EMODEL, "'x1' has 2 values, expected 3");
    t = op_test_new(RF_FAKEQUANT, 1);
    op_test_random(t, SHAPE(3, 2), 0.0f, 1.0f);
    op_test_refused(t, RF_EMODEL, "min must be a float32 tensor");
    t = activation(1, -1.0f, 1.0f);
    op_test_refused(t, RF_EMODEL, "bitwidth is 1, expected 2 to 16, or 32");
}

static void layout_turns_there_and_back(void **state)
{
    (void)state;
    op_test *t = op_test_new("Layout", 1);
    op_test_random(t, SHAPE(2, 19, 5, 7), -1.0f, 1.0f);
    for (int layout = 0; layout < 2; layout++) {
        const rf_shape shape = SHAPE(2, 19, 5, 7);
        CHECK_OK(t->ctx, op_test_prepare(t, RF_MODE_TRAIN, (rf_layout)layout));
        void *data = t->out[0].data;
        rf_view_init(&t->out[0], RF_DTYPE_F32, &shape,
                     layout ? RF_LAYOUT_PLAIN : RF_LAYOUT_CHANNELS_LAST);
        t->diff_out[0] = t->out[0];
        t->out[0].data = data;
        CHECK_OK(t->ctx, t->op->forward(&t->step));
        for (int64_t i = 0; i < 2 * 19 * 35; i++)
            assert_true(op_test_out(t, 0, i) == (double)rf_tensor_f32(t->inputs[0].values)[i]);
        t->diff_out[0].data = NULL;
        op_test_set_diff(t, 0, t->inputs[0].values->data);
        op_test_backward(t);
        for (int64_t i = 0; i < 2 * 19 * 35; i++)
            assert_true(op_test_at(&t->diff_in[0], i) ==
                        (double)rf_tensor_f32(t->inputs[0].values)[i]);
    }
    op_test_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_those_of_the_quantizer),
        cmocka_unit_test(codes_stand_for_the_same_numbers),
        cmocka_unit_test(gradients_are_those_of_the_quantizer),
        cmocka_unit_test(each_channel_has_its_range_in_either_layout),
        cmocka_unit_test(learned_ends_are_gated_where_they_are_kept),
        cmocka_unit_test(static_grids_mask_the_gradient_on_real_values),
        cmocka_unit_test(disabled_quantizers_pass_everything),
        cmocka_unit_test(a_range_of_another_length_is_refused),
        cmocka_unit_test(layout_turns_there_and_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
