/* The public way in and out: model files of any format that refold reads. */
#include "formats/model_file.h"

#include "base/file.h"
#include "base/status.h"
#include "formats/keras.h"
#include "formats/onnx.h"
#include "formats/tensorflow.h"

/* The first format that knows the file takes it; ONNX takes the rest and says what it has found. */
static const rf_model_format formats[] = {
    { "Keras", rf_keras_is_file, rf_keras_read },
    { "TensorFlow", rf_tensorflow_is_mine, rf_tensorflow_read },
    { "ONNX", NULL, NULL },
};

rf_status rf_with_file_name(rf_context *ctx, rf_status status, const char *name)
{
    if (status == RF_ENOMEM || status == RF_EINTERNAL)
        return status;
    char *message = rf_strdup(ctx, rf_context_message(ctx));
    if (!message)
        return RF_ENOMEM;
    const rf_status st = rf_fail(ctx, status, "'%s': %s", name, message);
    rf_free(ctx, message);
    return st;
}

static rf_status read_onnx(rf_context *ctx, const char *path, const rf_import_options *options,
                           rf_graph **out)
{
    if (options && (options->weights || options->signature || options->inputs || options->outputs ||
                    options->input_shapes))
        return rf_fail(
            ctx, RF_EARG,
            "'%s' is no Keras or TensorFlow model: it has no use for weights, signature, "
            "inputs, outputs or input shapes",
            path);
    return rf_onnx_read(ctx, path, out);
}

static const rf_model_format *format_of(const char *path)
{
    for (const rf_model_format *f = formats; f->is_mine; f++)
        if (f->is_mine(path))
            return f;
    return NULL;
}

rf_status rf_graph_import(rf_context *ctx, const char *path, const rf_import_options *options,
                          rf_graph **out)
{
    const rf_model_format *format = format_of(path);
    return format ? format->read(ctx, path, options, out) : read_onnx(ctx, path, options, out);
}

rf_status rf_graph_load(rf_context *ctx, const char *path, rf_graph **out)
{
    return rf_graph_import(ctx, path, NULL, out);
}

rf_status rf_graph_save(const rf_graph *graph, const char *path, bool force)
{
    return rf_onnx_write(graph, path, force);
}
