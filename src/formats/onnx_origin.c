/* The unpacked ModelProto that graphs of one file share, and the memory that unpacking may take. */
#include "base/status.h"
#include "formats/onnx_parts.h"

/* A message of two bytes becomes a structure of a hundred. Real models stay below ten times their file. */
enum { MEMORY_PER_BYTE = 24 };
static const size_t memory_at_least = (size_t)16 << 20;

struct rf_onnx_origin {
    rf_context *ctx;
    int count;
    size_t budget; /* bytes that unpacking may still take */
    bool over_budget, out_of_memory;
    ProtobufCAllocator allocator;
    Onnx__ModelProto *model;
};

static void *take_memory(void *user, size_t bytes)
{
    rf_onnx_origin *origin = user;
    if (bytes > origin->budget) {
        origin->over_budget = true;
        return NULL;
    }
    origin->budget -= bytes;
    void *memory = rf_alloc(origin->ctx, bytes);
    if (!memory)
        origin->out_of_memory = true;
    return memory;
}

static void give_memory(void *user, void *memory)
{
    rf_onnx_origin *origin = user;
    rf_free(origin->ctx, memory);
}

static rf_status fail_unpack(const rf_onnx_origin *origin, size_t size)
{
    if (origin->over_budget)
        return rf_fail(origin->ctx, RF_EMODEL,
                       "a file of %zu bytes unfolds to more than %d times its size; no real model "
                       "does",
                       size, (int)MEMORY_PER_BYTE);
    if (origin->out_of_memory)
        return RF_ENOMEM;
    return rf_fail(origin->ctx, RF_EMODEL,
                   "the protobuf message cannot be unpacked; the file is damaged");
}

rf_status rf_onnx_origin_unpack(rf_context *ctx, const uint8_t *bytes, size_t size,
                                rf_onnx_origin **out)
{
    rf_onnx_origin *origin = rf_calloc(ctx, 1, sizeof *origin);
    if (!origin)
        return RF_ENOMEM;
    origin->ctx = ctx;
    origin->count = 1;
    origin->budget = size * MEMORY_PER_BYTE + memory_at_least;
    origin->allocator = (ProtobufCAllocator){ take_memory, give_memory, origin };
    origin->model = onnx__model_proto__unpack(&origin->allocator, size, bytes);
    if (!origin->model) {
        const rf_status st = fail_unpack(origin, size);
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
    onnx__model_proto__free_unpacked(origin->model, &origin->allocator);
    rf_free(origin->ctx, origin);
}

Onnx__ModelProto *rf_onnx_origin_model(const rf_onnx_origin *origin)
{
    return origin->model;
}

void rf_onnx_origin_drop_raw(rf_onnx_origin *origin, Onnx__TensorProto *tensor)
{
    rf_free(origin->ctx, tensor->raw_data.data);
    tensor->raw_data = (ProtobufCBinaryData){ 0 };
}
