/*
 * Evaluating nodes whose inputs are constants: sizes, the numbers of a batch normalization that is spelt out, conditions.
 * All arithmetic is in double; a size that is open is NaN on the way, so that everything made of it is open too.
 */
#include <math.h>
#include <string.h>

#include "base/status.h"
#include "formats/tf_import.h"
#include "formats/tf_tensor.h"

enum {
    MOST_ELEMENTS = 1 << 26 /* of all results: a Fill of a few bytes could ask for anything */,
    MOST_INPUTS = 3
};

static double get(const rf_tensor *t, int64_t i)
{
    if (t->dtype == RF_DTYPE_F32)
        return (double)rf_tensor_f32(t)[i];
    if (t->dtype == RF_DTYPE_BOOL)
        return ((const uint8_t *)t->data)[i];
    const int64_t x = rf_tensor_i64(t)[i];
    return x == RF_TF_UNKNOWN ? NAN : (double)x;
}

/* The number where one is expected; open where there is none. */
static double get_single(const rf_tensor *t)
{
    return t->count == 1 ? get(t, 0) : NAN;
}

static int64_t to_int(double x)
{
    if (isnan(x))
        return RF_TF_UNKNOWN;
    return x >= 9.2e18 ? INT64_MAX : x <= -9.2e18 ? -INT64_MAX : (int64_t)x;
}

static void put(rf_tensor *t, int64_t i, double x)
{
    if (t->dtype == RF_DTYPE_F32)
        rf_tensor_f32(t)[i] = (float)x;
    else if (t->dtype == RF_DTYPE_BOOL)
        ((uint8_t *)t->data)[i] = !isnan(x) && x != 0.0;
    else
        rf_tensor_i64(t)[i] = to_int(x);
}

/* --- functions --- */

static double neg(double x)
{
    return -x;
}
static double square(double x)
{
    return x * x;
}
static double rsqrt(double x)
{
    return 1.0 / sqrt(x);
}
static double reciprocal(double x)
{
    return 1.0 / x;
}
static double not_of(double x)
{
    return isnan(x) ? x : x == 0.0;
}
static double relu(double x)
{
    return x < 0.0 ? 0.0 : x;
}
static double zero(double x)
{
    (void)x;
    return 0.0;
}
static double one(double x)
{
    (void)x;
    return 1.0;
}

static double add(double a, double b)
{
    return a + b;
}
static double sub(double a, double b)
{
    return a - b;
}
static double mul(double a, double b)
{
    return a * b;
}
static double divide(double a, double b)
{
    return a / b;
}
static double floor_div(double a, double b)
{
    return floor(a / b);
}
static double floor_mod(double a, double b)
{
    return a - b * floor(a / b);
}
static double max_of(double a, double b)
{
    return isnan(a) || isnan(b) ? NAN : a > b ? a : b;
}
static double min_of(double a, double b)
{
    return isnan(a) || isnan(b) ? NAN : a < b ? a : b;
}
static double squared_difference(double a, double b)
{
    return (a - b) * (a - b);
}
/* NaN where one is: what is compared with an open size is not known. */
static double known(double a, double b, bool x)
{
    return isnan(a) || isnan(b) ? NAN : x;
}
static double less(double a, double b)
{
    return known(a, b, a < b);
}
static double less_equal(double a, double b)
{
    return known(a, b, a <= b);
}
static double greater(double a, double b)
{
    return known(a, b, a > b);
}
static double greater_equal(double a, double b)
{
    return known(a, b, a >= b);
}
static double equal(double a, double b)
{
    return known(a, b, a == b);
}
static double not_equal(double a, double b)
{
    return known(a, b, a != b);
}
static double both(double a, double b)
{
    return known(a, b, a != 0.0 && b != 0.0);
}
static double either(double a, double b)
{
    return known(a, b, a != 0.0 || b != 0.0);
}

static const struct {
    const char *op;
    double (*f)(double);
} unaries[] = {
    { "Abs", fabs },
    { "Ceil", ceil },
    { "Exp", exp },
    { "Floor", floor },
    { "Inv", reciprocal },
    { "Log", log },
    { "Log1p", log1p },
    { "LogicalNot", not_of },
    { "Neg", neg },
    { "OnesLike", one },
    { "Reciprocal", reciprocal },
    { "Relu", relu },
    { "Rint", rint },
    { "Round", rint },
    { "Rsqrt", rsqrt },
    { "Sqrt", sqrt },
    { "Square", square },
    { "Tanh", tanh },
    { "ZerosLike", zero },
};

static const struct {
    const char *op;
    double (*f)(double, double);
    bool is_logical;
} binaries[] = {
    { "Add", add, false },
    { "AddV2", add, false },
    { "BiasAdd", add, false },
    { "Div", divide, false },
    { "Equal", equal, true },
    { "FloorDiv", floor_div, false },
    { "FloorMod", floor_mod, false },
    { "Greater", greater, true },
    { "GreaterEqual", greater_equal, true },
    { "Less", less, true },
    { "LessEqual", less_equal, true },
    { "LogicalAnd", both, true },
    { "LogicalOr", either, true },
    { "Maximum", max_of, false },
    { "Minimum", min_of, false },
    { "Mul", mul, false },
    { "NotEqual", not_equal, true },
    { "Pow", pow, false },
    { "RealDiv", divide, false },
    { "SquaredDifference", squared_difference, false },
    { "Sub", sub, false },
};

/* --- evaluation --- */

typedef struct fold {
    rf_tf_import *in;
    const rf_tf_node *n;
    const rf_tensor *x[MOST_INPUTS];
    rf_shape shape[MOST_INPUTS]; /* as the node sees them */
    bool partial;                /* one of them has open elements */
} fold;

void rf_tf_count_computed(rf_tf_import *in, int64_t count)
{
    if (count > MOST_ELEMENTS - in->folded)
        rf_net_fail(&in->net, RF_EUNSUPPORTED,
                    "a constant of %lld elements; all that are computed may have %d",
                    (long long)count, MOST_ELEMENTS);
    else
        in->folded += count;
}

static rf_tensor *new_result(fold *f, rf_dtype dtype, const rf_shape *shape)
{
    rf_net *net = &f->in->net;
    rf_tensor *t = NULL;
    int64_t count = 0;
    if (net->st || (net->st = rf_shape_count(net->g->ctx, shape, &count)))
        return NULL;
    rf_tf_count_computed(f->in, count);
    if (!net->st)
        net->st = rf_tensor_new_shape(net->g->ctx, dtype, shape, &t);
    return t;
}

static bool is_open(const rf_tensor *t)
{
    for (int64_t i = 0; i < t->count; i++)
        if (isnan(get(t, i)))
            return true;
    return false;
}

/* `doubtful`: a truth value among t is not known; t cannot say so itself. */
static void take_result(fold *f, rf_tensor *t, bool doubtful)
{
    if (!t)
        return;
    const bool open = f->partial && (t->dtype == RF_DTYPE_BOOL ? doubtful : is_open(t));
    const rf_net_tensor made = rf_net_constant(&f->in->net, rf_tf_names(f->in, f->n).output, t);
    rf_tf_set(f->in, f->n, made);
    if (open && !f->in->net.st)
        f->in->made[f->n->index][0].partial = true;
}

static void fold_unary(fold *f, double (*function)(double))
{
    rf_tensor *t = new_result(f, f->x[0]->dtype, &f->shape[0]);
    for (int64_t i = 0; t && i < t->count; i++)
        put(t, i, function(get(f->x[0], i)));
    take_result(f, t, false);
}

/* Where element `i` of the result comes from in an operand that is broadcast. */
static int64_t source_index(const rf_shape *dst, const rf_shape *src, int64_t i)
{
    int64_t at = 0, stride = 1;
    for (int d = dst->rank - 1; d >= 0; d--) {
        const int s = d - (dst->rank - src->rank);
        const int64_t k = i % dst->dims[d];
        i /= dst->dims[d];
        if (s < 0)
            continue;
        at += src->dims[s] == 1 ? 0 : k * stride;
        stride *= src->dims[s];
    }
    return at;
}

static void fold_binary(fold *f, double (*function)(double, double), bool is_logical)
{
    rf_net *net = &f->in->net;
    rf_shape dst;
    bool open = false;
    if ((net->st = rf_shape_broadcast(net->g->ctx, &f->shape[0], &f->shape[1], &dst)))
        return;
    rf_tensor *t = new_result(f, is_logical ? RF_DTYPE_BOOL : f->x[0]->dtype, &dst);
    const bool whole = t && t->dtype == RF_DTYPE_I64;
    for (int64_t i = 0; t && i < t->count; i++) {
        const double y = function(get(f->x[0], source_index(&dst, &f->shape[0], i)),
                                  get(f->x[1], source_index(&dst, &f->shape[1], i)));
        open |= isnan(y);
        put(t, i, whole ? trunc(y) : y);
    }
    take_result(f, t, open);
}

static void fold_cast(fold *f)
{
    const rf_tf_type *to = rf_tf_type_find(rf_tf_attr_type(f->n, "DstT"));
    bool open = false;
    rf_tensor *t = to && to->held ? new_result(f, to->dtype, &f->shape[0]) : NULL;
    for (int64_t i = 0; t && i < t->count; i++) {
        const double x = get(f->x[0], i);
        open |= isnan(x);
        put(t, i, x);
    }
    if (!t)
        rf_net_fail(&f->in->net, RF_EUNSUPPORTED, "a cast to a type without numbers");
    take_result(f, t, open);
}

/* Fill(dims, value) */
static void fold_fill(fold *f)
{
    rf_shape dst = { .rank = (int)f->x[0]->count };
    for (int d = 0; d < dst.rank && dst.rank <= RF_MAX_RANK; d++)
        dst.dims[d] = to_int(get(f->x[0], d));
    for (int d = 0; d < dst.rank; d++)
        if (dst.rank > RF_MAX_RANK || dst.dims[d] < 0) {
            rf_net_fail(&f->in->net, RF_EUNSUPPORTED,
                        "its shape is open; give the shape of the input with --input-shape");
            return;
        }
    rf_tensor *t = new_result(f, f->x[1]->dtype, &dst);
    for (int64_t i = 0; t && i < t->count && f->x[1]->count; i++)
        put(t, i, get(f->x[1], 0));
    take_result(f, t, false);
}

/* Range(start, limit, delta) */
static void fold_range(fold *f)
{
    const double start = get_single(f->x[0]), limit = get_single(f->x[1]);
    const double delta = get_single(f->x[2]);
    const double steps = ceil((limit - start) / delta);
    if (isnan(steps) || steps > MOST_ELEMENTS) {
        rf_net_fail(&f->in->net, RF_EUNSUPPORTED,
                    "its ends are open; give the shape of the input with --input-shape");
        return;
    }
    const rf_shape dst = { .rank = 1, .dims = { steps > 0 ? (int64_t)steps : 0 } };
    rf_tensor *t = new_result(f, f->x[0]->dtype, &dst);
    for (int64_t i = 0; t && i < t->count; i++)
        put(t, i, start + (double)i * delta);
    take_result(f, t, false);
}

/* Select(condition, then, else) of equal shapes, or of a single condition. */
static void fold_select(fold *f)
{
    if (!rf_shape_equal(&f->shape[1], &f->shape[2]) ||
        (f->x[0]->count != 1 && !rf_shape_equal(&f->shape[0], &f->shape[1]))) {
        rf_net_fail(&f->in->net, RF_EUNSUPPORTED, "a choice between constants that broadcast");
        return;
    }
    rf_tensor *t = new_result(f, f->x[1]->dtype, &f->shape[1]);
    for (int64_t i = 0; t && i < t->count; i++)
        put(t, i, get(f->x[get(f->x[0], f->x[0]->count == 1 ? 0 : i) != 0.0 ? 1 : 2], i));
    take_result(f, t, false);
}

/* --- reduction and gathering --- */

static const struct {
    const char *op;
    double begin;
    double (*f)(double, double);
} reductions[] = {
    { "Sum", 0.0, add },          { "Prod", 1.0, mul },        { "Mean", 0.0, add },
    { "Max", -INFINITY, max_of }, { "Min", INFINITY, min_of }, { "All", 1.0, both },
    { "Any", 0.0, either },
};

static void fold_reduction(fold *f, double begin, double (*function)(double, double))
{
    bool gone[RF_MAX_RANK] = { false };
    const rf_shape *src = &f->shape[0];
    const bool keep = rf_tf_attr_bool(f->n, "keep_dims", false);
    rf_shape kept = *src, dst = { 0 };
    for (int64_t i = 0; i < f->x[1]->count; i++)
        gone[rf_net_axis(&f->in->net, to_int(get(f->x[1], i)), src->rank)] = true;
    for (int d = 0; d < src->rank; d++) {
        kept.dims[d] = gone[d] ? 1 : src->dims[d];
        if (!gone[d] || keep)
            dst.dims[dst.rank++] = kept.dims[d];
    }
    rf_tensor *t = new_result(f, f->x[0]->dtype, &dst);
    double *sums = t ? rf_alloc(t->ctx, (size_t)(t->count + 1) * sizeof *sums) : NULL;
    if (!t || !sums) {
        rf_tensor_free(t);
        f->in->net.st = f->in->net.st ? f->in->net.st : RF_ENOMEM;
        return;
    }
    for (int64_t i = 0; i < t->count; i++)
        sums[i] = begin;
    for (int64_t i = 0; i < f->x[0]->count; i++) {
        double *sum = &sums[source_index(src, &kept, i)];
        *sum = function(*sum, get(f->x[0], i));
    }
    const double share =
        rf_tf_is(f->n, "Mean") && f->x[0]->count ? (double)t->count / (double)f->x[0]->count : 1.0;
    for (int64_t i = 0; i < t->count; i++)
        put(t, i, sums[i] * share);
    rf_free(t->ctx, sums);
    take_result(f, t, false);
}

/* Gather(x, indices, axis) */
static void fold_gather(fold *f)
{
    const rf_shape *src = &f->shape[0], *at = &f->shape[1];
    const int axis = f->x[2] ? rf_net_axis(&f->in->net, to_int(get_single(f->x[2])), src->rank) : 0;
    rf_shape dst = { 0 };
    int64_t inner = 1;
    if (f->in->net.st || src->rank < 1 || src->rank - 1 + at->rank > RF_MAX_RANK) {
        rf_net_fail(&f->in->net, RF_EUNSUPPORTED, "%d dims gathered by %d", src->rank, at->rank);
        return;
    }
    for (int d = 0; d < src->rank; d++) {
        if (d != axis)
            dst.dims[dst.rank++] = src->dims[d];
        for (int k = 0; d == axis && k < at->rank; k++)
            dst.dims[dst.rank++] = at->dims[k];
        inner *= d > axis ? src->dims[d] : 1;
    }
    rf_tensor *t = new_result(f, f->x[0]->dtype, &dst);
    const int64_t count = f->x[1]->count, size = src->dims[axis];
    for (int64_t i = 0; t && i < t->count; i++) {
        const int64_t o = i / (count * inner), k = i / inner % count;
        const int64_t index = to_int(get(f->x[1], k));
        if (index < 0 || index >= size) {
            rf_net_fail(&f->in->net, RF_EMODEL, "index %lld of %lld elements", (long long)index,
                        (long long)size);
            rf_tensor_free(t);
            return;
        }
        put(t, i, get(f->x[0], (o * size + index) * inner + i % inner));
    }
    take_result(f, t, false);
}

/* --- the choice --- */

static const struct {
    const char *op;
    int inputs;
    void (*f)(fold *f);
} others[] = {
    { "Cast", 1, fold_cast },       { "Fill", 2, fold_fill },       { "Range", 3, fold_range },
    { "Select", 3, fold_select },   { "SelectV2", 3, fold_select }, { "Gather", 2, fold_gather },
    { "GatherV2", 3, fold_gather },
};

/* False: it is not ours, or an input is computed. Operands without elements are none of our business. */
static bool open_fold(rf_tf_import *in, const rf_tf_node *n, int count, fold *f)
{
    if (n->input_count < count)
        return false;
    for (int i = 0; i < count; i++) {
        const rf_tf_made m = rf_tf_any_operand(in, n, i);
        if (in->net.st || !m.t.constant)
            return false;
        f->partial |= m.partial;
        f->x[i] = m.t.constant;
        f->shape[i] = m.t.shape;
    }
    return true;
}

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

bool rf_tf_fold(rf_tf_import *in, const rf_tf_node *n)
{
    fold f = { .in = in, .n = n };
    for (size_t i = 0; i < COUNT(unaries); i++)
        if (rf_tf_is(n, unaries[i].op) && open_fold(in, n, 1, &f))
            return fold_unary(&f, unaries[i].f), true;
    for (size_t i = 0; i < COUNT(binaries); i++)
        if (rf_tf_is(n, binaries[i].op) && open_fold(in, n, 2, &f))
            return fold_binary(&f, binaries[i].f, binaries[i].is_logical), true;
    for (size_t i = 0; i < COUNT(reductions); i++)
        if (rf_tf_is(n, reductions[i].op) && open_fold(in, n, 2, &f))
            return fold_reduction(&f, reductions[i].begin, reductions[i].f), true;
    for (size_t i = 0; i < COUNT(others); i++)
        if (rf_tf_is(n, others[i].op) && open_fold(in, n, others[i].inputs, &f))
            return others[i].f(&f), true;
    return false;
}
