/* Weights of convolutions on codes in the order of steps, and how many steps 16 bits can hold. */
#include <string.h>

#include "base/compiler.h"
#include "kernels/code_conv_parts.h"

/* A lane holds sums of weights of one sign up to this times codes up to 255, so any order and any part of them as well. */
enum { LANE_MOST = INT16_MAX / UINT8_MAX };
/* Steps a run below which it is faster to widen each: measured. */
enum { SHORT_RUN = 4 };

static size_t aligned(size_t bytes)
{
    return (bytes + RF_ALIGN - 1) / RF_ALIGN * RF_ALIGN;
}

static size_t weights_bytes(const rf_code_walk *w)
{
    return (size_t)w->most_steps * STEP_BYTES;
}

size_t rf_code_block_bytes(const rf_code_walk *w)
{
    return weights_bytes(w) + aligned(((size_t)w->most_steps * 2 + 1 + BLOCK) * sizeof(int32_t));
}

rf_code_block rf_code_block_at(const rf_code_walk *w, void *packed, int64_t index)
{
    char *first = (char *)packed + (size_t)index * rf_code_block_bytes(w);
    int32_t *start = (int32_t *)(first + weights_bytes(w));
    int32_t *at = start + BLOCK;
    return (rf_code_block){
        .weights = (int8_t *)first, .start = start, .at = at, .runs = at + w->most_steps
    };
}

/* ------------------------------------------------------------------------- order of steps --- */

/* Weights [ic, kh, kw] of an output channel to [kh, kw, ic], with each piece at its first step; returns their sum. */
static int32_t order_channel(const rf_code_conv *c, const rf_code_walk *w, const int8_t *weights,
                             int8_t *row)
{
    const int64_t area = c->kernel[0] * c->kernel[1];
    const int64_t cells = w->piece_codes / c->ic; /* of a piece */
    int32_t sum = 0;
    for (int64_t cell = 0; cell < area; cell++) {
        int8_t *to = row + cell / cells * w->piece_steps * STEP_CODES + cell % cells * c->ic;
        for (int64_t i = 0; i < c->ic; i++) {
            to[i] = weights[i * area + cell];
            sum += to[i];
        }
    }
    return sum;
}

static void place_channel(const rf_code_walk *w, const int8_t *row, int channel, int8_t *weights)
{
    for (int64_t s = 0; s < w->steps; s++)
        memcpy(weights + s * STEP_BYTES + channel * STEP_CODES, row + s * STEP_CODES, STEP_CODES);
}

static void place_steps(const rf_code_conv *c, const rf_code_walk *w, int32_t *at)
{
    for (int64_t piece = 0; piece < w->pieces; piece++) {
        const int64_t columns = w->pieces / c->kernel[0]; /* pieces in a row of the kernel */
        const int64_t y = piece / columns * c->dilation[0], x = piece % columns * c->dilation[1];
        for (int64_t s = 0; s < w->piece_steps; s++)
            *at++ = (int32_t)(y * w->row_bytes + x * c->ic + s * STEP_CODES);
    }
}

/* ----------------------------------------------------------------------- runs of steps --- */

typedef struct lanes {
    int16_t up[STEP_LANES], down[STEP_LANES]; /* sums of the weights above 0, and of those below */
} lanes;

/* Add a step's weights; whether no lane holds more than it may. */
RF_MULTIARCH static bool add_step(const int8_t *restrict weights, const lanes *restrict before,
                                  lanes *restrict after)
{
    int over = 0;
    for (int j = 0; j < STEP_LANES; j++) {
        const int a = weights[2 * j], b = weights[2 * j + 1];
        const int up = before->up[j] + (a > 0 ? a : 0) + (b > 0 ? b : 0);
        const int down = before->down[j] - (a < 0 ? a : 0) - (b < 0 ? b : 0);
        after->up[j] = (int16_t)up;
        after->down[j] = (int16_t)down;
        over |= (up > LANE_MOST) | (down > LANE_MOST);
    }
    return !over;
}

static bool is_too_large(const int8_t *weights)
{
    const lanes empty = { { 0 }, { 0 } };
    lanes alone;
    return !add_step(weights, &empty, &alone);
}

/* Weights so large that two products overflow become two steps at the same place, with half of each. */
static int64_t split_steps(int64_t steps, rf_code_block *b)
{
    int64_t more = 0;
    for (int64_t s = 0; s < steps; s++)
        more += is_too_large(b->weights + s * STEP_BYTES);
    int64_t to = steps + more;
    for (int64_t s = steps; s-- > 0 && to > s + 1;) {
        int8_t whole[STEP_BYTES];
        memcpy(whole, b->weights + s * STEP_BYTES, STEP_BYTES);
        b->at[--to] = b->at[s];
        int8_t *step = b->weights + to * STEP_BYTES;
        memcpy(step, whole, STEP_BYTES);
        if (!is_too_large(whole))
            continue;
        b->at[--to] = b->at[s];
        for (int j = 0; j < STEP_BYTES; j++) {
            const int half = whole[j] / 2;
            step[j] = (int8_t)half;
            step[j - STEP_BYTES] = (int8_t)(whole[j] - half);
        }
    }
    return steps + more;
}

static void find_runs(int64_t steps, const rf_code_block *b)
{
    lanes sums[2] = { { { 0 }, { 0 } } };
    int32_t *run = b->runs, length = 0;
    int now = 0;
    for (int64_t s = 0; s < steps; s++, length++, now = !now) {
        const int8_t *step = b->weights + s * STEP_BYTES;
        if (add_step(step, &sums[now], &sums[!now]))
            continue;
        *run++ = length;
        length = 0;
        memset(&sums[now], 0, sizeof sums[now]);
        (void)add_step(step, &sums[now], &sums[!now]);
    }
    *run++ = length;
    if (steps < SHORT_RUN * (run - b->runs)) {
        run = b->runs;
        *run++ = (int32_t)-steps;
    }
    *run = 0;
}

void rf_code_pack(const rf_code_conv *c, const rf_code_walk *w, const int8_t *weights,
                  int32_t zero_point, int64_t index, int8_t *row, rf_code_block *block)
{
    const int64_t each = c->ic * c->kernel[0] * c->kernel[1];
    memset(row, 0, (size_t)w->steps * STEP_CODES);
    for (int j = 0; j < BLOCK; j++) {
        const int64_t channel = index * BLOCK + j;
        int32_t sum = 0;
        if (channel < c->oc)
            sum = order_channel(c, w, weights + channel * each, row);
        else
            memset(row, 0, (size_t)w->steps * STEP_CODES);
        place_channel(w, row, j, block->weights);
        block->start[j] = (int32_t)(0u - (uint32_t)zero_point * (uint32_t)sum);
    }
    place_steps(c, w, block->at);
    find_runs(split_steps(w->steps, block), block);
}
