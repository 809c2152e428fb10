/* Gradients between processes: buckets of neighbouring parameters, begun as soon as they are full. */
#include "train/exchange.h"

#include <string.h>

#define BUCKET_FLOATS (256 * 1024) /* 1 MiB: large enough for bandwidth, small enough to overlap */

static const rf_value *value_of(const rf_exchange *x, int i)
{
    return x->optimizer->slots[i].param->value;
}

static bool is_statistic(const rf_exchange *x, int i)
{
    const rf_role role = x->optimizer->slots[i].param->role;
    return role == RF_ROLE_BN_MEAN || role == RF_ROLE_BN_VAR;
}

static const rf_view *diff_of(const rf_exchange *x, const rf_plan *plan, int i)
{
    const rf_view *diff =
        rf_slot_learns(&x->optimizer->slots[i]) ? rf_plan_diff_param(plan, value_of(x, i)) : NULL;
    return diff && diff->data ? diff : NULL;
}

static rf_status add_bucket(rf_exchange *x, int first, int end, int64_t begin)
{
    const rf_bucket b = {
        .first = first, .end = end, .begin = begin, .count = x->float_count - begin
    };
    return b.count > 0 ? RF_VEC_PUSH(x->ctx, &x->buckets, b) : RF_OK;
}

/* Backward meets the last parameters first. */
static rf_status place_gradients(rf_exchange *x, const rf_plan *plan)
{
    int end = x->optimizer->slot_count;
    int64_t begin = 0;
    for (int i = end - 1; i >= 0; i--) {
        if (!diff_of(x, plan, i))
            continue;
        x->place[i] = x->float_count;
        x->float_count += value_of(x, i)->constant->count;
        if (x->float_count - begin >= BUCKET_FLOATS) {
            RF_TRY(add_bucket(x, i, end, begin));
            end = i;
            begin = x->float_count;
        }
    }
    return add_bucket(x, 0, end, begin);
}

static void place_statistics(rf_exchange *x)
{
    x->statistics_begin = x->float_count;
    for (int i = 0; x->statistics && i < x->optimizer->slot_count; i++)
        if (is_statistic(x, i)) {
            x->place[i] = x->float_count;
            x->float_count += value_of(x, i)->constant->count;
        }
}

rf_status rf_exchange_init(rf_exchange *x, const rf_optimizer *optimizer, const rf_plan *plan,
                           bool statistics)
{
    *x = (rf_exchange){ .ctx = optimizer->ctx,
                        .optimizer = optimizer,
                        .active = rf_distributed_size(optimizer->ctx) > 1,
                        .statistics = statistics };
    if (!x->active)
        return RF_OK;
    RF_NEW_ARRAY(x->ctx, x->place, optimizer->slot_count + 1);
    for (int i = 0; i < optimizer->slot_count; i++)
        x->place[i] = -1;
    RF_TRY(place_gradients(x, plan));
    place_statistics(x);
    RF_NEW_ARRAY(x->ctx, x->floats, x->float_count + 1);
    return RF_OK;
}

void rf_exchange_release(rf_exchange *x)
{
    if (!x->ctx)
        return;
    rf_free(x->ctx, x->place);
    rf_free(x->ctx, x->floats);
    RF_VEC_RELEASE(x->ctx, &x->buckets);
}

/* ---- one step ---- */

static rf_status begin_full_buckets(rf_exchange *x)
{
    while (x->begun < x->buckets.count && x->buckets.items[x->begun].missing == 0) {
        const rf_bucket *b = &x->buckets.items[x->begun++];
        RF_TRY(rf_group_begin_sum(x->ctx, x->floats + b->begin, b->count));
    }
    return RF_OK;
}

static void take_gradient(rf_exchange *x, const rf_plan *plan, int i)
{
    const rf_view *diff = diff_of(x, plan, i);
    if (diff)
        memcpy(x->floats + x->place[i], diff->data,
               (size_t)value_of(x, i)->constant->count * sizeof(float));
}

/* The slot of a value; they come in about the reverse of their order. -1: it does not travel. */
static int find_slot(rf_exchange *x, const rf_value *v)
{
    const int count = x->optimizer->slot_count;
    for (int k = 0; k < count; k++) {
        const int i = (x->expected - k + count) % count;
        if (value_of(x, i) == v && x->place[i] >= 0) {
            x->expected = (i - 1 + count) % count;
            return i;
        }
    }
    return -1;
}

static rf_bucket *bucket_of(rf_exchange *x, int slot)
{
    for (size_t b = 0; b < x->buckets.count; b++)
        if (slot >= x->buckets.items[b].first && slot < x->buckets.items[b].end)
            return &x->buckets.items[b];
    return NULL;
}

static void on_diff_ready(void *user, const rf_plan *plan, const rf_value *param)
{
    rf_exchange *x = user;
    const int i = find_slot(x, param);
    rf_bucket *b = i < 0 ? NULL : bucket_of(x, i);
    rf_group_progress(x->ctx);
    if (!b)
        return;
    take_gradient(x, plan, i);
    b->missing--;
    if (begin_full_buckets(x) != RF_OK) /* rf_exchange_end meets the same fault again */
        return;
}

void rf_exchange_begin(rf_exchange *x, rf_plan *plan)
{
    if (!x->active)
        return;
    for (size_t k = 0; k < x->buckets.count; k++) {
        rf_bucket *b = &x->buckets.items[k];
        b->missing = 0;
        for (int i = b->first; i < b->end; i++)
            b->missing += x->place[i] >= 0;
    }
    x->begun = 0;
    x->expected = x->optimizer->slot_count - 1;
    if (plan)
        rf_plan_on_diff_ready(plan, on_diff_ready, x);
    else
        memset(x->floats, 0, (size_t)x->statistics_begin * sizeof(float));
}

/* What backward did not tell of, or everything where there was none. */
static rf_status begin_rest(rf_exchange *x, const rf_plan *plan)
{
    for (size_t k = x->begun; k < x->buckets.count; k++) {
        rf_bucket *b = &x->buckets.items[k];
        for (int i = b->first; plan && b->missing > 0 && i < b->end; i++)
            if (x->place[i] >= 0)
                take_gradient(x, plan, i);
        b->missing = 0;
    }
    return begin_full_buckets(x);
}

static rf_status begin_statistics(rf_exchange *x, int64_t count, int64_t total)
{
    const float weight = (float)((double)count / (double)total);
    for (int i = 0; x->statistics && i < x->optimizer->slot_count; i++) {
        if (!is_statistic(x, i))
            continue;
        const rf_tensor *t = value_of(x, i)->constant;
        for (int64_t k = 0; k < t->count; k++)
            x->floats[x->place[i] + k] = weight * rf_tensor_f32(t)[k];
    }
    return x->float_count > x->statistics_begin
               ? rf_group_begin_sum(x->ctx, x->floats + x->statistics_begin,
                                    x->float_count - x->statistics_begin)
               : RF_OK;
}

static void take_statistics(const rf_exchange *x)
{
    for (int i = 0; x->statistics && i < x->optimizer->slot_count; i++) {
        if (!is_statistic(x, i))
            continue;
        const rf_tensor *t = value_of(x, i)->constant;
        memcpy(t->data, x->floats + x->place[i], (size_t)t->count * sizeof(float));
    }
}

static rf_status add_counts(rf_exchange *x, rf_loss_sums *sums)
{
    double counts[] = { sums->loss, (double)sums->samples, (double)sums->top1, (double)sums->top5,
                        rf_interrupted(x->ctx) ? 1.0 : 0.0 };
    RF_TRY(rf_group_sum(x->ctx, counts, (int64_t)(sizeof counts / sizeof *counts)));
    *sums = (rf_loss_sums){ .loss = counts[0],
                            .samples = (int64_t)counts[1],
                            .top1 = (int64_t)counts[2],
                            .top5 = (int64_t)counts[3] };
    x->stop = counts[4] > 0.0;
    return RF_OK;
}

rf_status rf_exchange_end(rf_exchange *x, const rf_plan *plan, int64_t count, int64_t total,
                          rf_loss_sums *sums)
{
    if (!x->active)
        return RF_OK;
    RF_TRY(begin_rest(x, plan));
    RF_TRY(begin_statistics(x, count, total));
    RF_TRY(add_counts(x, sums));
    RF_TRY(rf_group_end_sums(x->ctx));
    take_statistics(x);
    return RF_OK;
}

const float *rf_exchange_diff(const rf_exchange *x, const rf_plan *plan, int i)
{
    if (x->active)
        return x->place[i] >= 0 && !is_statistic(x, i) ? x->floats + x->place[i] : NULL;
    const rf_view *diff = diff_of(x, plan, i);
    return diff ? rf_view_f32(diff) : NULL;
}

rf_status rf_exchange_state(rf_context *ctx, rf_optimizer *optimizer)
{
    RF_TRY(rf_group_share(ctx, &optimizer->step, sizeof optimizer->step));
    for (int i = 0; i < optimizer->slot_count; i++) {
        const rf_slot *slot = &optimizer->slots[i];
        const rf_tensor *t = slot->param->value->constant;
        RF_TRY(rf_group_share(ctx, t->data, (size_t)t->count * rf_dtype_bytes(t->dtype)));
        for (int m = 0; rf_slot_learns(slot) && m < optimizer->rule->moments; m++)
            RF_TRY(rf_group_share(ctx, slot->moments[m], (size_t)t->count * sizeof(float)));
    }
    return RF_OK;
}
