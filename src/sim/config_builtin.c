/*
 * The configurations that need no file: AIMET's shipped ones, per tensor and per channel, and that of its example of BN
 * re-estimation, where linear layers are per channel as well. The example also asks for unsigned symmetric ranges, which
 * AIMET ignores in range learning and refuses in its second generation; here they are left out.
 */
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

#define EXAMPLE_OPS OUTPUT_OFF("Squeeze") "," OUTPUT_OFF("Pad") "," OUTPUT_OFF("Mean")

#define MOVING_OPS                                                                                 \
    OUTPUT_OFF("Cast")                                                                             \
    "," OUTPUT_OFF("Dropout") "," OUTPUT_OFF("Expand") "," OUTPUT_OFF("Squeeze") "," OUTPUT_OFF(   \
        "Pad") "," OUTPUT_OFF("Mean") "," OUTPUT_OFF("Gather")

#define PAIR(first, second) "{ \"op_list\": [\"" first "\", \"" second "\"] }"

#define SHIPPED_GROUPS                                                                             \
    PAIR("Conv", "Relu")                                                                           \
    "," PAIR("ConvTranspose",                                                                      \
             "Relu") "," PAIR("Conv", "Clip") "," PAIR("Add", "Relu") "," PAIR("Gemm", "Relu")
#define EXAMPLE_GROUPS                                                                             \
    PAIR("Conv", "Relu")                                                                           \
    "," PAIR("Conv", "Clip") ",{ \"op_list\": [\"Conv\", \"BatchNormalization\", \"Relu\"] "       \
                             "}," PAIR("Add", "Relu") "," PAIR("Gemm", "Relu")

#define DOCUMENT(per_channel, ops, groups)                                                         \
    "{" DEFAULTS(per_channel) "\"op_type\": {" ops "}, \"supergroups\": [" groups                  \
                              "], \"model_input\": { \"is_input_quantized\": \"True\" },"          \
                              "\"model_output\": {} }"

static const struct {
    const char *name, *json;
} builtins[] = {
    { "default", DOCUMENT("False", MOVING_OPS, SHIPPED_GROUPS) },
    { "per-channel", DOCUMENT("True",
                              MOVING_OPS "," PER_TENSOR("Gemm") "," PER_TENSOR(
                                  "MatMul") "," PER_TENSOR("LayerNorm"),
                              SHIPPED_GROUPS) },
    { "bn-reestimation", DOCUMENT("True", EXAMPLE_OPS, EXAMPLE_GROUPS) },
};

const char *rf_config_builtin(const char *name)
{
    for (size_t i = 0; i < sizeof builtins / sizeof *builtins; i++) {
        if (strcmp(builtins[i].name, name) == 0)
            return builtins[i].json;
    }
    return NULL;
}
