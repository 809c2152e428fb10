/* Simulations: an ONNX file whose metadata say what is quantized. */
#include <refold/refold.h>

#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    rf_context *ctx = fuzz_begin(size, 512);
    rf_sim *sim = NULL;
    const rf_status st = rf_sim_load(ctx, fuzz_file("sim.onnx", data, size), &sim);
    rf_sim_free(sim);
    fuzz_end(ctx, st);
    return 0;
}
