/* The public way in and out: model files of any format that refold reads. So far that is ONNX. */
#include "formats/onnx.h"

rf_status rf_graph_load(rf_context *ctx, const char *path, rf_graph **out)
{
    return rf_onnx_read(ctx, path, out);
}

rf_status rf_graph_save(const rf_graph *graph, const char *path, bool force)
{
    return rf_onnx_write(graph, path, force);
}
