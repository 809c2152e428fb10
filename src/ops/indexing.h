/* Gathering and scattering by tensors of indices: where they point to, and how values meet there. */
#ifndef RF_OPS_INDEXING_H
#define RF_OPS_INDEXING_H

#include "ops/op_util.h"

/* RF_EMODEL unless input i is int64 or int32. */
rf_status rf_infer_index_type(const rf_inference *io, int i);
/* Wrap a negative index; RF_EMODEL outside [-n, n). */
rf_status rf_step_index(const rf_step *s, int64_t index, int64_t n, int64_t *out);

/* --- one index an element, along an axis (GatherElements, ScatterElements) --- */
typedef struct rf_element_indices {
    int rank, axis;
    int64_t dims[RF_MAX_RANK];    /* of the indices */
    int64_t strides[RF_MAX_RANK]; /* of the data, row-major */
    int64_t length;               /* of the data along the axis */
} rf_element_indices;

/* Ranks are alike, and dims beside the axis no larger than the data's. */
rf_status rf_infer_element_indices(const rf_inference *io);
/* Input 0 is the data, input 1 the indices. */
rf_element_indices rf_element_indices_of(const rf_step *s);
/* Element of the data that element i of the indices points to. */
rf_status rf_element_target(const rf_step *s, const rf_element_indices *e, int64_t i, int64_t *out);

/* --- the last dim of the indices is a place in the data's first dims (GatherND, ScatterND) --- */
typedef struct rf_tuple_indices {
    int64_t tuples, length; /* how many places, of how many coordinates each */
    int64_t per_batch;      /* places of one batch */
    int64_t batch;          /* elements of the data in one batch */
    int64_t slice;          /* elements at one place */
    int64_t dims[RF_MAX_RANK], strides[RF_MAX_RANK]; /* of the data, for each coordinate */
} rf_tuple_indices;

rf_status rf_infer_tuple_indices(const rf_inference *io, int64_t batch_dims);
rf_tuple_indices rf_tuple_indices_of(const rf_step *s, int64_t batch_dims);
/* First element of the slice that place t points to. */
rf_status rf_tuple_target(const rf_step *s, const rf_tuple_indices *t, int64_t place, int64_t *out);

/* --- how a scattered value meets what is there: attribute reduction --- */
typedef enum rf_scatter_rule {
    RF_SCATTER_NONE, /* it takes the place */
    RF_SCATTER_ADD,
    RF_SCATTER_MUL,
    RF_SCATTER_MAX,
    RF_SCATTER_MIN,
    RF_SCATTER_UNKNOWN
} rf_scatter_rule;
rf_scatter_rule rf_scatter_rule_of(const rf_node *n);
/* Inputs 0 (data) and 2 (updates) are of one type, and the rule is known. */
rf_status rf_infer_scatter(rf_inference *io);
/* Only taking the place and adding have gradients. */
rf_status rf_scatter_prepare(rf_step *s);
/* dst[at] = dst[at] and src[from], by the rule. */
void rf_scatter_put(rf_scatter_rule rule, rf_dtype dtype, void *dst, int64_t at, const void *src,
                    int64_t from);

#endif
