/*
 * Einsum: sums of products, by a letter for each dim ("bij,bjk->bik"); "..." stands for leading dims
 * that broadcast, a letter twice in one operand for its diagonal. The gradient of an operand is such a
 * sum too, of the others and the output's gradient. Opset 12.
 */
#include <ctype.h>
#include <string.h>

#include "ops/op_util.h"
#include "ops/strided.h"

#define OPERANDS 8                /* inputs at most */
#define LABELS (52 + RF_MAX_RANK) /* letters, and the dims of "..." counted from the last */
#define PARALLEL_COUNT 32768      /* products from which threads pay */

/* An operand or the output: which label each dim has. */
typedef struct term {
    int rank, label[RF_MAX_RANK];
} term;

typedef struct equation {
    int operands;
    term in[OPERANDS], out;
    int64_t size[LABELS]; /* 0: the label does not occur */
} equation;

/* ----------------------------------------------------------------------------- the equation --- */

static int label_of(char letter)
{
    return isupper((unsigned char)letter) ? letter - 'A' + 26 : letter - 'a';
}

/* One term from *text on, up to a comma, an arrow or the end; `rank` -1: what the text says. */
static bool read_term(const char **text, int rank, int ellipsis, term *out)
{
    const char *from = *text;
    int letters = 0;
    *out = (term){ 0 };
    for (const char *c = from; *c && *c != ',' && *c != '-'; c++)
        letters += isalpha((unsigned char)*c) != 0;
    const int rest = rank < 0 ? ellipsis : rank - letters;
    if (letters > RF_MAX_RANK || rest < 0 || letters + rest > RF_MAX_RANK)
        return false;
    for (; *from && *from != ',' && *from != '-'; from++) {
        if (!strncmp(from, "...", 3)) {
            for (int i = 0; i < rest; i++)
                out->label[out->rank++] = 52 + rest - 1 - i;
            from += 2;
        } else if (isalpha((unsigned char)*from)) {
            out->label[out->rank++] = label_of(*from);
        } else if (*from != ' ') {
            return false;
        }
    }
    *text = from;
    return rank < 0 || out->rank == rank;
}

/* Without an arrow: the dims of "...", then the letters that occur once, in alphabetical order. */
static bool implied_output(const equation *e, term *out)
{
    int uses[LABELS] = { 0 };
    *out = (term){ 0 };
    for (int k = 0; k < e->operands; k++)
        for (int d = 0; d < e->in[k].rank; d++)
            uses[e->in[k].label[d]]++;
    for (int pass = 0; pass < 3; pass++) { /* NumPy sorts capitals first */
        const int from = pass == 0 ? LABELS - 1 : pass == 1 ? 26 : 0;
        const int to = pass == 0 ? 51 : pass == 1 ? 52 : 26;
        for (int l = from; l != to; l += pass == 0 ? -1 : 1)
            if (pass == 0 ? uses[l] > 0 : uses[l] == 1) {
                if (out->rank == RF_MAX_RANK)
                    return false;
                out->label[out->rank++] = l;
            }
    }
    return true;
}

static bool set_sizes(equation *e, const rf_shape *const *shapes)
{
    for (int k = 0; k < e->operands; k++)
        for (int d = 0; d < e->in[k].rank; d++) {
            int64_t *size = &e->size[e->in[k].label[d]];
            const int64_t dim = shapes[k]->dims[d];
            if (*size > 1 && dim != *size && dim != 1)
                return false;
            *size = *size > 1 ? *size : dim;
        }
    return true;
}

static bool read_equation(const char *text, const rf_shape *const *shapes, int count, equation *e)
{
    int ellipsis = 0;
    *e = (equation){ .operands = count };
    for (int k = 0; k < count; k++) {
        if (!read_term(&text, shapes[k]->rank, 0, &e->in[k]) ||
            *text != (k + 1 < count ? ',' : *text))
            return false;
        for (int d = 0; d < e->in[k].rank; d++)
            if (e->in[k].label[d] >= 52 && e->in[k].label[d] - 51 > ellipsis)
                ellipsis = e->in[k].label[d] - 51;
        text += k + 1 < count;
    }
    if (!set_sizes(e, shapes))
        return false;
    if (!*text)
        return implied_output(e, &e->out);
    if (strncmp(text, "->", 2) != 0)
        return false;
    text += 2;
    return read_term(&text, -1, ellipsis, &e->out) && !*text;
}

static rf_status infer(rf_inference *io)
{
    const rf_shape *shapes[OPERANDS];
    const char *text = rf_attr_string(io->node, "equation", "");
    rf_shape dst = { 0 };
    equation e;
    RF_TRY(rf_infer_float(io));
    for (int i = 0; i < io->in_count; i++) {
        shapes[i] = &io->in[i].shape;
        if (!rf_shape_product(shapes[i]))
            return rf_infer_fail(io, RF_EUNSUPPORTED, "an input has no elements");
    }
    bool fits = read_equation(text, shapes, io->in_count, &e);
    for (int d = 0; fits && d < e.out.rank; d++) {
        dst.dims[dst.rank++] = e.size[e.out.label[d]];
        fits = e.size[e.out.label[d]] > 0;
        for (int k = 0; k < d; k++)
            fits = fits && e.out.label[k] != e.out.label[d];
    }
    if (!fits)
        return rf_infer_fail(io, RF_EMODEL, "equation '%s' does not fit its %d inputs", text,
                             io->in_count);
    return rf_infer_set(io, 0, RF_DTYPE_F32, &dst);
}

/* ---------------------------------------------------------------------------------- running --- */

/* target = sum over the labels that it lacks of the product of the factors. */
typedef struct contraction {
    int factors, outer, inner; /* labels of the target; the others */
    float *target;
    const float *factor[OPERANDS];
    int64_t dims[LABELS];                  /* outer ones first */
    int64_t strides[OPERANDS + 1][LABELS]; /* of the target, then of the factors */
} contraction;

/* Elements to move in tensor `v`, described by t, for one step of label l. */
static int64_t stride_of(const term *t, const rf_view *v, int l)
{
    int64_t stride = 0;
    for (int d = 0; d < t->rank; d++)
        stride += t->label[d] == l && v->dims[d] > 1 ? v->strides[d] : 0;
    return stride;
}

/* Labels along which the target walks, or those that are summed (a dim of 1 among them). */
static void add_labels(const equation *e, bool in_target, const rf_view *const *views,
                       const term *const *terms, contraction *c)
{
    for (int l = 0; l < LABELS; l++) {
        const bool walks = stride_of(terms[0], views[0], l) != 0;
        if (!e->size[l] || walks != in_target)
            continue;
        const int at = c->outer + c->inner;
        c->dims[at] = e->size[l];
        for (int k = 0; k <= c->factors; k++)
            c->strides[k][at] = stride_of(terms[k], views[k], l);
        *(in_target ? &c->outer : &c->inner) += 1;
    }
}

static double inner_sum(const contraction *c, const float *const *at)
{
    const float *p[OPERANDS];
    int64_t index[LABELS] = { 0 };
    double sum = 0.0;
    memcpy(p, at, sizeof p);
    for (;;) {
        double product = 1.0;
        int l = c->outer + c->inner - 1;
        for (int k = 0; k < c->factors; k++)
            product *= (double)*p[k];
        sum += product;
        for (; l >= c->outer; l--) {
            for (int k = 0; k < c->factors; k++)
                p[k] += c->strides[k + 1][l];
            if (++index[l] < c->dims[l])
                break;
            for (int k = 0; k < c->factors; k++)
                p[k] -= c->dims[l] * c->strides[k + 1][l];
            index[l] = 0;
        }
        if (l < c->outer)
            return sum;
    }
}

static void contract(const contraction *c)
{
    int64_t count = 1, work = 1;
    for (int l = 0; l < c->outer + c->inner; l++)
        *(l < c->outer ? &count : &work) *= c->dims[l];
#pragma omp parallel for schedule(static) if (count * work >= PARALLEL_COUNT)
    for (int64_t i = 0; i < count; i++) {
        const float *at[OPERANDS];
        int64_t rest = i, to = 0;
        memcpy(at, c->factor, sizeof at);
        for (int l = c->outer - 1; l >= 0; l--) {
            const int64_t index = rest % c->dims[l];
            rest /= c->dims[l];
            to += index * c->strides[0][l];
            for (int k = 0; k < c->factors; k++)
                at[k] += index * c->strides[k + 1][l];
        }
        c->target[to] = (float)inner_sum(c, at);
    }
}

/* Of the output (skip -1), or of the gradient of input `skip`, which takes the output's place. */
static void run(const rf_step *s, int skip)
{
    const equation *e = s->state;
    const rf_view *views[OPERANDS + 1];
    const term *terms[OPERANDS + 1];
    contraction c = { .factors = e->operands };
    views[0] = skip < 0 ? &s->out[0] : &s->diff_in[skip];
    terms[0] = skip < 0 ? &e->out : &e->in[skip];
    for (int k = 0; k < e->operands; k++) {
        views[k + 1] = k == skip ? &s->diff_out[0] : &s->in[k];
        terms[k + 1] = k == skip ? &e->out : &e->in[k];
        c.factor[k] = rf_view_f32(views[k + 1]);
    }
    c.target = rf_view_f32(views[0]);
    rf_view_zero(views[0]);
    add_labels(e, true, views, terms, &c);
    add_labels(e, false, views, terms, &c);
    contract(&c);
}

static rf_status prepare(rf_step *s)
{
    rf_shape copies[OPERANDS];
    const rf_shape *shapes[OPERANDS];
    void *memory;
    RF_TRY(rf_step_new_state(s, sizeof(equation), &memory));
    for (int i = 0; i < s->in_count; i++) {
        copies[i] = rf_view_shape(&s->in[i]);
        shapes[i] = &copies[i];
    }
    read_equation(rf_attr_string(s->node, "equation", ""), shapes, s->in_count, memory);
    return RF_OK;
}

static rf_status forward(rf_step *s)
{
    run(s, -1);
    return RF_OK;
}

static rf_status backward(rf_step *s)
{
    for (int i = 0; i < s->in_count; i++)
        if (rf_step_has_gradient(s, i))
            run(s, i);
    return RF_OK;
}

static int64_t macs(const rf_step *s)
{
    const equation *e = s->state;
    int64_t count = e->operands > 1;
    for (int l = 0; l < LABELS; l++)
        count *= e->size[l] ? e->size[l] : 1;
    return count;
}

const rf_op rf_op_einsum = {
    .onnx_name = "Einsum",
    .limits = "constants in it are not trained",
    .since_opset = 12,
    .min_in = 1,
    .max_in = 8,
    .min_out = 1,
    .max_out = 1,
    .weight_axis = -1,
    .quant = RF_QUANT_OUTPUT,
    .layout = RF_LAYOUT_NEED_PLAIN,
    .backward_needs = 0xff /* every input */,
    .infer = infer,
    .prepare = prepare,
    .forward = forward,
    .backward = backward,
    .release = rf_step_free_state,
    .macs = macs,
};
