/* Loop nests over strided views, and copies made of them. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "ops/op_util.h"
#include "ops/strided.h"

#define PARALLEL_COUNT 32768 /* elements from which threads pay */
#define CHUNK 8192           /* elements a thread takes at a time */

static bool merges(const rf_loop *loop, int outer, int inner)
{
    for (int k = 0; k < loop->operands; k++)
        if (loop->strides[k][outer] != loop->strides[k][inner] * loop->dims[inner])
            return false;
    return true;
}

static void copy_dim(rf_loop *loop, int from, int to)
{
    loop->dims[to] = loop->dims[from];
    for (int k = 0; k < loop->operands; k++)
        loop->strides[k][to] = loop->strides[k][from];
}

static void swap_dims(rf_loop *loop, int a, int b)
{
    const int64_t dim = loop->dims[a];
    loop->dims[a] = loop->dims[b];
    loop->dims[b] = dim;
    for (int k = 0; k < loop->operands; k++) {
        const int64_t stride = loop->strides[k][a];
        loop->strides[k][a] = loop->strides[k][b];
        loop->strides[k][b] = stride;
    }
}

/* Outermost = largest stride of operand 0; equal ones keep their order. */
static void sort_dims(rf_loop *loop)
{
    for (int i = 1; i < loop->rank; i++)
        for (int j = i; j > 0 && llabs(loop->strides[0][j - 1]) < llabs(loop->strides[0][j]); j--)
            swap_dims(loop, j - 1, j);
}

static void merge_dims(rf_loop *loop)
{
    int last = 0;
    for (int d = 1; d < loop->rank; d++) {
        if (merges(loop, last, d)) {
            const int64_t dim = loop->dims[last] * loop->dims[d];
            copy_dim(loop, d, last);
            loop->dims[last] = dim;
        } else {
            copy_dim(loop, d, ++last);
        }
    }
    loop->rank = last + 1;
}

static void add_dims(rf_loop *loop, const rf_view *views)
{
    loop->rank = 0;
    for (int d = 0; d < views[0].rank; d++) {
        if (views[0].dims[d] == 1)
            continue;
        loop->dims[loop->rank] = views[0].dims[d];
        for (int k = 0; k < loop->operands; k++)
            loop->strides[k][loop->rank] = views[k].strides[d];
        loop->rank++;
    }
    if (loop->rank)
        return;
    loop->rank = 1;
    loop->dims[0] = 1;
    for (int k = 0; k < loop->operands; k++)
        loop->strides[k][0] = 1;
}

void rf_loop_init(rf_loop *loop, const rf_view *const *views, int operands)
{
    rf_view stretched[RF_LOOP_MAX];
    assert(operands >= 1 && operands <= RF_LOOP_MAX);
    loop->operands = operands;
    loop->count = rf_view_count(views[0]);
    stretched[0] = *views[0];
    for (int k = 0; k < operands; k++) {
        if (k)
            rf_broadcast_view(views[k], views[0], &stretched[k]);
        loop->bytes[k] = rf_dtype_bytes(views[k]->dtype);
        loop->data[k] = views[k]->data;
    }
    add_dims(loop, stretched);
    sort_dims(loop);
    merge_dims(loop);
}

/* Move data[k] by `steps` along dim d. */
static void move(const rf_loop *loop, int d, int64_t steps, char **data)
{
    for (int k = 0; k < loop->operands; k++)
        data[k] += steps * loop->strides[k][d] * (int64_t)loop->bytes[k];
}

/* To the beginning of the next row. */
static void next_row(const rf_loop *loop, int64_t *index, char **data)
{
    for (int d = loop->rank - 2; d >= 0; d--) {
        move(loop, d, 1, data);
        if (++index[d] < loop->dims[d])
            return;
        move(loop, d, -index[d], data);
        index[d] = 0;
    }
}

void rf_loop_range(const rf_loop *loop, int64_t begin, int64_t end, rf_loop_fn fn, const void *user)
{
    const int last = loop->rank - 1;
    int64_t index[RF_MAX_RANK], strides[RF_LOOP_MAX], rest = begin;
    char *data[RF_LOOP_MAX]; /* at the beginning of a row; in the middle for the first one */
    if (begin >= end)
        return;
    memcpy(data, loop->data, sizeof data);
    for (int k = 0; k < loop->operands; k++)
        strides[k] = loop->strides[k][last];
    for (int d = last; d >= 0; d--) {
        index[d] = rest % loop->dims[d];
        rest /= loop->dims[d];
        move(loop, d, index[d], data);
    }
    for (int64_t column = index[last]; begin < end; column = 0) {
        const int64_t left = loop->dims[last] - column;
        const int64_t n = left < end - begin ? left : end - begin;
        fn(data, strides, n, user);
        begin += n;
        move(loop, last, -column, data);
        next_row(loop, index, data);
    }
}

void rf_loop_run(const rf_loop *loop, rf_loop_fn fn, const void *user)
{
    const int64_t chunks = (loop->count + CHUNK - 1) / CHUNK;
#pragma omp parallel for schedule(static) if (loop->count >= PARALLEL_COUNT)
    for (int64_t i = 0; i < chunks; i++) {
        const int64_t end = (i + 1) * CHUNK;
        rf_loop_range(loop, i * CHUNK, end < loop->count ? end : loop->count, fn, user);
    }
}

static void copy_row(char *const *data, const int64_t *strides, int64_t n, const void *user)
{
    const size_t bytes = *(const size_t *)user;
    char *dst = data[0];
    const char *src = data[1];
    if (strides[0] == 1 && strides[1] == 1) {
        memcpy(dst, src, (size_t)n * bytes);
    } else if (bytes == sizeof(float)) {
        for (int64_t i = 0; i < n; i++)
            ((float *)dst)[i * strides[0]] = ((const float *)src)[i * strides[1]];
    } else {
        for (int64_t i = 0; i < n; i++)
            memcpy(dst + i * strides[0] * (int64_t)bytes, src + i * strides[1] * (int64_t)bytes,
                   bytes);
    }
}

void rf_strided_copy(const rf_view *src, const rf_view *dst)
{
    const rf_view *views[] = { dst, src };
    const size_t bytes = rf_dtype_bytes(dst->dtype);
    rf_loop loop;
    assert(src->dtype == dst->dtype);
    if (src->data == dst->data && rf_view_same_order(src, dst))
        return;
    rf_loop_init(&loop, views, 2);
    rf_loop_run(&loop, copy_row, &bytes);
}

static void zero_row(char *const *data, const int64_t *strides, int64_t n, const void *user)
{
    const size_t bytes = *(const size_t *)user;
    for (int64_t i = 0; i < n && strides[0] != 1; i++)
        memset(data[0] + i * strides[0] * (int64_t)bytes, 0, bytes);
    if (strides[0] == 1)
        memset(data[0], 0, (size_t)n * bytes);
}

void rf_view_zero(const rf_view *dst)
{
    const size_t bytes = rf_dtype_bytes(dst->dtype);
    rf_loop loop;
    rf_loop_init(&loop, &dst, 1);
    rf_loop_run(&loop, zero_row, &bytes);
}

rf_view rf_view_part(const rf_view *v, int axis, int64_t begin, int64_t count)
{
    rf_view part = *v;
    assert(axis >= 0 && axis < v->rank && begin >= 0 && begin + count <= v->dims[axis]);
    part.data = (char *)v->data + begin * v->strides[axis] * (int64_t)rf_dtype_bytes(v->dtype);
    part.dims[axis] = count;
    return part;
}
