/* Matrix products of codes. */
#include "ops/matrix_codes.h"

#include "dnn/dnn.h"
#include "ops/op_util.h"
#include "quant/fakequant.h"

struct rf_matrix_codes {
    float *scales, *shifts; /* [n] each, behind this struct */
    int32_t *start;         /* [n] what the input's zero point adds to a sum */
};

bool rf_matrix_on_codes(const rf_step *s)
{
    return s->in[1].dtype == RF_DTYPE_I8;
}

rf_status rf_matrix_codes_prepare(rf_step *s, const rf_matrix_product *p)
{
    void *memory;
    const size_t row = (size_t)p->n * sizeof(float);
    if (s->in[0].dtype == RF_DTYPE_U8)
        s->scratch_bytes = (size_t)(p->m > p->n ? p->m : p->n) * (size_t)p->k * sizeof(float);
    if (!rf_matrix_on_codes(s))
        return RF_OK;
    RF_TRY(rf_step_new_state(s, sizeof(rf_matrix_codes) + 3 * row, &memory));
    rf_matrix_codes *codes = memory;
    codes->scales = (float *)(codes + 1);
    codes->shifts = codes->scales + p->n;
    codes->start = (int32_t *)(codes->shifts + p->n);
    return RF_OK;
}

/* start[n] = offset of the input's codes times the sum of column n. */
static void zero_point_sums(const rf_matrix_codes *codes, const rf_matrix_product *p,
                            const int8_t *b, int32_t offset)
{
    for (int64_t j = 0; j < p->n; j++)
        codes->start[j] = 0;
    for (int64_t i = 0; i < p->n * p->k && offset; i++)
        codes->start[p->transpose_b ? i / p->k : i % p->n] += b[i];
    for (int64_t j = 0; j < p->n; j++)
        codes->start[j] *= offset;
}

rf_status rf_matrix_codes_forward(rf_step *s, const rf_matrix_product *p, const float *bias,
                                  float beta)
{
    const rf_matrix_codes *codes = s->state;
    const rf_codes *x = s->in[0].codes, *w = s->in[1].codes;
    for (int64_t j = 0; j < p->n; j++) {
        codes->scales[j] = x->scale * w->scales[w->channels == 1 ? 0 : j];
        codes->shifts[j] = bias ? bias[j] * beta : 0.0f;
    }
    s->codes = (rf_codes){ .scales = codes->scales,
                           .shifts = bias ? codes->shifts : NULL,
                           .channels = p->n };
    zero_point_sums(codes, p, s->in[1].data, x->offset);
    return rf_dnn_gemm_int8(s->ctx, p->transpose_b, p->m, p->n, p->k, s->in[0].data, s->in[1].data,
                            codes->start, s->out[0].data);
}

const float *rf_matrix_real_a(const rf_step *s)
{
    const rf_view *a = &s->in[0];
    if (!a->codes)
        return rf_view_f32(a);
    const rf_qarray all = { .outer = 1, .channels = 1, .inner = rf_view_count(a) };
    rf_dequantize_u8(&all, &a->codes->scale, &a->codes->offset, a->data, s->scratch);
    return s->scratch;
}

const float *rf_matrix_real_b(const rf_step *s, const rf_matrix_product *p)
{
    const rf_view *b = &s->in[1];
    if (!b->codes)
        return rf_view_f32(b);
    const int64_t channels = b->codes->channels;
    const bool rows = channels == 1 || p->transpose_b;
    const rf_qarray array = { .outer = rows ? 1 : p->k,
                              .channels = channels,
                              .inner = rows ? rf_view_count(b) / channels : 1 };
    rf_dequantize_s8(&array, b->codes->scales, b->data, s->scratch);
    return s->scratch;
}
