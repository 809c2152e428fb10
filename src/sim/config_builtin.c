/* The two configurations that need no file: what AIMET's default configurations say, per tensor and per channel. */
#include "sim/config_builtin.h"

#include <stddef.h>
#include <string.h>

/* Shared by both. Activations asymmetric, weights symmetric, biases float; nothing requantizes data that only moves. */
#define DEFAULTS(per_channel)                                                                      \
    "\"defaults\": {"                                                                              \
    "  \"ops\": { \"is_output_quantized\": \"True\" },"                                            \
    "  \"params\": { \"is_quantized\": \"True\", \"is_symmetric\": \"True\" },"                    \
    "  \"strict_symmetric\": \"False\","                                                           \
    "  \"per_channel_quantization\": \"" per_channel "\" },"                                       \
    "\"params\": { \"bias\": { \"is_quantized\": \"False\" } },"

#define OUTPUT_OFF(op_type) "\"" op_type "\": { \"is_output_quantized\": \"False\" }"
#define PER_TENSOR(op_type) "\"" op_type "\": { \"per_channel_quantization\": \"False\" }"

#define MOVING_OPS                                                                                 \
    OUTPUT_OFF("Cast")                                                                             \
    "," OUTPUT_OFF("Dropout") "," OUTPUT_OFF("Expand") "," OUTPUT_OFF("Squeeze") "," OUTPUT_OFF(   \
        "Pad") "," OUTPUT_OFF("Mean") "," OUTPUT_OFF("Gather")

#define PAIR(first, second) "{ \"op_list\": [\"" first "\", \"" second "\"] }"

#define SUPERGROUPS_AND_ENDS                                                                       \
    "\"supergroups\": [" PAIR("Conv", "Relu") "," PAIR("ConvTranspose", "Relu") "," PAIR(          \
        "Conv", "Clip") "," PAIR("Add",                                                            \
                                 "Relu") "," PAIR("Gemm",                                          \
                                                  "Relu") "],"                                     \
                                                          "\"model_input\": { "                    \
                                                          "\"is_input_quantized\": \"True\" },"    \
                                                          "\"model_output\": {}"

static const struct {
    const char *name, *json;
} builtins[] = {
    { "default", "{" DEFAULTS("False") "\"op_type\": {" MOVING_OPS "}," SUPERGROUPS_AND_ENDS "}" },
    { "per-channel",
      "{" DEFAULTS("True") "\"op_type\": {" MOVING_OPS "," PER_TENSOR("Gemm") "," PER_TENSOR(
          "MatMul") "," PER_TENSOR("LayerNormalization") "}," SUPERGROUPS_AND_ENDS "}" },
};

const char *rf_config_builtin(const char *name)
{
    for (size_t i = 0; i < sizeof builtins / sizeof *builtins; i++) {
        if (strcmp(builtins[i].name, name) == 0)
            return builtins[i].json;
    }
    return NULL;
}
