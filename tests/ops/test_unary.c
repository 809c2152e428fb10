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

static double selu(double x)
{
    return (double)1.05070102f * (x > 0.0 ? x : (double)1.67326319f * expm1(x));
}

static double softsign(double x)
{
    return x / (1.0 + fabs(x));
}

static double threshold_of_1(double x)
{
    return x > 1.0 ? x : 0.0;
}

static double shrink(double x)
{
    return fabs(x) > 0.5 ? x : 0.0;
}

static double swish(double x)
{
    return x * sigmoid(x);
}

static double mish(double x)
{
    return x * tanh(softplus(x));
}

static double gelu(double x)
{
    return 0.5 * x * (1.0 + erf(x * M_SQRT1_2));
}

static const unary_case cases[] = {
    { "Abs", fabs, 0.1f, 2.0f },
    { "Abs", fabs, -2.0f, -0.1f },
    { "Acos", acos, -0.8f, 0.8f },
    { "Acosh", acosh, 1.5f, 3.0f },
    { "Asin", asin, -0.8f, 0.8f },
    { "Asinh", asinh, -2.0f, 2.0f },
    { "Atan", atan, -2.0f, 2.0f },
    { "Atanh", atanh, -0.8f, 0.8f },
    { "Celu", elu, -2.0f, -0.1f },
    { "Celu", elu, 0.1f, 2.0f },
    { "Cos", cos, -2.0f, 2.0f },
    { "Cosh", cosh, -2.0f, 2.0f },
    { "Elu", elu, -2.0f, -0.1f },
    { "Elu", elu, 0.1f, 2.0f },
    { "Erf", erf, -2.0f, 2.0f },
    { "Exp", exp, -2.0f, 2.0f },
    { "Gelu", gelu, -3.0f, 3.0f },
    { "HardSigmoid", hard_sigmoid, -2.4f, 2.4f },
    { "HardSigmoid", hard_sigmoid, 2.6f, 5.0f },
    { "HardSwish", hard_swish, -2.9f, 2.9f },
    { "HardSwish", hard_swish, 3.1f, 5.0f },
    { "HardSwish", hard_swish, -5.0f, -3.1f },
    { "LeakyRelu", leaky_relu, -2.0f, -0.1f },
    { "LeakyRelu", leaky_relu, 0.1f, 2.0f },
    { "Log", log, 0.5f, 3.0f },
    { "Mish", mish, -4.0f, 4.0f },
    { "Neg", negative, -2.0f, 2.0f },
    { "Reciprocal", reciprocal, 0.5f, 2.0f },
    { "Selu", selu, -2.0f, -0.1f },
    { "Selu", selu, 0.1f, 2.0f },
    { "Shrink", shrink, 0.6f, 2.0f },
    { "Shrink", shrink, -0.4f, 0.4f },
    { "Shrink", shrink, -2.0f, -0.6f },
    { "Sigmoid", sigmoid, -4.0f, 4.0f },
    { "Sin", sin, -2.0f, 2.0f },
    { "Sinh", sinh, -2.0f, 2.0f },
    { "Softplus", softplus, -4.0f, 4.0f },
    { "Softsign", softsign, 0.1f, 2.0f },
    { "Softsign", softsign, -2.0f, -0.1f },
    { "Sqrt", sqrt, 0.5f, 3.0f },
    { "Swish", swish, -4.0f, 4.0f },
    { "Tan", tan, -1.2f, 1.2f },
    { "Tanh", tanh, -2.0f, 2.0f },
    { "ThresholdedRelu", threshold_of_1, -2.0f, 0.9f },
    { "ThresholdedRelu", threshold_of_1, 1.1f, 2.0f },
};

static void values_are_those_of_the_formula(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        float expected[24];
        op_test *t = op_test_new(cases[i].op, 24);
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
        op_test *t = op_test_new(cases[i].op, 24);
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
    op_test *t = op_test_new("Mish", 18);
    op_test_flow(t, SHAPE(3), FLOATS(90.0f, -90.0f, 0.0f));
    op_test_expect(t, 0, SHAPE(3), FLOATS(90.0f, 0.0f, 0.0f), TOL_F32);
    op_test_free(t);
    t = op_test_new("Softplus", 1);
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
    const char *const ops[] = { "Celu",      "Clip",      "Elu",   "Gelu",           "HardSigmoid",
                                "HardSwish", "LeakyRelu", "Mish",  "Relu",           "Selu",
                                "Shrink",    "Sigmoid",   "Swish", "ThresholdedRelu" };
    for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++) {
        op_test *t = op_test_new(ops[i], 24);
        op_test_flow(t, SHAPE(1), FLOATS(NAN));
        op_test_expect(t, 0, SHAPE(1), FLOATS(NAN), TOL_EXACT);
        op_test_free(t);
    }
}

static void negative_slopes_keep_their_sides_apart(void **state)
{
    const char *const ops[] = { "LeakyRelu", "Elu", "Selu", "Celu" };
    (void)state;
    for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++) {
        op_test *t = op_test_new(ops[i], 14);
        op_test_float(t, "alpha", -0.5);
        op_test_flow(t, SHAPE(1, 2, 2), FLOATS(-2.0f, -0.3f, 0.3f, 2.0f));
        op_test_gradients(t, TOL_GRADIENT);
        op_test_free(t);
    }
}

static void gelu_knows_both_of_its_forms(void **state)
{
    (void)state;
    op_test *t = op_test_new("Gelu", 20);
    op_test_string(t, "approximate", "tanh");
    op_test_flow(t, SHAPE(3), FLOATS(-1.0f, 0.5f, 3.0f));
    op_test_expect(t, 0, SHAPE(3), FLOATS(-0.15880801f, 0.34571401f, 2.99636261f), TOL_F32_SUM);
    op_test_gradients(t, TOL_GRADIENT);
    op_test_free(t);
    t = op_test_new("Gelu", 20);
    op_test_string(t, "approximate", "sigmoid");
    op_test_random(t, SHAPE(2), -1.0f, 1.0f);
    op_test_refused(t, RF_EMODEL, "approximate 'sigmoid', expected none or tanh");
}

static void rounding_has_no_gradient(void **state)
{
    (void)state;
    op_test *t = op_test_new("Floor", 13);
    op_test_flow(t, SHAPE(3), FLOATS(-1.5f, 0.5f, 2.0f));
    op_test_expect(t, 0, SHAPE(3), FLOATS(-2.0f, 0.0f, 2.0f), TOL_EXACT);
    assert_null(t->op->backward);
    op_test_free(t);
    t = op_test_new("Round", 13); /* halves to even */
    op_test_flow(t, SHAPE(4), FLOATS(-1.5f, 0.5f, 2.0f, 2.5f));
    op_test_expect(t, 0, SHAPE(4), FLOATS(-2.0f, 0.0f, 2.0f, 2.0f), TOL_EXACT);
    assert_null(t->op->backward);
    op_test_free(t);
    t = op_test_new("Sign", 13);
    op_test_flow(t, SHAPE(3), FLOATS(-1.5f, 0.0f, 2.0f));
    op_test_expect(t, 0, SHAPE(3), FLOATS(-1.0f, 0.0f, 1.0f), TOL_EXACT);
    op_test_free(t);
    t = op_test_new("Ceil", 13);
    op_test_flow(t, SHAPE(3), FLOATS(-1.5f, 0.5f, 2.0f));
    op_test_expect(t, 0, SHAPE(3), FLOATS(-1.0f, 1.0f, 2.0f), TOL_EXACT);
    op_test_free(t);
}

static void integers_keep_every_bit(void **state)
{
    static const struct {
        const char *op;
        int64_t expected[2];
    } wide[] = { { "Neg", { 5, -(1LL << 60) - 1 } }, { "Abs", { 5, (1LL << 60) + 1 } } };
    (void)state;
    for (size_t i = 0; i < sizeof wide / sizeof wide[0]; i++) {
        op_test *t = op_test_new(wide[i].op, 13);
        op_test_const_ints(t, SHAPE(2), INTS(-5, (1LL << 60) + 1));
        op_test_expect_ints(t, 0, SHAPE(2), wide[i].expected);
        op_test_free(t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_those_of_the_formula),
        cmocka_unit_test(gradients_match_differences),
        cmocka_unit_test(attributes_are_read),
        cmocka_unit_test(large_arguments_do_not_overflow),
        cmocka_unit_test(not_a_number_is_not_hidden),
        cmocka_unit_test(negative_slopes_keep_their_sides_apart),
        cmocka_unit_test(gelu_knows_both_of_its_forms),
        cmocka_unit_test(rounding_has_no_gradient),
        cmocka_unit_test(integers_keep_every_bit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
