/* Reading encodings files of AIMET: dictionaries of lists (0.4.0 to 0.6.1) and lists of entries (1.0.0). */
#include "sim/encodings_file.h"

#include <jansson.h>
#include <math.h>
#include <string.h>
#include <strings.h>

#include "base/file.h"
#include "base/status.h"

#define LEAST_BITS 2
#define MOST_BITS 16
#define FLOAT_BITS 32 /* AIMET's way to say that a quantizer passes through */

typedef struct reader {
    rf_context *ctx;
    const char *path;
    rf_encodings_file *file;
    rf_encodings_entry entry; /* being read */
    int64_t channel;
} reader;

static rf_status fail_file(const reader *r, const char *key, const char *expected)
{
    return rf_fail(r->ctx, RF_EMODEL, "encodings '%s': %s: expected %s", r->path, key, expected);
}

static rf_status fail_entry(const reader *r, const char *key, const char *expected)
{
    return rf_fail(r->ctx, RF_EMODEL, "encodings '%s': tensor '%s', entry %lld: %s: expected %s",
                   r->path, r->entry.tensor, (long long)r->channel, key, expected);
}

/* -------------------------------------------------------------------------------- numbers --- */

static rf_status read_real(const reader *r, const json_t *value, const char *key, double *out)
{
    *out = json_number_value(value);
    if (!json_is_number(value) || !isfinite((float)*out))
        return fail_entry(r, key, "a number within float32");
    return RF_OK;
}

static rf_status read_scale(const reader *r, const json_t *value, double *out)
{
    RF_TRY(read_real(r, value, "scale", out));
    return *out > 0.0 ? RF_OK : fail_entry(r, "scale", "a number above 0");
}

/* Offsets lie where code 0..N can mean a range that holds zero: -N to 0. */
static rf_status read_offset(const reader *r, const json_t *value, int64_t *out)
{
    const json_int_t most = ((json_int_t)1 << r->entry.bitwidth) - 1;
    const double number = json_number_value(value);
    if (!json_is_number(value) || number != floor(number) || number < -(double)(most + 1) ||
        number > 0.0)
        return fail_entry(r, "offset", "a whole number from -2^bitwidth to 0");
    *out = (int64_t)number;
    return RF_OK;
}

static bool is_true_or_false(const json_t *value)
{
    const char *text = json_string_value(value);
    return json_is_boolean(value) ||
           (text && (strcmp(text, "True") == 0 || strcmp(text, "False") == 0));
}

static rf_status read_bool(const reader *r, const json_t *value, const char *key, bool *out)
{
    const char *text = json_string_value(value);
    if (!is_true_or_false(value))
        return fail_entry(r, key, "\"True\" or \"False\"");
    *out = json_is_true(value) || (text && strcmp(text, "True") == 0);
    return RF_OK;
}

static rf_status read_bits(reader *r, const json_t *value, const char *key)
{
    const json_int_t bits = json_integer_value(value);
    if (!json_is_integer(value) || bits < LEAST_BITS || (bits > MOST_BITS && bits != FLOAT_BITS))
        return fail_entry(r, key, "an integer from 2 to 16, or 32");
    r->entry.bitwidth = (int)bits;
    r->entry.is_float = r->entry.is_float || bits == FLOAT_BITS;
    return RF_OK;
}

/* "int", "INT", "float", "FLOAT"; files before 0.5.0 know integers only. */
static rf_status read_dtype(reader *r, const json_t *value)
{
    const char *text = json_string_value(value);
    if (value && !(text && (strcasecmp(text, "int") == 0 || strcasecmp(text, "float") == 0)))
        return fail_entry(r, "dtype", "int or float");
    r->entry.is_float = text && strcasecmp(text, "float") == 0;
    return RF_OK;
}

/* -------------------------------------------------------------------------------- ranges --- */

/* Codes above offset 0 of a signed symmetric range; all codes of another one. */
static double steps_of(const rf_encodings_entry *entry, const rf_encoding *e)
{
    const double codes = (double)((int64_t)1 << entry->bitwidth);
    return entry->symmetric && e->offset < 0 ? codes / 2.0 - 1.0 : codes - 1.0;
}

/* Unsnapped ends lie up to a step beside the grid, and min of a symmetric range may have drifted away from -max. */
static rf_status check_ends(const reader *r, const rf_encoding *e)
{
    if (!(e->min <= 0.0 && e->max >= 0.0 && e->max > e->min))
        return fail_entry(r, "min and max", "min <= 0 <= max, and min < max");
    if (!r->entry.has_grid)
        return RF_OK;
    const double width = r->entry.symmetric && e->offset < 0 ? e->max : e->max - e->min;
    const double steps = steps_of(&r->entry, e);
    if (width < (steps - 1.0) * e->scale * 0.99 || width > (steps + 1.0) * e->scale * 1.01)
        return fail_entry(r, "scale", "the range's width over its number of steps");
    return RF_OK;
}

/* What is missing follows from what is there. */
static void complete(const rf_encodings_entry *entry, rf_encoding *e)
{
    const rf_qspec spec = { .bitwidth = entry->bitwidth, .symmetric = entry->symmetric };
    if (!entry->has_grid) {
        const rf_encoding computed = rf_encoding_of_range(&spec, e->min, e->max);
        e->scale = computed.scale;
        e->offset = computed.offset;
    }
    if (!entry->has_ends) {
        const bool is_signed = entry->symmetric && e->offset < 0;
        e->min = e->scale * (double)e->offset;
        e->max = e->scale * (steps_of(entry, e) + (is_signed ? 0.0 : (double)e->offset));
    }
}

/* ---------------------------------------------------------------- dictionaries, 0.4.0 on --- */

static rf_status read_channel(reader *r, const json_t *object, rf_encoding *out)
{
    const json_t *min = json_object_get(object, "min"), *max = json_object_get(object, "max");
    const json_t *scale = json_object_get(object, "scale"),
                 *offset = json_object_get(object, "offset");
    r->entry.has_ends = min || max;
    r->entry.has_grid = scale || offset;
    if (r->entry.has_ends) {
        RF_TRY(read_real(r, min, "min", &out->min));
        RF_TRY(read_real(r, max, "max", &out->max));
    }
    if (r->entry.has_grid) {
        RF_TRY(read_scale(r, scale, &out->scale));
        RF_TRY(read_offset(r, offset, &out->offset));
    }
    if (!r->entry.has_ends && !r->entry.has_grid)
        return fail_entry(r, "min, max, scale, offset", "two or all of them");
    if (r->entry.has_ends)
        RF_TRY(check_ends(r, out));
    complete(&r->entry, out);
    return RF_OK;
}

/* Bit width, dtype and symmetry: the same in all channels. */
static rf_status read_kind(reader *r, const json_t *object)
{
    const rf_encodings_entry before = r->entry;
    if (!json_is_object(object))
        return fail_entry(r, "entry", "an object");
    RF_TRY(read_dtype(r, json_object_get(object, "dtype")));
    RF_TRY(read_bits(r, json_object_get(object, "bitwidth"), "bitwidth"));
    if (!r->entry.is_float)
        RF_TRY(read_bool(r, json_object_get(object, "is_symmetric"), "is_symmetric",
                         &r->entry.symmetric));
    if (r->channel > 0 &&
        (before.bitwidth != r->entry.bitwidth || before.symmetric != r->entry.symmetric ||
         before.is_float != r->entry.is_float))
        return fail_entry(r, "bitwidth, dtype, is_symmetric", "the same in every channel");
    return RF_OK;
}

static rf_status read_channels(reader *r, const json_t *list)
{
    const size_t count = json_array_size(list);
    if (count == 0)
        return fail_entry(r, "encodings", "a list of one object a channel, or of one");
    r->entry.count = (int64_t)count;
    r->entry.encodings = rf_arena_array(&r->file->arena, count, sizeof *r->entry.encodings);
    if (!r->entry.encodings)
        return RF_ENOMEM;
    for (size_t c = 0; c < count; c++) {
        const json_t *object = json_array_get(list, c);
        const bool had_ends = r->entry.has_ends, had_grid = r->entry.has_grid;
        r->channel = (int64_t)c;
        RF_TRY(read_kind(r, object));
        if (r->entry.is_float)
            continue;
        RF_TRY(read_channel(r, object, &r->entry.encodings[c]));
        if (c > 0 && (had_ends != r->entry.has_ends || had_grid != r->entry.has_grid))
            return fail_entry(r, "min, max, scale, offset", "the same ones in every channel");
    }
    return RF_OK;
}

static rf_status keep_entry(reader *r)
{
    r->entry.tensor = rf_arena_strdup(&r->file->arena, r->entry.tensor);
    return r->entry.tensor ? RF_VEC_PUSH(r->ctx, &r->file->entries, r->entry) : RF_ENOMEM;
}

static rf_status read_dictionary(reader *r, json_t *section, bool is_param)
{
    const char *tensor;
    json_t *list;
    json_object_foreach(section, tensor, list)
    {
        r->entry = (rf_encodings_entry){ .tensor = tensor, .is_param = is_param };
        r->channel = 0;
        if (json_is_object(list))
            return rf_fail(r->ctx, RF_EMODEL,
                           "encodings '%s': '%s' is a module of AIMET's _torch.encodings file; "
                           "give the .encodings file beside it, whose keys are ONNX tensors",
                           r->path, tensor);
        RF_TRY(read_channels(r, list));
        RF_TRY(keep_entry(r));
    }
    return RF_OK;
}

/* --------------------------------------------------------------------------- lists, 1.0.0 --- */

static rf_status read_grids(reader *r, const json_t *scale, const json_t *offset)
{
    const size_t count = json_array_size(scale);
    if (count == 0 || json_array_size(offset) != count)
        return fail_entry(r, "scale and offset", "two lists of the same length");
    r->entry.count = (int64_t)count;
    r->entry.has_grid = true;
    r->entry.encodings = rf_arena_array(&r->file->arena, count, sizeof *r->entry.encodings);
    if (!r->entry.encodings)
        return RF_ENOMEM;
    for (size_t c = 0; c < count; c++) {
        rf_encoding *e = &r->entry.encodings[c];
        r->channel = (int64_t)c;
        RF_TRY(read_scale(r, json_array_get(scale, c), &e->scale));
        RF_TRY(read_offset(r, json_array_get(offset, c), &e->offset));
        complete(&r->entry, e);
    }
    return RF_OK;
}

static rf_status read_item(reader *r, const json_t *item, bool is_param)
{
    const char *type = json_string_value(json_object_get(item, "enc_type"));
    r->entry = (rf_encodings_entry){ .is_param = is_param };
    r->entry.tensor = json_string_value(json_object_get(item, "name"));
    if (!r->entry.tensor)
        return fail_file(r, "name", "the name of a tensor in every entry");
    RF_TRY(read_dtype(r, json_object_get(item, "dtype")));
    RF_TRY(read_bits(r, json_object_get(item, "bw"), "bw"));
    if (r->entry.is_float)
        return keep_entry(r);
    if (!type || (strcmp(type, "PER_TENSOR") != 0 && strcmp(type, "PER_CHANNEL") != 0))
        return fail_entry(r, "enc_type", "PER_TENSOR or PER_CHANNEL");
    RF_TRY(read_bool(r, json_object_get(item, "is_sym"), "is_sym", &r->entry.symmetric));
    RF_TRY(read_grids(r, json_object_get(item, "scale"), json_object_get(item, "offset")));
    if (strcmp(type, "PER_TENSOR") == 0 && r->entry.count != 1)
        return fail_entry(r, "scale", "one number, since enc_type is PER_TENSOR");
    return keep_entry(r);
}

static rf_status read_list(reader *r, const json_t *section, bool is_param)
{
    for (size_t i = 0; i < json_array_size(section); i++) {
        r->channel = 0;
        RF_TRY(read_item(r, json_array_get(section, i), is_param));
    }
    return RF_OK;
}

/* ---------------------------------------------------------------------------------- file --- */

static rf_status read_section(reader *r, const json_t *root, const char *key, bool as_list,
                              bool is_param)
{
    json_t *section = json_object_get(root, key);
    if (as_list ? !json_is_array(section) : !json_is_object(section))
        return fail_file(r, key, as_list ? "a list" : "an object");
    return as_list ? read_list(r, section, is_param) : read_dictionary(r, section, is_param);
}

static rf_status read_document(reader *r, const json_t *root)
{
    static const char *const versions[] = { "0.4.0", "0.5.0", "0.5.1", "0.6.1", "1.0.0" };
    const json_t *field = json_object_get(root, "version");
    const char *version = field ? json_string_value(field) : versions[0];
    bool known = false;
    for (size_t i = 0; version && i < sizeof versions / sizeof *versions; i++)
        known = known || strcmp(version, versions[i]) == 0;
    if (!json_is_object(root) || !known)
        return fail_file(r, "version", "\"0.4.0\", \"0.5.0\", \"0.6.1\" or \"1.0.0\"");
    const bool as_list = strcmp(version, "1.0.0") == 0;
    RF_TRY(read_section(r, root, "activation_encodings", as_list, /*is_param=*/false));
    return read_section(r, root, "param_encodings", as_list, /*is_param=*/true);
}

static rf_status parse(reader *r, const void *bytes, size_t size)
{
    json_error_t error;
    json_t *root = json_loadb(bytes, size, JSON_REJECT_DUPLICATES, &error);
    if (!root)
        return rf_fail(r->ctx, RF_EMODEL, "encodings '%s': line %d: %s", r->path, error.line,
                       error.text);
    const rf_status st = read_document(r, root);
    json_decref(root);
    return st;
}

rf_status rf_encodings_file_read(rf_context *ctx, const char *path, rf_encodings_file *out)
{
    static const rf_file_limit limit = { 256 << 20, RF_EMODEL, "an encodings file has" };
    rf_encodings_file file = { .entries = { 0 } };
    reader r = { .ctx = ctx, .path = path, .file = &file };
    void *bytes;
    size_t size;
    RF_TRY(rf_file_read_within(ctx, path, &limit, &bytes, &size));
    rf_arena_init(&file.arena, ctx);
    const rf_status st = parse(&r, bytes, size);
    rf_free(ctx, bytes);
    if (st == RF_OK)
        *out = file;
    else
        rf_encodings_file_release(&file);
    return st;
}

void rf_encodings_file_release(rf_encodings_file *file)
{
    RF_VEC_RELEASE(file->arena.ctx, &file->entries);
    rf_arena_release(&file->arena);
}
