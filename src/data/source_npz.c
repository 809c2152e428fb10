/* npz:FILE: arrays named x (or as the model's inputs) and y in a NumPy zip. */
#include "data/array_source.h"
#include "data/npz.h"

#include <string.h>

#include "base/context.h"

static bool matches(const char *spec)
{
    return rf_spec_after(spec, "npz:") != NULL;
}

static bool is_labels(const rf_npz_item *item)
{
    return strcmp(item->name, "y") == 0;
}

/* Every array but y moves into the source. */
static rf_status take_inputs(rf_npz *npz, rf_array_source *s)
{
    for (size_t i = 0; i < npz->items.count; i++) {
        rf_npz_item *item = &npz->items.items[i];
        if (is_labels(item))
            continue;
        rf_tensor *t = item->tensor;
        item->tensor = NULL;
        RF_TRY(rf_array_source_take(s, item->name, t));
    }
    return RF_OK;
}

static rf_status make_source(rf_context *ctx, const char *path, rf_npz *npz, rf_source **out)
{
    const rf_tensor *labels = rf_npz_find(npz, "y");
    const int inputs = (int)npz->items.count - (labels != NULL);
    if (inputs < 1)
        return rf_fail(ctx, RF_EDATA, "'%s' has no array of inputs: expected one named x", path);
    rf_array_source *s = NULL;
    RF_TRY(rf_array_source_new(ctx, path, inputs, &s));
    rf_status st = take_inputs(npz, s);
    if (st == RF_OK && labels)
        st = rf_array_source_set_labels(s, "y", labels);
    if (st == RF_OK)
        *out = rf_array_source_base(s);
    else
        rf_array_source_free(s);
    return st;
}

static rf_status open_npz(rf_context *ctx, const char *spec, rf_source **out)
{
    rf_npz npz;
    const char *path = rf_spec_after(spec, "npz:");
    RF_TRY(rf_npz_read(ctx, path, &npz));
    const rf_status st = make_source(ctx, path, &npz, out);
    rf_npz_release(&npz);
    return st;
}

const rf_source_row rf_source_npz = { .form = "npz:FILE", .matches = matches, .open = open_npz };
