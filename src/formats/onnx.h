/* ONNX files <-> graph. Source: onnx.proto, operator and IR specification; limits in docs/FILE_FORMAT.md. */
#ifndef RF_FORMATS_ONNX_H
#define RF_FORMATS_ONNX_H

#include "graph/graph.h"

/* `folder`: where external data may lie; NULL: external data is refused. `name` appears in messages. */
rf_status rf_onnx_decode(rf_context *ctx, const void *bytes, size_t size, const char *folder,
                         const char *name, rf_graph **out);
rf_status rf_onnx_read(rf_context *ctx, const char *path, rf_graph **out);
/* The whole model as one protobuf message; nodes of domain "refold" must have been stripped. Freed with rf_free. */
rf_status rf_onnx_encode(const rf_graph *g, void **bytes_out, size_t *size_out);
rf_status rf_onnx_write(const rf_graph *g, const char *path, bool force);

#endif
