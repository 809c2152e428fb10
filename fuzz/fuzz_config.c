/* AIMET's quantsim configurations. */
#include "fuzz.h"
#include "sim/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    rf_context *ctx = fuzz_begin(size, 256);
    rf_config config;
    const rf_status st = rf_config_parse(ctx, (const char *)data, size, "config.json", &config);
    if (st == RF_OK)
        rf_config_release(&config);
    fuzz_end(ctx, st);
    return 0;
}
