/* AIMET's configuration JSON: what is read, and that each fault is named by its key. */
#include "testing.h"

#include "sim/config.h"

static rf_context *ctx;

static int open_context(void **state)
{
    (void)state;
    ctx = test_context();
    return 0;
}

static int close_context(void **state)
{
    (void)state;
    rf_context_free(ctx);
    return 0;
}

#define DEFAULTS                                                                                   \
    "\"defaults\":{\"ops\":{\"is_output_quantized\":\"True\"},\"params\":{\"is_quantized\":"       \
    "\"True\"}}"
#define ENDS "\"supergroups\":[],\"model_input\":{},\"model_output\":{}"
#define WITH_OPS(ops) "{" DEFAULTS ",\"params\":{},\"op_type\":" ops "," ENDS "}"

static rf_status parse(const char *json, rf_config *out)
{
    return rf_config_parse(ctx, json, strlen(json), "test.json", out);
}

static void refuse(const char *json, const char *text)
{
    rf_config c;
    CHECK_FAILS(ctx, RF_EMODEL, text, parse(json, &c));
    assert_non_null(strstr(rf_context_message(ctx), "test.json"));
}

static const rf_config_op *find_op(const rf_config *c, const char *type)
{
    for (int i = 0; i < c->op_count; i++) {
        if (strcmp(c->ops[i].op_type, type) == 0)
            return &c->ops[i];
    }
    return NULL;
}

static void the_built_in_configurations_differ_in_their_channels(void **state)
{
    (void)state;
    rf_config c;
    CHECK_OK(ctx, rf_config_load(ctx, "default", &c));
    assert_int_equal(c.per_channel, RF_FLAG_FALSE);
    assert_int_equal(c.default_op.output_quantized, RF_FLAG_TRUE);
    assert_int_equal(c.default_op.symmetric, RF_FLAG_UNSET);
    assert_int_equal(c.default_param.symmetric, RF_FLAG_TRUE);
    assert_string_equal(c.params[0].name, "bias");
    assert_int_equal(c.params[0].quantized, RF_FLAG_FALSE);
    assert_int_equal(find_op(&c, "Gather")->output_quantized, RF_FLAG_FALSE);
    assert_null(find_op(&c, "Gemm"));
    assert_int_equal(c.supergroup_count, 5);
    assert_string_equal(c.supergroups[2].op_types[1], "Clip");
    assert_int_equal(c.model_input, RF_FLAG_TRUE);
    assert_int_equal(c.model_output, RF_FLAG_UNSET);
    rf_config_release(&c);

    CHECK_OK(ctx, rf_config_load(ctx, "per-channel", &c));
    assert_int_equal(c.per_channel, RF_FLAG_TRUE);
    assert_int_equal(find_op(&c, "Gemm")->per_channel, RF_FLAG_FALSE);
    assert_int_equal(find_op(&c, "MatMul")->per_channel, RF_FLAG_FALSE);
    assert_int_equal(find_op(&c, "LayerNorm")->per_channel, RF_FLAG_FALSE);
    assert_int_equal(c.supergroup_count, 5);
    rf_config_release(&c);
}

/* AIMET's example of BN re-estimation, but for the unsigned symmetric ranges that no range learning has. */
static void the_configuration_of_bn_reestimation_is_per_channel_throughout(void **state)
{
    (void)state;
    rf_config c;
    CHECK_OK(ctx, rf_config_load(ctx, "bn-reestimation", &c));
    assert_int_equal(c.per_channel, RF_FLAG_TRUE);
    assert_int_equal(c.unsigned_symmetric, RF_FLAG_UNSET);
    assert_int_equal(c.strict_symmetric, RF_FLAG_FALSE);
    assert_int_equal(c.default_param.symmetric, RF_FLAG_TRUE);
    assert_int_equal(c.params[0].quantized, RF_FLAG_FALSE);
    assert_int_equal(c.op_count, 3);
    assert_int_equal(find_op(&c, "Squeeze")->output_quantized, RF_FLAG_FALSE);
    assert_int_equal(find_op(&c, "Pad")->output_quantized, RF_FLAG_FALSE);
    assert_int_equal(find_op(&c, "Mean")->output_quantized, RF_FLAG_FALSE);
    assert_int_equal(c.supergroup_count, 5);
    assert_int_equal(c.supergroups[2].count, 3);
    assert_string_equal(c.supergroups[2].op_types[1], "BatchNormalization");
    assert_int_equal(c.model_input, RF_FLAG_TRUE);
    assert_int_equal(c.model_output, RF_FLAG_UNSET);
    rf_config_release(&c);
}

static void every_key_is_read(void **state)
{
    (void)state;
    rf_config c;
    CHECK_OK(
        ctx,
        parse(
            "{\"defaults\":{\"ops\":{\"is_output_quantized\":\"True\",\"is_symmetric\":\"False\"},"
            "\"params\":{\"is_quantized\":\"True\",\"is_symmetric\":\"False\"},\"strict_"
            "symmetric\":\"True\","
            "\"unsigned_symmetric\":\"False\",\"per_channel_quantization\":\"True\",\"hw_version\":"
            "\"V73\","
            "\"supported_kernels\":[{\"activation\":{\"bitwidth\":8,\"dtype\":\"int\"},"
            "\"param\":{\"bitwidth\":16,\"dtype\":\"float\"}}]},"
            "\"params\":{\"weight\":{\"is_symmetric\":\"True\"}},"
            "\"op_type\":{\"Softmax\":{\"is_input_quantized\":\"True\",\"is_output_quantized\":"
            "\"True\","
            "\"is_symmetric\":\"False\",\"params\":{\"bias\":{\"is_quantized\":\"True\"}},"
            "\"per_channel_quantization\":\"False\",\"encoding_constraints\":{\"min\":0,\"max\":1."
            "0}}},"
            "\"supergroups\":[{\"op_list\":[\"Conv\",\"BatchNormalization\",\"Relu\"]}],"
            "\"model_input\":{\"is_input_quantized\":\"True\"},"
            "\"model_output\":{\"is_output_quantized\":\"True\"}}",
            &c));
    assert_int_equal(c.default_op.symmetric, RF_FLAG_FALSE);
    assert_int_equal(c.strict_symmetric, RF_FLAG_TRUE);
    assert_int_equal(c.unsigned_symmetric, RF_FLAG_FALSE);
    assert_int_equal(c.params[0].symmetric, RF_FLAG_TRUE);
    const rf_config_op *op = find_op(&c, "Softmax");
    assert_int_equal(op->input_quantized, RF_FLAG_TRUE);
    assert_int_equal(op->per_channel, RF_FLAG_FALSE);
    assert_true(op->constrained && op->constrained_min == 0.0 && op->constrained_max == 1.0);
    assert_string_equal(op->params[0].name, "bias");
    assert_int_equal(c.supergroups[0].count, 3);
    assert_int_equal(c.model_output, RF_FLAG_TRUE);
    rf_config_release(&c);
}

static void unknown_keys_are_named_with_their_path(void **state)
{
    (void)state;
    refuse("{" DEFAULTS ",\"params\":{},\"op_type\":{}," ENDS ",\"extra\":1}", "unknown key extra");
    refuse(WITH_OPS("{\"Conv\":{\"is_quantised\":\"True\"}}"),
           "unknown key op_type.Conv.is_quantised");
    refuse(WITH_OPS("{\"Conv\":{\"params\":{\"kernel\":{}}}}"),
           "unknown key op_type.Conv.params.kernel");
}

static void missing_sections_are_named(void **state)
{
    (void)state;
    refuse("{}", "key defaults is missing");
    refuse("{" DEFAULTS ",\"params\":{},\"op_type\":{},\"supergroups\":[],\"model_input\":{}}",
           "key model_output is missing");
    refuse("{\"defaults\":{\"ops\":{}},\"params\":{},\"op_type\":{}," ENDS "}", "defaults.params");
}

static void values_of_the_wrong_kind_are_named(void **state)
{
    (void)state;
    refuse(WITH_OPS("{\"Conv\":{\"is_output_quantized\":true}}"),
           "op_type.Conv.is_output_quantized");
    refuse(WITH_OPS("{\"Conv\":{\"is_output_quantized\":\"true\"}}"),
           "the string \"True\" or \"False\"");
    refuse(WITH_OPS("[]"), "op_type: expected an object");
    refuse(WITH_OPS("{\"Softmax\":{\"encoding_constraints\":{\"min\":0.5,\"max\":1}}}"),
           "encoding_constraints");
    refuse(WITH_OPS("{\"Softmax\":{\"encoding_constraints\":{\"min\":0}}}"),
           "encoding_constraints");
    refuse("{" DEFAULTS ",\"params\":{},\"op_type\":{},\"supergroups\":[{\"op_list\":[\"Conv\"]}],"
           "\"model_input\":{},"
           "\"model_output\":{}}",
           "two operator types");
    refuse(WITH_OPS("{\"Conv\":{\"supported_kernels\":[{\"param\":{\"bitwidth\":8,\"dtype\":"
                    "\"float\"}}]}}"),
           "a float of 16 or 32 bits");
}

#define WITH_DEFAULT(key, value)                                                                   \
    "{\"defaults\":{\"ops\":{},\"params\":{},\"" key "\":" value                                   \
    "},\"params\":{},\"op_type\":{}," ENDS "}"

static void every_key_of_the_defaults_is_checked(void **state)
{
    (void)state;
    refuse(WITH_DEFAULT("strict_symmetric", "1"), "defaults.strict_symmetric");
    refuse(WITH_DEFAULT("unsigned_symmetric", "null"), "defaults.unsigned_symmetric");
    refuse(WITH_DEFAULT("per_channel_quantization", "\"yes\""),
           "defaults.per_channel_quantization");
    refuse(WITH_DEFAULT("hw_version", "73"), "defaults.hw_version: expected a string");
    refuse(WITH_DEFAULT("supported_kernels", "{}"), "defaults.supported_kernels: expected a list");
    refuse(WITH_DEFAULT("supported_kernels", "[{\"weight\":{}}]"),
           "unknown key defaults.supported_kernels.weight");
    refuse(WITH_DEFAULT("supported_kernels", "[{\"param\":{\"bitwidth\":8}}]"),
           "defaults.supported_kernels.param");
    refuse(WITH_DEFAULT("supported_kernels",
                        "[{\"activation\":{\"bitwidth\":8,\"dtype\":\"bfloat\"}}]"),
           "defaults.supported_kernels.activation: expected dtype");
    refuse(WITH_DEFAULT("default_data_type", "\"int\""), "unknown key defaults.default_data_type");
}

static void take_line(void *user, rf_log_level level, const char *line)
{
    if (level == RF_LOG_WARNING)
        snprintf(user, 256, "%s", line);
}

static void a_hw_version_with_exceptions_is_a_warning(void **state)
{
    (void)state;
    char line[256] = "";
    const rf_context_options o = { .log = take_line, .log_user = line };
    rf_context *listening = NULL;
    rf_config c;
    assert_int_equal(rf_context_new(&o, &listening), RF_OK);
    static const char plain[] = WITH_DEFAULT("hw_version", "\"V65\"");
    CHECK_OK(listening, rf_config_parse(listening, plain, sizeof plain - 1, "plain.json", &c));
    rf_config_release(&c);
    assert_string_equal(line, "");
    static const char special[] = WITH_DEFAULT("hw_version", "\"V73\"");
    CHECK_OK(listening, rf_config_parse(listening, special, sizeof special - 1, "htp.json", &c));
    rf_config_release(&c);
    assert_non_null(strstr(line, "'htp.json': defaults.hw_version: the exceptions of V73"));
    rf_context_free(listening);
}

static void what_aimet_does_not_implement_is_refused(void **state)
{
    (void)state;
    refuse("{\"defaults\":{\"ops\":{\"is_input_quantized\":\"True\"},\"params\":{}},\"params\":{},"
           "\"op_type\":{}," ENDS "}",
           "defaults.ops.is_input_quantized");
    refuse("{\"defaults\":{\"ops\":{\"is_output_quantized\":\"False\"},\"params\":{}},\"params\":{}"
           ",\"op_type\":{}," ENDS "}",
           "defaults.ops.is_output_quantized");
    refuse(WITH_OPS("{\"Conv\":{\"is_input_quantized\":\"False\"}}"),
           "op_type.Conv.is_input_quantized");
    refuse("{" DEFAULTS ",\"params\":{},\"op_type\":{},\"supergroups\":[],\"model_input\":{\"is_"
           "input_quantized\":\"False\"},"
           "\"model_output\":{}}",
           "model_input.is_input_quantized");
    refuse("{" DEFAULTS ",\"params\":{},\"op_type\":{},\"supergroups\":[],\"model_input\":{},"
           "\"model_output\":{\"is_output_quantized\":\"False\"}}",
           "model_output.is_output_quantized");
}

static void text_that_is_no_json_is_refused_with_its_line(void **state)
{
    (void)state;
    refuse("{\n\"defaults\": {,\n", "line 2");
    refuse("{\"a\":1,\"a\":2}", "duplicate");
    refuse("[1]", "document: expected an object");
}

static void a_missing_file_is_named(void **state)
{
    (void)state;
    rf_config c;
    CHECK_FAILS(ctx, RF_EIO, "no-such-file.json", rf_config_load(ctx, "no-such-file.json", &c));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_built_in_configurations_differ_in_their_channels),
        cmocka_unit_test(the_configuration_of_bn_reestimation_is_per_channel_throughout),
        cmocka_unit_test(every_key_is_read),
        cmocka_unit_test(unknown_keys_are_named_with_their_path),
        cmocka_unit_test(missing_sections_are_named),
        cmocka_unit_test(values_of_the_wrong_kind_are_named),
        cmocka_unit_test(every_key_of_the_defaults_is_checked),
        cmocka_unit_test(a_hw_version_with_exceptions_is_a_warning),
        cmocka_unit_test(what_aimet_does_not_implement_is_refused),
        cmocka_unit_test(text_that_is_no_json_is_refused_with_its_line),
        cmocka_unit_test(a_missing_file_is_named),
    };
    return cmocka_run_group_tests(tests, open_context, close_context);
}
