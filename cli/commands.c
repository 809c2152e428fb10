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
          "intermediate, the exports, summary.json and report.html into DIR, which appears when "
          "all "
          "is done. --epochs 0 leaves training out. Cut short, it keeps its training in "
          "DIR.partial; "
          "the same command with --resume goes on from there.",
      .run = cmd_run,
      .example = "refold run model.onnx --data train/ --val val/ --preset imagenet --augment "
                 "flip,crop:4 --param-bw 4 --epochs 2 -o out",
      .groups = { &cli_group_output_folder, &cli_group_data, &cli_group_validation,
                  &cli_group_simulation, &cli_group_calibration, &cli_group_training,
                  &cli_group_order, &cli_group_reestimation, &cli_group_export, &cli_group_gate,
                  &cli_group_processes, &cli_group_general } },
    { .name = "inspect",
      .operand = "MODEL",
      .usage = "MODEL [options]",
      .summary = "what a model holds, where each BN folds, what to do next",
      .description =
          "Prints inputs, outputs, operators, multiply-adds and memory, the layer that each "
          "BatchNormalization folds into or the reason why not, what quantize would quantize "
          "(--verbose lists every tensor), operators that refold does not have, and advice. Works "
          "on models that cannot run, on simulations and on QDQ models as well.",
      .run = cmd_inspect,
      .example = "refold inspect model.onnx --param-bw 4 --batch 32",
      .groups = { &cli_group_inspection, &cli_group_simulation, &cli_group_general } },
    { .name = "quantize",
      .operand = "MODEL",
      .usage = "MODEL -o SIM --data D [options]",
      .summary = "step 1: build the simulation and calibrate it",
      .description =
          "Places quantizers by the configuration's rules and sets their first ranges from the "
          "data, or from an encodings file. "
          "SIM is an ONNX model with its BN layers that carries the simulation in its metadata.",
      .run = cmd_quantize,
      .example =
          "refold quantize model.onnx -o 1.onnx --data train/ --preset imagenet --param-bw 4",
      .checks = "data",
      .groups = { &cli_group_output_file, &cli_group_data, &cli_group_simulation,
                  &cli_group_calibration, &cli_group_load_encodings, &cli_group_processes,
                  &cli_group_general } },
    { .name = "train",
      .operand = "SIM",
      .usage = "SIM -o OUT --data D [options]",
      .summary = "step 2: train through the simulation; a plain model is trained in FP32",
      .description =
          "Learns weights, BN parameters and quantizer ranges. Ctrl-C stops at the next step: with "
          "--checkpoint the checkpoint is written, without it what was learned goes to OUT.",
      .run = cmd_train,
      .example = "refold train 1.onnx -o 2.onnx --data train/ --preset imagenet --augment "
                 "flip,crop:4 --epochs 2",
      .groups = { &cli_group_output_file, &cli_group_data, &cli_group_validation,
                  &cli_group_training, &cli_group_order, &cli_group_processes,
                  &cli_group_general } },
    { .name = "reestimate",
      .operand = "SIM",
      .usage = "SIM -o OUT --data D [options]",
      .summary = "step 3: re-estimate the BN statistics under the quantized weights",
      .description = "The network runs in inference form with its quantizers frozen; BN alone uses "
                     "batch statistics, "
                     "and their averages become the running ones. Data of fewer batches is used up "
                     "once; a short last batch is left out. It should see what training saw: "
                     "give the same "
                     "--augment.",
      .run = cmd_reestimate,
      .example = "refold reestimate 2.onnx -o 3.onnx --data train/ --preset imagenet --augment "
                 "flip,crop:4",
      .groups = { &cli_group_output_file, &cli_group_data, &cli_group_order,
                  &cli_group_reestimation, &cli_group_processes, &cli_group_general } },
    { .name = "fold",
      .operand = "SIM",
      .usage = "SIM -o OUT [options]",
      .summary = "step 4: fold every BN into the quantization scale before it",
      .description =
          "The integer weights stay as they are, which is proven channel by channel. Biases are "
          "rounded to the grid of the target's integer sums, so that some predictions move here "
          "and agree with the target afterwards. A BN that cannot be folded exactly is refused by "
          "name, with exit code 1 and no output. (A simulation made with --compat aimet keeps its "
          "biases, and a weight on a tie may change its code.) With --to weight a plain model's "
          "BN are folded into its weights.",
      .run = cmd_fold,
      .example = "refold fold 3.onnx -o 4.onnx",
      .groups = { &cli_group_output_file, &cli_group_fold, &cli_group_general } },
    { .name = "export",
      .operand = "SIM",
      .usage = "SIM -o DIR [options]",
      .summary = "step 5: write plain ONNX, encodings and QDQ ONNX for a target",
      .description =
          "Every file is read again and checked; every tensor has an encoding or is listed as "
          "float. With --to keras the weights go back into a copy of the Keras file that the model "
          "was read from: refold export 4.onnx --to keras -o new.h5.",
      .run = cmd_export,
      .example = "refold export 4.onnx -o out",
      .groups = { &cli_group_output_folder, &cli_group_export_to, &cli_group_export,
                  &cli_group_general } },
    { .name = "evaluate",
      .operand = "MODEL",
      .usage = "MODEL --data D [options]",
      .summary = "top-1, top-5 and loss of a model on labelled data",
      .description = "MODEL is a plain model, a simulation in any state, or an exported QDQ model.",
      .run = cmd_evaluate,
      .example = "refold evaluate out/model_qdq.onnx --data val/ --preset imagenet --min-top1 70",
      .groups = { &cli_group_data, &cli_group_gate, &cli_group_processes, &cli_group_general } },
    { .name = "infer",
      .operand = "MODEL",
      .usage = "MODEL --input X.npy --output Y.npy [options]",
      .summary = "run arrays through a model",
      .description = "Each array is float32 [n, ...] as the model takes it. Several inputs: "
                     "--input NAME=X.npy for each.",
      .run = cmd_infer,
      .example = "refold infer model.onnx --input x.npy --output y.npy",
      .groups = { &cli_group_infer, &cli_group_general } },
    { .name = "compare",
      .operand = "A",
      .second_operand = "B",
      .usage = "A B --data D [options]",
      .summary = "outputs and top-1 of two models on the same inputs, tensor by tensor",
      .description =
          "A and B are plain models, simulations in any state, or exported QDQ models. Outputs are "
          "matched by name, else by position. Tensors in between are matched by name, as their "
          "readers see them: behind the quantizer where there is one; --verbose lists all of them. "
          "SQNR is the ratio of A's power to that of the error.",
      .run = cmd_compare,
      .checks = "data",
      .example =
          "refold compare 4.onnx out/model_qdq.onnx --data val/ --preset imagenet --runtime ort",
      .groups = { &cli_group_data, &cli_group_compare, &cli_group_general } },
    { .name = "analyze",
      .operand = "MODEL",
      .usage = "MODEL --data D [options]",
      .summary = "how much each layer's quantization costs",
      .description =
          "Switches the quantizers of one layer at a time on alone, and off alone: parameters, "
          "activations, and both. A plain MODEL is quantized and calibrated first, by the options "
          "below; a simulation is taken as it is. SQNR is the power of the float network's "
          "output over that of the error. The document also has every range, and the error of "
          "every tensor with all quantizers on.",
      .run = cmd_analyze,
      .example = "refold analyze model.onnx --data val/ --preset imagenet --param-bw 4",
      .groups = { &cli_group_data, &cli_group_analysis, &cli_group_simulation,
                  &cli_group_calibration, &cli_group_general } },
    { .name = "encodings",
      .operand = "SIM",
      .usage = "SIM [options]",
      .summary = "every quantizer of a simulation with its range",
      .description = "Bit width, min, max, scale, offset (AIMET's convention: real = scale * (q + "
                     "offset)), symmetry, "
                     "and whether it is enabled.",
      .run = cmd_encodings,
      .example = "refold encodings 4.onnx --json",
      .groups = { &cli_group_general } },
    { .name = "report",
      .operand = "DIR-or-SIM",
      .usage = "DIR-or-SIM -o FILE [options]",
      .summary = "what a run or a simulation holds, as one HTML page",
      .description =
          "Steps, training curves, BN statistics before and after re-estimation, integer codes of "
          "the weights, ranges, errors and sensitivity by layer, sizes and options, in one file "
          "that needs nothing "
          "beside it. run has written one already: report.html. Clipping and errors are measured "
          "with --data; without, those that run has measured are shown again.",
      .run = cmd_report,
      .checks = "data",
      .example = "refold report 4.onnx --data val/ --preset imagenet -o report.html",
      .groups = { &cli_group_report, &cli_group_data, &cli_group_general } },
    { .name = "convert",
      .operand = "FILE",
      .usage = "FILE -o MODEL [options]",
      .summary = "a Keras or TensorFlow model as ONNX, BatchNormalization kept",
      .description =
          "FILE is a Keras model (.h5, .hdf5, .keras, or a JSON architecture with its weights) or "
          "a TensorFlow one (a SavedModel folder, a frozen graph). Data lies channels first in "
          "MODEL; layers keep their names. The file is read again and run against the model. Every "
          "other command reads such files too.",
      .run = cmd_convert,
      .example = "refold convert model.h5 -o model.onnx",
      .groups = { &cli_group_output_file, &cli_group_import, &cli_group_general } },
    { .name = "zoo",
      .operand = "NAME",
      .usage = "NAME -o MODEL [options]",
      .summary = "an untrained network as ONNX",
      .description = "NAME is resnet20, resnet18, mobilenet_v1, mobilenet_v2 or ds_cnn. Weights "
                     "come from --seed.",
      .run = cmd_zoo,
      .example =
          "refold zoo mobilenet_v2 --width 0.25 --input 1x28x28 --classes 10 -o untrained.onnx",
      .groups = { &cli_group_output_file, &cli_group_zoo, &cli_group_general } },
    { .name = "doctor",
      .usage = "[options]",
      .summary = "versions, CPU, engine and libraries, and what is missing",
      .description = "Prints what refold computes with on this machine: instructions, engine, "
                     "threads, the shared libraries in use, MPI and ONNX Runtime; then what is "
                     "missing and what it would be for.",
      .run = cmd_doctor,
      .example = "refold doctor",
      .groups = { &cli_group_general } },
    { .name = "bench",
      .operand = "MODEL",
      .usage = "MODEL [options]",
      .summary = "images a second, where the time goes, memory, and the distance to the limit",
      .description =
          "Times steps of FP32 inference and training, of QAT and of BN re-estimation, each in a "
          "process of its own, on random samples or on --data. A plain MODEL is quantized first by "
          "the options below. The limit is the time of the bare convolutions of the same "
          "shapes and of the bytes that the rest must move, at the rate at which this machine "
          "copies memory. With --verbose the layers of the simulation that compute in float32 are "
          "named, and why. Nothing is written.",
      .run = cmd_bench,
      .checks = "data",
      .example = "refold bench model.onnx --batch 16 --threads 2 --param-bw 4",
      .groups = { &cli_group_bench, &cli_group_data, &cli_group_simulation, &cli_group_general } },
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
