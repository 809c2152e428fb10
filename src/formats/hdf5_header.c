/* Object headers of HDF5, versions 1 and 2: a list of messages in one or more chunks. */
#include "formats/hdf5_parts.h"

enum { CHUNK_LIMIT = 4096 };

typedef struct chunk {
    const uint8_t *bytes;
    size_t size;
} chunk;

/* How the messages of one header are laid out. */
typedef struct header_form {
    bool v1;
    bool ordered; /* version 2: messages carry their order of creation */
} header_form;

typedef struct header_reader {
    rf_h5 *h5;
    const char *path;
    header_form form;
    rf_h5_messages *out;
    int chunks;
} header_reader;

static rf_status fail_header(const header_reader *r)
{
    return rf_h5_fail(r->h5, r->path, "is damaged: its header cannot be read");
}

static size_t prefix_size(const header_form *form)
{
    return form->v1 ? 8 : form->ordered ? 6 : 4;
}

/* The message at the beginning of `c`; false where it does not fit. */
static bool parse_message(const header_form *form, const chunk *c, rf_h5_message *out)
{
    const size_t prefix = prefix_size(form);
    if (c->size < prefix)
        return false;
    const uint8_t *p = c->bytes;
    out->type = (int)rf_h5_u(p, form->v1 ? 2 : 1);
    out->size = (size_t)rf_h5_u(p + (form->v1 ? 2 : 1), 2);
    out->shared = p[form->v1 ? 4 : 3] & 2;
    out->bytes = p + prefix;
    return out->size <= c->size - prefix;
}

static rf_status read_chunk(header_reader *r, chunk c);

static rf_status follow(header_reader *r, const rf_h5_message *m)
{
    if (m->size < 16 || ++r->chunks > CHUNK_LIMIT)
        return fail_header(r);
    const uint64_t address = rf_h5_u(m->bytes, 8), length = rf_h5_u(m->bytes + 8, 8);
    chunk c = { rf_h5_at(r->h5, address, length), (size_t)length };
    if (!c.bytes || !rf_h5_work(r->h5, (int64_t)length))
        return fail_header(r);
    if (!r->form.v1) {
        if (c.size < 8 || memcmp(c.bytes, "OCHK", 4) != 0)
            return fail_header(r);
        c.bytes += 4;
        c.size -= 8; /* with the checksum behind it */
    }
    return read_chunk(r, c);
}

/* Continuations are read when all of a chunk's own messages are; their number is bounded, so is the recursion. */
static rf_status read_chunk(header_reader *r, chunk c)
{
    const rf_h5_messages *out = r->out;
    const size_t first = out->count;
    for (rf_h5_message m; c.size >= prefix_size(&r->form);) {
        if (!parse_message(&r->form, &c, &m))
            return fail_header(r);
        const size_t used = (size_t)(m.bytes - c.bytes) + m.size;
        if (RF_VEC_PUSH(r->h5->ctx, r->out, m))
            return RF_ENOMEM;
        c.bytes += used;
        c.size -= used;
    }
    const size_t end = out->count;
    for (size_t i = first; i < end; i++)
        if (out->items[i].type == RF_H5_CONTINUATION) {
            const rf_h5_message m = out->items[i];
            RF_TRY(follow(r, &m));
        }
    return RF_OK;
}

/* Version 2: signature, version, flags, times, limits of attributes, size of the first chunk. */
static bool first_chunk_v2(const rf_h5 *h5, uint64_t address, header_form *form, chunk *out)
{
    const uint8_t *p = rf_h5_at(h5, address, 6);
    if (!p || p[4] != 2)
        return false;
    const int flags = p[5], width = 1 << (flags & 3);
    const uint64_t skip = 6 + (flags & 0x20 ? 16U : 0U) + (flags & 0x10 ? 4U : 0U);
    const uint8_t *size = rf_h5_at(h5, address + skip, (uint64_t)width);
    if (!size)
        return false;
    const uint64_t length = rf_h5_u(size, width);
    form->ordered = flags & 4;
    out->bytes = rf_h5_at(h5, address + skip + (uint64_t)width, length);
    out->size = (size_t)length;
    return out->bytes != NULL;
}

static bool first_chunk(const rf_h5 *h5, uint64_t address, header_form *form, chunk *out)
{
    const uint8_t *p = rf_h5_at(h5, address, 16);
    if (!p)
        return false;
    if (memcmp(p, "OHDR", 4) == 0)
        return first_chunk_v2(h5, address, form, out);
    form->v1 = true;
    out->size = (size_t)rf_h5_u(p + 8, 4);
    out->bytes = rf_h5_at(h5, address + 16, out->size);
    return p[0] == 1 && out->bytes;
}

rf_status rf_h5_header(rf_h5 *h5, const char *path, uint64_t address, rf_h5_messages *out)
{
    header_reader r = { .h5 = h5, .path = path, .out = out };
    chunk c;
    if (!first_chunk(h5, address, &r.form, &c) || !rf_h5_work(h5, (int64_t)c.size + 64))
        return fail_header(&r);
    return read_chunk(&r, c);
}

const rf_h5_message *rf_h5_message_of(const rf_h5_messages *messages, int type)
{
    for (size_t i = 0; i < messages->count; i++)
        if (messages->items[i].type == type)
            return &messages->items[i];
    return NULL;
}
