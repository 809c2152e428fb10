/*
 * Layout (domain refold): the same tensor in another memory order, plain <-> channels last; the
 * planner inserts it.
 */
#include "ops/op_util.h"
#include "ops/strided.h"

#define TILE 16 /* rows and columns turned at a time: a cache line of floats */

/* dst[j][i] = src[i][j] for a matrix of rows x columns. */
RF_MULTIARCH static void turn(const float *src, float *dst, int64_t rows, int64_t columns,
                              int64_t row, int64_t column)
{
    const int64_t row_end = row + TILE < rows ? row + TILE : rows;
    const int64_t column_end = column + TILE < columns ? column + TILE : columns;
    for (int64_t j = column; j < column_end; j++)
        for (int64_t i = row; i < row_end; i++)
            dst[j * rows + i] = src[i * columns + j];
}

/* [n][rows][columns] -> [n][columns][rows] */
static void turn_all(const float *src, float *dst, int64_t n, int64_t rows, int64_t columns)
{
    const int64_t strips = (rows + TILE - 1) / TILE;
#pragma omp parallel for schedule(static) if (n * rows * columns >= 32768)
    for (int64_t strip = 0; strip < n * strips; strip++) {
        const int64_t at = strip / strips * rows * columns, row = strip % strips * TILE;
        for (int64_t column = 0; column < columns; column += TILE)
            turn(src + at, dst + at, rows, columns, row, column);
    }
}

static void copy(const rf_view *src, const rf_view *dst)
{
    int64_t spatial = 1;
    for (int d = 2; d < src->rank; d++)
        spatial *= src->dims[d];
    if (src->dtype != RF_DTYPE_F32 || src->rank < 3 || rf_view_same_order(src, dst))
        rf_strided_copy(src, dst);
    else if (rf_view_is(src, RF_LAYOUT_PLAIN) && rf_view_is(dst, RF_LAYOUT_CHANNELS_LAST))
        turn_all(src->data, dst->data, src->dims[0], src->dims[1], spatial);
    else if (rf_view_is(src, RF_LAYOUT_CHANNELS_LAST) && rf_view_is(dst, RF_LAYOUT_PLAIN))
        turn_all(src->data, dst->data, src->dims[0], spatial, src->dims[1]);
    else
        rf_strided_copy(src, dst);
}

static rf_status forward(rf_step *s)
{
    copy(&s->in[0], &s->out[0]);
    return RF_OK;
}

static rf_status backward(rf_step *s)
{
    if (rf_step_has_gradient(s, 0))
        copy(&s->diff_out[0], &s->diff_in[0]);
    return RF_OK;
}

const rf_op rf_op_layout = {
    .onnx_name = "Layout",
    .domain = "refold",
    .since_opset = 1,
    .min_in = 1,
    .max_in = 1,
    .min_out = 1,
    .max_out = 1,
    .weight_axis = -1,
    .quant = RF_QUANT_NONE,
    .layout = RF_LAYOUT_ANY,
    .infer = rf_infer_same,
    .forward = forward,
    .backward = backward,
};
