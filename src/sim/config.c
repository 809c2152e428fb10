/* AIMET's quantsim configuration: every key is known, every value checked, and the first fault is named by its path. */
#include "sim/config.h"

#include <jansson.h>
#include <string.h>

#include "base/file.h"
#include "sim/config_builtin.h"

#define PATH_TEXT 160

typedef struct parser {
    rf_context *ctx;
    const char *name; /* of the configuration, for messages */
    rf_config *config;
} parser;

/* ------------------------------------------------------------------------------ checking --- */

static rf_status fail_at(const parser *p, const char *path, const char *expected)
{
    return rf_fail(p->ctx, RF_EMODEL, "quantsim configuration '%s': %s: expected %s", p->name, path,
                   expected);
}

static const char *join(char path[PATH_TEXT], const char *parent, const char *key)
{
    const int length = snprintf(path, PATH_TEXT, "%s%s%s", parent, *parent ? "." : "", key);
    if (length >= PATH_TEXT)
        memcpy(path + PATH_TEXT - 4, "...", 4);
    return path;
}

/* Every key of `object` is one of `known` (NULL-terminated). */
static rf_status check_keys(const parser *p, const json_t *object, const char *path,
                            const char *const *known)
{
    if (!json_is_object(object))
        return fail_at(p, *path ? path : "document", "an object");
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        char full[PATH_TEXT];
        int i = 0;
        while (known[i] && strcmp(known[i], key) != 0)
            i++;
        if (!known[i])
            return rf_fail(p->ctx, RF_EMODEL,
                           "quantsim configuration '%s': unknown key %s; remove it", p->name,
                           join(full, path, key));
    }
    return RF_OK;
}

/* "True" or "False"; unset where the key is absent. */
static rf_status read_flag(const parser *p, const json_t *object, const char *path, const char *key,
                           rf_flag *out)
{
    char full[PATH_TEXT];
    const json_t *value = json_object_get(object, key);
    *out = RF_FLAG_UNSET;
    if (!value)
        return RF_OK;
    const char *text = json_string_value(value);
    if (text && strcmp(text, "True") == 0)
        *out = RF_FLAG_TRUE;
    else if (text && strcmp(text, "False") == 0)
        *out = RF_FLAG_FALSE;
    else
        return fail_at(p, join(full, path, key), "the string \"True\" or \"False\"");
    return RF_OK;
}

/* A flag that AIMET takes in one value only. */
static rf_status read_only_true(const parser *p, const json_t *object, const char *path,
                                const char *key, rf_flag *out)
{
    char full[PATH_TEXT];
    RF_TRY(read_flag(p, object, path, key, out));
    if (*out == RF_FLAG_FALSE)
        return fail_at(p, join(full, path, key), "\"True\" or no such key");
    return RF_OK;
}

/* --------------------------------------------------------------------------- kernel lists --- */

static rf_status check_kernel_side(const parser *p, const json_t *side, const char *path)
{
    static const char *const known[] = { "bitwidth", "dtype", NULL };
    RF_TRY(check_keys(p, side, path, known));
    const json_t *bitwidth = json_object_get(side, "bitwidth");
    const char *dtype = json_string_value(json_object_get(side, "dtype"));
    if (!json_is_integer(bitwidth) || !dtype)
        return fail_at(p, path, "an integer bitwidth and a dtype \"int\" or \"float\"");
    const bool is_float = strcmp(dtype, "float") == 0;
    const json_int_t bits = json_integer_value(bitwidth);
    if (!is_float && strcmp(dtype, "int") != 0)
        return fail_at(p, path, "dtype \"int\" or \"float\"");
    if (is_float && bits != 16 && bits != 32)
        return fail_at(p, path, "a float of 16 or 32 bits");
    return RF_OK;
}

/* Checked and otherwise without effect, as in AIMET unless bit widths are enforced. */
static rf_status check_kernels(const parser *p, const json_t *owner, const char *path)
{
    static const char *const known[] = { "activation", "param", NULL };
    char full[PATH_TEXT];
    const json_t *list = json_object_get(owner, "supported_kernels");
    join(full, path, "supported_kernels");
    if (!list)
        return RF_OK;
    if (!json_is_array(list))
        return fail_at(p, full, "a list");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *kernel = json_array_get(list, i);
        RF_TRY(check_keys(p, kernel, full, known));
        for (int side = 0; known[side]; side++) {
            char side_path[PATH_TEXT];
            const json_t *value = json_object_get(kernel, known[side]);
            if (value)
                RF_TRY(check_kernel_side(p, value, join(side_path, full, known[side])));
        }
    }
    return RF_OK;
}

/* ------------------------------------------------------------------------------- sections --- */

static rf_status read_param(const parser *p, const json_t *object, const char *path,
                            rf_config_param *out)
{
    static const char *const known[] = { "is_quantized", "is_symmetric", NULL };
    RF_TRY(check_keys(p, object, path, known));
    RF_TRY(read_flag(p, object, path, "is_quantized", &out->quantized));
    return read_flag(p, object, path, "is_symmetric", &out->symmetric);
}

/* A section of parameters by name. */
static rf_status read_params(const parser *p, const json_t *object, const char *path,
                             int *count_out, rf_config_param **out)
{
    static const char *const known[] = { "weight", "bias", NULL };
    RF_TRY(check_keys(p, object, path, known));
    rf_config_param *params = rf_arena_array(&p->config->arena, 2, sizeof *params);
    if (!params)
        return RF_ENOMEM;
    int count = 0;
    for (int i = 0; known[i]; i++) {
        char full[PATH_TEXT];
        const json_t *value = json_object_get(object, known[i]);
        if (!value)
            continue;
        params[count].name = known[i];
        RF_TRY(read_param(p, value, join(full, path, known[i]), &params[count++]));
    }
    *count_out = count;
    *out = params;
    return RF_OK;
}

static rf_status read_default_ops(const parser *p, const json_t *object, rf_config_op *op)
{
    static const char *const known[] = { "is_input_quantized", "is_output_quantized",
                                         "is_symmetric", NULL };
    const char *path = "defaults.ops";
    RF_TRY(check_keys(p, object, path, known));
    if (json_object_get(object, "is_input_quantized"))
        return fail_at(p, "defaults.ops.is_input_quantized",
                       "no such key: inputs are quantized where they are made");
    RF_TRY(read_only_true(p, object, path, "is_output_quantized", &op->output_quantized));
    return read_flag(p, object, path, "is_symmetric", &op->symmetric);
}

/* From V66 on AIMET has exceptions for operators that no foldable BN is near; users are told, and nothing else changes. */
static rf_status read_hw_version(const parser *p, const json_t *value)
{
    static const char *const with_exceptions[] = { "V66", "V68", "V69", "V73", "V75", "V79" };
    const char *version = json_string_value(value);
    if (!version)
        return value ? fail_at(p, "defaults.hw_version", "a string") : RF_OK;
    for (size_t i = 0; i < sizeof with_exceptions / sizeof *with_exceptions; i++) {
        if (strcmp(version, with_exceptions[i]) == 0)
            rf_log(p->ctx, RF_LOG_WARNING,
                   "quantsim configuration '%s': defaults.hw_version: the exceptions of %s for "
                   "Embedding, GroupNorm and MatMul of two activations are not applied",
                   p->name, version);
    }
    return RF_OK;
}

static rf_status read_defaults(const parser *p, const json_t *object)
{
    static const char *const known[] = { "ops",
                                         "params",
                                         "strict_symmetric",
                                         "unsigned_symmetric",
                                         "per_channel_quantization",
                                         "supported_kernels",
                                         "hw_version",
                                         NULL };
    const char *path = "defaults";
    rf_config *c = p->config;
    RF_TRY(check_keys(p, object, path, known));
    const json_t *ops = json_object_get(object, "ops"), *params = json_object_get(object, "params");
    if (!ops || !params)
        return fail_at(p, ops ? "defaults.params" : "defaults.ops",
                       "an object; the key is missing");
    RF_TRY(read_hw_version(p, json_object_get(object, "hw_version")));
    RF_TRY(read_default_ops(p, ops, &c->default_op));
    RF_TRY(read_param(p, params, "defaults.params", &c->default_param));
    RF_TRY(read_flag(p, object, path, "strict_symmetric", &c->strict_symmetric));
    RF_TRY(read_flag(p, object, path, "unsigned_symmetric", &c->unsigned_symmetric));
    RF_TRY(read_flag(p, object, path, "per_channel_quantization", &c->per_channel));
    return check_kernels(p, object, path);
}

static rf_status read_constraints(const parser *p, const json_t *owner, const char *path,
                                  rf_config_op *op)
{
    static const char *const known[] = { "min", "max", NULL };
    char full[PATH_TEXT];
    const json_t *object = json_object_get(owner, "encoding_constraints");
    if (!object)
        return RF_OK;
    RF_TRY(check_keys(p, object, join(full, path, "encoding_constraints"), known));
    const json_t *min = json_object_get(object, "min"), *max = json_object_get(object, "max");
    op->constrained = true;
    op->constrained_min = json_number_value(min);
    op->constrained_max = json_number_value(max);
    if (!json_is_number(min) || !json_is_number(max) || op->constrained_min > 0.0 ||
        op->constrained_max < 0.0 || op->constrained_min >= op->constrained_max)
        return fail_at(p, full, "numbers min <= 0 <= max, not both zero");
    return RF_OK;
}

static rf_status read_op(const parser *p, const json_t *object, const char *path, rf_config_op *op)
{
    static const char *const known[] = {
        "is_input_quantized",       "is_output_quantized", "is_symmetric",         "params",
        "per_channel_quantization", "supported_kernels",   "encoding_constraints", NULL
    };
    char full[PATH_TEXT];
    RF_TRY(check_keys(p, object, path, known));
    RF_TRY(read_only_true(p, object, path, "is_input_quantized", &op->input_quantized));
    RF_TRY(read_flag(p, object, path, "is_output_quantized", &op->output_quantized));
    RF_TRY(read_flag(p, object, path, "is_symmetric", &op->symmetric));
    RF_TRY(read_flag(p, object, path, "per_channel_quantization", &op->per_channel));
    RF_TRY(read_constraints(p, object, path, op));
    RF_TRY(check_kernels(p, object, path));
    const json_t *params = json_object_get(object, "params");
    if (!params)
        return RF_OK;
    return read_params(p, params, join(full, path, "params"), &op->param_count, &op->params);
}

static rf_status read_op_types(const parser *p, const json_t *object)
{
    rf_config *c = p->config;
    if (!json_is_object(object))
        return fail_at(p, "op_type", "an object");
    c->ops = rf_arena_array(&c->arena, json_object_size(object) + 1, sizeof *c->ops);
    if (!c->ops)
        return RF_ENOMEM;
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        char path[PATH_TEXT];
        rf_config_op *op = &c->ops[c->op_count++];
        if (!(op->op_type = rf_arena_strdup(&c->arena, key)))
            return RF_ENOMEM;
        RF_TRY(read_op(p, value, join(path, "op_type", key), op));
    }
    return RF_OK;
}

static rf_status read_supergroup(const parser *p, const json_t *object, struct rf_supergroup *out)
{
    static const char *const known[] = { "op_list", NULL };
    RF_TRY(check_keys(p, object, "supergroups[]", known));
    const json_t *list = json_object_get(object, "op_list");
    if (!json_is_array(list) || json_array_size(list) < 2)
        return fail_at(p, "supergroups[].op_list", "a list of two operator types or more");
    const size_t count = json_array_size(list);
    out->op_types = rf_arena_array(&p->config->arena, count, sizeof *out->op_types);
    if (!out->op_types)
        return RF_ENOMEM;
    for (size_t i = 0; i < count; i++) {
        const char *op_type = json_string_value(json_array_get(list, i));
        if (!op_type)
            return fail_at(p, "supergroups[].op_list", "strings");
        if (!(out->op_types[i] = rf_arena_strdup(&p->config->arena, op_type)))
            return RF_ENOMEM;
    }
    out->count = (int)count;
    return RF_OK;
}

static rf_status read_supergroups(const parser *p, const json_t *list)
{
    rf_config *c = p->config;
    if (!json_is_array(list))
        return fail_at(p, "supergroups", "a list");
    c->supergroups = rf_arena_array(&c->arena, json_array_size(list) + 1, sizeof *c->supergroups);
    if (!c->supergroups)
        return RF_ENOMEM;
    for (size_t i = 0; i < json_array_size(list); i++)
        RF_TRY(read_supergroup(p, json_array_get(list, i), &c->supergroups[c->supergroup_count++]));
    return RF_OK;
}

static rf_status read_ends(const parser *p, const json_t *input, const json_t *output)
{
    static const char *const input_keys[] = { "is_input_quantized", NULL };
    static const char *const output_keys[] = { "is_output_quantized", NULL };
    RF_TRY(check_keys(p, input, "model_input", input_keys));
    RF_TRY(check_keys(p, output, "model_output", output_keys));
    RF_TRY(read_only_true(p, input, "model_input", input_keys[0], &p->config->model_input));
    return read_only_true(p, output, "model_output", output_keys[0], &p->config->model_output);
}

static rf_status read_document(const parser *p, const json_t *root)
{
    static const char *const known[] = { "defaults",    "params",       "op_type", "supergroups",
                                         "model_input", "model_output", NULL };
    RF_TRY(check_keys(p, root, "", known));
    for (int i = 0; known[i]; i++) {
        if (!json_object_get(root, known[i]))
            return rf_fail(
                p->ctx, RF_EMODEL,
                "quantsim configuration '%s': key %s is missing; all of defaults, params, op_type, "
                "supergroups, model_input and model_output are needed",
                p->name, known[i]);
    }
    RF_TRY(read_defaults(p, json_object_get(root, "defaults")));
    RF_TRY(read_params(p, json_object_get(root, "params"), "params", &p->config->param_count,
                       &p->config->params));
    RF_TRY(read_op_types(p, json_object_get(root, "op_type")));
    RF_TRY(read_supergroups(p, json_object_get(root, "supergroups")));
    return read_ends(p, json_object_get(root, "model_input"),
                     json_object_get(root, "model_output"));
}

/* --------------------------------------------------------------------------------- public --- */

rf_status rf_config_parse(rf_context *ctx, const char *json, size_t size, const char *name,
                          rf_config *out)
{
    json_error_t error;
    json_t *root = json_loadb(json, size, JSON_REJECT_DUPLICATES, &error);
    if (!root)
        return rf_fail(ctx, RF_EMODEL, "quantsim configuration '%s': line %d: %s", name, error.line,
                       error.text);
    rf_config config = { .strict_symmetric = RF_FLAG_UNSET };
    rf_arena_init(&config.arena, ctx);
    const parser p = { ctx, name, &config };
    const rf_status st = read_document(&p, root);
    json_decref(root);
    if (st == RF_OK)
        *out = config;
    else
        rf_config_release(&config);
    return st;
}

rf_status rf_config_load(rf_context *ctx, const char *name, rf_config *out)
{
    static const rf_file_limit limit = { 16 << 20, RF_EMODEL, "a configuration has" };
    const char *builtin = rf_config_builtin(name);
    if (builtin)
        return rf_config_parse(ctx, builtin, strlen(builtin), name, out);
    void *bytes;
    size_t size;
    RF_TRY(rf_file_read_within(ctx, name, &limit, &bytes, &size));
    const rf_status st = rf_config_parse(ctx, bytes, size, name, out);
    rf_free(ctx, bytes);
    return st;
}

void rf_config_release(rf_config *config)
{
    rf_arena_release(&config->arena);
}
