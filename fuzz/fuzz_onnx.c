/* ONNX bytes -> graph, and back. */
#include "formats/onnx.h"
#include "fuzz.h"

/* What is read must be consistent and writable. */
static rf_status read_and_write(rf_context *ctx, const uint8_t *data, size_t size)
{
    rf_graph *g = NULL;
    void *bytes = NULL;
    size_t written = 0;
    RF_TRY(rf_onnx_decode(ctx, data, size, NULL, "net.onnx", &g));
    rf_status st = rf_graph_check(g);
    if (st == RF_OK)
        st = rf_onnx_encode(g, &bytes, &written);
    rf_free(ctx, bytes);
    rf_graph_free(g);
    return st;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    rf_context *ctx = fuzz_begin(size, 128);
    fuzz_end(ctx, read_and_write(ctx, data, size));
    return 0;
}
