/* Add: broadcasting in every layout, summed gradients, integers, and what it refuses. */
#include "op_testing.h"

static void equal_shapes_add(void **state)
{
    (void)state;
    op_test *t = op_test_new("Add", 13);
    op_test_flow(t, SHAPE(1, 2, 2), FLOATS(1.0f, 2.0f, 3.0f, 4.0f));
    op_test_flow(t, SHAPE(1, 2, 2), FLOATS(10.0f, 20.0f, 30.0f, 40.0f));
    op_test_expect(t, 0, SHAPE(1, 2, 2), FLOATS(11.0f, 22.0f, 33.0f, 44.0f), TOL_EXACT);
    op_test_gradients(t, TOL_GRADIENT);
    op_test_free(t);
}

static void a_channel_vector_is_added_to_every_pixel(void **state)
{
    (void)state;
    op_test *t = op_test_new("Add", 7);
    op_test_flow(t, SHAPE(1, 2, 1, 3), FLOATS(1.0f, 2.0f, 3.0f, 4.0f, 5.0f, 6.0f));
    op_test_param(t, SHAPE(2, 1, 1), FLOATS(10.0f, 20.0f));
    op_test_expect(t, 0, SHAPE(1, 2, 1, 3), FLOATS(11.0f, 12.0f, 13.0f, 24.0f, 25.0f, 26.0f),
                   TOL_EXACT);
    op_test_gradients(t, TOL_GRADIENT);
    op_test_free(t);
}

static void both_inputs_can_be_stretched(void **state)
{
    (void)state;
    op_test *t = op_test_new("Add", 7);
    op_test_flow(t, SHAPE(2, 1), FLOATS(1.0f, 2.0f));
    op_test_flow(t, SHAPE(3), FLOATS(10.0f, 20.0f, 30.0f));
    op_test_expect(t, 0, SHAPE(2, 3), FLOATS(11.0f, 21.0f, 31.0f, 12.0f, 22.0f, 32.0f), TOL_EXACT);
    op_test_gradients(t, TOL_GRADIENT);
    op_test_free(t);
}

static void a_scalar_gets_the_sum_of_all_gradients(void **state)
{
    (void)state;
    op_test *t = op_test_new("Add", 7);
    op_test_random(t, SHAPE(2, 3, 2, 2), -1.0f, 1.0f);
    op_test_param(t, SCALAR, FLOATS(0.5f));
    op_test_gradients(t, TOL_GRADIENT);
    op_test_free(t);
}

/* Sums long enough to be cut into parts, along either kind of inner dim. */
static void long_gradient_sums_are_exact_whatever_the_layout(void **state)
{
    (void)state;
    for (int layout = 0; layout < 2; layout++) {
        op_test *t = op_test_new("Add", 7);
        op_test_random(t, SHAPE(3, 2, 101, 103), -1.0f, 1.0f);
        op_test_random_param(t, SHAPE(2, 1, 1), -1.0f, 1.0f);
        op_test_run(t, RF_MODE_TRAIN, (rf_layout)layout);
        op_test_set_diff(t, 0, t->inputs[0].values->data);
        op_test_backward(t);
        const float *diff = t->inputs[0].values->data;
        for (int64_t c = 0; c < 2; c++) {
            double sum = 0.0;
            for (int64_t n = 0; n < 3; n++)
                for (int64_t i = 0; i < 101 * 103; i++)
                    sum += (double)diff[(n * 2 + c) * 101 * 103 + i];
            CHECK_NEAR(op_test_at(&t->diff_in[1], c), sum, TOL_F32);
        }
        op_test_free(t);
    }
}

static void shape_arithmetic_runs_in_int64(void **state)
{
    (void)state;
    op_test *t = op_test_new("Add", 13);
    op_test_const_ints(t, SHAPE(2), INTS(5, INT64_C(4000000000)));
    op_test_const_ints(t, SCALAR, INTS(INT64_C(4000000000)));
    op_test_expect_ints(t, 0, SHAPE(2), INTS(INT64_C(4000000005), INT64_C(8000000000)));
    op_test_free(t);
}

static void shapes_that_do_not_broadcast_are_refused(void **state)
{
    (void)state;
    op_test *t = op_test_new("Add", 13);
    op_test_random(t, SHAPE(2, 3), 0.0f, 1.0f);
    op_test_random(t, SHAPE(2), 0.0f, 1.0f);
    op_test_refused(t, RF_ESHAPE, "Add 'node': shapes [2, 3] and [2] do not broadcast");
}

static void mixed_types_are_refused(void **state)
{
    (void)state;
    op_test *t = op_test_new("Add", 13);
    op_test_random(t, SHAPE(2), 0.0f, 1.0f);
    op_test_const_ints(t, SHAPE(2), INTS(1, 2));
    op_test_refused(t, RF_EMODEL, "inputs are float32 and int64");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_shapes_add),
        cmocka_unit_test(a_channel_vector_is_added_to_every_pixel),
        cmocka_unit_test(both_inputs_can_be_stretched),
        cmocka_unit_test(a_scalar_gets_the_sum_of_all_gradients),
        cmocka_unit_test(long_gradient_sums_are_exact_whatever_the_layout),
        cmocka_unit_test(shape_arithmetic_runs_in_int64),
        cmocka_unit_test(shapes_that_do_not_broadcast_are_refused),
        cmocka_unit_test(mixed_types_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
