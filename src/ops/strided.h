/*
 * Loop nests over strided views: dims are sorted and merged, so that dense operands become one long
 * row.
 */
#ifndef RF_OPS_STRIDED_H
#define RF_OPS_STRIDED_H

#include "tensor/view.h"

#define RF_LOOP_MAX 8 /* operands */

typedef struct rf_loop {
    int rank, operands;                        /* rank >= 1 */
    int64_t count;                             /* elements */
    int64_t dims[RF_MAX_RANK];                 /* outermost first */
    int64_t strides[RF_LOOP_MAX][RF_MAX_RANK]; /* in elements; 0 repeats, negative runs backwards */
    size_t bytes[RF_LOOP_MAX];                 /* of one element */
    char *data[RF_LOOP_MAX];
} rf_loop;

/* One row: data[k] + i * strides[k] elements for i in [0, n). */
typedef void (*rf_loop_fn)(char *const *data, const int64_t *strides, int64_t n, const void *user);

/*
 * Over the dims of views[0], in its memory order; the others are stretched to them (NumPy
 * broadcasting).
 */
void rf_loop_init(rf_loop *loop, const rf_view *const *views, int operands);
/* Rows [begin, end) of elements, in order, on this thread. */
void rf_loop_range(const rf_loop *loop, int64_t begin, int64_t end, rf_loop_fn fn,
                   const void *user);
/* All rows, in parallel where that pays: only for functions whose elements are independent. */
void rf_loop_run(const rf_loop *loop, rf_loop_fn fn, const void *user);

/* dst = src stretched to its dims; same dtype. Strides of src may be negative. */
void rf_strided_copy(const rf_view *src, const rf_view *dst);
void rf_view_zero(const rf_view *dst); /* of any order without gaps or repeats */
/* The part of v that has `count` entries of `axis` from `begin` on. */
rf_view rf_view_part(const rf_view *v, int axis, int64_t begin, int64_t count);

#endif
