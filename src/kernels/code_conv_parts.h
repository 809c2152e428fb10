/*
 * Between the files of code_conv: how the weights lie, and the tile that multiplies. A step takes four codes that lie side by
 * side at each of TILE_PIXELS pixels, and four weights of each of BLOCK output channels. It leaves two sums of two products a
 * channel, in lanes of 16 bits; steps that cannot overflow them, whatever the codes are, make a run.
 */
#ifndef RF_KERNELS_CODE_CONV_PARTS_H
#define RF_KERNELS_CODE_CONV_PARTS_H

#include "kernels/code_conv.h"

enum {
    TILE_PIXELS = 6,
    BLOCK = 16,     /* output channels: two vectors */
    STEP_CODES = 4, /* of a pixel */
    STEP_BYTES = BLOCK * STEP_CODES,
    STEP_LANES = STEP_BYTES / 2
};

/* The kernel's cells, as pieces that lie side by side in memory where there is no dilation: rows of it, else cells. */
typedef struct rf_code_walk {
    int64_t pieces, piece_codes;
    int64_t piece_steps;       /* the last one may be filled up with weights of 0 */
    int64_t steps, most_steps; /* of a block of output channels; where large weights take two */
    int64_t row_bytes;         /* from one row of the source to the next, where the tile reads it */
} rf_code_walk;

/* One block of output channels. */
typedef struct rf_code_block {
    int8_t *weights; /* [most_steps][BLOCK][STEP_CODES] */
    int32_t *at;     /* [most_steps] where a step's codes lie, from a pixel's first one */
    int32_t *runs;   /* steps of each run; 0 ends them. Below 0: so many, in no runs */
    int32_t *start;  /* [BLOCK] what the sums start from: -zero_point * sum of weights */
} rf_code_block;

size_t rf_code_block_bytes(const rf_code_walk *w);
rf_code_block rf_code_block_at(const rf_code_walk *w, void *packed, int64_t index);
/* Fill block `index`; row: [steps * STEP_CODES] bytes to work with. */
void rf_code_pack(const rf_code_conv *c, const rf_code_walk *w, const int8_t *weights,
                  int32_t zero_point, int64_t index, int8_t *row, rf_code_block *block);

/*
 * Pads hold the code nearest to a zero point that is no code, `excess` above it. What they added to output rows
 * [begin, end), of all images together, is taken away: sums are those of the weights of each cell, [kh, kw, oc].
 */
void rf_code_cell_sums(const rf_code_conv *c, const int8_t *weights, int64_t channel,
                       int32_t *sums);
void rf_code_empty_pads(const rf_code_conv *c, const int32_t *sums, int32_t excess, int64_t begin,
                        int64_t end, int32_t *dst);

/* Depthwise: a step is two cells of each of BLOCK channels, whose weights are 16 bits wide. */
void rf_code_pack_depthwise(const rf_code_conv *c, const rf_code_walk *w, const int8_t *weights,
                            int32_t zero_point, int64_t index, rf_code_block *block);

/* dst[TILE_PIXELS][BLOCK], rows `stride` elements apart, for the pixels whose codes start at pixels[TILE_PIXELS]. */
typedef void (*rf_code_tile_fn)(const uint8_t *const *pixels, const rf_code_block *b, int32_t *dst,
                                int64_t stride);
void rf_code_tile_plain(const uint8_t *const *pixels, const rf_code_block *b, int32_t *dst,
                        int64_t stride);
void rf_code_tile_avx2(const uint8_t *const *pixels, const rf_code_block *b, int32_t *dst,
                       int64_t stride);
void rf_code_depthwise_plain(const uint8_t *const *pixels, const rf_code_block *b, int32_t *dst,
                             int64_t stride);
void rf_code_depthwise_avx2(const uint8_t *const *pixels, const rf_code_block *b, int32_t *dst,
                            int64_t stride);

#endif
