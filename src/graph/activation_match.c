/*
 * Recognizing an activation by its last node, a Mul or Div: scale * x * g(x), whatever the order of
 * the factors, with g of a few forms.
 */
#include "graph/activation_match.h"

#include <math.h>

/* The last node's value as scale times factors. */
typedef struct product {
    rf_activation *a;
    double scale;
    rf_value *factors[2];
    int count; /* of factors; more than two: no activation */
} product;

static bool close_to(double found, double expected)
{
    return fabs(found - expected) <= 1e-4 * fabs(expected);
}

/* The number that a constant of one element holds. */
static bool read_number(const rf_value *v, double *out)
{
    const rf_tensor *t = v ? v->constant : NULL;
    if (!t || t->dtype != RF_DTYPE_F32 || t->count != 1 || t->shape.rank > 1)
        return false;
    *out = (double)rf_tensor_f32(t)[0];
    return true;
}

/* Its maker, where a single node reads it and nothing else does. */
static rf_node *private_maker(const rf_value *v)
{
    const bool single = v && v->uses && !v->uses->next && !v->is_output && !v->pinned;
    rf_node *n = single ? v->producer : NULL;
    return n && n->output_count == 1 ? n : NULL;
}

static bool add_inner(rf_activation *a, rf_node *n)
{
    if (a->inner_count == RF_ACTIVATION_NODES)
        return false;
    a->inner[a->inner_count++] = n;
    return true;
}

/* ---------------------------------------------------------------------------- the product --- */

static void take_value(product *p, rf_value *v);

/* A Mul, or a Div by a number. */
static bool splits(const rf_node *n)
{
    double number;
    return rf_node_is(n, "Mul") ||
           (rf_node_is(n, "Div") && read_number(rf_node_input(n, 1), &number));
}

static void take_node(product *p, const rf_node *n)
{
    double number;
    take_value(p, rf_node_input(n, 0));
    if (rf_node_is(n, "Mul"))
        take_value(p, rf_node_input(n, 1));
    else if (read_number(rf_node_input(n, 1), &number))
        p->scale /= number;
}

static void take_value(product *p, rf_value *v)
{
    double number;
    rf_node *maker = private_maker(v);
    if (read_number(v, &number)) {
        p->scale *= number;
        return;
    }
    if (maker && splits(maker) && add_inner(p->a, maker)) { /* their limit ends the recursion */
        take_node(p, maker);
        return;
    }
    if (p->count < 2)
        p->factors[p->count] = v;
    p->count++;
}

/* ------------------------------------------------------------------------------ its forms --- */

/* One step back: *v is made by such a node for this activation alone; then *v is what that reads. */
static rf_node *step_back(rf_activation *a, rf_value **v, const char *op_type)
{
    rf_node *n = private_maker(*v);
    if (!n || !rf_node_is(n, op_type) || !add_inner(a, n))
        return NULL;
    *v = rf_node_input(n, 0);
    return n;
}

/* *v = something plus `number`; then *v is that. */
static bool step_over_sum(rf_activation *a, rf_value **v, double number)
{
    double found;
    const rf_node *n = step_back(a, v, "Add");
    for (int i = 0; n && i < 2; i++)
        if (read_number(rf_node_input(n, i), &found) && close_to(found, number)) {
            *v = rf_node_input(n, 1 - i);
            return true;
        }
    return false;
}

static double clip_bound(const rf_node *n, int input, const char *attr, double fallback)
{
    double number;
    if (read_number(rf_node_input(n, input), &number))
        return number;
    return rf_node_input(n, input) ? NAN : (double)rf_attr_float(n, attr, (float)fallback);
}

static bool is_sigmoid(rf_activation *a, rf_value *g)
{
    return step_back(a, &g, "Sigmoid") && g == a->input;
}

static bool is_hard_sigmoid(rf_activation *a, rf_value *g)
{
    const rf_node *n = step_back(a, &g, "HardSigmoid");
    return n && g == a->input && close_to((double)rf_attr_float(n, "alpha", 0.2f), 1.0 / 6.0) &&
           close_to((double)rf_attr_float(n, "beta", 0.5f), 0.5);
}

/* Relu6(x + 3). */
static bool is_clipped_sum(rf_activation *a, rf_value *g)
{
    const rf_node *n = step_back(a, &g, "Clip");
    return n && clip_bound(n, 1, "min", -INFINITY) == 0.0 &&
           clip_bound(n, 2, "max", INFINITY) == 6.0 && step_over_sum(a, &g, 3.0) && g == a->input;
}

static bool is_tanh_softplus(rf_activation *a, rf_value *g)
{
    return step_back(a, &g, "Tanh") && step_back(a, &g, "Softplus") && g == a->input;
}

/* 1 + Erf(x / sqrt(2)). */
static bool is_normal(rf_activation *a, rf_value *g)
{
    if (!step_over_sum(a, &g, 1.0) || !step_back(a, &g, "Erf"))
        return false;
    rf_node *n = private_maker(g);
    product p = { .a = a, .scale = 1.0 };
    if (!n || !splits(n) || !add_inner(a, n))
        return false;
    take_node(&p, n);
    return p.count == 1 && p.factors[0] == a->input && close_to(p.scale, M_SQRT1_2);
}

static const struct {
    const char *op_type;
    double scale;
    bool (*is_form)(rf_activation *a, rf_value *g);
} forms[] = {
    { "Swish", 1.0, is_sigmoid },
    { "HardSwish", 1.0, is_hard_sigmoid },
    { "HardSwish", 1.0 / 6.0, is_clipped_sum },
    { "Mish", 1.0, is_tanh_softplus },
    { "Gelu", 0.5, is_normal },
};

/* Factor k of the product is g(x), the other one x. */
static bool match_form(const product *p, int k)
{
    rf_activation *a = p->a;
    const int before = a->inner_count;
    a->input = p->factors[1 - k];
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        a->op_type = forms[i].op_type;
        a->inner_count = before;
        if (close_to(p->scale, forms[i].scale) && forms[i].is_form(a, p->factors[k]))
            return !a->input->constant;
    }
    return false;
}

bool rf_activation_match(const rf_node *last, rf_activation *out)
{
    product p = { .a = out, .scale = 1.0 };
    *out = (rf_activation){ 0 };
    if (last->output_count != 1 || !splits(last))
        return false;
    take_node(&p, last);
    if (p.count != 2)
        return false;
    return match_form(&p, 0) || match_form(&p, 1);
}

static bool lists(const rf_activation *a, const rf_node *n)
{
    for (int i = 0; i < a->inner_count; i++)
        if (a->inner[i] == n)
            return true;
    return false;
}

bool rf_activation_has_inner(const rf_node *n)
{
    const rf_node *last = n;
    rf_activation a;
    for (int depth = 0; depth < RF_ACTIVATION_NODES; depth++) {
        if (last->output_count != 1 || private_maker(last->outputs[0]) != last)
            return false;
        last = last->outputs[0]->uses->node;
        if (rf_activation_match(last, &a) && lists(&a, n))
            return true;
    }
    return false;
}
