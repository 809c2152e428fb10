/* Checks the bytes of a protobuf message against its schema before anything is built from them. */
#include <string.h>

#include "base/status.h"
#include "formats/proto.h"

enum { DEEPEST = 64, LONGEST_NAME = 65536, VARINT_BYTES = 10 };

enum wire { WIRE_VARINT = 0, WIRE_64BIT = 1, WIRE_LENGTH = 2, WIRE_32BIT = 5 };

/* One message: bytes [at, end) of a file that begins at start. */
typedef struct cursor {
    rf_context *ctx;
    const char *kind; /* "ONNX model" */
    const uint8_t *start, *at, *end;
    const ProtobufCMessageDescriptor *schema;
    int depth;
} cursor;

static size_t byte_of(const cursor *c, const uint8_t *at)
{
    return (size_t)(at - c->start);
}

static rf_status read_varint(cursor *c, uint64_t *out)
{
    const uint8_t *begin = c->at;
    uint64_t value = 0;
    for (int i = 0; i < VARINT_BYTES; i++) {
        if (c->at == c->end)
            return rf_fail(c->ctx, RF_EMODEL,
                           "byte %zu: a number of a %s ends too early; the file is truncated or "
                           "damaged, or no %s",
                           byte_of(c, begin), c->schema->short_name, c->kind);
        const uint8_t byte = *c->at++;
        value |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (!(byte & 0x80)) {
            *out = value;
            return RF_OK;
        }
    }
    return rf_fail(c->ctx, RF_EMODEL,
                   "byte %zu: a number of a %s is longer than %d bytes; the file is damaged or no "
                   "%s",
                   byte_of(c, begin), c->schema->short_name, VARINT_BYTES, c->kind);
}

/* How many bytes a UTF-8 sequence takes by its first byte; 0: none begins so. */
static size_t sequence_bytes(uint8_t lead)
{
    if (lead < 0x80)
        return 1;
    if (lead >= 0xc2 && lead < 0xe0)
        return 2;
    if (lead >= 0xe0 && lead < 0xf0)
        return 3;
    return lead >= 0xf0 && lead < 0xf5 ? 4 : 0;
}

/* Overlong forms, surrogates and what lies beyond U+10FFFF show in the second byte. */
static bool second_byte_fits(const uint8_t *s)
{
    return !(s[0] == 0xe0 && s[1] < 0xa0) && !(s[0] == 0xed && s[1] > 0x9f) &&
           !(s[0] == 0xf0 && s[1] < 0x90) && !(s[0] == 0xf4 && s[1] > 0x8f);
}

static bool is_utf8(const uint8_t *s, size_t size)
{
    for (size_t i = 0; i < size;) {
        const size_t n = s[i] ? sequence_bytes(s[i]) : 0;
        if (!n || n > size - i || (n > 2 && !second_byte_fits(s + i)))
            return false;
        for (size_t k = 1; k < n; k++)
            if ((s[i + k] & 0xc0) != 0x80)
                return false;
        i += n;
    }
    return true;
}

/* Documentation may hold anything that its tool wrote; metadata values may be long. */
static rf_status check_string(const cursor *c, const ProtobufCFieldDescriptor *field, size_t size)
{
    const bool is_documentation = strcmp(field->name, "doc_string") == 0;
    if (!is_documentation && !is_utf8(c->at, size))
        return rf_fail(c->ctx, RF_EMODEL, "byte %zu: %s of a %s is not UTF-8 text",
                       byte_of(c, c->at), field->name, c->schema->short_name);
    if (size > LONGEST_NAME && !is_documentation && strcmp(field->name, "value") != 0)
        return rf_fail(c->ctx, RF_EMODEL, "byte %zu: %s of a %s has %zu bytes; expected at most %d",
                       byte_of(c, c->at), field->name, c->schema->short_name, size, LONGEST_NAME);
    return RF_OK;
}

static int wire_of(ProtobufCType type)
{
    switch (type) {
    case PROTOBUF_C_TYPE_FLOAT:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_SFIXED32:
        return WIRE_32BIT;
    case PROTOBUF_C_TYPE_DOUBLE:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_SFIXED64:
        return WIRE_64BIT;
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_BYTES:
    case PROTOBUF_C_TYPE_MESSAGE:
        return WIRE_LENGTH;
    default:
        return WIRE_VARINT;
    }
}

static rf_status check_packed(const cursor *c, const ProtobufCFieldDescriptor *field, size_t size)
{
    const int wire = wire_of(field->type);
    const size_t element = wire == WIRE_32BIT ? 4 : 8;
    if (wire != WIRE_VARINT) {
        if (size % element)
            return rf_fail(c->ctx, RF_EMODEL,
                           "byte %zu: %s of a %s has %zu bytes; expected a multiple of %zu",
                           byte_of(c, c->at), field->name, c->schema->short_name, size, element);
        return RF_OK;
    }
    cursor numbers = *c;
    numbers.end = c->at + size;
    while (numbers.at < numbers.end) {
        uint64_t ignored;
        RF_TRY(read_varint(&numbers, &ignored));
    }
    return RF_OK;
}

static rf_status scan_fields(cursor *c);

static rf_status scan_submessage(const cursor *c, const ProtobufCFieldDescriptor *field,
                                 size_t size)
{
    cursor inner = *c;
    inner.end = c->at + size;
    inner.schema = field->descriptor;
    inner.depth++;
    if (inner.depth > DEEPEST)
        return rf_fail(c->ctx, RF_EMODEL, "byte %zu: messages are nested deeper than %d",
                       byte_of(c, c->at), DEEPEST);
    return scan_fields(&inner);
}

static rf_status scan_length_field(cursor *c, const ProtobufCFieldDescriptor *field)
{
    const uint8_t *begin = c->at;
    uint64_t size = 0;
    RF_TRY(read_varint(c, &size));
    if (size > (uint64_t)(c->end - c->at))
        return rf_fail(c->ctx, RF_EMODEL,
                       "byte %zu: %s of a %s claims %llu bytes, %zu are left; the file is "
                       "truncated or damaged, or no %s",
                       byte_of(c, begin), field ? field->name : "a field", c->schema->short_name,
                       (unsigned long long)size, (size_t)(c->end - c->at), c->kind);
    if (field && field->type == PROTOBUF_C_TYPE_MESSAGE)
        RF_TRY(scan_submessage(c, field, (size_t)size));
    else if (field && field->type == PROTOBUF_C_TYPE_STRING)
        RF_TRY(check_string(c, field, (size_t)size));
    else if (field && field->type != PROTOBUF_C_TYPE_BYTES)
        RF_TRY(check_packed(c, field, (size_t)size));
    c->at += size;
    return RF_OK;
}

static rf_status skip_fixed(cursor *c, size_t size)
{
    if (size > (size_t)(c->end - c->at))
        return rf_fail(
            c->ctx, RF_EMODEL,
            "byte %zu: a number of a %s ends too early; the file is truncated or damaged",
            byte_of(c, c->at), c->schema->short_name);
    c->at += size;
    return RF_OK;
}

/* protobuf-c would merge a message that is there twice; no writer does that, so it is refused. */
static rf_status check_field(const cursor *c, const uint8_t *begin, uint32_t wire,
                             const ProtobufCFieldDescriptor *field, uint64_t *seen)
{
    if (!field)
        return RF_OK;
    const bool repeated = field->label == PROTOBUF_C_LABEL_REPEATED;
    const bool packed = repeated && wire == WIRE_LENGTH;
    if ((int)wire != wire_of(field->type) && !packed)
        return rf_fail(c->ctx, RF_EMODEL,
                       "byte %zu: %s of a %s has wire type %u, expected %d; the file is damaged or "
                       "no %s",
                       byte_of(c, begin), field->name, c->schema->short_name, wire,
                       wire_of(field->type), c->kind);
    if (repeated || field->type != PROTOBUF_C_TYPE_MESSAGE || field->id > 63)
        return RF_OK;
    if (*seen & (UINT64_C(1) << field->id))
        return rf_fail(c->ctx, RF_EMODEL, "byte %zu: %s of a %s is there twice", byte_of(c, begin),
                       field->name, c->schema->short_name);
    *seen |= UINT64_C(1) << field->id;
    return RF_OK;
}

static rf_status scan_field(cursor *c, uint64_t *seen)
{
    const uint8_t *begin = c->at;
    uint64_t tag = 0, ignored;
    RF_TRY(read_varint(c, &tag));
    const uint32_t wire = (uint32_t)(tag & 7);
    const uint64_t id = tag >> 3;
    if (id == 0 || id > 0x1fffffff)
        return rf_fail(c->ctx, RF_EMODEL,
                       "byte %zu: a %s has no field %llu; the file is damaged or no %s",
                       byte_of(c, begin), c->schema->short_name, (unsigned long long)id, c->kind);
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field(c->schema, (unsigned)id);
    RF_TRY(check_field(c, begin, wire, field, seen));
    switch (wire) {
    case WIRE_VARINT:
        return read_varint(c, &ignored);
    case WIRE_64BIT:
        return skip_fixed(c, 8);
    case WIRE_LENGTH:
        return scan_length_field(c, field);
    case WIRE_32BIT:
        return skip_fixed(c, 4);
    default:
        return rf_fail(c->ctx, RF_EMODEL,
                       "byte %zu: a field of a %s has wire type %u; the file is damaged or no %s",
                       byte_of(c, begin), c->schema->short_name, wire, c->kind);
    }
}

static rf_status scan_fields(cursor *c)
{
    uint64_t seen = 0;
    while (c->at < c->end)
        RF_TRY(scan_field(c, &seen));
    return RF_OK;
}

rf_status rf_proto_scan(rf_context *ctx, const ProtobufCMessageDescriptor *schema, const char *kind,
                        const uint8_t *bytes, size_t size)
{
    cursor c = {
        .ctx = ctx,
        .kind = kind,
        .start = bytes,
        .at = bytes,
        .end = bytes + size,
        .schema = schema,
    };
    return scan_fields(&c);
}
