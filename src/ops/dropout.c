/*
 * Dropout: passes through, but for training, where a share `ratio` of the elements becomes 0 and
 * the others grow by 1 / (1 - ratio). Ratio is an attribute before opset 12, input 1 since. Opset
 * 7.
 */
#include <string.h>

#include "base/rng.h"
#include "ops/op_util.h"
#include "ops/strided.h"

#define BLOCK 4096 /* elements that share a stream of random numbers: independent of the threads */

typedef struct dropout {
    float ratio;
    uint64_t seed;
} dropout;

static float read_ratio(const rf_node *n, const rf_tensor *t)
{
    return rf_constant_f32(t, rf_attr_float(n, "ratio", 0.5f));
}

static rf_status infer(rf_inference *io)
{
    const bool given = io->in_count > 1 && io->in[1].present;
    if (given && !io->in[1].constant)
        return rf_infer_fail(io, RF_EUNSUPPORTED,
                             "ratio changes at run time; refold needs a constant");
    const float ratio = read_ratio(io->node, given ? io->in[1].constant : NULL);
    if (!(ratio >= 0.0f && ratio < 1.0f))
        return rf_infer_fail(io, RF_EMODEL, "ratio is %g, expected at least 0 and below 1",
                             (double)ratio);
    RF_TRY(rf_infer_set(io, 0, io->in[0].dtype, &io->in[0].shape));
    if (io->out_count > 1)
        return rf_infer_set(io, 1, io->opset < 10 ? io->in[0].dtype : RF_DTYPE_BOOL,
                            &io->in[0].shape);
    return RF_OK;
}

/* FNV-1a: two nodes of one network must not drop the same places. */
static uint64_t hash_name(const char *name)
{
    uint64_t hash = UINT64_C(14695981039346656037);
    for (; *name; name++)
        hash = (hash ^ (unsigned char)*name) * UINT64_C(1099511628211);
    return hash;
}

static bool drops(const rf_step *s)
{
    return s->mode == RF_MODE_TRAIN && ((const dropout *)s->state)->ratio > 0.0f;
}

static rf_status prepare(rf_step *s)
{
    void *state;
    RF_TRY(rf_step_new_state(s, sizeof(dropout), &state));
    dropout *d = state;
    d->ratio = read_ratio(s->node, s->in_count > 1 ? s->in_constant[1] : NULL);
    d->seed = rf_context_seed(s->ctx) ^ hash_name(s->node->name);
    if (drops(s))
        s->saved_bytes = (size_t)rf_view_count(&s->in[0]);
    return RF_OK;
}

/*
 * saved[i]: element i in memory order stays. Every step of the run draws anew, for the whole batch, whichever samples of
 * it are here.
 */
static void draw(const rf_step *s)
{
    const dropout *d = s->state;
    const rf_view *x = &s->in[0];
    const int64_t count = rf_view_count(x);
    const int64_t before = x->rank > 0 && count > 0 ? s->first_sample * (count / x->dims[0]) : 0;
    uint8_t *stays = s->saved;
#pragma omp parallel for schedule(static)
    for (int64_t b = before / BLOCK; b <= (before + count - 1) / BLOCK; b++) {
        const int64_t end = (b + 1) * BLOCK < before + count ? (b + 1) * BLOCK : before + count;
        rf_rng rng;
        rf_rng_init(&rng, d->seed, ((uint64_t)s->run_step << 32) + (uint64_t)b);
        for (int64_t i = b * BLOCK; i < end; i++) {
            const bool stay = rf_rng_uniform(&rng) >= (double)d->ratio;
            if (i >= before)
                stays[i - before] = stay;
        }
    }
}

/* dst, src, stays */
static void drop_row(char *const *data, const int64_t *strides, int64_t n, const void *user)
{
    const float factor = *(const float *)user;
    for (int64_t i = 0; i < n; i++)
        ((float *)(void *)data[0])[i * strides[0]] =
            data[2][i * strides[2]] ? ((const float *)(void *)data[1])[i * strides[1]] * factor
                                    : 0.0f;
}

static void drop(const rf_step *s, const rf_view *src, const rf_view *dst)
{
    const float factor = 1.0f / (1.0f - ((const dropout *)s->state)->ratio);
    rf_view stays = s->in[0];
    const rf_view *views[] = { dst, src, &stays };
    rf_loop loop;
    stays.dtype = RF_DTYPE_U8;
    stays.data = s->saved;
    rf_loop_init(&loop, views, 3);
    rf_loop_run(&loop, drop_row, &factor);
}

/* The mask output: 1 where an element stays. */
static void write_mask(const rf_step *s)
{
    static const uint8_t yes = 1;
    static const float one = 1.0f;
    rf_view mask = s->in[0];
    mask.dtype = RF_DTYPE_BOOL;
    mask.data = s->saved;
    if (!drops(s) || s->out[1].dtype != RF_DTYPE_BOOL) {
        memset(mask.strides, 0, sizeof mask.strides);
        mask.dtype = s->out[1].dtype;
        mask.data = mask.dtype == RF_DTYPE_BOOL ? (void *)(uintptr_t)&yes : (void *)(uintptr_t)&one;
    }
    rf_strided_copy(&mask, &s->out[1]);
}

static rf_status forward(rf_step *s)
{
    if (drops(s)) {
        draw(s);
        drop(s, &s->in[0], &s->out[0]);
    } else {
        rf_strided_copy(&s->in[0], &s->out[0]);
    }
    if (s->out_count > 1 && s->out[1].data)
        write_mask(s);
    return RF_OK;
}

static rf_status backward(rf_step *s)
{
    if (!rf_step_has_gradient(s, 0))
        return RF_OK;
    if (drops(s))
        drop(s, &s->diff_out[0], &s->diff_in[0]);
    else
        rf_strided_copy(&s->diff_out[0], &s->diff_in[0]);
    return RF_OK;
}

const rf_op rf_op_dropout = {
    .onnx_name = "Dropout",
    .limits = "a constant ratio",
    .since_opset = 7,
    .min_in = 1,
    .max_in = 3,
    .min_out = 1,
    .max_out = 2,
    .weight_axis = -1,
    .quant = RF_QUANT_NONE,
    .layout = RF_LAYOUT_ANY,
    .in_place = true,
    .infer = infer,
    .prepare = prepare,
    .forward = forward,
    .backward = backward,
    .release = rf_step_free_state,
};
