/* Layers of several tensors, and Keras' operations on tensors: x + y, tf.nn.relu(x). */
#include <string.h>

#include "base/status.h"
#include "formats/keras_build.h"

static const rf_net_tensor nothing = { 0 };

static const char *part_of(const char *op)
{
    return strcmp(op, "Add") == 0   ? "add"
           : strcmp(op, "Sub") == 0 ? "sub"
           : strcmp(op, "Mul") == 0 ? "mul"
           : strcmp(op, "Max") == 0 ? "Maximum"
           : strcmp(op, "Min") == 0 ? "Minimum"
                                    : "truediv";
}

/* Of different ranks: dims of 1 behind the batch. Source: Keras' _Merge. */
static rf_net_tensor *same_ranks(rf_keras_builder *b, const rf_net_tensor *in, int count)
{
    int rank = 0;
    rf_net_tensor *x = rf_arena_array(&b->k->arena, (size_t)count, sizeof *x);
    if (!x)
        b->net.st = RF_ENOMEM;
    for (int i = 0; i < count && !b->net.st; i++)
        rank = in[i].shape.rank > rank ? in[i].shape.rank : rank;
    for (int i = 0; i < count && !b->net.st; i++) {
        x[i] = in[i];
        for (int step = 0; x[i].shape.rank < rank && !b->net.st; step++)
            x[i] = rf_net_unsqueeze(
                &b->net, rf_keras_step(b, rf_net_text(&b->net, "ExpandDims_%d_%d", i, step)), x[i],
                1);
    }
    return b->net.st ? NULL : x;
}

rf_net_tensor rf_keras_merge(rf_keras_builder *b, rf_keras_layer *l, const rf_net_tensor *in,
                             int count)
{
    const char *op = rf_keras_find_class(l)->words;
    const rf_net_tensor *x = same_ranks(b, in, count);
    return x ? rf_net_chain(&b->net, op, rf_keras_name(b, part_of(op)), x, count) : nothing;
}

rf_net_tensor rf_keras_average(rf_keras_builder *b, rf_keras_layer *l, const rf_net_tensor *in,
                               int count)
{
    (void)l;
    const rf_net_tensor *x = same_ranks(b, in, count);
    if (!x)
        return nothing;
    const rf_net_tensor sum = rf_net_chain(&b->net, "Add", rf_keras_step(b, "add"), x, count);
    const rf_net_tensor factor = rf_net_scalar(&b->net, rf_net_text(&b->net, "%s/factor", b->node),
                                               (float)(1.0 / (double)count));
    return rf_net_binary(&b->net, "Mul", rf_keras_name(b, "truediv"), sum, factor, RF_DTYPE_F32);
}

rf_net_tensor rf_keras_concatenate(rf_keras_builder *b, rf_keras_layer *l, const rf_net_tensor *in,
                                   int count)
{
    const int axis = (int)rf_keras_int(&b->net, l, "axis", -1);
    if (count == 1)
        return *in;
    return rf_net_concat(&b->net, rf_keras_name(b, "concat"), in, count, axis);
}

/* --- operations: TFOpLambda of Keras 2, classes of keras.ops in Keras 3 --- */

typedef struct operation {
    const char *keras2, *keras3; /* NULL: none */
    const char *op;              /* of two operands; NULL: an activation */
    const char *activation;
} operation;

static const operation operations[] = {
    { "math.add", "Add", "Add", NULL },
    { "__operators__.add", NULL, "Add", NULL },
    { "math.subtract", "Subtract", "Sub", NULL },
    { "math.multiply", "Multiply", "Mul", NULL },
    { "math.truediv", "TrueDivide", "Div", NULL },
    { "math.divide", "Divide", "Div", NULL },
    { "math.maximum", "Maximum", "Max", NULL },
    { "math.minimum", "Minimum", "Min", NULL },
    { "nn.relu", "Relu", NULL, "relu" },
    { "nn.relu6", "Relu6", NULL, "relu6" },
    { "nn.softmax", "Softmax", NULL, "softmax" },
    { "math.sigmoid", "Sigmoid", NULL, "sigmoid" },
    { "nn.sigmoid", NULL, NULL, "sigmoid" },
    { "math.tanh", "Tanh", NULL, "tanh" },
    { "nn.silu", "Silu", NULL, "silu" },
    { "nn.swish", NULL, NULL, "silu" },
    { "nn.elu", "Elu", NULL, "elu" },
    { "nn.selu", "Selu", NULL, "selu" },
    { "math.softplus", "Softplus", NULL, "softplus" },
    { "cast", "Cast", NULL, "linear" },
    { "identity", NULL, NULL, "linear" },
    { "stop_gradient", NULL, NULL, "linear" },
};

static const operation *find_operation(const rf_keras_layer *l, const char **name)
{
    const bool keras2 = strcmp(l->class_name, "TFOpLambda") == 0;
    *name = keras2 ? rf_keras_text(l, "function", "?") : l->class_name;
    for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++) {
        const char *candidate = keras2 ? operations[i].keras2 : operations[i].keras3;
        if (candidate && strcmp(candidate, *name) == 0)
            return &operations[i];
    }
    return NULL;
}

/* The number that stands beside the tensor, and whether it stands first. */
static const json_t *find_number(const json_t *json, bool *first, bool *tensor_seen, int depth)
{
    const json_t *item, *found = NULL;
    size_t i;
    if (json_is_number(json)) {
        *first = !*tensor_seen;
        return json;
    }
    if (json_is_string(json) || json_object_get(json, "class_name") ||
        (json_is_array(json) && json_is_string(json_array_get(json, 0)))) {
        *tensor_seen = true;
        const json_t *kwargs = json_array_get(json, 3);
        return depth < 8 && json_is_object(kwargs)
                   ? find_number(kwargs, first, tensor_seen, depth + 1)
                   : NULL;
    }
    json_array_foreach(
        json, i, item) if (depth < 8 &&
                           (found = find_number(item, first, tensor_seen, depth + 1))) return found;
    if (json_is_object(json)) {
        item = json_object_get(json, "args");
        found = item && depth < 8 ? find_number(item, first, tensor_seen, depth + 1) : NULL;
        item = json_object_get(json, "kwargs");
        if (!found && item && depth < 8)
            found = find_number(item, first, tensor_seen, depth + 1);
        for (const char *const *key = (const char *const[]){ "x", "y", "x1", "x2", NULL };
             !found && *key; key++)
            if (json_is_number(json_object_get(json, *key)))
                found = json_object_get(json, *key);
        if (found && (json_object_get(json, "x") == found || json_object_get(json, "x1") == found))
            *first = true;
    }
    return found;
}

static rf_net_tensor binary_operation(rf_keras_builder *b, const operation *o,
                                      const rf_net_tensor *in, int count)
{
    bool first = false, tensor_seen = false;
    const rf_net_name name = rf_keras_name(b, part_of(o->op));
    if (count == 2)
        return rf_net_binary(&b->net, o->op, name, in[0], in[1], RF_DTYPE_F32);
    const json_t *number = find_number(b->call->entry, &first, &tensor_seen, 0);
    if (!number) {
        rf_net_fail(&b->net, RF_EUNSUPPORTED,
                    "its operand is neither a tensor nor a single number");
        return nothing;
    }
    const rf_net_tensor value = rf_net_scalar(&b->net, rf_net_text(&b->net, "%s/y", b->node),
                                              (float)json_number_value(number));
    return first ? rf_net_binary(&b->net, o->op, name, value, *in, RF_DTYPE_F32)
                 : rf_net_binary(&b->net, o->op, name, *in, value, RF_DTYPE_F32);
}

rf_net_tensor rf_keras_operation(rf_keras_builder *b, rf_keras_layer *l, const rf_net_tensor *in,
                                 int count)
{
    const char *name;
    const operation *o = find_operation(l, &name);
    if (!o || count > 2 || (count == 2 && !o->op)) {
        rf_net_fail(&b->net, RF_EUNSUPPORTED,
                    "operation '%.80s' is not one that refold reads (docs/KERAS.md); use the Keras "
                    "layer that does the same",
                    name);
        return nothing;
    }
    return o->op ? binary_operation(b, o, in, count)
                 : rf_keras_activation(b, o->activation, *in, /*whole=*/true);
}
