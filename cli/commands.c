/* The table of commands. */
#include "commands.h"

#include <string.h>

const cli_command cli_commands[] = {
    { .name = "run",
      .operand = "MODEL",
      .usage = "MODEL --data D -o DIR [options]",
      .summary = "the whole workflow: quantize, train, reestimate, fold, export",
      .description =
          "Runs every step in order, evaluates after each where --val has labels, and writes each "
          "intermediate, the exports and summary.json into DIR. --epochs 0 leaves training out.",
      .run = cmd_run,
      .groups = { &cli_group_output_folder, &cli_group_data, &cli_group_validation,
                  &cli_group_simulation, &cli_group_training, &cli_group_order,
                  &cli_group_reestimation, &cli_group_export, &cli_group_gate,
                  &cli_group_general } },
    { .name = "inspect",
      .operand = "MODEL",
      .usage = "MODEL [options]",
      .summary = "what a model holds, where each BN folds, what to do next",
      .description = "Prints inputs, outputs, operators, the layer that each BatchNormalization "
                     "folds into or the "
                     "reason why not, operators that refold does not have, and advice.",
      .run = cmd_inspect,
      .groups = { &cli_group_general } },
    { .name = "quantize",
      .operand = "MODEL",
      .usage = "MODEL -o SIM --data D [options]",
      .summary = "step 1: build the simulation and calibrate it",
      .description =
          "Places quantizers by the configuration's rules and sets their first ranges from the "
          "data, or from an encodings file. "
          "SIM is an ONNX model with its BN layers that carries the simulation in its metadata.",
      .run = cmd_quantize,
      .checks = "data",
      .groups = { &cli_group_output_file, &cli_group_data, &cli_group_simulation,
                  &cli_group_load_encodings, &cli_group_general } },
    { .name = "train",
      .operand = "SIM",
      .usage = "SIM -o OUT --data D [options]",
      .summary = "step 2: train through the simulation; a plain model is trained in FP32",
      .description =
          "Learns weights, BN parameters and quantizer ranges. Ctrl-C stops at the next step: with "
          "--checkpoint the checkpoint is written, without it what was learned goes to OUT.",
      .run = cmd_train,
      .groups = { &cli_group_output_file, &cli_group_data, &cli_group_validation,
                  &cli_group_training, &cli_group_order, &cli_group_general } },
    { .name = "reestimate",
      .operand = "SIM",
      .usage = "SIM -o OUT --data D [options]",
      .summary = "step 3: re-estimate the BN statistics under the quantized weights",
      .description = "The network runs in inference form with its quantizers frozen; BN alone uses "
                     "batch statistics, "
                     "and their averages become the running ones. It should see what training saw: "
                     "give the same "
                     "--augment.",
      .run = cmd_reestimate,
      .groups = { &cli_group_output_file, &cli_group_data, &cli_group_order,
                  &cli_group_reestimation, &cli_group_general } },
    { .name = "fold",
      .operand = "SIM",
      .usage = "SIM -o OUT [options]",
      .summary = "step 4: fold every BN into the quantization scale before it",
      .description = "The integer weights stay as they are, which is proven channel by channel. "
                     "With --to weight a "
                     "plain model's BN are folded into its weights.",
      .run = cmd_fold,
      .groups = { &cli_group_output_file, &cli_group_fold, &cli_group_general } },
    { .name = "export",
      .operand = "SIM",
      .usage = "SIM -o DIR [options]",
      .summary = "step 5: write plain ONNX, encodings and QDQ ONNX for a target",
      .description = "Every file is read again and checked; every tensor has an encoding or is "
                     "listed as float.",
      .run = cmd_export,
      .groups = { &cli_group_output_folder, &cli_group_export, &cli_group_general } },
    { .name = "evaluate",
      .operand = "MODEL",
      .usage = "MODEL --data D [options]",
      .summary = "top-1, top-5 and loss of a model on labelled data",
      .description = "MODEL is a plain model, a simulation in any state, or an exported QDQ model.",
      .run = cmd_evaluate,
      .groups = { &cli_group_data, &cli_group_gate, &cli_group_general } },
    { .name = "infer",
      .operand = "MODEL",
      .usage = "MODEL --input X.npy --output Y.npy [options]",
      .summary = "run arrays through a model",
      .description = "Each array is float32 [n, ...] as the model takes it. Several inputs: "
                     "--input NAME=X.npy for each.",
      .run = cmd_infer,
      .groups = { &cli_group_infer, &cli_group_general } },
    { .name = "encodings",
      .operand = "SIM",
      .usage = "SIM [options]",
      .summary = "every quantizer of a simulation with its range",
      .description = "Bit width, min, max, scale, offset (AIMET's convention: real = scale * (q + "
                     "offset)), symmetry, "
                     "and whether it is enabled.",
      .run = cmd_encodings,
      .groups = { &cli_group_general } },
    { .name = "zoo",
      .operand = "NAME",
      .usage = "NAME -o MODEL [options]",
      .summary = "an untrained network as ONNX",
      .description = "NAME is resnet20, resnet18, mobilenet_v1, mobilenet_v2 or ds_cnn. Weights "
                     "come from --seed.",
      .run = cmd_zoo,
      .groups = { &cli_group_output_file, &cli_group_zoo, &cli_group_general } },
    { .name = NULL },
};

const cli_command *cli_command_find(const char *name)
{
    for (const cli_command *command = cli_commands; command->name; command++) {
        if (strcmp(command->name, name) == 0)
            return command;
    }
    return NULL;
}
