/* Global average pooling: the mean of each channel over one image. */
#include "kernels/pool.h"

#include "kernels/channels.h"

#define BLOCK 16 /* channels whose sums stay in registers */

RF_MULTIARCH static void average_image(const float *restrict x, int64_t rows, int64_t c,
                                       float *restrict y)
{
    for (int64_t begin = 0; begin < c; begin += BLOCK) {
        const int64_t width = c - begin < BLOCK ? c - begin : BLOCK;
        double sums[BLOCK] = { 0.0 };
        for (int64_t r = 0; r < rows; r++)
            for (int64_t j = 0; j < width; j++)
                sums[j] += (double)x[r * c + begin + j];
        for (int64_t j = 0; j < width; j++)
            y[begin + j] = (float)(sums[j] / (double)rows);
    }
}

void rf_global_average_forward(int64_t n, int64_t rows, int64_t c, const float *x, float *y)
{
#pragma omp parallel for schedule(static) if (n * rows * c > RF_PARALLEL_MIN)
    for (int64_t i = 0; i < n; i++)
        average_image(x + i * rows * c, rows, c, y + i * c);
}

RF_MULTIARCH static void spread_image(const float *restrict g, int64_t rows, int64_t c,
                                      float *restrict diff_x)
{
    const float factor = 1.0f / (float)rows;
    for (int64_t r = 0; r < rows; r++)
        for (int64_t j = 0; j < c; j++)
            diff_x[r * c + j] = g[j] * factor;
}

void rf_global_average_backward(int64_t n, int64_t rows, int64_t c, const float *diff_y,
                                float *diff_x)
{
#pragma omp parallel for schedule(static) if (n * rows * c > RF_PARALLEL_MIN)
    for (int64_t i = 0; i < n; i++)
        spread_image(diff_y + i * c, rows, c, diff_x + i * rows * c);
}
