/* Tests of bringing graphs to a newer operator set: forms, and equal results where refold runs both. */
#include "small_net.h"
#include "run_graph.h"

#include "export/export.h"

static rf_graph *graph_of(rf_context *ctx, small_net *net, int64_t opset, rf_value **x)
{
    const rf_shape shape = { 4, { -1, 2, 4, 4 } };
    net_start(net, ctx, opset, &shape, x);
    return net->g;
}

static void attributes_become_inputs(void **state)
{
    (void)state;
    rf_context *ctx = test_context();
    small_net net;
    rf_value *x = NULL;
    rf_graph *g = graph_of(ctx, &net, 9, &x);
    rf_node *slice = net_node(&net, "Slice", "slice", x, NULL, NULL);
    net_ints(&net, slice, "starts", (int64_t[]){ 1 }, 1);
    net_ints(&net, slice, "ends", (int64_t[]){ 3 }, 1);
    net_ints(&net, slice, "axes", (int64_t[]){ 2 }, 1);
    rf_node *clip = net_node(&net, "Clip", "clip", slice->outputs[0], NULL, NULL);
    CHECK_OK(ctx, rf_node_set_float(g, clip, "max", 6.0));
    rf_node *unsqueeze = net_node(&net, "Unsqueeze", "wide", clip->outputs[0], NULL, NULL);
    net_ints(&net, unsqueeze, "axes", (int64_t[]){ 0 }, 1);
    CHECK_OK(ctx, rf_graph_mark_output(g, unsqueeze->outputs[0]));

    CHECK_OK(ctx, rf_export_upgrade_opset(g, 13));

    assert_int_equal(rf_graph_opset(g, ""), 13);
    assert_int_equal(slice->input_count, 4);
    assert_int_equal(rf_tensor_get_i64(slice->inputs[2]->constant, 0), 3);
    assert_int_equal(rf_tensor_get_i64(slice->inputs[3]->constant, 0), 2);
    assert_int_equal(clip->input_count, 3);
    assert_null(clip->inputs[1]);
    assert_true(rf_tensor_f32(clip->inputs[2]->constant)[0] == 6.0f);
    assert_int_equal(rf_tensor_get_i64(unsqueeze->inputs[1]->constant, 0), 0);
    assert_int_equal(slice->attr_count + clip->attr_count + unsqueeze->attr_count, 0);
    CHECK_OK(ctx, rf_graph_check(g));
    rf_graph_free(g);
    rf_context_free(ctx);
}

static void a_softmax_over_several_axes_is_flattened_first(void **state)
{
    (void)state;
    rf_context *ctx = test_context();
    small_net net;
    rf_value *x = NULL;
    rf_graph *g = graph_of(ctx, &net, 11, &x);
    rf_node *soft = net_node(&net, "Softmax", "soft", x, NULL, NULL);
    CHECK_OK(ctx, rf_graph_mark_output(g, soft->outputs[0]));

    CHECK_OK(ctx, rf_export_upgrade_opset(g, 13));

    assert_int_equal(g->node_count, 4);
    assert_string_equal(g->last->op_type, "Reshape");
    assert_string_equal(g->last->outputs[0]->name, "soft");
    assert_int_equal(rf_attr_int(soft, "axis", 0), -1);
    assert_string_equal(soft->inputs[0]->producer->op_type, "Flatten");
    CHECK_OK(ctx, rf_graph_check(g));
    rf_graph_free(g);
    rf_context_free(ctx);
}

static void a_softmax_over_the_last_axis_only_names_it(void **state)
{
    (void)state;
    rf_context *ctx = test_context();
    small_net net;
    rf_value *x = NULL;
    rf_graph *g = graph_of(ctx, &net, 11, &x);
    rf_node *soft = net_node(&net, "Softmax", "soft", x, NULL, NULL);
    CHECK_OK(ctx, rf_node_set_int(g, soft, "axis", 3));

    CHECK_OK(ctx, rf_export_upgrade_opset(g, 13));

    assert_int_equal(g->node_count, 1);
    assert_int_equal(rf_attr_int(soft, "axis", 0), -1);
    rf_graph_free(g);
    rf_context_free(ctx);
}

static void a_graph_that_is_new_enough_stays_as_it_is(void **state)
{
    (void)state;
    rf_context *ctx = test_context();
    small_net net;
    rf_value *x = NULL;
    rf_graph *g = graph_of(ctx, &net, 17, &x);
    rf_node *mean = net_node(&net, "ReduceMean", "mean", x, NULL, NULL);
    net_ints(&net, mean, "axes", (int64_t[]){ 2, 3 }, 2);

    CHECK_OK(ctx, rf_export_upgrade_opset(g, 13));
    assert_int_equal(rf_graph_opset(g, ""), 17);
    assert_int_equal(mean->input_count, 1);

    CHECK_OK(ctx, rf_export_upgrade_opset(g, 21));
    assert_int_equal(rf_graph_opset(g, ""), 21);
    assert_int_equal(rf_tensor_get_i64(mean->inputs[1]->constant, 1), 3);
    rf_graph_free(g);
    rf_context_free(ctx);
}

static void check_sampling(const char *mode, const char *old_op)
{
    rf_context *ctx = test_context();
    small_net net;
    rf_value *x = NULL;
    rf_graph *g = graph_of(ctx, &net, strcmp(old_op, "Resize") ? 9 : 10, &x);
    rf_value *scales = net_constant(&net, "scales", 1, (int64_t[]){ 4 }, 0.0);
    memcpy(scales->constant->data, (float[]){ 1.0f, 1.0f, 2.0f, 3.0f }, 4 * sizeof(float));
    rf_node *n = net_node(&net, old_op, "big", x, scales, NULL);
    CHECK_OK(ctx, rf_node_set_string(g, n, "mode", mode));
    CHECK_OK(ctx, rf_graph_mark_output(g, n->outputs[0]));
    int64_t count = 0;
    float *input = random_input(2 * 4 * 4, 3), *before = run_graph(ctx, g, input, 1, &count);

    CHECK_OK(ctx, rf_export_upgrade_opset(g, 13));

    assert_string_equal(g->first->op_type, "Resize");
    CHECK_OK(ctx, rf_graph_check(g));
    float *after = run_graph(ctx, g, input, 1, &count);
    assert_int_equal(count, 2 * 8 * 12);
    assert_memory_equal(before, after, (size_t)count * sizeof *after);
    free(before);
    free(after);
    free(input);
    rf_graph_free(g);
    rf_context_free(ctx);
}

static void older_samplings_become_resize(void **state)
{
    (void)state;
    check_sampling("nearest", "Upsample");
    check_sampling("linear", "Upsample");
    check_sampling("nearest", "Resize");
    check_sampling("linear", "Resize");
}

static void an_operator_without_a_newer_form_is_named(void **state)
{
    (void)state;
    rf_context *ctx = test_context();
    small_net net;
    rf_value *x = NULL;
    rf_graph *g = graph_of(ctx, &net, 9, &x);
    net_node(&net, "Upsample", "big", x, NULL, NULL);
    CHECK_FAILS(ctx, RF_EUNSUPPORTED, "Upsample 'big_node'", rf_export_upgrade_opset(g, 13));
    rf_graph_free(g);
    rf_context_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attributes_become_inputs),
        cmocka_unit_test(a_softmax_over_several_axes_is_flattened_first),
        cmocka_unit_test(a_softmax_over_the_last_axis_only_names_it),
        cmocka_unit_test(a_graph_that_is_new_enough_stays_as_it_is),
        cmocka_unit_test(older_samplings_become_resize),
        cmocka_unit_test(an_operator_without_a_newer_form_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
