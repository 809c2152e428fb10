/*
 * Batch normalization that is spelt out, as tf.nn.batch_normalization and older layers write it, becomes one node
 * again, so that it can be re-estimated and folded:
 *     inv = gamma * rsqrt(variance + epsilon)         gamma may be missing
 *     y = x * inv + (beta - mean * inv)               beta may be missing: -mean * inv
 * or y = (x - mean) * inv [* gamma] [+ beta], with a division by sqrt in place of the product.
 * All of its parameters are constants or variables.
 */
#include <string.h>

#include "base/status.h"
#include "formats/tf_import.h"

typedef struct match {
    rf_tf_import *in;
    rf_tf_ref x, gamma, beta, mean, variance; /* node NULL: none */
    float epsilon;
} match;

static const rf_tensor *constant_of(const match *m, rf_tf_ref ref)
{
    if (!ref.node || !m->in->made[ref.node->index] ||
        ref.output >= m->in->made_count[ref.node->index])
        return NULL;
    const rf_tf_made *made = &m->in->made[ref.node->index][ref.output];
    return made->partial || made->t.dtype != RF_DTYPE_F32 ? NULL : made->t.constant;
}

static bool is_vector(const match *m, rf_tf_ref ref)
{
    const rf_tensor *t = constant_of(m, ref);
    return t && t->count > 1;
}

static bool is_add(const rf_tf_node *n)
{
    return rf_tf_is(n, "Add") || rf_tf_is(n, "AddV2");
}

static bool same(rf_tf_ref a, rf_tf_ref b)
{
    return a.node && a.node == b.node && a.output == b.output;
}

/* variance + epsilon, in any order. */
static bool match_variance(match *m, const rf_tf_node *n)
{
    for (int i = 0; i < 2 && is_add(n); i++) {
        const rf_tf_ref variance = rf_tf_input(n, i), epsilon = rf_tf_input(n, 1 - i);
        const rf_tensor *e = constant_of(m, epsilon);
        if (is_vector(m, variance) && e && e->count == 1) {
            m->variance = variance;
            m->epsilon = rf_tensor_f32(e)[0];
            return m->epsilon >= 0.0F;
        }
    }
    return false;
}

/* rsqrt(variance + epsilon), alone or times gamma. */
static bool match_inverse(match *m, rf_tf_ref ref)
{
    const rf_tf_node *n = ref.node;
    if (rf_tf_is(n, "Rsqrt"))
        return match_variance(m, rf_tf_input(n, 0).node);
    for (int i = 0; i < 2 && rf_tf_is(n, "Mul"); i++) {
        const rf_tf_node *root = rf_tf_input(n, i).node;
        if (rf_tf_is(root, "Rsqrt") && match_variance(m, rf_tf_input(root, 0).node)) {
            m->gamma = rf_tf_input(n, 1 - i);
            return is_vector(m, m->gamma);
        }
    }
    return false;
}

/* mean * inv, in any order. */
static bool match_mean(match *m, const rf_tf_node *n, rf_tf_ref inverse)
{
    for (int i = 0; i < 2 && rf_tf_is(n, "Mul"); i++)
        if (same(rf_tf_input(n, i), inverse)) {
            m->mean = rf_tf_input(n, 1 - i);
            return is_vector(m, m->mean);
        }
    return false;
}

/* beta - mean * inv, or -(mean * inv), or (-mean) * inv. */
static bool match_shift(match *m, const rf_tf_node *n, rf_tf_ref inverse)
{
    if (rf_tf_is(n, "Sub")) {
        m->beta = rf_tf_input(n, 0);
        return is_vector(m, m->beta) && match_mean(m, rf_tf_input(n, 1).node, inverse);
    }
    if (rf_tf_is(n, "Neg"))
        return match_mean(m, rf_tf_input(n, 0).node, inverse);
    for (int i = 0; i < 2 && rf_tf_is(n, "Mul"); i++) {
        const rf_tf_node *neg = rf_tf_input(n, 1 - i).node;
        if (same(rf_tf_input(n, i), inverse) && rf_tf_is(neg, "Neg")) {
            m->mean = rf_tf_input(neg, 0);
            return is_vector(m, m->mean);
        }
    }
    return false;
}

/* x * inv + shift */
static bool match_folded_form(match *m, const rf_tf_node *n)
{
    for (int side = 0; side < 2; side++) {
        const rf_tf_node *product = rf_tf_input(n, side).node;
        for (int i = 0; i < 2 && rf_tf_is(product, "Mul"); i++) {
            const rf_tf_ref inverse = rf_tf_input(product, i);
            *m = (match){ .in = m->in, .x = product->inputs[1 - i] };
            if (match_inverse(m, inverse) && match_shift(m, rf_tf_input(n, 1 - side).node, inverse))
                return true;
        }
    }
    return false;
}

/* (x - mean) * inv or (x - mean) / sqrt(variance + epsilon) */
static bool match_normalized(match *m, const rf_tf_node *n)
{
    if (!n || n->input_count != 2)
        return false;
    for (int i = 0; i < 2 && (rf_tf_is(n, "Mul") || (i == 0 && rf_tf_is(n, "RealDiv"))); i++) {
        const rf_tf_node *centred = rf_tf_input(n, i).node;
        const rf_tf_ref other = rf_tf_input(n, 1 - i);
        if (!rf_tf_is(centred, "Sub") || centred->input_count != 2)
            continue;
        m->x = centred->inputs[0];
        m->mean = rf_tf_input(centred, 1);
        const bool by_root = rf_tf_is(n, "RealDiv") && rf_tf_is(other.node, "Sqrt");
        if (is_vector(m, m->mean) && (by_root ? match_variance(m, rf_tf_input(other.node, 0).node)
                                              : rf_tf_is(n, "Mul") && match_inverse(m, other)))
            return true;
    }
    return false;
}

/* normalized * gamma, where the inverse does not hold it. */
static bool match_scaled(match *m, const rf_tf_node *n)
{
    if (match_normalized(m, n))
        return true;
    for (int i = 0; i < 2 && rf_tf_is(n, "Mul"); i++) {
        const rf_tf_ref gamma = rf_tf_input(n, i);
        *m = (match){ .in = m->in };
        if (!is_vector(m, gamma) || !match_normalized(m, rf_tf_input(n, 1 - i).node) ||
            m->gamma.node)
            continue;
        m->gamma = gamma;
        return true;
    }
    return false;
}

static bool match_plain_form(match *m, const rf_tf_node *n)
{
    for (int i = 0; i < 2; i++) {
        const rf_tf_ref beta = rf_tf_input(n, i);
        *m = (match){ .in = m->in };
        if (!is_vector(m, beta) || !match_scaled(m, rf_tf_input(n, 1 - i).node))
            continue;
        m->beta = beta;
        return true;
    }
    return false;
}

static rf_net_tensor filled(rf_tf_import *in, const char *name, int64_t count, float value)
{
    rf_tensor *t = NULL;
    if (in->net.st || (in->net.st = rf_tensor_new(in->net.g->ctx, RF_DTYPE_F32, 1, &count, &t)))
        return (rf_net_tensor){ 0 };
    for (int64_t i = 0; i < count; i++)
        rf_tensor_f32(t)[i] = value;
    return rf_net_constant(&in->net, name, t);
}

/* Which dim of x the parameters go along; -1: none that a BN node could have. */
static int channel_axis(const rf_net_tensor *x, const rf_tensor *variance)
{
    const int rank = x->shape.rank;
    if (rank < 2 || variance->shape.rank < 1)
        return -1;
    if (variance->shape.dims[variance->shape.rank - 1] == variance->count &&
        x->shape.dims[rank - 1] == variance->count)
        return rank - 1;
    const int at = variance->shape.rank - (rank - 1); /* [1, c, 1, 1] or [c, 1, 1] for NCHW */
    if (at >= 0 && rank > 2 && variance->shape.dims[at] == variance->count &&
        x->shape.dims[1] == variance->count)
        return 1;
    return -1;
}

bool rf_tf_match_batch_norm(rf_tf_import *in, const rf_tf_node *n)
{
    match m = { .in = in };
    if (in->net.st || n->input_count != 2 ||
        (!match_folded_form(&m, n) && !match_plain_form(&m, n)))
        return false;
    const rf_tf_made *x = rf_tf_made_of(in, m.x);
    const rf_tensor *variance = constant_of(&m, m.variance);
    if (!x || !x->t.value)
        return false;
    const int axis = channel_axis(&x->t, variance);
    const char *slash = strrchr(n->name, '/');
    const char *scope =
        slash ? rf_net_text(&in->net, "%.*s", (int)(slash - n->name), n->name) : n->name;
    const rf_tf_ref refs[] = { m.gamma, m.beta, m.mean, m.variance };
    rf_net_tensor parameters[4];
    for (int p = 0; p < 4 && axis >= 0; p++) {
        if (refs[p].node)
            parameters[p] = in->made[refs[p].node->index][refs[p].output].t;
        else
            parameters[p] =
                filled(in, rf_net_text(&in->net, "%s/%s:0", scope, p ? "beta" : "gamma"),
                       variance->count, p ? 0.0F : 1.0F);
        if (!in->net.st && parameters[p].constant->count != variance->count)
            return false;
    }
    if (axis < 0)
        return false;
    const rf_net_name name = { scope, rf_tf_names(in, n).output };
    rf_tf_set(in, n, rf_net_batch_norm(&in->net, name, x->t, axis, parameters, m.epsilon));
    return true;
}
