/* CRC-32C (Castagnoli), as checkpoints carry it. */
#ifndef RF_FORMATS_CRC32C_H
#define RF_FORMATS_CRC32C_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of `size` bytes behind those that made `crc`; 0 begins. */
uint32_t rf_crc32c(uint32_t crc, const void *bytes, size_t size);
/* LevelDB's and TensorFlow's form for files that hold checksums of data that hold checksums. */
uint32_t rf_crc32c_masked(uint32_t crc);
/* The bytes have this masked checksum. Where a fuzzer makes the bytes, every checksum is right. */
bool rf_crc32c_fits(const void *bytes, size_t size, uint32_t masked);

#endif
