/* Optimizers against numbers worked out by hand from PyTorch's formulas. */
#include "testing.h"

#include "train/optimizer.h"

#define TOL 1e-6 /* relative; a few float32 roundings */

static void sgd_with_momentum_and_decay_follows_pytorch(void **state)
{
    float w = 1.0F, v = 0.0F;
    float *moments[RF_MAX_MOMENTS] = { &v, NULL };
    rf_update u = {
        .count = 1, .step = 1, .learning_rate = 0.1, .momentum = 0.9, .weight_decay = 0.01
    };
    (void)state;
    rf_rule_sgd.update(&u, &w, (const float[]){ 0.5F }, moments);
    CHECK_NEAR(w, 0.949, TOL);
    u.step = 2;
    rf_rule_sgd.update(&u, &w, (const float[]){ 0.25F }, moments);
    CHECK_NEAR(v, 0.71849, TOL);
    CHECK_NEAR(w, 0.877151, TOL);
}

static void adam_corrects_the_bias_of_its_moments(void **state)
{
    float w = 1.0F, m = 0.0F, v = 0.0F;
    float *moments[RF_MAX_MOMENTS] = { &m, &v };
    rf_update u = { .count = 1, .step = 1, .learning_rate = 0.1 };
    (void)state;
    rf_rule_adam.update(&u, &w, (const float[]){ 0.5F }, moments);
    CHECK_NEAR(w, 0.900000002, TOL);
    u.step = 2;
    rf_rule_adam.update(&u, &w, (const float[]){ -0.25F }, moments);
    CHECK_NEAR(m, 0.02, TOL);
    CHECK_NEAR(v, 0.00031225, TOL);
    CHECK_NEAR(w, 0.8733663, TOL);
}

static void adam_adds_weight_decay_to_the_gradient(void **state)
{
    float a = 2.0F, b = 2.0F, am = 0, av = 0, bm = 0, bv = 0;
    float *const of_a[RF_MAX_MOMENTS] = { &am, &av }, *const of_b[RF_MAX_MOMENTS] = { &bm, &bv };
    rf_update u = { .count = 1, .step = 1, .learning_rate = 0.1, .weight_decay = 0.5 };
    (void)state;
    rf_rule_adam.update(&u, &a, (const float[]){ 0.25F }, of_a);
    u.weight_decay = 0.0;
    rf_rule_adam.update(&u, &b, (const float[]){ 1.25F }, of_b);
    assert_memory_equal(&a, &b, sizeof a);
    assert_memory_equal(&am, &bm, sizeof am);
}

static void a_large_parameter_is_updated_in_every_piece(void **state)
{
    enum { COUNT = 100000 };
    rf_context *ctx = test_context();
    const int64_t dims[1] = { COUNT };
    rf_tensor *w = NULL, *g = NULL;
    (void)state;
    CHECK_OK(ctx, rf_tensor_new(ctx, RF_DTYPE_F32, 1, dims, &w));
    CHECK_OK(ctx, rf_tensor_new(ctx, RF_DTYPE_F32, 1, dims, &g));
    for (int64_t i = 0; i < COUNT; i++)
        rf_tensor_f32(g)[i] = (float)i;
    rf_value value = { .name = "w", .constant = w, .trainable = true };
    rf_param param = { .value = &value, .role = RF_ROLE_WEIGHT };
    const rf_params params = { .items = &param, .count = 1 };
    rf_optimizer o;
    CHECK_OK(ctx, rf_optimizer_init(&o, ctx, &rf_rule_sgd, &params));
    rf_optimizer_begin(&o);
    rf_optimizer_apply(&o, 0, &(rf_update){ .learning_rate = 1.0 }, rf_tensor_f32(g));
    for (int64_t i = 0; i < COUNT; i++)
        assert_true(rf_tensor_f32(w)[i] <= -(float)i && rf_tensor_f32(w)[i] >= -(float)i);
    rf_optimizer_release(&o);
    rf_tensor_free(w);
    rf_tensor_free(g);
    rf_context_free(ctx);
}

static void an_unknown_optimizer_is_refused_with_the_list(void **state)
{
    rf_context *ctx = test_context();
    const rf_optimizer_rule *rule = NULL;
    (void)state;
    CHECK_OK(ctx, rf_optimizer_rule_find(ctx, NULL, &rule));
    assert_string_equal(rule->name, "sgd");
    CHECK_FAILS(ctx, RF_EARG, "sgd and adam", rf_optimizer_rule_find(ctx, "lion", &rule));
    rf_context_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sgd_with_momentum_and_decay_follows_pytorch),
        cmocka_unit_test(adam_corrects_the_bias_of_its_moments),
        cmocka_unit_test(adam_adds_weight_decay_to_the_gradient),
        cmocka_unit_test(a_large_parameter_is_updated_in_every_piece),
        cmocka_unit_test(an_unknown_optimizer_is_refused_with_the_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
