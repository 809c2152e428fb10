/*
 * MatMul: NumPy's matrix product. Leading dims are batches and broadcast; a vector on the left is
 * a row, on the right a column, and its dim disappears from the result. Opset 1.
 */
#include <string.h>

#include "dnn/dnn.h"
#include "ops/matrix_codes.h"
#include "ops/op_util.h"

/* Both sides as stacks of matrices: a [batch..., m, k], b [batch..., k, n]. */
typedef struct product {
    int64_t m, n, k;
    int batch_rank;
    int64_t batch[RF_MAX_RANK]; /* of the result */
    int64_t a_stride[RF_MAX_RANK],
        b_stride[RF_MAX_RANK]; /* elements a step along a batch dim; 0 repeats */
} product;

static rf_shape shape_of_batches(const rf_shape *s)
{
    return rf_shape_of(s->rank > 2 ? s->rank - 2 : 0, s->dims);
}

/* Strides of one side's batch dims, aligned to the right; `matrix` elements each. */
static void fill_strides(const rf_shape *batches, int rank, int64_t matrix, int64_t *strides)
{
    int64_t step = matrix;
    for (int i = rank - 1; i >= 0; i--) {
        const int own = i - (rank - batches->rank);
        strides[i] = own < 0 || batches->dims[own] == 1 ? 0 : step;
        step *= own < 0 ? 1 : batches->dims[own];
    }
}

static int64_t inner_of_b(const rf_shape *b)
{
    return b->rank == 1 ? b->dims[0] : b->dims[b->rank - 2];
}

/* Of shapes that infer checked. */
static product describe(const rf_shape *a, const rf_shape *b, const rf_shape *batches)
{
    const rf_shape batch_a = shape_of_batches(a), batch_b = shape_of_batches(b);
    product p = { .m = a->rank == 1 ? 1 : a->dims[a->rank - 2],
                  .k = a->dims[a->rank - 1],
                  .n = b->rank == 1 ? 1 : b->dims[b->rank - 1],
                  .batch_rank = batches->rank };
    memcpy(p.batch, batches->dims, sizeof p.batch);
    fill_strides(&batch_a, p.batch_rank, p.m * p.k, p.a_stride);
    fill_strides(&batch_b, p.batch_rank, p.k * p.n, p.b_stride);
    if (batch_b.rank == 0) { /* one matrix on the right: all rows of the left are one tall matrix */
        p.m *= rf_shape_product(&batch_a);
        p.batch_rank = 0;
    }
    return p;
}

static rf_status infer(rf_inference *io)
{
    char as[RF_SHAPE_TEXT], bs[RF_SHAPE_TEXT];
    const rf_shape *a = &io->in[0].shape, *b = &io->in[1].shape;
    RF_TRY(rf_infer_float(io));
    if (a->rank < 1 || b->rank < 1 || a->dims[a->rank - 1] != inner_of_b(b))
        return rf_infer_fail(io, RF_ESHAPE, "shapes %s and %s cannot be multiplied",
                             rf_shape_text(a, as), rf_shape_text(b, bs));
    const rf_shape batch_a = shape_of_batches(a), batch_b = shape_of_batches(b);
    rf_shape out = { 0 };
    if (rf_shape_broadcast(io->ctx, &batch_a, &batch_b, &out))
        return rf_infer_fail(io, RF_ESHAPE, "batch dims of %s and %s do not broadcast",
                             rf_shape_text(a, as), rf_shape_text(b, bs));
    if (a->rank > 1)
        out.dims[out.rank++] = a->dims[a->rank - 2];
    if (b->rank > 1)
        out.dims[out.rank++] = b->dims[b->rank - 1];
    return rf_infer_set(io, 0, RF_DTYPE_F32, &out);
}

/* Two matrices are a layer's input and weights, which may be codes. */
static bool are_matrices(const rf_shape *a, const rf_shape *b)
{
    return a->rank == 2 && b->rank == 2;
}

static bool int8(rf_context *ctx, const rf_node *node, const rf_shape *a, const rf_shape *b,
                 rf_int8_layer *out)
{
    (void)ctx;
    (void)node;
    *out = (rf_int8_layer){ .terms = a->dims[a->rank - 1], .axis = 1 };
    return are_matrices(a, b);
}

static rf_matrix_product matrices(const rf_step *s)
{
    return (
        rf_matrix_product){ .m = s->in[0].dims[0], .k = s->in[0].dims[1], .n = s->in[1].dims[1] };
}

/* Everything about the shapes is known now; running only walks. */
static rf_status prepare(rf_step *s)
{
    if (rf_matrix_on_codes(s)) {
        const rf_matrix_product p = matrices(s);
        return rf_matrix_codes_prepare(s, &p);
    }
    if (s->in[0].dtype == RF_DTYPE_U8)
        s->scratch_bytes = (size_t)rf_view_count(&s->in[0]) * sizeof(float);
    const rf_shape a = rf_view_shape(&s->in[0]), b = rf_view_shape(&s->in[1]);
    const rf_shape batch_a = shape_of_batches(&a), batch_b = shape_of_batches(&b);
    rf_shape batches = { 0 };
    void *memory;
    RF_TRY(rf_shape_broadcast(s->ctx, &batch_a, &batch_b, &batches));
    RF_TRY(rf_step_new_state(s, sizeof(product), &memory));
    *(product *)memory = describe(&a, &b, &batches);
    return RF_OK;
}

static int64_t batch_count(const product *p)
{
    int64_t count = 1;
    for (int i = 0; i < p->batch_rank; i++)
        count *= p->batch[i];
    return count;
}

/* Element at which one side's matrix of result `i` begins. */
static int64_t offset(const product *p, const int64_t *strides, int64_t i)
{
    int64_t at = 0;
    for (int d = p->batch_rank - 1; d >= 0; d--) {
        at += i % p->batch[d] * strides[d];
        i /= p->batch[d];
    }
    return at;
}

static rf_status forward_codes(rf_step *s)
{
    const rf_matrix_product p = matrices(s);
    return rf_matrix_codes_forward(s, &p, /*bias=*/NULL, 1.0f);
}

static rf_status forward(rf_step *s)
{
    if (rf_matrix_on_codes(s))
        return forward_codes(s);
    const product *p = s->state;
    const float *a = rf_matrix_real_a(s), *b = rf_view_f32(&s->in[1]);
    float *y = rf_view_f32(&s->out[0]);
    for (int64_t i = 0, count = batch_count(p); i < count; i++)
        RF_TRY(rf_dnn_gemm(s->ctx, false, false, p->m, p->n, p->k, 1.0f,
                           a + offset(p, p->a_stride, i), p->k, b + offset(p, p->b_stride, i), p->n,
                           0.0f, y + i * p->m * p->n, p->n));
    return RF_OK;
}

static void clear(const rf_view *v)
{
    memset(v->data, 0, (size_t)rf_view_count(v) * sizeof(float));
}

static rf_status backward_codes(rf_step *s)
{
    const rf_matrix_product p = matrices(s);
    const float *dy = rf_view_f32(&s->diff_out[0]);
    float *da = rf_view_f32(&s->diff_in[0]), *db = rf_view_f32(&s->diff_in[1]);
    if (da)
        RF_TRY(rf_dnn_gemm(s->ctx, false, true, p.m, p.k, p.n, 1.0f, dy, p.n,
                           rf_matrix_real_b(s, &p), p.n, 0.0f, da, p.k));
    return !db ? RF_OK
               : rf_dnn_gemm(s->ctx, true, false, p.k, p.n, p.m, 1.0f, rf_matrix_real_a(s), p.k, dy,
                             p.n, 0.0f, db, p.n);
}

/* da = dy b^T and db = a^T dy, added up over the batches that repeat a matrix. */
static rf_status backward(rf_step *s)
{
    if (rf_matrix_on_codes(s))
        return backward_codes(s);
    const product *p = s->state;
    const float *a = rf_matrix_real_a(s), *b = rf_view_f32(&s->in[1]);
    float *da = rf_view_f32(&s->diff_in[0]), *db = rf_view_f32(&s->diff_in[1]);
    if (da)
        clear(&s->diff_in[0]);
    if (db)
        clear(&s->diff_in[1]);
    for (int64_t i = 0, count = batch_count(p); i < count; i++) {
        const float *dy = rf_view_f32(&s->diff_out[0]) + i * p->m * p->n;
        const int64_t at_a = offset(p, p->a_stride, i), at_b = offset(p, p->b_stride, i);
        if (da)
            RF_TRY(rf_dnn_gemm(s->ctx, false, true, p->m, p->k, p->n, 1.0f, dy, p->n, b + at_b,
                               p->n, 1.0f, da + at_a, p->k));
        if (db)
            RF_TRY(rf_dnn_gemm(s->ctx, true, false, p->k, p->n, p->m, 1.0f, a + at_a, p->k, dy,
                               p->n, 1.0f, db + at_b, p->n));
    }
    return RF_OK;
}

static int64_t macs(const rf_step *s)
{
    return rf_view_count(&s->out[0]) * s->in[0].dims[s->in[0].rank - 1];
}

const rf_op rf_op_mat_mul = {
    .onnx_name = "MatMul",
    .since_opset = 1,
    .min_in = 2,
    .max_in = 2,
    .min_out = 1,
    .max_out = 1,
    .weight_axis = 1, /* of a constant matrix on the right: [in, out] */
    .quant = RF_QUANT_OUTPUT,
    .layout = RF_LAYOUT_NEED_PLAIN,
    .roles = { RF_ROLE_NONE, RF_ROLE_WEIGHT },
    .backward_needs = RF_NEEDS_IN(0) | RF_NEEDS_IN(1),
    .takes_codes = true,
    .infer = infer,
    .int8 = int8,
    .prepare = prepare,
    .forward = forward,
    .backward = backward,
    .release = rf_step_free_state,
    .macs = macs,
};
