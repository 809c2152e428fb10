/* Protobuf messages out of files that nobody trusts: checked against their schema, and unpacked in bounded memory. */
#ifndef RF_FORMATS_PROTO_H
#define RF_FORMATS_PROTO_H

#include <protobuf-c/protobuf-c.h>

#include "base/context.h"

/* Wire format, lengths, nesting, UTF-8: after this, unpacking fails only for lack of memory. Names the byte. `kind` is what
 * the file should be: "ONNX model". */
rf_status rf_proto_scan(rf_context *ctx, const ProtobufCMessageDescriptor *schema, const char *kind,
                        const uint8_t *bytes, size_t size);

/* An unpacked message and the memory that unpacking may still take. Stays where it is: the allocator points to it. */
typedef struct rf_proto {
    rf_context *ctx;
    size_t budget; /* bytes */
    bool over_budget, out_of_memory;
    ProtobufCAllocator allocator;
    ProtobufCMessage *message;
} rf_proto;

/* Bytes that were scanned. */
rf_status rf_proto_unpack(rf_proto *proto, rf_context *ctx,
                          const ProtobufCMessageDescriptor *schema, const uint8_t *bytes,
                          size_t size);
void rf_proto_release(rf_proto *proto); /* accepts a zeroed one */

#endif
