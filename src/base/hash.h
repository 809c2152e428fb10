/* Keyed hash of a text: SipHash-1-3 (Aumasson and Bernstein 2012). */
#ifndef RF_BASE_HASH_H
#define RF_BASE_HASH_H

#include <stdint.h>

/* Whoever does not know the key cannot choose texts that collide. */
typedef struct rf_hash_key {
    uint64_t k0, k1;
} rf_hash_key;

/* From the system's random numbers; where it has none yet, from clock and addresses. */
rf_hash_key rf_hash_key_draw(void);
uint64_t rf_hash_text(rf_hash_key key, const char *text);

#endif
