/* Keras' activations: by name, as an attribute of a layer, and as layers. */
#include <math.h>
#include <string.h>

#include "base/status.h"
#include "formats/keras_build.h"

static const rf_net_tensor nothing = { 0 };

/* A function of one tensor; `name`: of its last node. */
typedef rf_net_tensor (*activation_build)(rf_keras_builder *b, rf_net_name name, rf_net_tensor x);

static rf_net_tensor scalar(rf_keras_builder *b, const char *what, float value)
{
    return rf_net_scalar(&b->net, rf_net_text(&b->net, "%s/%s", b->node, what), value);
}

static rf_net_tensor times(rf_keras_builder *b, rf_net_name name, rf_net_tensor x, float factor)
{
    const rf_net_tensor f = scalar(b, "factor", factor);
    return rf_net_binary(&b->net, "Mul", name, x, f, RF_DTYPE_F32);
}

static rf_net_tensor relu6(rf_keras_builder *b, rf_net_name name, rf_net_tensor x)
{
    return rf_net_clip(&b->net, name, x, 0.0F, 6.0F);
}

static rf_net_tensor softmax(rf_keras_builder *b, rf_net_name name, rf_net_tensor x)
{
    return rf_net_softmax(&b->net, "Softmax", name, x, -1);
}

static rf_net_tensor log_softmax(rf_keras_builder *b, rf_net_name name, rf_net_tensor x)
{
    return rf_net_softmax(&b->net, "LogSoftmax", name, x, -1);
}

/* x sigmoid(x) */
static rf_net_tensor swish(rf_keras_builder *b, rf_net_name name, rf_net_tensor x)
{
    const rf_net_tensor gate = rf_net_unary(&b->net, "Sigmoid", rf_keras_step(b, "Sigmoid"), x);
    return rf_net_binary(&b->net, "Mul", name, x, gate, RF_DTYPE_F32);
}

/* x / 2 (1 + erf(x / sqrt 2)) */
static rf_net_tensor gelu(rf_keras_builder *b, rf_net_name name, rf_net_tensor x)
{
    rf_net_tensor t = times(b, rf_keras_step(b, "scaled"), x, 0.70710678118654752F);
    t = rf_net_unary(&b->net, "Erf", rf_keras_step(b, "Erf"), t);
    t = rf_net_binary(&b->net, "Add", rf_keras_step(b, "gate"), t, scalar(b, "one", 1.0F),
                      RF_DTYPE_F32);
    t = rf_net_binary(&b->net, "Mul", rf_keras_step(b, "product"), x, t, RF_DTYPE_F32);
    return times(b, name, t, 0.5F);
}

static rf_net_tensor with_alpha(rf_keras_builder *b, const char *op, rf_net_name name,
                                rf_net_tensor x, double alpha)
{
    const rf_net_tensor t = rf_net_unary(&b->net, op, name, x);
    rf_net_set_float(&b->net, t, "alpha", alpha);
    return t;
}

static rf_net_tensor elu(rf_keras_builder *b, rf_net_name name, rf_net_tensor x)
{
    return with_alpha(b, "Elu", name, x, 1.0);
}

static rf_net_tensor leaky_relu(rf_keras_builder *b, rf_net_name name, rf_net_tensor x)
{
    return with_alpha(b, "LeakyRelu", name, x, 0.2F);
}

static rf_net_tensor hard_sigmoid_of(rf_keras_builder *b, rf_net_name name, rf_net_tensor x,
                                     double slope)
{
    const rf_net_tensor t = with_alpha(b, "HardSigmoid", name, x, slope);
    rf_net_set_float(&b->net, t, "beta", 0.5);
    return t;
}

/* Keras 3 writes where its classes are, and has a slope of 1/6; before it 0.2. */
static rf_net_tensor hard_sigmoid(rf_keras_builder *b, rf_net_name name, rf_net_tensor x)
{
    return hard_sigmoid_of(b, name, x, b->keras3 ? 1.0 / 6.0 : 0.2);
}

static rf_net_tensor hard_swish(rf_keras_builder *b, rf_net_name name, rf_net_tensor x)
{
    const rf_net_tensor gate = hard_sigmoid_of(b, rf_keras_step(b, "HardSigmoid"), x, 1.0 / 6.0);
    return rf_net_binary(&b->net, "Mul", name, x, gate, RF_DTYPE_F32);
}

typedef struct activation {
    const char *name;
    const char *op; /* one node of that type; NULL: built by `build` */
    activation_build build;
    const char *part; /* how TensorFlow calls what it makes */
} activation;

static const activation activations[] = {
    { "relu", "Relu", NULL, "Relu" },
    { "sigmoid", "Sigmoid", NULL, "Sigmoid" },
    { "tanh", "Tanh", NULL, "Tanh" },
    { "softplus", "Softplus", NULL, "Softplus" },
    { "softsign", "Softsign", NULL, "Softsign" },
    { "exponential", "Exp", NULL, "Exp" },
    { "selu", "Selu", NULL, "Selu" },
    { "relu6", NULL, relu6, "Relu6" },
    { "elu", NULL, elu, "Elu" },
    { "leaky_relu", NULL, leaky_relu, "LeakyRelu" },
    { "softmax", NULL, softmax, "Softmax" },
    { "log_softmax", NULL, log_softmax, "LogSoftmax" },
    { "swish", NULL, swish, "mul" },
    { "silu", NULL, swish, "mul" },
    { "gelu", NULL, gelu, "mul" },
    { "hard_sigmoid", NULL, hard_sigmoid, "HardSigmoid" },
    { "hard_swish", NULL, hard_swish, "mul" },
    { "hard_silu", NULL, hard_swish, "mul" },
};

static const activation *find_activation(const char *name)
{
    for (size_t i = 0; i < sizeof activations / sizeof activations[0]; i++)
        if (strcmp(activations[i].name, name) == 0)
            return &activations[i];
    return NULL;
}

static rf_net_tensor apply(rf_keras_builder *b, const activation *a, rf_net_name name,
                           rf_net_tensor x)
{
    return a->op ? rf_net_unary(&b->net, a->op, name, x) : a->build(b, name, x);
}

rf_net_tensor rf_keras_activation(rf_keras_builder *b, const char *name, rf_net_tensor x,
                                  bool whole)
{
    const activation *a = find_activation(name);
    if (strcmp(name, "linear") == 0)
        return x;
    if (!a) {
        rf_net_fail(&b->net, RF_EUNSUPPORTED,
                    "activation '%.80s' is not one of Keras' that refold reads (docs/KERAS.md); a "
                    "function of your own has to be replaced by layers",
                    name);
        return nothing;
    }
    const rf_net_name layer = rf_keras_name(b, a->part);
    const rf_net_name last = { rf_net_text(&b->net, "%s/%s", b->node, a->part), layer.output };
    return apply(b, a, whole ? layer : last, x);
}

/* --- an activation in a config: a name, a function, or a layer --- */

static rf_net_tensor activation_object(rf_keras_builder *b, rf_keras_layer *l, const json_t *value,
                                       rf_net_tensor x, bool whole)
{
    const json_t *config = json_object_get(value, "config");
    const char *class_name = json_string_value(json_object_get(value, "class_name"));
    const rf_keras_class *c = class_name ? rf_keras_class_by_name(class_name) : NULL;
    if (json_is_string(config)) /* {"class_name": "function", "config": "relu"} */
        return rf_keras_activation(b, json_string_value(config), x, whole);
    if (!c || !json_is_object(config) || c->weights || c->spatial || c->most_inputs != 1) {
        rf_net_fail(&b->net, RF_EUNSUPPORTED, "activation '%.80s' is not one that refold reads",
                    class_name ? class_name : "?");
        return nothing;
    }
    const char *node = b->node;
    rf_keras_layer inner = {
        .name = l->name, .path = l->path, .class_name = class_name, .module = "", .config = config
    };
    if (!whole)
        b->node = rf_net_text(&b->net, "%s/%s", node, class_name);
    const rf_net_tensor t = c->build(b, &inner, &x, 1);
    b->node = node;
    return t;
}

static rf_net_tensor activate(rf_keras_builder *b, rf_keras_layer *l, rf_net_tensor x, bool whole)
{
    const json_t *value = rf_keras_get(l, "activation");
    if (b->net.st || !value)
        return x;
    if (json_is_object(value))
        return activation_object(b, l, value, x, whole);
    const char *name = json_string_value(value);
    return rf_keras_activation(b, name ? name : "?", x, whole);
}

rf_net_tensor rf_keras_activate(rf_keras_builder *b, rf_keras_layer *l, rf_net_tensor x)
{
    return activate(b, l, x, /*whole=*/false);
}

rf_net_tensor rf_keras_activation_layer(rf_keras_builder *b, rf_keras_layer *l,
                                        const rf_net_tensor *in, int count)
{
    (void)count;
    return activate(b, l, *in, /*whole=*/true);
}

/* --- layers --- */

/* x where x > threshold, else slope (x - threshold). */
static rf_net_tensor bent_relu(rf_keras_builder *b, rf_net_name name, rf_net_tensor x,
                               float threshold, double slope)
{
    const rf_net_tensor limit = scalar(b, "threshold", threshold);
    const rf_net_tensor above =
        rf_net_binary(&b->net, "Greater", rf_keras_step(b, "Greater"), x, limit, RF_DTYPE_BOOL);
    rf_net_tensor below = scalar(b, "below", 0.0F);
    if (slope != 0.0) {
        below = rf_net_binary(&b->net, "Sub", rf_keras_step(b, "sub"), x, limit, RF_DTYPE_F32);
        below = times(b, rf_keras_step(b, "slope"), below, (float)slope);
    }
    if (b->net.st)
        return nothing;
    rf_value *const inputs[] = { above.value,
                                 x.turned ? rf_net_turned(&b->net, &x) : rf_net_plain(&b->net, &x),
                                 rf_net_operand(&b->net, &below, x.shape.rank, x.turned) };
    return rf_net_node(&b->net, "Where", name, inputs, 3, RF_DTYPE_F32, &x.shape, x.turned);
}

/* f(x) = max_value for x >= max_value, x for threshold <= x, negative_slope (x - threshold) below. */
static rf_net_tensor relu_with(rf_keras_builder *b, rf_net_tensor x, double slope, double threshold,
                               double max)
{
    const rf_net_name name = rf_keras_name(b, max == 6.0 ? "Relu6" : "Relu");
    const rf_net_name inner = isinf(max) ? name : rf_keras_step(b, "rising");
    if (slope == 0.0 && threshold == 0.0)
        return isinf(max) ? rf_net_unary(&b->net, "Relu", name, x)
                          : rf_net_clip(&b->net, name, x, 0.0F, (float)max);
    rf_net_tensor t = threshold == 0.0 ? with_alpha(b, "LeakyRelu", inner, x, slope)
                                       : bent_relu(b, inner, x, (float)threshold, slope);
    if (!isinf(max))
        t = rf_net_binary(&b->net, "Min", name, t, scalar(b, "max", (float)max), RF_DTYPE_F32);
    return t;
}

rf_net_tensor rf_keras_relu(rf_keras_builder *b, rf_keras_layer *l, const rf_net_tensor *in,
                            int count)
{
    (void)count;
    const double max = rf_keras_real(&b->net, l, "max_value", INFINITY);
    const double slope = rf_keras_real(&b->net, l, "negative_slope", 0.0);
    const double threshold = rf_keras_real(&b->net, l, "threshold", 0.0);
    return relu_with(b, *in, slope, threshold, max);
}

rf_net_tensor rf_keras_thresholded_relu(rf_keras_builder *b, rf_keras_layer *l,
                                        const rf_net_tensor *in, int count)
{
    (void)count;
    const double theta = rf_keras_real(&b->net, l, "theta", 1.0);
    return bent_relu(b, rf_keras_name(b, "mul"), *in, (float)theta, 0.0);
}

rf_net_tensor rf_keras_leaky_relu(rf_keras_builder *b, rf_keras_layer *l, const rf_net_tensor *in,
                                  int count)
{
    (void)count;
    const double old = rf_keras_real(&b->net, l, "alpha", 0.3F); /* until Keras 2.15 */
    const double slope = rf_keras_real(&b->net, l, "negative_slope", old);
    return with_alpha(b, "LeakyRelu", rf_keras_name(b, "LeakyRelu"), *in, slope);
}

rf_net_tensor rf_keras_elu(rf_keras_builder *b, rf_keras_layer *l, const rf_net_tensor *in,
                           int count)
{
    (void)count;
    return with_alpha(b, "Elu", rf_keras_name(b, "Elu"), *in,
                      rf_keras_real(&b->net, l, "alpha", 1.0));
}

int rf_keras_prelu_names(const rf_keras_layer *l, const char *names[])
{
    (void)l;
    names[0] = "alpha";
    return 1;
}

/* alpha has the shape of one sample, with 1 in the axes that share it. */
rf_net_tensor rf_keras_prelu(rf_keras_builder *b, rf_keras_layer *l, const rf_net_tensor *in,
                             int count)
{
    (void)count;
    rf_net_tensor alpha = rf_keras_weight(b, l, 0, "alpha"), x = *in;
    if (b->net.st)
        return nothing;
    if (alpha.shape.rank != x.shape.rank - 1)
        rf_net_fail(&b->net, RF_ESHAPE, "its alpha has %d dims for an input of %d",
                    alpha.shape.rank, x.shape.rank);
    rf_value *const inputs[] = { x.turned ? rf_net_turned(&b->net, &x) : rf_net_plain(&b->net, &x),
                                 rf_net_operand(&b->net, &alpha, x.shape.rank, x.turned) };
    return rf_net_node(&b->net, "PRelu", rf_keras_name(b, "add"), inputs, 2, RF_DTYPE_F32, &x.shape,
                       x.turned);
}

rf_net_tensor rf_keras_softmax(rf_keras_builder *b, rf_keras_layer *l, const rf_net_tensor *in,
                               int count)
{
    (void)count;
    int64_t axis;
    rf_keras_ints(&b->net, l, "axis", 1, -1, &axis);
    return rf_net_softmax(&b->net, "Softmax", rf_keras_name(b, "Softmax"), *in, (int)axis);
}
