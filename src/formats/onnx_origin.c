/* The unpacked ModelProto that graphs of one file share. */
#include "base/status.h"
#include "formats/onnx_parts.h"

struct rf_onnx_origin {
    rf_context *ctx;
    int count;
    rf_proto proto;
};

rf_status rf_onnx_origin_unpack(rf_context *ctx, const uint8_t *bytes, size_t size,
                                rf_onnx_origin **out)
{
    rf_onnx_origin *origin = rf_calloc(ctx, 1, sizeof *origin);
    if (!origin)
        return RF_ENOMEM;
    origin->ctx = ctx;
    origin->count = 1;
    const rf_status st =
        rf_proto_unpack(&origin->proto, ctx, &onnx__model_proto__descriptor, bytes, size);
    if (st) {
        rf_free(ctx, origin);
        return st;
    }
    *out = origin;
    return RF_OK;
}

void rf_onnx_origin_retain(void *object)
{
    rf_onnx_origin *origin = object;
    origin->count++;
}

void rf_onnx_origin_release(void *object)
{
    rf_onnx_origin *origin = object;
    if (!origin || --origin->count > 0)
        return;
    rf_proto_release(&origin->proto);
    rf_free(origin->ctx, origin);
}

Onnx__ModelProto *rf_onnx_origin_model(const rf_onnx_origin *origin)
{
    return (Onnx__ModelProto *)origin->proto.message;
}

void rf_onnx_origin_drop_raw(rf_onnx_origin *origin, Onnx__TensorProto *tensor)
{
    rf_free(origin->ctx, tensor->raw_data.data);
    tensor->raw_data = (ProtobufCBinaryData){ 0 };
}
