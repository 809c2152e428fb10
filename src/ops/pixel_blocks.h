/*
 * DepthToSpace and SpaceToDepth: one copy between two six-dimensional views of the same elements.
 */
#ifndef RF_OPS_PIXEL_BLOCKS_H
#define RF_OPS_PIXEL_BLOCKS_H

#include "ops/op_util.h"

/*
 * deep [n, c * b * b, h, w] and wide [n, c, h * b, w * b] as views [n, c, h, bh, w, bw] of either.
 * columns_first: deep's channels are ordered (bh, bw, c), ONNX's DCR; else (c, bh, bw), CRD.
 */
void rf_pixel_blocks(const rf_view *deep, const rf_view *wide, bool columns_first,
                     rf_view *deep_out, rf_view *wide_out);

#endif
