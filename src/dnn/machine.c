/* What this machine lets the engine do. */
#include "dnn/dnn.h"

/* Activations of 8 bits against weights of so many, in a layer of this many terms: beyond it sums overflow 32 bits anyway. */
enum { LARGEST_CODE = 255, TERMS = 1024 };

rf_machine rf_machine_describe(void)
{
    rf_machine machine = { .isa = rf_dnn_isa_name(), .onednn = rf_dnn_version() };
    for (int bits = 2; bits <= 8; bits++)
        if (rf_dnn_int8_is_exact(TERMS, LARGEST_CODE, (int64_t)1 << (bits - 1)))
            machine.integer_weight_bits = bits;
    return machine;
}
