/*
 * Sums over some dims of a view: double accumulators, in an order that depends on the sizes only.
 */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "ops/reduction.h"
#include "ops/strided.h"

#define LANES 64             /* neighbouring results that are summed together */
#define PARTS 16             /* pieces of one long sum, when there are few results */
#define PARALLEL_COUNT 32768 /* elements from which threads pay */

/* src split into the dims that stay (outermost first) and the dims that are summed. */
typedef struct nest {
    int kept, summed;
    int64_t kept_dims[RF_MAX_RANK], kept_src[RF_MAX_RANK], kept_dst[RF_MAX_RANK];
    int64_t summed_dims[RF_MAX_RANK], summed_src[RF_MAX_RANK];
    int64_t kept_count, summed_count;
    int64_t lanes, lane_src, lane_dst; /* the innermost kept dim, when it is src's fastest */
    const float *src;
    float *dst;
} nest;

static void split_dims(nest *n, const rf_loop *loop)
{
    n->kept_count = n->summed_count = 1;
    for (int d = 0; d < loop->rank; d++) {
        if (loop->strides[1][d] == 0) {
            n->summed_dims[n->summed] = loop->dims[d];
            n->summed_src[n->summed++] = loop->strides[0][d];
            n->summed_count *= loop->dims[d];
        } else {
            n->kept_dims[n->kept] = loop->dims[d];
            n->kept_src[n->kept] = loop->strides[0][d];
            n->kept_dst[n->kept++] = loop->strides[1][d];
            n->kept_count *= loop->dims[d];
        }
    }
}

static void nest_init(nest *n, const rf_view *src, const rf_view *dst)
{
    const rf_view *views[] = { src, dst };
    rf_loop loop;
    *n = (nest){ .src = src->data, .dst = dst->data };
    rf_loop_init(&loop, views, 2);
    split_dims(n, &loop);
    n->lanes = 1;
    if (n->kept && loop.strides[1][loop.rank - 1] != 0) {
        const int last = --n->kept;
        n->lanes = n->kept_dims[last];
        n->lane_src = n->kept_src[last];
        n->lane_dst = n->kept_dst[last];
        n->kept_count = n->lanes ? n->kept_count / n->lanes : 0;
    }
}

static int64_t offset_of(int64_t i, int rank, const int64_t *dims, const int64_t *strides)
{
    int64_t at = 0;
    for (int d = rank - 1; d >= 0; d--) {
        at += i % dims[d] * strides[d];
        i /= dims[d];
    }
    return at;
}

/* One long row: 8 sums side by side, so that the order is the same on every processor. */
RF_MULTIARCH static double sum_row(const float *src, int64_t stride, int64_t n)
{
    double acc[8] = { 0 };
    int64_t i = 0;
    for (; i + 8 <= n; i += 8)
        for (int k = 0; k < 8; k++)
            acc[k] += (double)src[(i + k) * stride];
    for (; i < n; i++)
        acc[0] += (double)src[i * stride];
    return ((acc[0] + acc[1]) + (acc[2] + acc[3])) + ((acc[4] + acc[5]) + (acc[6] + acc[7]));
}

RF_MULTIARCH static void add_lanes(const float *src, int64_t stride, int64_t n, double *acc)
{
    if (stride == 1)
        for (int64_t i = 0; i < n; i++)
            acc[i] += (double)src[i];
    else
        for (int64_t i = 0; i < n; i++)
            acc[i] += (double)src[i * stride];
}

/* acc[0..lanes) += elements [begin, end) of the summed dims, for neighbouring results at src. */
static void sum_range(const nest *n, const float *src, int64_t lanes, int64_t begin, int64_t end,
                      double *acc)
{
    const int inner = n->summed - 1;
    if (n->lane_src == 0 && inner >= 0) {
        const int64_t row = n->summed_dims[inner];
        for (int64_t i = begin; i < end;) {
            const int64_t column = i % row, count = row - column < end - i ? row - column : end - i;
            const int64_t at = offset_of(i, n->summed, n->summed_dims, n->summed_src);
            acc[0] += sum_row(src + at, n->summed_src[inner], count);
            i += count;
        }
        return;
    }
    for (int64_t i = begin; i < end; i++)
        add_lanes(src + offset_of(i, n->summed, n->summed_dims, n->summed_src), n->lane_src, lanes,
                  acc);
}

static void store(const nest *n, float *dst, int64_t lanes, const double *acc, double factor)
{
    for (int64_t i = 0; i < lanes; i++)
        dst[i * n->lane_dst] = (float)(acc[i] * factor);
}

/* One block of results, its sum cut into a fixed number of parts for the threads. */
static void sum_in_parts(const nest *n, const float *src, float *dst, int64_t lanes, double factor)
{
    double acc[PARTS][LANES] = { { 0 } };
#pragma omp parallel for schedule(static)
    for (int p = 0; p < PARTS; p++)
        sum_range(n, src, lanes, n->summed_count * p / PARTS, n->summed_count * (p + 1) / PARTS,
                  acc[p]);
    for (int p = 1; p < PARTS; p++)
        for (int64_t i = 0; i < lanes; i++)
            acc[0][i] += acc[p][i];
    store(n, dst, lanes, acc[0], factor);
}

/* Where block u of neighbouring results lies: its number of lanes. */
static int64_t find_block(const nest *n, int64_t u, const float **src_out, float **dst_out)
{
    const int64_t blocks = (n->lanes + LANES - 1) / LANES, row = u / blocks,
                  lane = u % blocks * LANES;
    *src_out = n->src + offset_of(row, n->kept, n->kept_dims, n->kept_src) + lane * n->lane_src;
    *dst_out = n->dst + offset_of(row, n->kept, n->kept_dims, n->kept_dst) + lane * n->lane_dst;
    return n->lanes - lane < LANES ? n->lanes - lane : LANES;
}

void rf_reduce_sum(const rf_view *src, const rf_view *dst, double factor)
{
    nest n;
    nest_init(&n, src, dst);
    const int64_t units = n.kept_count * ((n.lanes + LANES - 1) / LANES),
                  count = rf_view_count(src);
    if (units < 4 && n.summed_count >= PARTS && count >= PARALLEL_COUNT) {
        for (int64_t u = 0; u < units; u++) {
            const float *from;
            float *to;
            const int64_t lanes = find_block(&n, u, &from, &to);
            sum_in_parts(&n, from, to, lanes, factor);
        }
        return;
    }
#pragma omp parallel for schedule(static) if (count >= PARALLEL_COUNT)
    for (int64_t u = 0; u < units; u++) {
        const float *from;
        float *to;
        const int64_t lanes = find_block(&n, u, &from, &to);
        double acc[LANES] = { 0 };
        sum_range(&n, from, lanes, 0, n.summed_count, acc);
        store(&n, to, lanes, acc, factor);
    }
}

void rf_sum_to(const rf_view *src, const rf_view *dst)
{
    if (src->rank == dst->rank && rf_view_count(src) == rf_view_count(dst))
        rf_strided_copy(src, dst);
    else
        rf_reduce_sum(src, dst, 1.0);
}

/* Rows: src, dst (repeated). The sums of extrema are few and small: one thread, in order. */
static void max_row(char *const *data, const int64_t *strides, int64_t n, const void *user)
{
    const float *src = (const float *)(void *)data[0];
    float *dst = (float *)(void *)data[1];
    (void)user;
    for (int64_t i = 0; i < n; i++) {
        const float x = src[i * strides[0]];
        float *best = &dst[i * strides[1]];
        *best = x > *best || isnan(x) ? x : *best;
    }
}

static void min_row(char *const *data, const int64_t *strides, int64_t n, const void *user)
{
    const float *src = (const float *)(void *)data[0];
    float *dst = (float *)(void *)data[1];
    (void)user;
    for (int64_t i = 0; i < n; i++) {
        const float x = src[i * strides[0]];
        float *best = &dst[i * strides[1]];
        *best = x < *best || isnan(x) ? x : *best;
    }
}

static void fill_row(float *const *p, int64_t n, const void *user)
{
    const float value = *(const float *)user;
    for (int64_t i = 0; i < n; i++)
        p[0][i] = value;
}

static void find_extrema(const rf_view *src, const rf_view *dst, float start, rf_loop_fn row)
{
    const rf_view *views[] = { src, dst };
    rf_loop loop;
    rf_rows(&dst, 1, fill_row, &start);
    rf_loop_init(&loop, views, 2);
    rf_loop_range(&loop, 0, loop.count, row, NULL);
}

void rf_reduce_max(const rf_view *src, const rf_view *dst)
{
    find_extrema(src, dst, -INFINITY, max_row);
}

void rf_reduce_min(const rf_view *src, const rf_view *dst)
{
    find_extrema(src, dst, INFINITY, min_row);
}

rf_status rf_reduce_extremum_prepare(rf_step *s)
{
    if (s->mode == RF_MODE_TRAIN && s->out[0].dtype == RF_DTYPE_F32)
        s->scratch_bytes = (size_t)rf_view_count(&s->out[0]) * sizeof(float);
    return RF_OK;
}

/* Rows: src, dst, ties. */
static void ties_row(char *const *data, const int64_t *strides, int64_t n, const void *user)
{
    const float *src = (const float *)(void *)data[0], *dst = (const float *)(void *)data[1];
    float *ties = (float *)(void *)data[2];
    (void)user;
    for (int64_t i = 0; i < n; i++)
        ties[i * strides[2]] += src[i * strides[0]] == dst[i * strides[1]] ? 1.0f : 0.0f;
}

/* p: diff_src, src, dst, diff_dst, ties */
static void share_row(float *const *p, int64_t n, const void *user)
{
    (void)user;
    for (int64_t i = 0; i < n; i++)
        p[0][i] = p[1][i] == p[2][i] ? p[3][i] / p[4][i] : 0.0f;
}

void rf_reduce_extremum_backward(const rf_view *src, const rf_view *dst, const rf_view *diff_dst,
                                 float *ties, const rf_view *diff_src)
{
    rf_view count = *dst;
    count.data = ties;
    const rf_view *counted[] = { src, dst, &count };
    const rf_view *shared[] = { diff_src, src, dst, diff_dst, &count };
    rf_loop loop;
    rf_view_zero(&count);
    rf_loop_init(&loop, counted, 3);
    rf_loop_range(&loop, 0, loop.count, ties_row, NULL);
    rf_rows(shared, 5, share_row, NULL);
}
