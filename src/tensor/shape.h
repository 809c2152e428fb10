/* Shapes: rank and dims, overflow-checked. */
#ifndef RF_TENSOR_SHAPE_H
#define RF_TENSOR_SHAPE_H

#include "base/status.h"

typedef struct rf_shape {
    int rank;                  /* -1: nothing is known */
    int64_t dims[RF_MAX_RANK]; /* -1: unknown */
} rf_shape;

#define RF_SHAPE_TEXT 160 /* bytes that rf_shape_text writes at most */

rf_shape rf_shape_of(int rank, const int64_t *dims);
/* Product of dims; RF_ESHAPE when a dim is negative or the product overflows (2^62). */
rf_status rf_shape_count(rf_context *ctx, const rf_shape *shape, int64_t *out);
int64_t rf_shape_product(const rf_shape *shape); /* of a shape that was checked before; asserts */
bool rf_shape_equal(const rf_shape *a, const rf_shape *b);
bool rf_shape_known(const rf_shape *shape); /* rank and every dim */
/* "[128, 3, ?, 32]"; returns buffer. */
const char *rf_shape_text(const rf_shape *shape, char buffer[RF_SHAPE_TEXT]);
/* NumPy broadcasting of two known shapes; RF_ESHAPE with both in the message. */
rf_status rf_shape_broadcast(rf_context *ctx, const rf_shape *a, const rf_shape *b, rf_shape *out);

#endif
