/*
 * Writes a data set as arrays, so that ONNX Runtime can be fed with exactly what refold saw:
 *     dump_inputs SPEC INPUTS.npy LABELS.npy [PRESET]
 * Set REFOLD_MEAN and REFOLD_STD to three comma-separated numbers each for another normalization.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/loader.h"
#include "tensor/tensor.h"

static int read_three(const char *text, float values[4])
{
    return text && sscanf(text, "%f,%f,%f", &values[0], &values[1], &values[2]) == 3 ? 3 : 0;
}

/* The whole data set in order, as one batch. */
static rf_status load_all(rf_context *ctx, const rf_dataset *dataset, const rf_shape *sample,
                          rf_loader **loader_out, rf_batch *out)
{
    const char *const names[] = { "input" };
    const rf_loader_options options = { .batch = rf_dataset_count(dataset),
                                        .input_count = 1,
                                        .input_names = names,
                                        .sample_shapes = sample };
    RF_TRY(rf_loader_new(ctx, dataset, &options, loader_out));
    RF_TRY(rf_loader_start(*loader_out, 0, 0));
    return rf_loader_next(*loader_out, out);
}

static rf_status save(rf_context *ctx, const rf_batch *batch, const rf_shape *sample,
                      const char *inputs_path, const char *labels_path)
{
    rf_shape shape = { .rank = sample->rank + 1, .dims = { batch->count } };
    rf_tensor *inputs = NULL, *labels = NULL;
    memcpy(&shape.dims[1], sample->dims, (size_t)sample->rank * sizeof *sample->dims);
    rf_status st = rf_tensor_new_shape(ctx, RF_DTYPE_F32, &shape, &inputs);
    if (!st)
        st = rf_tensor_new(ctx, RF_DTYPE_I64, 1, &batch->count, &labels);
    if (!st) {
        memcpy(inputs->data, batch->inputs[0], (size_t)inputs->count * sizeof(float));
        memcpy(labels->data, batch->labels, (size_t)labels->count * sizeof(int64_t));
        st = rf_tensor_save_npy(ctx, inputs, inputs_path, /*force=*/true);
    }
    if (!st)
        st = rf_tensor_save_npy(ctx, labels, labels_path, /*force=*/true);
    rf_tensor_free(inputs);
    rf_tensor_free(labels);
    return st;
}

static rf_status dump(rf_context *ctx, const char *const *args, const char *preset)
{
    rf_dataset_options options = { .preset = preset };
    rf_dataset *dataset = NULL;
    rf_loader *loader = NULL;
    rf_batch batch = { 0 };
    rf_shape sample;
    options.mean_count = read_three(getenv("REFOLD_MEAN"), options.mean);
    options.std_count = read_three(getenv("REFOLD_STD"), options.std);
    rf_status st = rf_dataset_open(ctx, args[0], &options, &dataset);
    if (!st)
        st = rf_dataset_sample_shape(dataset, 0, &sample);
    if (!st)
        st = load_all(ctx, dataset, &sample, &loader, &batch);
    if (!st && !batch.labels)
        st = rf_fail(ctx, RF_EDATA, "'%s' has no labels", args[0]);
    if (!st)
        st = save(ctx, &batch, &sample, args[1], args[2]);
    rf_loader_free(loader);
    rf_dataset_free(dataset);
    return st;
}

int main(int argc, const char **argv)
{
    rf_context *ctx = NULL;
    if (argc < 4 || rf_context_new(NULL, &ctx))
        return 2;
    const rf_status st = dump(ctx, argv + 1, argc > 4 ? argv[4] : NULL);
    if (st)
        fprintf(stderr, "dump_inputs: %s\n", rf_context_message(ctx));
    rf_context_free(ctx);
    return rf_status_exit_code(st);
}
