/* HDF5 files: every array and attribute that can be reached. */
#include <stdio.h>

#include "formats/hdf5_file.h"
#include "fuzz.h"

enum { DEEPEST = 8 };

static void visit(rf_context *ctx, rf_h5 *h5, const char *path, int depth);

static void visit_children(rf_context *ctx, rf_h5 *h5, const char *path, int depth)
{
    rf_h5_texts names = { 0 };
    if (rf_h5_children(h5, path, &names) == RF_OK)
        for (size_t i = 0; i < names.count && i < 64; i++) {
            char child[512];
            snprintf(child, sizeof child, "%s%s%s", path, *path ? "/" : "", names.items[i]);
            visit(ctx, h5, child, depth + 1);
        }
    RF_VEC_RELEASE(ctx, &names);
}

static void visit(rf_context *ctx, rf_h5 *h5, const char *path, int depth)
{
    const char *text = NULL;
    rf_h5_texts texts = { 0 };
    rf_tensor *t = NULL;
    bool found = false;
    (void)rf_h5_text(h5, path, "model_config", &text);
    if (rf_h5_text_list(h5, path, "weight_names", &found, &texts) == RF_OK)
        RF_VEC_RELEASE(ctx, &texts);
    if (rf_h5_kind_of(h5, path) == RF_H5_ARRAY && rf_h5_array(h5, path, &t) == RF_OK)
        rf_tensor_free(t);
    if (rf_h5_kind_of(h5, path) == RF_H5_GROUP && depth < DEEPEST)
        visit_children(ctx, h5, path, depth);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    rf_context *ctx = fuzz_begin(size, 512);
    rf_h5 *h5 = NULL;
    const rf_status st = rf_h5_open(ctx, data, size, &h5);
    if (st == RF_OK)
        visit(ctx, h5, "", 0);
    rf_h5_close(h5);
    fuzz_end(ctx, st);
    return 0;
}
