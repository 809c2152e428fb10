/* The table of operators: order, names and the promises that every row makes. */
#include "op_testing.h"

static void operators_are_ordered_by_name_and_found_by_it(void **state)
{
    int count;
    const rf_op *const *ops = rf_op_list(&count);
    (void)state;
    assert_true(count > 0);
    for (int i = 0; i < count; i++) {
        assert_ptr_equal(rf_op_find(ops[i]->onnx_name, ops[i]->domain), ops[i]);
        if (i && strcmp(ops[i - 1]->onnx_name, ops[i]->onnx_name) >= 0)
            fail_msg("'%s' stands behind '%s'", ops[i]->onnx_name, ops[i - 1]->onnx_name);
    }
}

static void every_operator_can_infer_and_run(void **state)
{
    int count;
    const rf_op *const *ops = rf_op_list(&count);
    (void)state;
    for (int i = 0; i < count; i++) {
        const rf_op *op = ops[i];
        if (!op->infer || !op->forward || op->since_opset < 1 || op->min_out < 1 ||
            op->max_out == 0)
            fail_msg("the table of '%s' lacks something", op->onnx_name);
    }
}

static void onnx_has_two_names_for_its_domain(void **state)
{
    (void)state;
    assert_non_null(rf_op_find("Relu", ""));
    assert_non_null(rf_op_find("Relu", "ai.onnx"));
    assert_non_null(rf_op_find("Relu", NULL));
    assert_null(rf_op_find("Relu", "refold"));
    assert_null(rf_op_find("NoSuchOperator", ""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(operators_are_ordered_by_name_and_found_by_it),
        cmocka_unit_test(every_operator_can_infer_and_run),
        cmocka_unit_test(onnx_has_two_names_for_its_domain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
