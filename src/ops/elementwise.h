/*
 * Element by element: a new operator of this kind writes plain loops over contiguous rows and says
 * which forward tensor its gradient needs; strides, broadcasting, threads and the summing of
 * gradients are done here.
 */
#ifndef RF_OPS_ELEMENTWISE_H
#define RF_OPS_ELEMENTWISE_H

#include "ops/op_util.h"

/*
 * p[0] is written, p[1...] are read, all n floats long and contiguous; p[0] may be one of the
 * others (in place), so loops carry "#pragma omp simd" and no restrict.
 */
typedef void (*rf_row_fn)(float *const *p, int64_t n, const void *user);

/* NaN stays NaN, which fminf and fmaxf would lose. */
static inline float rf_clamp(float x, float low, float high)
{
    const float above = x < low ? low : x;
    return above > high ? high : above;
}

/* views[0] = fn(views[1...]), which are stretched to its dims. */
void rf_rows(const rf_view *const *views, int operands, rf_row_fn fn, const void *user);

/* views[0] = fn(views[1], views[2]) of integers: shape arithmetic, never hot. */
typedef int64_t (*rf_integer_fn)(int64_t a, int64_t b);
void rf_integer_rows(const rf_view *const *views, rf_integer_fn fn);
rf_status rf_refuse_zeros(const rf_step *s, const rf_view *v); /* in an integer divisor */

/* --- one input: y = f(x) --- */
/* The operator's rule. `user` of both functions: its numbers, const float[RF_UNARY_NUMBERS]. */
#define RF_UNARY_NUMBERS 2
typedef struct rf_unary_rule {
    rf_row_fn forward; /* p: y, x */
    /*
     * p: diff_x, diff_y, t; t is y where backward_needs says RF_NEEDS_OUT(0), x where
     * RF_NEEDS_IN(0), else diff_y.
     */
    rf_row_fn backward;
    struct {
        const char *attr; /* NULL: none */
        float fallback;
    } numbers[RF_UNARY_NUMBERS];
    int64_t (*integer)(int64_t x); /* of integer tensors; NULL where infer wants floats */
} rf_unary_rule;

rf_status rf_unary_infer(rf_inference *io);        /* float32 in, the same out */
rf_status rf_unary_infer_number(rf_inference *io); /* float32 or integers in, the same out */
rf_status rf_unary_rule_forward(rf_step *s);
rf_status rf_unary_rule_backward(rf_step *s);
/* The same where numbers are no attributes. */
rf_status rf_unary_forward(rf_step *s, rf_row_fn fn, const void *user);
rf_status rf_unary_backward(rf_step *s, rf_row_fn fn, const void *user);

/* --- two inputs with broadcasting: y = f(a, b) --- */
/* The operator's rule. */
typedef struct rf_binary {
    rf_row_fn forward; /* p: y, a, b */
    /* p: diff, diff_y, a, b; a and b only where backward_needs them. NULL: diff_y itself. */
    rf_row_fn diff_a, diff_b;
    /* Of integer tensors (shape arithmetic); NULL: refused. */
    rf_integer_fn integer;
    bool divides; /* integer b must not be 0 */
} rf_binary;

rf_status rf_binary_infer(rf_inference *io);       /* float32 or integers, both alike */
rf_status rf_binary_infer_shape(rf_inference *io); /* both alike, of any dtype */
rf_status rf_binary_prepare(rf_step *s);           /* scratch for gradients that are summed */
rf_status rf_binary_forward(rf_step *s);
rf_status rf_binary_backward(rf_step *s);

#endif
