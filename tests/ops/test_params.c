/* Parameters: which constants are found, in which role, and which of them learn. */
#include "op_testing.h"

#include "base/context.h"
#include "ops/params.h"

typedef struct net {
    rf_context *ctx;
    rf_graph *g;
    rf_value *x;
} net;

static net new_net(void)
{
    net n = { .ctx = test_context() };
    const rf_shape shape = SHAPE(1, 2, 4, 4);
    CHECK_OK(n.ctx, rf_graph_new(n.ctx, "net", &n.g));
    CHECK_OK(n.ctx, rf_graph_add_input(n.g, "x", RF_DTYPE_F32, &shape, &n.x));
    return n;
}

static void free_net(net *n, rf_params *params)
{
    RF_VEC_RELEASE(n->ctx, params);
    rf_graph_free(n->g);
    rf_context_free(n->ctx);
}

static rf_value *constant(net *n, const char *name, rf_shape shape)
{
    rf_tensor *t;
    rf_value *v;
    CHECK_OK(n->ctx, rf_tensor_new_shape(n->ctx, RF_DTYPE_F32, &shape, &t));
    CHECK_OK(n->ctx, rf_graph_take_constant(n->g, name, t, &v));
    return v;
}

static rf_node *node(net *n, const char *op, const char *domain, rf_value *const *inputs, int count,
                     rf_value **out)
{
    const rf_shape unknown = { .rank = -1 };
    rf_node *made;
    char name[32];
    snprintf(name, sizeof name, "t%d", n->g->node_count);
    CHECK_OK(n->ctx, rf_graph_add_value(n->g, name, RF_DTYPE_F32, &unknown, out));
    const rf_node_desc desc = { .op_type = op,
                                .domain = domain,
                                .inputs = inputs,
                                .input_count = count,
                                .outputs = out,
                                .output_count = 1 };
    CHECK_OK(n->ctx, rf_graph_add_node(n->g, &desc, &made));
    return made;
}

static void weights_are_found_behind_their_quantizers(void **state)
{
    (void)state;
    net n = new_net();
    rf_params params;
    rf_value *quantized, *y;
    rf_value *slope = constant(&n, "slope", SHAPE(2, 1, 1)), *low = constant(&n, "low", SHAPE(1)),
             *high = constant(&n, "high", SHAPE(1));
    node(&n, RF_FAKEQUANT, RF_DOMAIN, (rf_value *[]){ slope, low, high }, 3, &quantized);
    rf_node *prelu = node(&n, "PRelu", NULL, (rf_value *[]){ n.x, quantized }, 2, &y);
    CHECK_OK(n.ctx, rf_params_collect(n.g, &params));
    assert_int_equal(params.count, 3);
    assert_ptr_equal(params.items[0].value, low);
    assert_int_equal(params.items[0].role, RF_ROLE_RANGE_MIN);
    assert_int_equal(params.items[1].role, RF_ROLE_RANGE_MAX);
    assert_ptr_equal(params.items[2].value, slope);
    assert_ptr_equal(params.items[2].node, prelu);
    assert_int_equal(params.items[2].role, RF_ROLE_WEIGHT);
    assert_true(slope->trainable && low->trainable && high->trainable);
    free_net(&n, &params);
}

static void ranges_that_are_off_frozen_or_static_do_not_learn(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        net n = new_net();
        rf_params params;
        rf_value *y;
        rf_value *low = constant(&n, "low", SHAPE(1)), *high = constant(&n, "high", SHAPE(1));
        rf_node *q = node(&n, RF_FAKEQUANT, RF_DOMAIN, (rf_value *[]){ n.x, low, high }, 3, &y);
        CHECK_OK(n.ctx, i == 0   ? rf_node_set_int(n.g, q, "enabled", 0)
                        : i == 1 ? rf_node_set_int(n.g, q, "frozen", 1)
                                 : rf_node_set_string(n.g, q, "grid", "static"));
        CHECK_OK(n.ctx, rf_params_collect(n.g, &params));
        assert_int_equal(params.count, 2);
        assert_false(low->trainable || high->trainable);
        free_net(&n, &params);
    }
}

static void vectors_beside_a_flowing_tensor_learn_and_scalars_do_not(void **state)
{
    (void)state;
    net n = new_net();
    rf_params params;
    rf_value *a, *b, *c, *d;
    rf_value *bias = constant(&n, "bias", SHAPE(2, 1, 1)),
             *scale = constant(&n, "scale", SHAPE(2, 1, 1)),
             *three = constant(&n, "three", SHAPE(1)), *p = constant(&n, "p", SHAPE(2));
    node(&n, "Add", NULL, (rf_value *[]){ n.x, bias }, 2, &a);
    node(&n, "Mul", NULL, (rf_value *[]){ scale, a }, 2, &b);
    node(&n, "Add", NULL, (rf_value *[]){ b, three }, 2, &c);
    node(&n, "Add", NULL, (rf_value *[]){ p, p }, 2, &d); /* constant arithmetic */
    CHECK_OK(n.ctx, rf_params_collect(n.g, &params));
    assert_int_equal(params.count, 2);
    assert_int_equal(params.items[0].role, RF_ROLE_BIAS);
    assert_ptr_equal(params.items[0].value, bias);
    assert_int_equal(params.items[1].role, RF_ROLE_WEIGHT);
    assert_ptr_equal(params.items[1].value, scale);
    assert_false(three->trainable || p->trainable);
    free_net(&n, &params);
}

/* As exporters spell GroupNorm out: scale 1 and bias 0 are no parameters, others are. */
static void an_instance_normalization_by_one_and_zero_does_not_learn(void **state)
{
    (void)state;
    for (int learns = 0; learns < 2; learns++) {
        net n = new_net();
        rf_params params;
        rf_value *y, *scale = constant(&n, "scale", SHAPE(2)),
                     *bias = constant(&n, "bias", SHAPE(2));
        rf_tensor_f32(scale->constant)[0] = 1.0f;
        rf_tensor_f32(scale->constant)[1] = learns ? 1.5f : 1.0f;
        node(&n, "InstanceNormalization", NULL, (rf_value *[]){ n.x, scale, bias }, 3, &y);
        CHECK_OK(n.ctx, rf_params_collect(n.g, &params));
        assert_int_equal(params.count, learns ? 2 : 0);
        free_net(&n, &params);
    }
}

static void a_shared_weight_is_listed_once(void **state)
{
    (void)state;
    net n = new_net();
    rf_params params;
    rf_value *a, *b;
    rf_value *slope = constant(&n, "slope", SHAPE(1));
    node(&n, "PRelu", NULL, (rf_value *[]){ n.x, slope }, 2, &a);
    node(&n, "PRelu", NULL, (rf_value *[]){ a, slope }, 2, &b);
    CHECK_OK(n.ctx, rf_params_collect(n.g, &params));
    assert_int_equal(params.count, 1);
    free_net(&n, &params);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weights_are_found_behind_their_quantizers),
        cmocka_unit_test(ranges_that_are_off_frozen_or_static_do_not_learn),
        cmocka_unit_test(vectors_beside_a_flowing_tensor_learn_and_scalars_do_not),
        cmocka_unit_test(an_instance_normalization_by_one_and_zero_does_not_learn),
        cmocka_unit_test(a_shared_weight_is_listed_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
