/* SipHash-1-3: one round a word of eight bytes, three at the end. */
#include "base/hash.h"

#include <string.h>
#include <sys/random.h>
#include <time.h>

typedef struct state {
    uint64_t v0, v1, v2, v3;
} state;

static uint64_t turn(uint64_t x, int bits)
{
    return x << bits | x >> (64 - bits);
}

static void mix(state *s)
{
    s->v0 += s->v1;
    s->v1 = turn(s->v1, 13) ^ s->v0;
    s->v0 = turn(s->v0, 32);
    s->v2 += s->v3;
    s->v3 = turn(s->v3, 16) ^ s->v2;
    s->v0 += s->v3;
    s->v3 = turn(s->v3, 21) ^ s->v0;
    s->v2 += s->v1;
    s->v1 = turn(s->v1, 17) ^ s->v2;
    s->v2 = turn(s->v2, 32);
}

/* Little endian, whatever the machine. */
static uint64_t word_of(const char *bytes, size_t size)
{
    uint64_t word = 0;
    for (size_t i = 0; i < size; i++)
        word |= (uint64_t)(unsigned char)bytes[i] << (8 * i);
    return word;
}

static void absorb(state *s, uint64_t word)
{
    s->v3 ^= word;
    mix(s);
    s->v0 ^= word;
}

uint64_t rf_hash_text(rf_hash_key key, const char *text)
{
    state s = { key.k0 ^ 0x736f6d6570736575u, key.k1 ^ 0x646f72616e646f6du,
                key.k0 ^ 0x6c7967656e657261u, key.k1 ^ 0x7465646279746573u };
    const size_t size = strlen(text), whole = size - size % 8;
    for (size_t i = 0; i < whole; i += 8)
        absorb(&s, word_of(text + i, 8));
    absorb(&s, word_of(text + whole, size - whole) | (uint64_t)size << 56);
    s.v2 ^= 0xff;
    for (int i = 0; i < 3; i++)
        mix(&s);
    return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

rf_hash_key rf_hash_key_draw(void)
{
    rf_hash_key key = { 0 };
    struct timespec now;
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
    return key; /* a fuzzer looks for inputs that do the same each time */
#endif
    if (getrandom(&key, sizeof key, GRND_NONBLOCK) == (ssize_t)sizeof key)
        return key;
    clock_gettime(CLOCK_MONOTONIC, &now);
    key.k0 = (uint64_t)now.tv_nsec << 32 ^ (uint64_t)now.tv_sec;
    key.k1 = (uint64_t)(uintptr_t)&key;
    return key;
}
