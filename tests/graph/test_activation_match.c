/* Activations that are spelt out: every order of their factors, and what only looks like one. */
#include "graph/activation_match.h"
#include "graph_maker.h"

static rf_value *number(rf_graph *g, const char *name, float value)
{
    rf_value *v = make_constant(g, name, 0, NULL);
    rf_tensor_f32(v->constant)[0] = value;
    return v;
}

/* x, and the numbers that the forms need. */
typedef struct net {
    rf_context *ctx;
    rf_graph *g;
    rf_value *x, *three, *zero, *six, *one, *half, *root, *third;
} net;

static net new_net(void)
{
    net n = { .ctx = test_context() };
    n.g = make_graph(n.ctx);
    n.x = make_input(n.g, "x", 2, DIMS(-1, 3));
    n.three = number(n.g, "three", 3.0f);
    n.zero = number(n.g, "zero", 0.0f);
    n.six = number(n.g, "six", 6.0f);
    n.one = number(n.g, "one", 1.0f);
    n.half = number(n.g, "half", 0.5f);
    n.root = number(n.g, "root", 1.41421356f);
    n.third = number(n.g, "sixth", 1.0f / 6.0f);
    return n;
}

static void free_net(net *n)
{
    rf_graph_free(n->g);
    rf_context_free(n->ctx);
}

/* The maker of y ends an activation of x; op_type NULL: it does not. */
static void expect(net *n, const rf_value *y, const char *op_type)
{
    rf_activation a;
    const bool found = rf_activation_match(y->producer, &a);
    assert_int_equal(found, op_type != NULL);
    if (found) {
        assert_string_equal(a.op_type, op_type);
        assert_ptr_equal(a.input, n->x);
        assert_int_equal(a.inner_count, n->g->node_count - 1);
    }
    for (rf_node *m = n->g->first; m; m = m->next)
        assert_int_equal(rf_activation_has_inner(m), found && m != y->producer);
    free_net(n);
}

static void silu_is_a_swish(void **state)
{
    (void)state;
    for (int swapped = 0; swapped < 2; swapped++) {
        net n = new_net();
        rf_value *s = NODE(n.g, "Sigmoid", "s", n.x);
        expect(&n, NODE(n.g, "Mul", "y", swapped ? s : n.x, swapped ? n.x : s), "Swish");
    }
}

static rf_value *clipped(const net *n)
{
    rf_value *a = NODE(n->g, "Add", "a", n->x, n->three);
    return NODE(n->g, "Clip", "c", a, n->zero, n->six);
}

static void hard_swish_has_many_spellings(void **state)
{
    (void)state;
    net n = new_net();
    rf_value *m = NODE(n.g, "Mul", "m", n.x, clipped(&n));
    expect(&n, NODE(n.g, "Div", "y", m, n.six), "HardSwish");
    n = new_net();
    rf_value *d = NODE(n.g, "Div", "d", clipped(&n), n.six);
    expect(&n, NODE(n.g, "Mul", "y", d, n.x), "HardSwish");
    n = new_net();
    m = NODE(n.g, "Mul", "m", n.third, clipped(&n));
    expect(&n, NODE(n.g, "Mul", "y", n.x, m), "HardSwish");
    n = new_net();
    rf_value *h = NODE(n.g, "HardSigmoid", "h", n.x);
    CHECK_OK(n.ctx, rf_node_set_float(n.g, h->producer, "alpha", 1.0 / 6.0));
    expect(&n, NODE(n.g, "Mul", "y", n.x, h), "HardSwish");
    n = new_net(); /* its own alpha is 0.2 */
    expect(&n, NODE(n.g, "Mul", "y", n.x, NODE(n.g, "HardSigmoid", "h", n.x)), NULL);
}

static void mish_is_found(void **state)
{
    (void)state;
    net n = new_net();
    rf_value *t = NODE(n.g, "Tanh", "t", NODE(n.g, "Softplus", "p", n.x));
    expect(&n, NODE(n.g, "Mul", "y", n.x, t), "Mish");
}

static rf_value *normal(const net *n)
{
    rf_value *e = NODE(n->g, "Erf", "e", NODE(n->g, "Div", "d", n->x, n->root));
    return NODE(n->g, "Add", "a", e, n->one);
}

static void gelu_may_be_halved_anywhere(void **state)
{
    (void)state;
    net n = new_net();
    rf_value *m = NODE(n.g, "Mul", "m", n.x, normal(&n));
    expect(&n, NODE(n.g, "Mul", "y", m, n.half), "Gelu");
    n = new_net();
    m = NODE(n.g, "Mul", "m", n.x, n.half);
    expect(&n, NODE(n.g, "Mul", "y", m, normal(&n)), "Gelu");
    n = new_net();
    m = NODE(n.g, "Mul", "m", normal(&n), n.half);
    expect(&n, NODE(n.g, "Mul", "y", n.x, m), "Gelu");
    n = new_net(); /* not halved */
    expect(&n, NODE(n.g, "Mul", "y", n.x, normal(&n)), NULL);
}

static void a_gate_of_another_tensor_is_no_activation(void **state)
{
    (void)state;
    net n = new_net();
    rf_value *pooled = NODE(n.g, "GlobalAveragePool", "p", n.x);
    expect(&n, NODE(n.g, "Mul", "y", n.x, NODE(n.g, "Sigmoid", "s", pooled)), NULL);
}

static void what_others_read_stays_apart(void **state)
{
    (void)state;
    net n = new_net();
    rf_value *s = NODE(n.g, "Sigmoid", "s", n.x), *y = NODE(n.g, "Mul", "y", n.x, s);
    CHECK_OK(n.ctx, rf_graph_mark_output(n.g, s));
    expect(&n, y, NULL);
    n = new_net();
    s = NODE(n.g, "Sigmoid", "s", n.x);
    y = NODE(n.g, "Mul", "y", n.x, s);
    NODE(n.g, "Abs", "z", s);
    expect(&n, y, NULL);
    n = new_net(); /* a quantizer between */
    s = FAKEQUANT(n.g, "q", NODE(n.g, "Sigmoid", "s", n.x), n.zero, n.one);
    expect(&n, NODE(n.g, "Mul", "y", n.x, s), NULL);
}

static void long_products_end_the_search(void **state)
{
    (void)state;
    net n = new_net();
    rf_value *y = n.x;
    char name[32];
    for (int i = 0; i < 2000; i++) {
        snprintf(name, sizeof name, "m%d", i);
        y = NODE(n.g, "Mul", name, y, n.half);
    }
    expect(&n, y, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(silu_is_a_swish),
        cmocka_unit_test(hard_swish_has_many_spellings),
        cmocka_unit_test(mish_is_found),
        cmocka_unit_test(gelu_may_be_halved_anywhere),
        cmocka_unit_test(a_gate_of_another_tensor_is_no_activation),
        cmocka_unit_test(what_others_read_stays_apart),
        cmocka_unit_test(long_products_end_the_search),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
