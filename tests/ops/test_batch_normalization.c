/* BatchNormalization in every mode, against its definition. */
#include "op_testing.h"

#include "../ref/batch_norm_ref.h"
#include "ops/params.h"

#define EPSILON 1e-3
#define MOMENTUM 0.8
#define TOL_BN 1e-5 /* relative; scale and shift rounded to float32 */

typedef struct fixture {
    op_test *t;
    ref_bn ref;
    int64_t count;
    double *mean, *var; /* by the reference, of the batch */
    double *expected;
} fixture;

static void set_up(fixture *f, rf_shape x)
{
    op_test *t = op_test_new("BatchNormalization", 9);
    const rf_shape c = SHAPE(x.dims[1]);
    op_test_float(t, "epsilon", EPSILON);
    op_test_float(t, "momentum", MOMENTUM);
    op_test_random(t, x, -1.0f, 3.0f);
    op_test_random_param(t, c, -2.0f, 2.0f);
    op_test_random_param(t, c, -2.0f, 2.0f);
    op_test_random_param(t, c, -1.0f, 1.0f);
    op_test_random_param(t, c, 0.5f, 2.0f);
    t->inputs[3].wanted = t->inputs[4].wanted = false;
    const int64_t count = rf_shape_product(&x);
    *f = (fixture){ .t = t, .count = count };
    f->ref = (ref_bn){ .n = x.dims[0],
                       .c = x.dims[1],
                       .inner = count / (x.dims[0] * x.dims[1]),
                       .epsilon = EPSILON,
                       .x = t->inputs[0].values->data,
                       .gamma = t->inputs[1].values->data,
                       .beta = t->inputs[2].values->data };
    f->mean = calloc((size_t)f->ref.c, sizeof *f->mean);
    f->var = calloc((size_t)f->ref.c, sizeof *f->var);
    f->expected = calloc((size_t)count, sizeof *f->expected);
    ref_bn_statistics(&f->ref, f->mean, f->var);
}

static void tear_down(fixture *f)
{
    op_test_free(f->t);
    free(f->mean);
    free(f->var);
    free(f->expected);
}

static double running(const fixture *f, int input, int64_t c)
{
    return (double)rf_tensor_f32(f->t->inputs[input].values)[c];
}

static void use_running(fixture *f)
{
    for (int64_t c = 0; c < f->ref.c; c++) {
        f->mean[c] = running(f, 3, c);
        f->var[c] = running(f, 4, c);
    }
}

static void check_output(fixture *f)
{
    ref_bn_forward(&f->ref, f->mean, f->var, f->expected);
    for (int64_t i = 0; i < f->count; i++)
        CHECK_NEAR(op_test_out(f->t, 0, i), f->expected[i], TOL_BN);
}

/* Running statistics after the call: kept, or moved towards the batch's. */
static void check_running(const fixture *f, bool moved)
{
    const double n = (double)(f->ref.n * f->ref.inner), keep = moved ? MOMENTUM : 1.0;
    for (int64_t c = 0; c < f->ref.c; c++) {
        CHECK_NEAR(op_test_at(&f->t->in[3], c), keep * running(f, 3, c) + (1.0 - keep) * f->mean[c],
                   1e-6);
        CHECK_NEAR(op_test_at(&f->t->in[4], c),
                   keep * running(f, 4, c) + (1.0 - keep) * f->var[c] * n / (n - 1.0), 1e-6);
    }
}

static const rf_shape *shapes(int i)
{
    static const rf_shape all[] = {
        { 2, { 6, 5 } },        { 3, { 3, 10, 7 } },      { 4, { 2, 16, 5, 3 } },
        { 4, { 3, 72, 4, 4 } }, { 5, { 2, 3, 2, 3, 4 } }, { 4, { 4, 24, 40, 17 } },
        { 4, { 2, 1, 3, 3 } },
    };
    return i < (int)(sizeof all / sizeof *all) ? &all[i] : NULL;
}

static void inference_uses_the_running_statistics(void **state)
{
    (void)state;
    for (int i = 0; shapes(i); i++) {
        fixture f;
        set_up(&f, *shapes(i));
        op_test_run(f.t, RF_MODE_INFER, RF_LAYOUT_CHANNELS_LAST);
        check_running(&f, false);
        use_running(&f);
        check_output(&f);
        tear_down(&f);
    }
}

static void training_uses_the_batch_and_moves_the_running_statistics(void **state)
{
    (void)state;
    for (int i = 0; shapes(i); i++) {
        fixture f;
        set_up(&f, *shapes(i));
        op_test_run(f.t, RF_MODE_TRAIN, RF_LAYOUT_CHANNELS_LAST);
        check_output(&f);
        check_running(&f, true);
        tear_down(&f);
    }
}

static void reestimation_uses_the_batch_and_changes_nothing(void **state)
{
    (void)state;
    for (int i = 0; shapes(i); i++) {
        fixture f;
        rf_bn_batch batch;
        set_up(&f, *shapes(i));
        op_test_run(f.t, RF_MODE_BN_BATCH, RF_LAYOUT_CHANNELS_LAST);
        check_output(&f);
        check_running(&f, false);
        rf_bn_step_batch(&f.t->step, &batch);
        assert_int_equal(batch.channels, f.ref.c);
        assert_int_equal(batch.count, f.ref.n * f.ref.inner);
        for (int64_t c = 0; c < f.ref.c; c++) {
            CHECK_NEAR(batch.mean[c], f.mean[c], 1e-12);
            CHECK_NEAR(batch.var[c], f.var[c], 1e-12);
        }
        tear_down(&f);
    }
}

static void check_backward(fixture *f, bool frozen)
{
    double *diff_gamma = calloc((size_t)f->ref.c, sizeof *diff_gamma);
    double *diff_beta = calloc((size_t)f->ref.c, sizeof *diff_beta);
    float *g = malloc((size_t)f->count * sizeof *g);
    for (int64_t i = 0; i < f->count; i++)
        g[i] = (float)((i * 37) % 101) / 50.0f - 0.7f;
    op_test_set_diff(f->t, 0, g);
    op_test_backward(f->t);
    ref_bn_backward(&f->ref, f->mean, f->var, frozen, g, f->expected, diff_gamma, diff_beta);
    for (int64_t i = 0; i < f->count; i++)
        CHECK_NEAR(op_test_at(&f->t->diff_in[0], i), f->expected[i], TOL_BN);
    for (int64_t c = 0; c < f->ref.c; c++) {
        CHECK_NEAR(op_test_at(&f->t->diff_in[1], c), diff_gamma[c], TOL_BN);
        CHECK_NEAR(op_test_at(&f->t->diff_in[2], c), diff_beta[c], TOL_BN);
    }
    free(diff_gamma);
    free(diff_beta);
    free(g);
}

static void gradients_run_through_the_batch_statistics(void **state)
{
    (void)state;
    for (int i = 0; shapes(i); i++) {
        fixture f;
        set_up(&f, *shapes(i));
        op_test_run(f.t, RF_MODE_TRAIN, RF_LAYOUT_CHANNELS_LAST);
        check_backward(&f, false);
        tear_down(&f);
    }
}

static void gradients_agree_with_differences(void **state)
{
    (void)state;
    fixture f;
    set_up(&f, SHAPE(3, 2, 2, 2));
    op_test_gradients(f.t, TOL_GRADIENT);
    tear_down(&f);
}

static void frozen_statistics_are_constants_in_training(void **state)
{
    (void)state;
    for (int i = 0; shapes(i); i++) {
        fixture f;
        set_up(&f, *shapes(i));
        CHECK_OK(f.t->ctx, op_test_prepare(f.t, RF_MODE_TRAIN, RF_LAYOUT_CHANNELS_LAST));
        f.t->step.bn_frozen = true;
        CHECK_OK(f.t->ctx, f.t->op->forward(&f.t->step));
        check_running(&f, false);
        use_running(&f);
        check_output(&f);
        check_backward(&f, true);
        tear_down(&f);
    }
}

static void one_value_a_channel_is_refused_in_training(void **state)
{
    (void)state;
    fixture f;
    set_up(&f, SHAPE(1, 3, 1, 1));
    CHECK_OK(f.t->ctx, op_test_prepare(f.t, RF_MODE_TRAIN, RF_LAYOUT_CHANNELS_LAST));
    CHECK_FAILS(f.t->ctx, RF_EDATA, "'node': batch statistics need more than one value",
                f.t->op->forward(&f.t->step));
    f.t->step.mode = RF_MODE_BN_BATCH;
    CHECK_FAILS(f.t->ctx, RF_EDATA, "more than one value", f.t->op->forward(&f.t->step));
    f.t->step.mode = RF_MODE_INFER;
    CHECK_OK(f.t->ctx, f.t->op->forward(&f.t->step));
    tear_down(&f);
}

/* Values around 1000 with a spread of 1: squares alone would lose the variance in float32. */
static void the_variance_of_values_far_from_zero_is_exact(void **state)
{
    (void)state;
    fixture f;
    rf_bn_batch batch;
    set_up(&f, SHAPE(4, 2, 16, 16));
    float *x = f.t->inputs[0].values->data;
    for (int64_t i = 0; i < f.count; i++)
        x[i] += 1000.0f;
    ref_bn_statistics(&f.ref, f.mean, f.var);
    op_test_run(f.t, RF_MODE_BN_BATCH, RF_LAYOUT_CHANNELS_LAST);
    rf_bn_step_batch(&f.t->step, &batch);
    for (int64_t c = 0; c < 2; c++)
        CHECK_NEAR(batch.var[c], f.var[c], 1e-10);
    tear_down(&f);
}

static void parameters_of_the_wrong_length_are_refused(void **state)
{
    (void)state;
    op_test *t = op_test_new("BatchNormalization", 15);
    op_test_random(t, SHAPE(2, 4, 3, 3), 0.0f, 1.0f);
    op_test_random_param(t, SHAPE(4), 0.0f, 1.0f);
    op_test_random_param(t, SHAPE(4), 0.0f, 1.0f);
    op_test_random_param(t, SHAPE(3), 0.0f, 1.0f);
    op_test_random_param(t, SHAPE(4), 0.0f, 1.0f);
    op_test_refused(t, RF_ESHAPE,
                    "BatchNormalization 'node': mean 'x3' is [3], expected [4] for 4 channels");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(inference_uses_the_running_statistics),
        cmocka_unit_test(training_uses_the_batch_and_moves_the_running_statistics),
        cmocka_unit_test(reestimation_uses_the_batch_and_changes_nothing),
        cmocka_unit_test(gradients_run_through_the_batch_statistics),
        cmocka_unit_test(gradients_agree_with_differences),
        cmocka_unit_test(frozen_statistics_are_constants_in_training),
        cmocka_unit_test(one_value_a_channel_is_refused_in_training),
        cmocka_unit_test(the_variance_of_values_far_from_zero_is_exact),
        cmocka_unit_test(parameters_of_the_wrong_length_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
