/* Arrays of HDF5 files as float tensors. */
#include "formats/hdf5_parts.h"

enum { COMPACT = 0, CONTIGUOUS = 1, CHUNKED = 2 };

static bool is_number(const rf_h5_type *type)
{
    return (type->kind == RF_H5_INTEGER || type->kind == RF_H5_FLOAT) && !type->big_endian;
}

/* What the header says of an array; the messages live as long as the plan. NULL, or what is wrong. */
static const char *make_plan(const rf_h5_messages *messages, rf_h5_array_plan *plan)
{
    const rf_h5_message *space = rf_h5_message_of(messages, RF_H5_DATASPACE);
    const rf_h5_message *type = rf_h5_message_of(messages, RF_H5_DATATYPE);
    plan->layout = rf_h5_message_of(messages, RF_H5_LAYOUT);
    plan->filters = rf_h5_message_of(messages, RF_H5_FILTERS);
    if (!space || !type || !plan->layout || space->shared || type->shared)
        return "is not an array, or of a type that is shared in the file";
    if (!rf_h5_parse_space(space->bytes, space->size, &plan->shape))
        return "is damaged: it has no usable shape";
    if (!rf_h5_parse_type(type->bytes, type->size, &plan->type) || !is_number(&plan->type))
        return "does not hold little-endian numbers";
    if (plan->layout->size < 2)
        return "is damaged: it does not say where its numbers are";
    return NULL;
}

/* Where the numbers of an array that is not chunked lie; NULL: not in the file. */
static const uint8_t *find_bytes(const rf_h5 *h5, const rf_h5_message *layout, size_t bytes)
{
    const int version = layout->bytes[0], kind = layout->bytes[1];
    if (version < 3 || version > 4)
        return NULL;
    if (kind == COMPACT && layout->size >= 4 && layout->size - 4 >= bytes &&
        rf_h5_u(layout->bytes + 2, 2) >= bytes)
        return layout->bytes + 4;
    if (kind == CONTIGUOUS && layout->size >= 18 && rf_h5_u(layout->bytes + 10, 8) >= bytes)
        return rf_h5_at(h5, rf_h5_u(layout->bytes + 2, 8), bytes);
    return NULL;
}

static rf_status read_chunked(rf_h5 *h5, const rf_h5_array_plan *plan, rf_tensor *t)
{
    uint8_t *bytes = rf_calloc(h5->ctx, (size_t)t->count, plan->type.size);
    rf_status st = bytes ? rf_h5_read_chunks(h5, plan, bytes) : RF_ENOMEM;
    if (!st)
        rf_h5_to_float(&plan->type, bytes, t->count, rf_tensor_f32(t));
    rf_free(h5->ctx, bytes);
    return st;
}

static rf_status fill(rf_h5 *h5, const rf_h5_array_plan *plan, rf_tensor *t)
{
    if (plan->layout->bytes[1] == CHUNKED)
        return read_chunked(h5, plan, t);
    const uint8_t *src = find_bytes(h5, plan->layout, (size_t)t->count * plan->type.size);
    if (!src)
        return rf_h5_fail(h5, plan->path, "is damaged: its numbers are not in the file");
    rf_h5_to_float(&plan->type, src, t->count, rf_tensor_f32(t));
    return RF_OK;
}

static rf_status read_planned(rf_h5 *h5, const rf_h5_array_plan *plan, rf_tensor **out)
{
    rf_tensor *t = NULL;
    int64_t count;
    if (rf_shape_count(h5->ctx, &plan->shape, &count) || count > h5->expanded / 8)
        return rf_h5_fail(h5, plan->path, "claims more numbers than the file can hold");
    h5->expanded -= 8 * count;
    RF_TRY(rf_tensor_new_shape(h5->ctx, RF_DTYPE_F32, &plan->shape, &t));
    const rf_status st = count ? fill(h5, plan, t) : RF_OK;
    if (st)
        rf_tensor_free(t);
    else
        *out = t;
    return st;
}

/* One of the results may be NULL. */
static rf_status read_array(rf_h5 *h5, const char *path, rf_shape *shape, rf_tensor **out)
{
    const rf_h5_object *o = rf_h5_find(h5, path);
    rf_h5_messages messages = { 0 };
    rf_h5_array_plan plan = { .path = path };
    if (!o || o->kind != RF_H5_ARRAY)
        return rf_h5_fail(h5, path, "is not there, or not an array");
    rf_status st = rf_h5_header(h5, path, o->header, &messages);
    const char *reason = st ? NULL : make_plan(&messages, &plan);
    if (reason)
        st = rf_h5_fail(h5, path, reason);
    if (!st && out)
        st = read_planned(h5, &plan, out);
    if (!st && shape)
        *shape = plan.shape;
    RF_VEC_RELEASE(h5->ctx, &messages);
    return st;
}

rf_status rf_h5_array_shape(rf_h5 *h5, const char *path, rf_shape *out)
{
    return read_array(h5, path, out, NULL);
}

rf_status rf_h5_array(rf_h5 *h5, const char *path, rf_tensor **out)
{
    return read_array(h5, path, NULL, out);
}
