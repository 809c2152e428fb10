/* Every kind of Keras layer, read from a file, computes what a naive reference in Keras' own order computes. */
#include "formats/keras_case.h"
#include "formats/keras_reference.h"

#define DIMS(...)                                                                                  \
    (int)(sizeof((const int64_t[]){ __VA_ARGS__ }) / sizeof(int64_t)), (const int64_t[])           \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }

static void begin(keras_case *t, int rank, const int64_t *dims)
{
    begin_case(t, KERAS_H5, rank, dims);
}

static float *numbers(int64_t count, uint32_t seed)
{
    float *p = malloc((size_t)count * sizeof *p);
    keras_fill(p, count, seed);
    return p;
}

/* The input as a map; dims that it lacks are 1. */
static map input_map(const keras_case *t)
{
    const int64_t *s = t->dims;
    map m = { s[0], 1, 1, 1, s[t->rank - 1], t->data };
    if (t->rank == 5)
        m.d = s[1];
    if (t->rank >= 4)
        m.h = s[t->rank - 3];
    m.w = s[t->rank - 2];
    return m;
}

static void check_map(keras_case *t, map y)
{
    const int64_t all[] = { y.n, y.d, y.h, y.w, y.c };
    int64_t dims[5] = { y.n };
    for (int d = 1; d < t->rank; d++)
        dims[d] = all[5 - t->rank + d];
    CHECK_OK(t->ctx, load_case(t));
    run_case(t);
    check_case(t, t->rank, dims, y.data);
    free(y.data);
    end_case(t);
}

/* --- convolutions --- */

static void check_conv(window p, int rank, const int64_t *dims, const char *class_name, bool bias,
                       const char *more)
{
    keras_case t;
    char layer[512];
    const int spatial = rank - 1;
    const int64_t in = dims[rank - 1] / p.groups, out = 6;
    int64_t kernel[5];
    begin(&t, rank, dims);
    snprintf(layer, sizeof layer,
             "{\"class_name\": \"%s\", \"config\": {\"name\": \"c\", \"filters\": 6, \"padding\": "
             "\"%s\", \"use_bias\": %s, \"strides\": %lld, \"dilation_rate\": [%lld], \"groups\": "
             "%lld, \"activation\": \"linear\"%s}}",
             class_name, p.same ? "same" : "valid", bias ? "true" : "false", (long long)p.stride[2],
             (long long)p.dilation[2], (long long)p.groups, more);
    wrap_layers(&t, layer);
    for (int d = 0; d < spatial; d++)
        kernel[d] = p.kernel[3 - spatial + d];
    kernel[spatial] = in;
    kernel[spatial + 1] = out;
    keras_weight(&t.maker, "c", "c/kernel:0", spatial + 2, kernel, 1);
    if (bias)
        keras_weight(&t.maker, "c", "c/bias:0", 1, &out, 2);
    float *k = numbers(p.kernel[0] * p.kernel[1] * p.kernel[2] * in * out, 1), *b = numbers(out, 2);
    const map x = input_map(&t);
    const map y = ref_conv(&x, &p, k, bias ? b : NULL, out);
    free(k);
    free(b);
    check_map(&t, y);
}

static void conv2d_pads_more_at_the_end(void **state)
{
    (void)state;
    check_conv(window_of(3, 3, 2, 1, true), 3, (const int64_t[]){ 8, 7, 3 }, "Conv2D", true, "");
    check_conv(window_of(4, 2, 1, 1, true), 3, (const int64_t[]){ 6, 5, 3 }, "Conv2D", false, "");
    check_conv(window_of(2, 3, 3, 1, false), 3, (const int64_t[]){ 9, 8, 2 }, "Conv2D", true, "");
    check_conv(window_of(3, 3, 1, 2, true), 3, (const int64_t[]){ 7, 9, 2 }, "Conv2D", true, "");
}

static void conv2d_may_have_groups(void **state)
{
    (void)state;
    window p = window_of(3, 3, 1, 1, true);
    p.groups = 2;
    check_conv(p, 3, (const int64_t[]){ 5, 5, 4 }, "Conv2D", true, "");
}

static void conv1d_and_conv3d_are_convolutions(void **state)
{
    (void)state;
    window one = { { 1, 1, 3 }, { 1, 1, 2 }, { 1, 1, 1 }, true, 1 };
    window three = { { 2, 3, 2 }, { 2, 2, 2 }, { 1, 1, 1 }, true, 1 };
    check_conv(one, 2, (const int64_t[]){ 9, 4 }, "Conv1D", true, "");
    check_conv(three, 4, (const int64_t[]){ 5, 4, 6, 2 }, "Conv3D", true, "");
}

static void causal_conv1d_sees_only_what_came_before(void **state)
{
    (void)state;
    keras_case t;
    const int64_t out = 6, steps = 7, in = 2;
    begin(&t, DIMS(steps, in));
    wrap_layers(&t, "{\"class_name\": \"Conv1D\", \"config\": {\"name\": \"c\", \"padding\": "
                    "\"causal\", \"kernel_size\": [3], \"dilation_rate\": [2]}}");
    keras_weight(&t.maker, "c", "c/kernel:0", DIMS(3, in, out), 1);
    keras_weight(&t.maker, "c", "c/bias:0", DIMS(out), 2);
    float *k = numbers(3 * in * out, 1), *b = numbers(out, 2);
    map y = new_map(BATCH, 1, 1, steps, out);
    const map x = input_map(&t);
    FOR_MAP(&y, n, o, c)
    {
        float sum = b[c];
        for (int64_t j = 0; j < 3; j++)
            for (int64_t i = 0; i < in; i++)
                if (o[2] - 4 + 2 * j >= 0)
                    sum += *at(&x, n, 0, 0, o[2] - 4 + 2 * j, i) * k[(j * in + i) * out + c];
        *at(&y, n, 0, 0, o[2], c) = sum;
    }
    free(k);
    free(b);
    check_map(&t, y);
}

static void check_depthwise(window p, int64_t multiplier)
{
    keras_case t;
    char layer[400];
    const int64_t c = 3, out = c * multiplier;
    begin(&t, DIMS(7, 8, c));
    snprintf(layer, sizeof layer,
             "{\"class_name\": \"DepthwiseConv2D\", \"config\": {\"name\": \"d\", \"padding\": "
             "\"%s\", \"strides\": [%lld, %lld], \"depth_multiplier\": %lld}}",
             p.same ? "same" : "valid", (long long)p.stride[1], (long long)p.stride[2],
             (long long)multiplier);
    wrap_layers(&t, layer);
    keras_weight(&t.maker, "d", "d/depthwise_kernel:0",
                 DIMS(p.kernel[1], p.kernel[2], c, multiplier), 1);
    keras_weight(&t.maker, "d", "d/bias:0", DIMS(out), 2);
    float *k = numbers(p.kernel[1] * p.kernel[2] * out, 1), *b = numbers(out, 2);
    const map x = input_map(&t);
    const map y = ref_depthwise(&x, &p, k, b, multiplier);
    free(k);
    free(b);
    check_map(&t, y);
}

static void depthwise_conv2d_keeps_channels_apart(void **state)
{
    (void)state;
    check_depthwise(window_of(3, 3, 2, 1, true), 1);
    check_depthwise(window_of(3, 2, 1, 1, false), 2);
}

static void separable_conv2d_is_two_convolutions(void **state)
{
    (void)state;
    keras_case t;
    const int64_t c = 3, m = 2, out = 5;
    window p = window_of(3, 3, 2, 1, true), one = window_of(1, 1, 1, 1, false);
    begin(&t, DIMS(8, 6, c));
    wrap_layers(&t,
                "{\"class_name\": \"SeparableConv2D\", \"config\": {\"name\": \"s\", \"filters\": "
                "5, \"strides\": [2, 2], \"padding\": \"same\", \"depth_multiplier\": 2}}");
    keras_weight(&t.maker, "s", "s/depthwise_kernel:0", DIMS(3, 3, c, m), 1);
    keras_weight(&t.maker, "s", "s/pointwise_kernel:0", DIMS(1, 1, c * m, out), 2);
    keras_weight(&t.maker, "s", "s/bias:0", DIMS(out), 3);
    float *d = numbers(9 * c * m, 1), *k = numbers(c * m * out, 2), *b = numbers(out, 3);
    const map x = input_map(&t);
    const map middle = ref_depthwise(&x, &p, d, NULL, m);
    const map y = ref_conv(&middle, &one, k, b, out);
    free(middle.data);
    free(d);
    free(k);
    free(b);
    check_map(&t, y);
}

static void check_transpose(window p)
{
    keras_case t;
    char layer[300];
    const int64_t in = 3, out = 4;
    begin(&t, DIMS(4, 5, in));
    snprintf(layer, sizeof layer,
             "{\"class_name\": \"Conv2DTranspose\", \"config\": {\"name\": \"u\", \"padding\": "
             "\"%s\", \"strides\": [%lld, %lld]}}",
             p.same ? "same" : "valid", (long long)p.stride[1], (long long)p.stride[2]);
    wrap_layers(&t, layer);
    keras_weight(&t.maker, "u", "u/kernel:0", DIMS(p.kernel[1], p.kernel[2], out, in), 1);
    keras_weight(&t.maker, "u", "u/bias:0", DIMS(out), 2);
    float *k = numbers(p.kernel[1] * p.kernel[2] * in * out, 1), *b = numbers(out, 2);
    const map x = input_map(&t);
    const map y = ref_conv_transpose(&x, &p, k, b, out);
    free(k);
    free(b);
    check_map(&t, y);
}

static void conv2d_transpose_is_the_gradient_of_a_convolution(void **state)
{
    (void)state;
    check_transpose(window_of(3, 3, 2, 1, true));
    check_transpose(window_of(3, 2, 2, 1, false));
    check_transpose(window_of(2, 2, 3, 1, false));
    check_transpose(window_of(4, 4, 2, 1, true));
}

/* --- pools --- */

static void check_pool(window p, int rank, const int64_t *dims, const char *class_name, bool max)
{
    keras_case t;
    char layer[300], size[64] = "";
    begin(&t, rank, dims);
    for (int d = 0; d < rank - 1; d++)
        snprintf(size + strlen(size), sizeof size - strlen(size), "%s%lld", d ? ", " : "",
                 (long long)p.kernel[4 - rank + d]);
    snprintf(layer, sizeof layer,
             "{\"class_name\": \"%s\", \"config\": {\"name\": \"p\", \"pool_size\": [%s], "
             "\"strides\": %lld, \"padding\": \"%s\"}}",
             class_name, size, (long long)p.stride[2], p.same ? "same" : "valid");
    wrap_layers(&t, layer);
    const map x = input_map(&t);
    check_map(&t, ref_pool(&x, &p, max));
}

static void pools_leave_padding_out(void **state)
{
    (void)state;
    window three = { { 2, 2, 2 }, { 2, 2, 2 }, { 1, 1, 1 }, true, 1 };
    window one = { { 1, 1, 3 }, { 1, 1, 2 }, { 1, 1, 1 }, true, 1 };
    check_pool(window_of(3, 3, 2, 1, true), 3, (const int64_t[]){ 8, 7, 3 }, "AveragePooling2D",
               false);
    check_pool(window_of(3, 2, 2, 1, true), 3, (const int64_t[]){ 8, 7, 3 }, "MaxPooling2D", true);
    check_pool(window_of(2, 2, 2, 1, false), 3, (const int64_t[]){ 7, 7, 3 }, "MaxPooling2D", true);
    check_pool(one, 2, (const int64_t[]){ 8, 3 }, "AveragePooling1D", false);
    check_pool(three, 4, (const int64_t[]){ 5, 4, 3, 2 }, "MaxPooling3D", true);
}

static void check_global(const char *class_name, bool max, bool keepdims)
{
    keras_case t;
    char layer[200];
    begin(&t, DIMS(4, 5, 3));
    snprintf(layer, sizeof layer,
             "{\"class_name\": \"%s\", \"config\": {\"name\": \"g\", \"keepdims\": %s}}",
             class_name, keepdims ? "true" : "false");
    wrap_layers(&t, layer);
    const map x = input_map(&t);
    const window all = window_of(4, 5, 1, 1, false);
    const map y = ref_pool(&x, &all, max);
    CHECK_OK(t.ctx, load_case(&t));
    run_case(&t);
    if (keepdims)
        check_case(&t, DIMS(BATCH, 1, 1, 3), y.data);
    else
        check_case(&t, DIMS(BATCH, 3), y.data);
    free(y.data);
    end_case(&t);
}

static void global_pools_may_keep_their_dims(void **state)
{
    (void)state;
    check_global("GlobalAveragePooling2D", false, false);
    check_global("GlobalAveragePooling2D", false, true);
    check_global("GlobalMaxPooling2D", true, false);
    check_global("GlobalMaxPooling2D", true, true);
}

/* --- one value of the source for one of the result --- */

typedef float (*of_value)(float x);

static void check_values(const char *layer, of_value f)
{
    keras_case t;
    begin(&t, DIMS(3, 4, 5));
    wrap_layers(&t, layer);
    map y = new_map(BATCH, 1, 3, 4, 5);
    for (int64_t i = 0; i < count_of(&y); i++)
        y.data[i] = f(t.data[i]);
    check_map(&t, y);
}

static float relu(float x)
{
    return x > 0.0F ? x : 0.0F;
}
static float relu6(float x)
{
    return fminf(relu(x), 6.0F);
}
static float relu_full(float x)
{
    return x >= 2.0F ? 2.0F : x > 0.5F ? x : 0.25F * (x - 0.5F);
}
static float relu_slope_max(float x)
{
    return fminf(x > 0.0F ? x : 0.1F * x, 2.5F);
}
static float relu_threshold(float x)
{
    return x > 1.0F ? x : 0.0F;
}
static float leaky(float x)
{
    return x > 0.0F ? x : 0.3F * x;
}
static float elu(float x)
{
    return x > 0.0F ? x : expf(x) - 1.0F;
}
static float elu2(float x)
{
    return x > 0.0F ? x : 2.0F * (expf(x) - 1.0F);
}
static float selu(float x)
{
    return 1.05070098F * (x > 0.0F ? x : 1.67326324F * (expf(x) - 1.0F));
}
static float sigmoid(float x)
{
    return 1.0F / (1.0F + expf(-x));
}
static float swish(float x)
{
    return x * sigmoid(x);
}
static float gelu(float x)
{
    return 0.5F * x * (1.0F + erff(x / sqrtf(2.0F)));
}
static float hard_sigmoid(float x)
{
    return fminf(fmaxf(0.2F * x + 0.5F, 0.0F), 1.0F);
}
static float softplus(float x)
{
    return logf(1.0F + expf(x));
}
static float softsign(float x)
{
    return x / (1.0F + fabsf(x));
}
static float same(float x)
{
    return x;
}
static float rescaled(float x)
{
    return x * 0.5F - 1.0F;
}

#define LAYER(class_name, config)                                                                  \
    "{\"class_name\": \"" class_name "\", \"config\": {\"name\": \"a\"" config "}}"
#define ACTIVATION(name) LAYER("Activation", ", \"activation\": \"" name "\"")

static void activations_by_name(void **state)
{
    (void)state;
    check_values(ACTIVATION("relu"), relu);
    check_values(ACTIVATION("relu6"), relu6);
    check_values(ACTIVATION("elu"), elu);
    check_values(ACTIVATION("selu"), selu);
    check_values(ACTIVATION("sigmoid"), sigmoid);
    check_values(ACTIVATION("hard_sigmoid"), hard_sigmoid);
    check_values(ACTIVATION("tanh"), tanhf);
    check_values(ACTIVATION("swish"), swish);
    check_values(ACTIVATION("gelu"), gelu);
    check_values(ACTIVATION("softplus"), softplus);
    check_values(ACTIVATION("softsign"), softsign);
    check_values(ACTIVATION("exponential"), expf);
    check_values("{\"class_name\": \"Activation\", \"config\": {\"name\": \"a\", \"activation\": "
                 "{\"module\": \"builtins\", \"class_name\": \"function\", \"config\": \"relu\"}}}",
                 relu);
}

static void activation_layers(void **state)
{
    (void)state;
    check_values(LAYER("ReLU", ", \"max_value\": 6.0, \"negative_slope\": 0.0, \"threshold\": 0.0"),
                 relu6);
    check_values(LAYER("ReLU", ", \"max_value\": null"), relu);
    check_values(
        LAYER("ReLU", ", \"max_value\": 2.0, \"negative_slope\": 0.25, \"threshold\": 0.5"),
        relu_full);
    check_values(LAYER("ReLU", ", \"max_value\": {\"class_name\": \"__numpy__\", \"config\": "
                               "{\"value\": 2.5}}, \"negative_slope\": [0.1]"),
                 relu_slope_max);
    check_values(LAYER("ThresholdedReLU", ", \"theta\": 1.0"), relu_threshold);
    check_values(LAYER("LeakyReLU", ", \"alpha\": 0.30000001192092896"), leaky);
    check_values(LAYER("LeakyReLU", ", \"negative_slope\": 0.3"), leaky);
    check_values(LAYER("ELU", ", \"alpha\": 2.0"), elu2);
}

static void layers_for_training_do_nothing(void **state)
{
    (void)state;
    check_values(
        "{\"class_name\": \"Dropout\", \"config\": {\"name\": \"d\", \"rate\": 0.5}}, " LAYER(
            "Rescaling", ", \"scale\": 0.5, \"offset\": -1"),
        rescaled);
}

static void a_model_of_nothing_is_its_input(void **state)
{
    (void)state;
    check_values(LAYER("GaussianNoise", ", \"stddev\": 0.1"), same);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conv2d_pads_more_at_the_end),
        cmocka_unit_test(conv2d_may_have_groups),
        cmocka_unit_test(conv1d_and_conv3d_are_convolutions),
        cmocka_unit_test(causal_conv1d_sees_only_what_came_before),
        cmocka_unit_test(depthwise_conv2d_keeps_channels_apart),
        cmocka_unit_test(separable_conv2d_is_two_convolutions),
        cmocka_unit_test(conv2d_transpose_is_the_gradient_of_a_convolution),
        cmocka_unit_test(pools_leave_padding_out),
        cmocka_unit_test(global_pools_may_keep_their_dims),
        cmocka_unit_test(activations_by_name),
        cmocka_unit_test(activation_layers),
        cmocka_unit_test(layers_for_training_do_nothing),
        cmocka_unit_test(a_model_of_nothing_is_its_input),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
