/* Gathering by one list of indices a dim: Pad, Tile, nearest-neighbour resizing. */
#ifndef RF_OPS_INDEX_MAP_H
#define RF_OPS_INDEX_MAP_H

#include "ops/op_util.h"

/*
 * dst[i, j, ...] = src[at[0][i], at[1][j], ...]; an index of -1 gives the fill value. The step's
 * state.
 */
typedef struct rf_index_map {
    int64_t *at[RF_MAX_RANK]; /* [dst dim] each */
} rf_index_map;

/*
 * For the step's input 0 and output 0, of one rank; every list starts as 0, 1, 2, ... Freed by
 * rf_step_free_state.
 */
rf_status rf_index_map_new(rf_step *s, rf_index_map **out);
/* fill: one element of the dtype; NULL: zero. */
void rf_index_map_gather(const rf_index_map *map, const rf_view *src, const rf_view *dst,
                         const void *fill);
/* Of operators whose state is a map; each element of the gradient is a sum over where it was taken. */
rf_status rf_index_map_forward(rf_step *s);
rf_status rf_index_map_backward(rf_step *s);

#endif
