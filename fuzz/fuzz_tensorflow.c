/* TensorFlow's GraphDef and SavedModel messages, without files beside them. */
#include "formats/tensorflow.h"
#include "fuzz.h"

enum {
    COMPUTED = 1 << 20
}; /* constants that are computed may take 512 MB, whatever the file's size */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    rf_context *ctx = fuzz_begin(size + COMPUTED, 512);
    rf_graph *g = NULL;
    const rf_status st = rf_tensorflow_decode(ctx, data, size, NULL, "net.pb", NULL, &g);
    rf_graph_free(g);
    fuzz_end(ctx, st);
    return 0;
}
