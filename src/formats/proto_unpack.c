/* Unpacking a protobuf message in memory that is bounded by its size. */
#include "base/status.h"
#include "formats/proto.h"

/* A message of two bytes becomes a structure of a hundred. Real models stay below ten times their file. */
enum { MEMORY_PER_BYTE = 24 };
static const size_t memory_at_least = (size_t)16 << 20;

static void *take_memory(void *user, size_t bytes)
{
    rf_proto *proto = user;
    if (bytes > proto->budget) {
        proto->over_budget = true;
        return NULL;
    }
    proto->budget -= bytes;
    void *memory = rf_alloc(proto->ctx, bytes);
    if (!memory)
        proto->out_of_memory = true;
    return memory;
}

static void give_memory(void *user, void *memory)
{
    rf_proto *proto = user;
    rf_free(proto->ctx, memory);
}

static rf_status fail_unpack(const rf_proto *proto, size_t size)
{
    if (proto->over_budget)
        return rf_fail(proto->ctx, RF_EMODEL,
                       "a file of %zu bytes unfolds to more than %d times its size; no real model "
                       "does",
                       size, (int)MEMORY_PER_BYTE);
    if (proto->out_of_memory)
        return RF_ENOMEM;
    return rf_fail(proto->ctx, RF_EMODEL,
                   "the protobuf message cannot be unpacked; the file is damaged");
}

rf_status rf_proto_unpack(rf_proto *proto, rf_context *ctx,
                          const ProtobufCMessageDescriptor *schema, const uint8_t *bytes,
                          size_t size)
{
    *proto = (rf_proto){ .ctx = ctx, .budget = size * MEMORY_PER_BYTE + memory_at_least };
    proto->allocator = (ProtobufCAllocator){ take_memory, give_memory, proto };
    proto->message = protobuf_c_message_unpack(schema, &proto->allocator, size, bytes);
    return proto->message ? RF_OK : fail_unpack(proto, size);
}

void rf_proto_release(rf_proto *proto)
{
    if (proto->message)
        protobuf_c_message_free_unpacked(proto->message, &proto->allocator);
    proto->message = NULL;
}
