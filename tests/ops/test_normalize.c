/* Instance-, Layer-, Group- and MeanVarianceNormalization against their definition; gradients. */
#include "op_testing.h"

enum { N = 2, C = 4, H = 3, W = 2, COUNT = N * C * H * W };

/* y of x with one mean a group; group_of says to which an element belongs. */
static void normalize(const float *x, int (*group_of)(int), double epsilon, float *y)
{
    for (int i = 0; i < COUNT; i++) {
        double sum = 0.0, squares = 0.0;
        int n = 0;
        for (int k = 0; k < COUNT; k++)
            if (group_of(k) == group_of(i)) {
                sum += (double)x[k];
                n++;
            }
        for (int k = 0; k < COUNT; k++)
            if (group_of(k) == group_of(i))
                squares += ((double)x[k] - sum / n) * ((double)x[k] - sum / n);
        y[i] = (float)(((double)x[i] - sum / n) / sqrt(squares / n + epsilon));
    }
}

static int channel_of_sample(int i)
{
    return i / (H * W);
}

static int pair_of_channels(int i)
{
    return i / (2 * H * W);
}

static int row(int i)
{
    return i / W;
}

static int channel(int i)
{
    return i / (H * W) % C;
}

static const float scales[] = { 1.0f, 2.0f, -0.5f, 0.25f }, biases[] = { 0.0f, 1.0f, -1.0f, 0.5f };

static op_test *new_test(const char *op, int64_t opset)
{
    op_test *t = op_test_new(op, opset);
    op_test_random(t, SHAPE(N, C, H, W), -1.0f, 3.0f);
    return t;
}

static void check(op_test *t, const float *expected)
{
    op_test_expect(t, 0, SHAPE(N, C, H, W), expected, TOL_F32_SUM);
    op_test_gradients(t, TOL_GRADIENT);
    op_test_free(t);
}

static void instances_are_channels_of_samples(void **state)
{
    float y[COUNT];
    op_test *t = new_test("InstanceNormalization", 6);
    (void)state;
    op_test_param(t, SHAPE(C), scales);
    op_test_param(t, SHAPE(C), biases);
    op_test_float(t, "epsilon", 1e-2);
    normalize(rf_tensor_f32(t->inputs[0].values), channel_of_sample, 1e-2, y);
    for (int i = 0; i < COUNT; i++)
        y[i] = y[i] * scales[channel(i)] + biases[channel(i)];
    check(t, y);
}

static void groups_have_their_scale_until_opset_21(void **state)
{
    (void)state;
    for (int64_t opset = 18; opset <= 21; opset += 3) {
        float y[COUNT];
        op_test *t = new_test("GroupNormalization", opset);
        op_test_int(t, "num_groups", 2);
        op_test_param(t, SHAPE(opset < 21 ? 2 : C), scales);
        op_test_param(t, SHAPE(opset < 21 ? 2 : C), biases);
        normalize(rf_tensor_f32(t->inputs[0].values), pair_of_channels, 1e-5, y);
        for (int i = 0; i < COUNT; i++) {
            const int k = opset < 21 ? channel(i) / 2 : channel(i);
            y[i] = y[i] * scales[k] + biases[k];
        }
        check(t, y);
    }
}

static void layers_run_from_the_axis_on(void **state)
{
    float y[COUNT];
    op_test *t = new_test("LayerNormalization", 17);
    (void)state;
    op_test_param(t, SHAPE(W), scales);
    op_test_param(t, SHAPE(W), biases);
    op_test_float(t, "epsilon", 0.5); /* pairs that lie close together bend too much otherwise */
    normalize(rf_tensor_f32(t->inputs[0].values), row, 0.5, y);
    for (int i = 0; i < COUNT; i++)
        y[i] = y[i] * scales[i % W] + biases[i % W];
    check(t, y);
    t = new_test("LayerNormalization", 17); /* no bias, one scale for several dims */
    op_test_int(t, "axis", 2);
    op_test_param(t, SHAPE(1, 1), FLOATS(2.0f));
    normalize(rf_tensor_f32(t->inputs[0].values), channel_of_sample, 1e-5, y);
    for (int i = 0; i < COUNT; i++)
        y[i] *= 2.0f;
    check(t, y);
}

static void a_layer_tells_its_means_and_deviations(void **state)
{
    op_test *t = op_test_new_outputs("LayerNormalization", 17, 3);
    (void)state;
    op_test_flow(t, SHAPE(2, 2), FLOATS(1.0f, 3.0f, 4.0f, 8.0f));
    op_test_param(t, SHAPE(2), FLOATS(1.0f, 1.0f));
    op_test_float(t, "epsilon", 0.0);
    op_test_expect(t, 0, SHAPE(2, 2), FLOATS(-1.0f, 1.0f, -1.0f, 1.0f), TOL_F32);
    op_test_expect(t, 1, SHAPE(2, 1), FLOATS(2.0f, 6.0f), TOL_F32);
    op_test_expect(t, 2, SHAPE(2, 1), FLOATS(1.0f, 0.5f), TOL_F32);
    op_test_run(t, RF_MODE_TRAIN, RF_LAYOUT_PLAIN);
    op_test_set_diff(t, 0, FLOATS(1.0f, 1.0f, 1.0f, 1.0f));
    op_test_set_diff(t, 1, FLOATS(1.0f, 1.0f));
    CHECK_FAILS(t->ctx, RF_EUNSUPPORTED, "output 1 is trained through", t->op->backward(&t->step));
    op_test_free(t);
}

static void mean_and_variance_run_over_the_batch_too(void **state)
{
    float y[COUNT];
    op_test *t = new_test("MeanVarianceNormalization", 13);
    (void)state;
    normalize(rf_tensor_f32(t->inputs[0].values), channel, 0.0, y);
    check(t, y);
    t = new_test("MeanVarianceNormalization", 13);
    op_test_ints(t, "axes", 1, INTS(-1));
    normalize(rf_tensor_f32(t->inputs[0].values), row, 0.0, y);
    op_test_expect(t, 0, SHAPE(N, C, H, W), y, 1e-4); /* pairs may lie close together */
    op_test_free(t);
}

static void lengths_become_one(void **state)
{
    (void)state;
    op_test *t = op_test_new("LpNormalization", 1);
    op_test_flow(t, SHAPE(1, 3, 2), FLOATS(3.0f, -4.0f, 0.0f, 0.0f, 1.0f, 0.0f));
    op_test_expect(t, 0, SHAPE(1, 3, 2), FLOATS(0.6f, -0.8f, 0.0f, 0.0f, 1.0f, 0.0f), TOL_F32);
    op_test_free(t);
    t = op_test_new("LpNormalization", 1);
    op_test_int(t, "p", 1);
    op_test_int(t, "axis", 1);
    op_test_flow(t, SHAPE(1, 2, 2), FLOATS(3.0f, -4.0f, -1.0f, 4.0f));
    op_test_expect(t, 0, SHAPE(1, 2, 2), FLOATS(0.75f, -0.5f, -0.25f, 0.5f), TOL_F32);
    op_test_free(t);
    for (int64_t p = 1; p < 3; p++)
        for (int64_t axis = 0; axis < 4; axis++) {
            t = op_test_new("LpNormalization", 1);
            op_test_int(t, "p", p);
            op_test_int(t, "axis", axis);
            op_test_random(t, SHAPE(N, C, H, W), 0.2f, 1.0f);
            op_test_gradients(t, TOL_GRADIENT);
            op_test_free(t);
        }
}

static void what_does_not_fit_is_refused(void **state)
{
    (void)state;
    op_test *t = new_test("GroupNormalization", 18);
    op_test_int(t, "num_groups", 3);
    op_test_param(t, SHAPE(C), scales);
    op_test_param(t, SHAPE(C), biases);
    op_test_refused(t, RF_EMODEL, "num_groups is 3 for 4 channels");
    t = new_test("InstanceNormalization", 6);
    op_test_param(t, SHAPE(C), scales);
    op_test_param(t, SHAPE(3), biases);
    op_test_refused(t, RF_ESHAPE, "is [3], expected [4]");
    t = new_test("LayerNormalization", 17);
    op_test_param(t, SHAPE(3), scales);
    op_test_refused(t, RF_ESHAPE, "scale [3] does not broadcast to the input");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(instances_are_channels_of_samples),
        cmocka_unit_test(groups_have_their_scale_until_opset_21),
        cmocka_unit_test(layers_run_from_the_axis_on),
        cmocka_unit_test(a_layer_tells_its_means_and_deviations),
        cmocka_unit_test(mean_and_variance_run_over_the_batch_too),
        cmocka_unit_test(lengths_become_one),
        cmocka_unit_test(what_does_not_fit_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
