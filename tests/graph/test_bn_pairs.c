/* Which BN folds into what, and the reason in words where none does. */
#include "graph/bn_pairs.h"
#include "graph_maker.h"

/* A test's graph: one input x [n, 3, 8, 8]. */
typedef struct fixture {
    rf_context *ctx;
    rf_graph *g;
    rf_value *x;
} fixture;

static fixture begin(void)
{
    fixture f = { .ctx = test_context() };
    f.g = make_graph(f.ctx);
    f.x = make_input(f.g, "x", 4, DIMS(-1, 3, 8, 8));
    return f;
}

static void end(fixture *f)
{
    rf_graph_free(f->g);
    rf_context_free(f->ctx);
}

static rf_bn_pair find(const fixture *f, const char *bn)
{
    rf_bn_pairs pairs = { 0 };
    rf_bn_pair found = { 0 };
    CHECK_OK(f->ctx, rf_graph_check(f->g));
    CHECK_OK(f->ctx, rf_bn_pairs_find(f->g, &pairs));
    for (size_t i = 0; i < pairs.count; i++)
        if (strcmp(pairs.items[i].bn->name, bn) == 0)
            found = pairs.items[i];
    RF_VEC_RELEASE(f->ctx, &pairs);
    assert_non_null(found.bn);
    return found;
}

static void assert_folds(const fixture *f, const char *bn, const char *layer, int axis)
{
    const rf_bn_pair pair = find(f, bn);
    if (pair.kind != RF_BN_BACKWARD)
        fail_msg("'%s' does not fold: %s", bn, pair.reason);
    assert_null(pair.reason);
    assert_string_equal(pair.layer->name, layer);
    assert_int_equal(pair.channel_axis, axis);
}

static void assert_stays(const fixture *f, const char *bn, rf_bn_kind kind, const char *reason)
{
    const rf_bn_pair pair = find(f, bn);
    assert_int_equal(pair.kind, kind);
    if (!strstr(pair.reason, reason))
        fail_msg("reason '%s' lacks '%s'", pair.reason, reason);
}

static void a_conv_takes_the_bn_behind_it(void **state)
{
    (void)state;
    fixture f = begin();
    rf_value *y = make_bn(f.g, "bn", make_conv(f.g, "conv", f.x, 3, 4), 4);
    mark_output(NODE(f.g, "Relu", "relu", y), f.g);
    assert_folds(&f, "bn", "conv", 0);
    end(&f);
}

static void a_conv_of_one_or_three_dimensions_too(void **state)
{
    (void)state;
    fixture f = begin();
    rf_value *a = make_input(f.g, "a", 3, DIMS(-1, 3, 8)),
             *b = make_input(f.g, "b", 5, DIMS(-1, 3, 8, 8, 8));
    rf_value *w1 = make_constant(f.g, "w1", 3, DIMS(4, 3, 3));
    rf_value *w3 = make_constant(f.g, "w3", 5, DIMS(4, 3, 1, 1, 1));
    make_bn(f.g, "bn1", NODE(f.g, "Conv", "c1", a, w1), 4);
    make_bn(f.g, "bn3", NODE(f.g, "Conv", "c3", b, w3), 4);
    assert_folds(&f, "bn1", "c1", 0);
    assert_folds(&f, "bn3", "c3", 0);
    end(&f);
}

static void a_transposed_conv_has_its_channels_on_axis_one(void **state)
{
    (void)state;
    fixture f = begin();
    rf_value *w = make_constant(f.g, "w", 4, DIMS(3, 4, 2, 2));
    rf_value *y = NODE(f.g, "ConvTranspose", "up", f.x, w);
    make_bn(f.g, "bn", y, 4);
    assert_folds(&f, "bn", "up", 1);
    end(&f);
}

static void a_grouped_transposed_conv_says_why_not(void **state)
{
    (void)state;
    fixture f = begin();
    rf_value *w = make_constant(f.g, "w", 4, DIMS(4, 2, 2, 2));
    rf_value *y = NODE(f.g, "ConvTranspose", "up", f.x, w);
    CHECK_OK(f.ctx, rf_node_set_int(f.g, y->producer, "group", 2));
    make_bn(f.g, "bn", y, 4);
    assert_stays(&f, "bn", RF_BN_STANDALONE, "2 groups");
    end(&f);
}

static void gemm_and_matmul_have_theirs_where_the_weight_says(void **state)
{
    (void)state;
    fixture f = begin();
    rf_value *v = make_input(f.g, "v", 2, DIMS(-1, 5));
    rf_value *plain = NODE(f.g, "Gemm", "gemm", v, make_constant(f.g, "wg", 2, DIMS(5, 4)),
                           make_constant(f.g, "bg", 1, DIMS(4)));
    rf_value *turned = NODE(f.g, "Gemm", "gemm_t", v, make_constant(f.g, "wt", 2, DIMS(4, 5)));
    rf_value *product = NODE(f.g, "MatMul", "matmul", v, make_constant(f.g, "wm", 2, DIMS(5, 4)));
    CHECK_OK(f.ctx, rf_node_set_int(f.g, turned->producer, "transB", 1));
    make_bn(f.g, "bn_gemm", plain, 4);
    make_bn(f.g, "bn_gemm_t", turned, 4);
    make_bn(f.g, "bn_matmul", product, 4);
    assert_folds(&f, "bn_gemm", "gemm", 1);
    assert_folds(&f, "bn_gemm_t", "gemm_t", 0);
    assert_folds(&f, "bn_matmul", "matmul", 1);
    end(&f);
}

static void torchs_linear_is_seen_through_its_transpose_and_add(void **state)
{
    (void)state;
    fixture f = begin();
    rf_layer layer;
    rf_value *v = make_input(f.g, "v", 2, DIMS(-1, 5));
    rf_value *w = make_constant(f.g, "w", 2, DIMS(4, 5));
    rf_value *turned = NODE(f.g, "Transpose", "t", FAKEQUANT(f.g, "w_q", w));
    CHECK_OK(f.ctx, rf_node_set_ints(f.g, turned->producer, "perm", DIMS(1, 0), 2));
    rf_value *y = NODE(f.g, "MatMul", "mm", v, turned);
    rf_value *b = make_constant(f.g, "b", 1, DIMS(4));
    make_bn(f.g, "bn", NODE(f.g, "Add", "add", b, y), 4);
    assert_folds(&f, "bn", "mm", 0);
    assert_true(rf_layer_match(rf_graph_find_node(f.g, "mm"), &layer));
    assert_ptr_equal(layer.weight, w);
    assert_ptr_equal(layer.bias, b);
    assert_string_equal(layer.bias_node->name, "add");
    assert_string_equal(layer.transpose->name, "t");
    assert_string_equal(layer.output->name, "add");
    end(&f);
}

static void quantizers_are_looked_through(void **state)
{
    (void)state;
    fixture f = begin();
    rf_value *w = make_constant(f.g, "w", 4, DIMS(4, 3, 3, 3));
    rf_value *y = NODE(f.g, "Conv", "conv", FAKEQUANT(f.g, "x_q", f.x), FAKEQUANT(f.g, "w_q", w));
    make_bn(f.g, "bn", FAKEQUANT(f.g, "y_q", y), 4);
    assert_folds(&f, "bn", "conv", 0);
    assert_ptr_equal(rf_skip_fakequant(rf_graph_find_value(f.g, "w_q")), w);
    assert_ptr_equal(rf_skip_fakequant(w), w);
    assert_null(rf_skip_fakequant(NULL));
    end(&f);
}

static void bn_behind_something_else_names_it(void **state)
{
    (void)state;
    fixture f = begin();
    rf_value *conv = make_conv(f.g, "conv", f.x, 3, 4);
    make_bn(f.g, "behind_relu", NODE(f.g, "Relu", "relu", conv), 4);
    rf_value *sum = NODE(f.g, "Add", "sum", conv, conv);
    make_bn(f.g, "behind_add", sum, 4);
    make_bn(f.g, "behind_concat", NODE(f.g, "Concat", "cat", f.x, f.x), 6);
    make_bn(f.g, "first", f.x, 3);
    assert_stays(&f, "behind_relu", RF_BN_STANDALONE, "follows Relu 'relu'");
    assert_stays(&f, "behind_add", RF_BN_STANDALONE, "follows Add 'sum'");
    assert_stays(&f, "behind_concat", RF_BN_STANDALONE, "follows Concat 'cat'");
    assert_stays(&f, "first", RF_BN_STANDALONE, "reads 'x' directly");
    end(&f);
}

static void an_output_that_others_see_is_not_changed(void **state)
{
    (void)state;
    fixture f = begin();
    rf_value *a = make_conv(f.g, "a", f.x, 3, 4), *b = make_conv(f.g, "b", f.x, 3, 4);
    make_bn(f.g, "bn_a", a, 4);
    NODE(f.g, "Relu", "relu", a);
    make_bn(f.g, "bn_b", b, 4);
    mark_output(b, f.g);
    assert_stays(&f, "bn_a", RF_BN_STANDALONE, "read by other nodes too");
    assert_stays(&f, "bn_b", RF_BN_STANDALONE, "also an output of the model");
    end(&f);
}

static void shared_constants_are_not_changed(void **state)
{
    (void)state;
    fixture f = begin();
    rf_value *w = make_constant(f.g, "w", 4, DIMS(4, 3, 3, 3));
    make_bn(f.g, "bn_a", NODE(f.g, "Conv", "a", f.x, w), 4);
    NODE(f.g, "Conv", "b", f.x, w);
    rf_value *bn_c = make_bn(f.g, "bn_c", make_conv(f.g, "c", f.x, 3, 4), 4);
    rf_value *bn_d = make_bn(f.g, "bn_d", make_conv(f.g, "d", f.x, 3, 4), 4);
    CHECK_OK(f.ctx, rf_node_set_input(f.g, bn_d->producer, 1, bn_c->producer->inputs[1]));
    assert_stays(&f, "bn_a", RF_BN_STANDALONE, "'w' is shared with Conv 'b'");
    assert_stays(&f, "bn_c", RF_BN_STANDALONE, "shared with BatchNormalization 'bn_d'");
    end(&f);
}

static void what_is_computed_or_does_not_fit_is_told(void **state)
{
    (void)state;
    fixture f = begin();
    rf_value *y = NODE(f.g, "Conv", "dynamic", f.x, make_input(f.g, "w", 4, DIMS(4, 3, 3, 3)));
    make_bn(f.g, "bn_weight", y, 4);
    rf_value *bn = make_bn(f.g, "bn_mean", make_conv(f.g, "c", f.x, 3, 4), 4);
    CHECK_OK(f.ctx, rf_node_set_input(f.g, bn->producer, 3, make_input(f.g, "m", 1, DIMS(4))));
    make_bn(f.g, "bn_channels", make_conv(f.g, "d", f.x, 3, 4), 6);
    assert_stays(&f, "bn_weight", RF_BN_STANDALONE, "not a constant");
    assert_stays(&f, "bn_mean", RF_BN_STANDALONE, "its mean is computed");
    assert_stays(&f, "bn_channels", RF_BN_STANDALONE, "6 channels, Conv 'd' before it makes 4");
    end(&f);
}

static void a_bn_before_a_layer_says_which(void **state)
{
    (void)state;
    fixture f = begin();
    make_conv(f.g, "open", make_bn(f.g, "bn", f.x, 3), 3, 4);
    rf_value *padded = make_conv(f.g, "padded", make_bn(f.g, "bn_pad", f.x, 3), 3, 4);
    CHECK_OK(f.ctx, rf_node_set_ints(f.g, padded->producer, "pads", DIMS(1, 1, 1, 1), 4));
    assert_stays(&f, "bn", RF_BN_FORWARD, "before Conv 'open'");
    assert_string_equal(find(&f, "bn").layer->name, "open");
    assert_stays(&f, "bn_pad", RF_BN_STANDALONE, "Conv 'padded' behind it pads with zeros");
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_conv_takes_the_bn_behind_it),
        cmocka_unit_test(a_conv_of_one_or_three_dimensions_too),
        cmocka_unit_test(a_transposed_conv_has_its_channels_on_axis_one),
        cmocka_unit_test(a_grouped_transposed_conv_says_why_not),
        cmocka_unit_test(gemm_and_matmul_have_theirs_where_the_weight_says),
        cmocka_unit_test(torchs_linear_is_seen_through_its_transpose_and_add),
        cmocka_unit_test(quantizers_are_looked_through),
        cmocka_unit_test(bn_behind_something_else_names_it),
        cmocka_unit_test(an_output_that_others_see_is_not_changed),
        cmocka_unit_test(shared_constants_are_not_changed),
        cmocka_unit_test(what_is_computed_or_does_not_fit_is_told),
        cmocka_unit_test(a_bn_before_a_layer_says_which),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
