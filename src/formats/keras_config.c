/* Values of a layer's config, in the forms that the versions of Keras write them. */
#include <string.h>

#include "formats/keras_model.h"

const json_t *rf_keras_get(const rf_keras_layer *l, const char *key)
{
    const json_t *value = json_object_get(l->config, key);
    return json_is_null(value) ? NULL : value;
}

bool rf_keras_bool(const rf_keras_layer *l, const char *key, bool fallback)
{
    const json_t *value = rf_keras_get(l, key);
    return value ? json_is_true(value) : fallback;
}

double rf_keras_real(rf_net *net, const rf_keras_layer *l, const char *key, double fallback)
{
    const json_t *value = rf_keras_get(l, key);
    if (json_is_object(
            value)) /* a NumPy scalar: {"class_name": "__numpy__", "config": {"value": ...}} */
        value = json_object_get(json_object_get(value, "config"), "value");
    if (json_array_size(value) == 1) /* [0.1], as Keras 2 writes what was given as a NumPy array */
        value = json_array_get(value, 0);
    if (value && !json_is_number(value))
        rf_net_fail(net, RF_EMODEL, "'%s' in its config is no number", key);
    return json_is_number(value) ? json_number_value(value) : fallback;
}

/* Whole numbers may be written as 2 or 2.0; others give -1. */
static int64_t whole(const json_t *value)
{
    if (json_is_integer(value))
        return json_integer_value(value);
    const double x = json_is_real(value) ? json_real_value(value) : 0.5;
    return x >= -1e9 && x <= 1e9 && x == (double)(int64_t)x ? (int64_t)x : INT64_MIN;
}

static int64_t checked(rf_net *net, const char *key, const json_t *value)
{
    const int64_t x = whole(value);
    if (x >= INT32_MIN && x <= INT32_MAX)
        return x;
    rf_net_fail(net, RF_EMODEL, "'%s' in its config is no whole number, or out of range", key);
    return 1;
}

int64_t rf_keras_int(rf_net *net, const rf_keras_layer *l, const char *key, int64_t fallback)
{
    const json_t *value = rf_keras_get(l, key);
    return value ? checked(net, key, value) : fallback;
}

const char *rf_keras_text(const rf_keras_layer *l, const char *key, const char *fallback)
{
    const char *text = json_string_value(rf_keras_get(l, key));
    return text ? text : fallback;
}

void rf_keras_ints(rf_net *net, const rf_keras_layer *l, const char *key, int count,
                   int64_t fallback, int64_t *out)
{
    const json_t *value = rf_keras_get(l, key);
    const bool list = json_is_array(value);
    if (list && json_array_size(value) != (size_t)count && json_array_size(value) != 1)
        rf_net_fail(net, RF_EMODEL, "'%s' in its config has %zu numbers, expected %d", key,
                    json_array_size(value), count);
    for (int i = 0; i < count; i++) {
        const size_t at = json_array_size(value) == 1 ? 0 : (size_t)i;
        const json_t *item = list ? json_array_get(value, at) : value;
        out[i] = item ? checked(net, key, item) : fallback;
    }
}

void rf_keras_pairs(rf_net *net, const rf_keras_layer *l, const char *key, int count,
                    int64_t fallback, int64_t (*out)[2])
{
    const json_t *value = rf_keras_get(l, key);
    /* one spatial dim: a pair by itself */
    const bool single =
        count == 1 && json_array_size(value) == 2 && !json_is_array(json_array_get(value, 0));
    for (int i = 0; i < count; i++) {
        const json_t *item =
            json_is_array(value) && !single ? json_array_get(value, (size_t)i) : value;
        for (size_t side = 0; side < 2; side++) {
            const json_t *x = json_is_array(item) ? json_array_get(item, side) : item;
            out[i][side] = value ? checked(net, key, x) : fallback;
        }
    }
}

bool rf_keras_channels_first(const rf_keras_layer *l)
{
    return strcmp(rf_keras_text(l, "data_format", "channels_last"), "channels_first") == 0;
}

/* [null, 32, 32, 3]; `batched`: without the batch in front. */
static bool parse_shape(const json_t *list, bool batched, rf_shape *out)
{
    const size_t rank = json_array_size(list) + (batched ? 1U : 0U);
    if (!json_is_array(list) || rank > RF_MAX_RANK)
        return false;
    *out = (rf_shape){ .rank = (int)rank, .dims = { -1 } };
    for (size_t d = 0; d < json_array_size(list); d++) {
        const json_t *item = json_array_get(list, d);
        const int64_t dim = json_is_null(item) ? -1 : whole(item);
        if (dim < -1 || dim > INT32_MAX)
            return false;
        out->dims[d + (batched ? 1U : 0U)] = dim;
    }
    return true;
}

bool rf_keras_input_shape(const rf_keras_layer *l, rf_shape *out)
{
    return parse_shape(rf_keras_get(l, "batch_input_shape"), false, out) ||
           parse_shape(rf_keras_get(l, "batch_shape"), false, out) ||
           parse_shape(rf_keras_get(l, "build_input_shape"), false, out) ||
           parse_shape(rf_keras_get(l, "input_shape"), true, out) ||
           parse_shape(rf_keras_get(l, "shape"), true, out);
}
