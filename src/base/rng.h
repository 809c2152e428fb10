/* Random numbers from an argument, never from a global: PCG32 (O'Neill 2014). */
#ifndef RF_BASE_RNG_H
#define RF_BASE_RNG_H

#include <stdint.h>

typedef struct rf_rng {
    uint64_t state, stream;
} rf_rng;

/* Independent for each (seed, stream): use the sample index or epoch as stream, so that results do not depend on threads. */
void rf_rng_init(rf_rng *rng, uint64_t seed, uint64_t stream);
uint32_t rf_rng_u32(rf_rng *rng);
uint64_t rf_rng_below(rf_rng *rng, uint64_t bound); /* uniform in [0, bound), bound >= 1 */
double rf_rng_uniform(rf_rng *rng);                 /* [0, 1) */
double rf_rng_normal(rf_rng *rng);                  /* mean 0, variance 1 */

#endif
