/* Keras models: HDF5, zip or JSON, by their first bytes. Behind JSON and a 0 byte lie the weights. */
#include <string.h>

#include "formats/keras.h"
#include "fuzz.h"

static rf_keras_source source_of(const uint8_t *data, size_t size)
{
    const uint8_t *zero = size && *data == '{' ? memchr(data, 0, size) : NULL;
    if (!zero)
        return (rf_keras_source){ .bytes = data, .size = size };
    return (rf_keras_source){ .bytes = data,
                              .size = (size_t)(zero - data),
                              .weights = zero + 1,
                              .weights_size = size - (size_t)(zero + 1 - data) };
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    rf_context *ctx = fuzz_begin(size, 512);
    const rf_keras_source source = source_of(data, size);
    rf_graph *g = NULL;
    const rf_status st = rf_keras_decode(ctx, &source, &g);
    rf_graph_free(g);
    fuzz_end(ctx, st);
    return 0;
}
