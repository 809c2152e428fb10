/* 16-bit floats as they lie in files: IEEE 754 binary16. */
#ifndef RF_TENSOR_HALF_H
#define RF_TENSOR_HALF_H

#include <stdint.h>

float rf_half_to_f32(uint16_t half);
uint16_t rf_half_from_f32(float x); /* nearest, ties to even; too large: infinity */

#endif
