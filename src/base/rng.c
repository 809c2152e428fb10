/* PCG32 (O'Neill 2014, XSH-RR), and what is drawn from it. */
#include "base/rng.h"

#include <math.h>

static uint64_t mix(
    uint64_t x) /* splitmix64's finalizer: neighbouring seeds give unrelated states */
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

void rf_rng_init(rf_rng *rng, uint64_t seed, uint64_t stream)
{
    rng->stream = (mix(stream) << 1) | 1u;
    rng->state = mix(seed ^ mix(stream + 0x632be59bd9b4e019u));
    (void)rf_rng_u32(rng);
}

uint32_t rf_rng_u32(rf_rng *rng)
{
    const uint64_t old = rng->state;
    rng->state = old * 6364136223846793005u + rng->stream;
    const uint32_t shifted = (uint32_t)(((old >> 18) ^ old) >> 27);
    const uint32_t turn = (uint32_t)(old >> 59);
    return (shifted >> turn) | (shifted << ((32u - turn) & 31u));
}

uint64_t rf_rng_below(rf_rng *rng, uint64_t bound)
{
    const uint64_t unfair =
        (UINT64_MAX - bound + 1) % bound; /* values that would favour low results */
    for (;;) {
        const uint64_t high = rf_rng_u32(rng);
        const uint64_t value = high << 32 | rf_rng_u32(rng);
        if (value >= unfair)
            return value % bound;
    }
}

double rf_rng_uniform(rf_rng *rng)
{
    const uint64_t high = rf_rng_u32(rng);
    return (double)((high << 32 | rf_rng_u32(rng)) >> 11) * 0x1p-53;
}

double rf_rng_normal(rf_rng *rng)
{
    const double radius = sqrt(-2.0 * log(1.0 - rf_rng_uniform(rng)));
    return radius * cos(6.283185307179586 * rf_rng_uniform(rng));
}
