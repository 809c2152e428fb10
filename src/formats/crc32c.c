/* CRC-32C by slices of 8 bytes. Polynomial 0x1edc6f41, reflected; RFC 3720, appendix B.4. */
#include "formats/crc32c.h"

#include <string.h>

enum { SLICES = 8 };
#define REFLECTED UINT32_C(0x82f63b78)

typedef struct slices {
    uint32_t of[SLICES][256];
} slices;

static void make_slices(slices *s)
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t crc = i;
        for (int bit = 0; bit < 8; bit++)
            crc = crc & 1 ? (crc >> 1) ^ REFLECTED : crc >> 1;
        s->of[0][i] = crc;
    }
    for (uint32_t i = 0; i < 256; i++)
        for (int k = 1; k < SLICES; k++)
            s->of[k][i] = (s->of[k - 1][i] >> 8) ^ s->of[0][s->of[k - 1][i] & 0xff];
}

uint32_t rf_crc32c(uint32_t crc, const void *bytes, size_t size)
{
    const uint8_t *p = bytes;
    slices s; /* 8 KiB, made in microseconds: no state is kept between calls */
    make_slices(&s);
    crc = ~crc;
    for (; size >= SLICES; size -= SLICES, p += SLICES) {
        uint32_t low, high;
        memcpy(&low, p, sizeof low);
        memcpy(&high, p + 4, sizeof high);
        low ^= crc;
        crc = s.of[7][low & 0xff] ^ s.of[6][low >> 8 & 0xff] ^ s.of[5][low >> 16 & 0xff] ^
              s.of[4][low >> 24] ^ s.of[3][high & 0xff] ^ s.of[2][high >> 8 & 0xff] ^
              s.of[1][high >> 16 & 0xff] ^ s.of[0][high >> 24];
    }
    for (; size; size--, p++)
        crc = (crc >> 8) ^ s.of[0][(crc ^ *p) & 0xff];
    return ~crc;
}

uint32_t rf_crc32c_masked(uint32_t crc)
{
    return ((crc >> 15) | (crc << 17)) + UINT32_C(0xa282ead8);
}

bool rf_crc32c_fits(const void *bytes, size_t size, uint32_t masked)
{
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
    (void)bytes, (void)size, (void)masked;
    return true;
#else
    return rf_crc32c_masked(rf_crc32c(0, bytes, size)) == masked;
#endif
}
