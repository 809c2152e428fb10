/* Gathering by one list of indices a dim, and the sums that are its gradient. */
#include <assert.h>
#include <string.h>

#include "ops/index_map.h"
#include "ops/strided.h"

#define PARALLEL_COUNT 32768 /* elements from which threads pay */

/* The dims of dst, outermost in memory first. */
typedef struct walk {
    int rank, order[RF_MAX_RANK];
    int64_t rows, row; /* rows of `row` elements along the innermost dim */
} walk;

rf_status rf_index_map_new(rf_step *s, rf_index_map **out)
{
    const rf_view *dst = &s->out[0];
    size_t count = 0;
    void *state;
    for (int d = 0; d < dst->rank; d++)
        count += (size_t)dst->dims[d];
    RF_TRY(rf_step_new_state(s, sizeof(rf_index_map) + count * sizeof(int64_t), &state));
    rf_index_map *map = state;
    int64_t *next = (int64_t *)(map + 1);
    for (int d = 0; d < dst->rank; d++) {
        map->at[d] = next;
        for (int64_t i = 0; i < dst->dims[d]; i++)
            *next++ = i;
    }
    *out = map;
    return RF_OK;
}

static walk walk_of(const rf_view *dst)
{
    walk w = { .rank = dst->rank, .rows = 1, .row = 1 };
    for (int d = 0; d < w.rank; d++) {
        int at = d;
        for (; at > 0 && dst->strides[w.order[at - 1]] < dst->strides[d]; at--)
            w.order[at] = w.order[at - 1];
        w.order[at] = d;
    }
    for (int k = 0; k + 1 < w.rank; k++)
        w.rows *= dst->dims[w.order[k]];
    if (w.rank)
        w.row = dst->dims[w.order[w.rank - 1]];
    return w;
}

/* Where row r begins in dst and src; false where it is all fill. */
static bool find_row(const rf_index_map *map, const walk *w, const rf_view *src, const rf_view *dst,
                     int64_t r, int64_t *src_out, int64_t *dst_out)
{
    bool inside = true;
    *src_out = *dst_out = 0;
    for (int k = w->rank - 2; k >= 0; k--) {
        const int d = w->order[k];
        const int64_t i = r % dst->dims[d], from = map->at[d][i];
        r /= dst->dims[d];
        inside = inside && from >= 0;
        *src_out += from * src->strides[d];
        *dst_out += i * dst->strides[d];
    }
    return inside;
}

static void gather_row(const char *src, int64_t src_stride, const int64_t *at, int64_t n, char *dst,
                       int64_t dst_stride, size_t bytes, const void *fill)
{
    for (int64_t i = 0; i < n; i++) {
        const bool inside = src && at[i] >= 0;
        const void *from = inside ? src + at[i] * src_stride * (int64_t)bytes : fill;
        char *to = dst + i * dst_stride * (int64_t)bytes;
        if (bytes == sizeof(float))
            memcpy(to, from, sizeof(float)); /* of a known size: one instruction */
        else
            memcpy(to, from, bytes);
    }
}

void rf_index_map_gather(const rf_index_map *map, const rf_view *src, const rf_view *dst,
                         const void *fill)
{
    static const int64_t zero = 0;
    static const int64_t only[1] = { 0 };
    const size_t bytes = rf_dtype_bytes(dst->dtype);
    const walk w = walk_of(dst);
    const int last = w.rank ? w.order[w.rank - 1] : 0;
    assert(src->rank == dst->rank);
#pragma omp parallel for schedule(static) if (w.rows * w.row >= PARALLEL_COUNT)
    for (int64_t r = 0; r < w.rows; r++) {
        int64_t from, to;
        const bool inside = find_row(map, &w, src, dst, r, &from, &to);
        gather_row(inside ? (const char *)src->data + from * (int64_t)bytes : NULL,
                   w.rank ? src->strides[last] : 0, w.rank ? map->at[last] : only, w.row,
                   (char *)dst->data + to * (int64_t)bytes, w.rank ? dst->strides[last] : 0, bytes,
                   fill ? fill : &zero);
    }
}

/* Rows of different outermost indices never meet in diff_src: threads may share them out. */
static bool outermost_is_identity(const rf_index_map *map, const walk *w, const rf_view *dst)
{
    if (w->rank < 2)
        return false;
    const int d = w->order[0];
    for (int64_t i = 0; i < dst->dims[d]; i++)
        if (map->at[d][i] != i)
            return false;
    return true;
}

static void scatter_rows(const rf_index_map *map, const walk *w, const rf_view *diff_dst,
                         const rf_view *diff_src, int64_t begin, int64_t end)
{
    const int last = w->order[w->rank - 1];
    for (int64_t r = begin; r < end; r++) {
        int64_t from, to;
        if (!find_row(map, w, diff_src, diff_dst, r, &from, &to))
            continue;
        for (int64_t i = 0; i < w->row; i++)
            if (map->at[last][i] >= 0)
                rf_view_f32(diff_src)[from + map->at[last][i] * diff_src->strides[last]] +=
                    rf_view_f32(diff_dst)[to + i * diff_dst->strides[last]];
    }
}

static void scatter(const rf_index_map *map, const rf_view *diff_dst, const rf_view *diff_src)
{
    const walk w = walk_of(diff_dst);
    if (!w.rank) {
        *rf_view_f32(diff_src) = *rf_view_f32(diff_dst);
        return;
    }
    rf_view_zero(diff_src);
    const int64_t parts = outermost_is_identity(map, &w, diff_dst) ? diff_dst->dims[w.order[0]] : 1;
#pragma omp parallel for schedule(static) if (w.rows * w.row >= PARALLEL_COUNT)
    for (int64_t p = 0; p < parts; p++)
        scatter_rows(map, &w, diff_dst, diff_src, w.rows / parts * p, w.rows / parts * (p + 1));
}

rf_status rf_index_map_forward(rf_step *s)
{
    rf_index_map_gather(s->state, &s->in[0], &s->out[0], NULL);
    return RF_OK;
}

rf_status rf_index_map_backward(rf_step *s)
{
    if (rf_step_has_gradient(s, 0))
        scatter(s->state, &s->diff_out[0], &s->diff_in[0]);
    return RF_OK;
}
