/* npy:X.npy[,Y.npy]: one array of inputs, one of labels. */
#include "data/array_source.h"

static bool matches(const char *spec)
{
    return rf_spec_after(spec, "npy:") != NULL;
}

static rf_status load_labels(rf_context *ctx, rf_array_source *s, const char *path)
{
    rf_tensor *labels = NULL;
    RF_TRY(rf_tensor_load_npy(ctx, path, &labels));
    const rf_status st = rf_array_source_set_labels(s, path, labels);
    rf_tensor_free(labels);
    return st;
}

static rf_status load(rf_context *ctx, const char *x, const char *y, rf_source **out)
{
    rf_array_source *s = NULL;
    rf_tensor *t = NULL;
    RF_TRY(rf_array_source_new(ctx, x, /*input_count=*/1, &s));
    rf_status st = rf_tensor_load_npy(ctx, x, &t);
    if (st == RF_OK)
        st = rf_array_source_take(s, NULL, t);
    if (st == RF_OK && y)
        st = load_labels(ctx, s, y);
    if (st == RF_OK)
        *out = rf_array_source_base(s);
    else
        rf_array_source_free(s);
    return st;
}

static rf_status open_npy(rf_context *ctx, const char *spec, rf_source **out)
{
    char *x = NULL, *y = NULL;
    RF_TRY(rf_spec_split(ctx, spec, rf_spec_after(spec, "npy:"), &x, &y));
    const rf_status st = load(ctx, x, y, out);
    rf_free(ctx, x);
    rf_free(ctx, y);
    return st;
}

const rf_source_row rf_source_npy = { .form = "npy:X.npy[,Y.npy]",
                                      .matches = matches,
                                      .open = open_npy };
