/* Operators of one input: values against the C library in double, gradients in every layout. */
#include "op_testing.h"

typedef struct unary_case {
    const char *op;
    double (*expected)(double);
    float low, high; /* where the function is smooth */
} unary_case;

static double sigmoid(double x)
{
    return 1.0 / (1.0 + exp(-x));
}

static double reciprocal(double x)
{
    return 1.0 / x;
}

static double negative(double x)
{
    return -x;
}

static double softplus(double x)
{
    return log1p(exp(x));
}

static double elu(double x)
{
    return x > 0.0 ? x : expm1(x);
}

static double leaky_relu(double x)
{
    return x > 0.0 ? x : (double)0.01f * x;
}

static double hard_sigmoid(double x)
{
    return fmin(fmax((double)0.2f * x + 0.5, 0.0), 1.0);
}

static double hard_swish(double x)
{
    return x * fmin(fmax(x / 6.0 + 0.5, 0.0), 1.0);
}

static const unary_case cases[] = {
    { "Abs", fabs, 0.1f, 2.0f },
    { "Abs", fabs, -2.0f, -0.1f },
    { "Elu", elu, -2.0f, -0.1f },
    { "Elu", elu, 0.1f, 2.0f },
    { "Erf", erf, -2.0f, 2.0f },
    { "Exp", exp, -2.0f, 2.0f },
    { "HardSigmoid", hard_sigmoid, -2.4f, 2.4f },
    { "HardSigmoid", hard_sigmoid, 2.6f, 5.0f },
    { "HardSwish", hard_swish, -2.9f, 2.9f },
    { "HardSwish", hard_swish, 3.1f, 5.0f },
    { "HardSwish", hard_swish, -5.0f, -3.1f },
    { "LeakyRelu", leaky_relu, -2.0f, -0.1f },
    { "LeakyRelu", leaky_relu, 0.1f, 2.0f },
    { "Log", log, 0.5f, 3.0f },
    { "Neg", negative, -2.0f, 2.0f },
    { "Reciprocal", reciprocal, 0.5f, 2.0f },
    { "Sigmoid", sigmoid, -4.0f, 4.0f },
    { "Softplus", softplus, -4.0f, 4.0f },
    { "Sqrt", sqrt, 0.5f, 3.0f },
    { "Tanh", tanh, -2.0f, 2.0f },
};

static void values_are_those_of_the_formula(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        float expected[24];
        op_test *t = op_test_new(cases[i].op, 14);
        op_test_random(t, SHAPE(2, 3, 4), cases[i].low, cases[i].high);
        for (int k = 0; k < 24; k++)
            expected[k] = (float)cases[i].expected((double)rf_tensor_f32(t->inputs[0].values)[k]);
        op_test_expect(t, 0, SHAPE(2, 3, 4), expected, TOL_F32_SUM);
        op_test_free(t);
    }
}

static void gradients_match_differences(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        op_test *t = op_test_new(cases[i].op, 14);
        op_test_random(t, SHAPE(2, 3, 4), cases[i].low, cases[i].high);
        op_test_gradients(t, TOL_GRADIENT);
        op_test_free(t);
    }
}

static void attributes_are_read(void **state)
{
    (void)state;
    op_test *t = op_test_new("LeakyRelu", 6);
    op_test_float(t, "alpha", 0.25);
    op_test_flow(t, SHAPE(2), FLOATS(-2.0f, 2.0f));
    op_test_expect(t, 0, SHAPE(2), FLOATS(-0.5f, 2.0f), TOL_EXACT);
    op_test_gradients(t, TOL_GRADIENT);
    op_test_free(t);
    t = op_test_new("HardSigmoid", 6);
    op_test_float(t, "alpha", 0.5);
    op_test_float(t, "beta", 0.25);
    op_test_flow(t, SHAPE(4), FLOATS(-2.0f, 0.0f, 1.0f, 2.0f));
    op_test_expect(t, 0, SHAPE(4), FLOATS(0.0f, 0.25f, 0.75f, 1.0f), TOL_EXACT);
    op_test_free(t);
    t = op_test_new("Elu", 6);
    op_test_float(t, "alpha", 2.0);
    op_test_flow(t, SHAPE(2), FLOATS(-1.0f, 1.0f));
    op_test_gradients(t, TOL_GRADIENT);
    op_test_free(t);
}

static void large_arguments_do_not_overflow(void **state)
{
    (void)state;
    op_test *t = op_test_new("Softplus", 1);
    op_test_flow(t, SHAPE(3), FLOATS(200.0f, -200.0f, 0.0f));
    op_test_expect(t, 0, SHAPE(3), FLOATS(200.0f, 0.0f, 0.69314718f), TOL_F32);
    op_test_free(t);
    t = op_test_new("Sigmoid", 6);
    op_test_flow(t, SHAPE(2), FLOATS(200.0f, -200.0f));
    op_test_expect(t, 0, SHAPE(2), FLOATS(1.0f, 0.0f), TOL_F32);
    op_test_free(t);
}

static void not_a_number_is_not_hidden(void **state)
{
    (void)state;
    const char *const ops[] = {
        "HardSigmoid", "HardSwish", "LeakyRelu", "Clip", "Relu", "Sigmoid"
    };
    for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++) {
        op_test *t = op_test_new(ops[i], 14);
        op_test_flow(t, SHAPE(1), FLOATS(NAN));
        op_test_expect(t, 0, SHAPE(1), FLOATS(NAN), TOL_EXACT);
        op_test_free(t);
    }
}

static void a_negative_slope_is_refused(void **state)
{
    (void)state;
    op_test *t = op_test_new("LeakyRelu", 6);
    op_test_float(t, "alpha", -0.1);
    op_test_random(t, SHAPE(2), -1.0f, 1.0f);
    op_test_refused(t, RF_EUNSUPPORTED, "LeakyRelu 'node': alpha is negative");
}

static void rounding_has_no_gradient(void **state)
{
    (void)state;
    op_test *t = op_test_new("Floor", 13);
    op_test_flow(t, SHAPE(3), FLOATS(-1.5f, 0.5f, 2.0f));
    op_test_expect(t, 0, SHAPE(3), FLOATS(-2.0f, 0.0f, 2.0f), TOL_EXACT);
    assert_null(t->op->backward);
    op_test_free(t);
    t = op_test_new("Ceil", 13);
    op_test_flow(t, SHAPE(3), FLOATS(-1.5f, 0.5f, 2.0f));
    op_test_expect(t, 0, SHAPE(3), FLOATS(-1.0f, 1.0f, 2.0f), TOL_EXACT);
    op_test_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_those_of_the_formula),
        cmocka_unit_test(gradients_match_differences),
        cmocka_unit_test(attributes_are_read),
        cmocka_unit_test(large_arguments_do_not_overflow),
        cmocka_unit_test(not_a_number_is_not_hidden),
        cmocka_unit_test(a_negative_slope_is_refused),
        cmocka_unit_test(rounding_has_no_gradient),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
