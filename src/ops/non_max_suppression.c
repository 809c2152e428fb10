/*
 * NonMaxSuppression: of each image and class the boxes of highest score, without those that overlap
 * a better one by more than a threshold; rows of (image, class, box). How many there are is known at
 * run time only. Opset 10.
 */
#include <stdlib.h>
#include <string.h>

#include "ops/op_util.h"

typedef struct box {
    float low[2], high[2], score;
    int64_t index;
} box;

/* Inputs 2 to 4, one number each; left out: 0, and no threshold of scores. */
typedef struct limits {
    int64_t most;
    float overlap, score;
    bool by_score, centred;
} limits;

static float number_at(const rf_tensor *t, float fallback)
{
    return rf_constant_f32(t, fallback);
}

static limits limits_of(const rf_node *n, const rf_tensor *const *in)
{
    return (limits){ .most = in[2] && in[2]->count ? rf_tensor_get_i64(in[2], 0) : 0,
                     .overlap = number_at(in[3], 0.0f),
                     .score = number_at(in[4], 0.0f),
                     .by_score = in[4] && in[4]->count,
                     .centred = rf_attr_int(n, "center_point_box", 0) != 0 };
}

/* Corners in any order (y1, x1, y2, x2), or centre and size (x, y, w, h). */
static box box_of(const limits *l, const float *c, float score, int64_t index)
{
    box b = { .score = score, .index = index };
    for (int d = 0; d < 2; d++) {
        const float half = c[2 + d] / 2.0f;
        const float a = l->centred ? c[d] - half : c[d], z = l->centred ? c[d] + half : c[2 + d];
        b.low[d] = a < z ? a : z;
        b.high[d] = a < z ? z : a;
    }
    return b;
}

static float area(const box *b)
{
    return (b->high[0] - b->low[0]) * (b->high[1] - b->low[1]);
}

static bool overlaps(const box *a, const box *b, float threshold)
{
    float common = 1.0f;
    for (int d = 0; d < 2; d++) {
        const float low = a->low[d] > b->low[d] ? a->low[d] : b->low[d];
        const float high = a->high[d] < b->high[d] ? a->high[d] : b->high[d];
        if (high <= low)
            return false;
        common *= high - low;
    }
    const float all = area(a) + area(b) - common;
    return area(a) > 0.0f && area(b) > 0.0f && all > 0.0f && common / all > threshold;
}

static int better_first(const void *a, const void *b)
{
    const box *x = a, *y = b;
    if (x->score != y->score)
        return x->score > y->score ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

/* The boxes of one image and class that stay, moved to the front; returns how many. */
static int64_t suppress(const limits *l, box *boxes, int64_t n)
{
    int64_t kept = 0;
    qsort(boxes, (size_t)n, sizeof *boxes, better_first);
    for (int64_t i = 0; i < n && kept < l->most; i++) {
        bool stays = true;
        for (int64_t k = 0; k < kept && stays; k++)
            stays = !overlaps(&boxes[i], &boxes[k], l->overlap);
        if (stays)
            boxes[kept++] = boxes[i];
    }
    return kept;
}

/* Rows of all images and classes; rows NULL: they are counted only. `room`: for one class's boxes. */
static int64_t select_all(const limits *l, const rf_tensor *boxes, const rf_tensor *scores,
                          box *room, int64_t *rows)
{
    const int64_t n = boxes->shape.dims[1], classes = scores->shape.dims[1];
    int64_t count = 0;
    for (int64_t i = 0; i < boxes->shape.dims[0] * classes; i++) {
        const float *score = rf_tensor_f32(scores) + i * n;
        int64_t found = 0;
        for (int64_t k = 0; k < n; k++)
            if (!l->by_score || score[k] > l->score)
                room[found++] =
                    box_of(l, rf_tensor_f32(boxes) + (i / classes * n + k) * 4, score[k], k);
        const int64_t kept = suppress(l, room, found);
        for (int64_t k = 0; k < kept && rows; k++) {
            const int64_t row[3] = { i / classes, i % classes, room[k].index };
            memcpy(rows + (count + k) * 3, row, sizeof row);
        }
        count += kept;
    }
    return count;
}

static rf_status check(const rf_inference *io)
{
    char bs[RF_SHAPE_TEXT], ss[RF_SHAPE_TEXT];
    const rf_shape *b = &io->in[0].shape, *s = &io->in[1].shape;
    RF_TRY(rf_infer_float_at(io, 0));
    RF_TRY(rf_infer_float_at(io, 1));
    if (b->rank != 3 || s->rank != 3 || b->dims[0] != s->dims[0] || b->dims[1] != s->dims[2] ||
        b->dims[2] != 4)
        return rf_infer_fail(
            io, RF_ESHAPE,
            "boxes are %s, scores %s; expected [n, boxes, 4] and [n, classes, boxes]",
            rf_shape_text(b, bs), rf_shape_text(s, ss));
    return RF_OK;
}

static rf_status infer(rf_inference *io)
{
    const rf_tensor *in[5] = { NULL };
    for (int i = 0; i < io->in_count; i++) {
        RF_TRY(rf_infer_known(io, i));
        in[i] = io->in[i].constant;
    }
    RF_TRY(check(io));
    const limits l = limits_of(io->node, in);
    box *room = rf_alloc(io->ctx, (size_t)in[0]->shape.dims[1] * sizeof *room + 1);
    if (!room)
        return RF_ENOMEM;
    const rf_shape dst = { .rank = 2, .dims = { select_all(&l, in[0], in[1], room, NULL), 3 } };
    rf_free(io->ctx, room);
    return rf_infer_set(io, 0, RF_DTYPE_I64, &dst);
}

static rf_status prepare(rf_step *s)
{
    s->scratch_bytes = (size_t)s->in[0].dims[1] * sizeof(box);
    return RF_OK;
}

static rf_status forward(rf_step *s)
{
    const rf_tensor *in[5] = { NULL };
    for (int i = 0; i < s->in_count; i++)
        in[i] = s->in_constant[i];
    const limits l = limits_of(s->node, in);
    select_all(&l, in[0], in[1], s->scratch, rf_view_i64(&s->out[0]));
    return RF_OK;
}

const rf_op rf_op_non_max_suppression = {
    .onnx_name = "NonMaxSuppression",
    .limits = "in inference only",
    .since_opset = 10,
    .min_in = 2,
    .max_in = 5,
    .min_out = 1,
    .max_out = 1,
    .weight_axis = -1,
    .quant = RF_QUANT_NONE,
    .layout = RF_LAYOUT_NEED_PLAIN,
    .infer = infer,
    .prepare = prepare,
    .forward = forward,
};
