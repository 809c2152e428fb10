/* One Sequential model from text and made-up weights, run on made-up data, against numbers in Keras' order. */
#ifndef RF_TESTS_KERAS_CASE_H
#define RF_TESTS_KERAS_CASE_H

#include "formats/keras_maker.h"
#include "tensor/shape.h"

#define TOL_LAYER 2e-5 /* relative: float sums of some hundred terms in another order */
#define BATCH 2

typedef struct keras_case {
    rf_context *ctx;
    keras_maker maker;
    char config[16384];
    int rank; /* of the input, with the batch */
    int64_t dims[8];
    float *data; /* Keras' order */
    rf_graph *graph;
    rf_tensor *out;
} keras_case;

/* `spatial` and channels of the input, without the batch. */
static inline void begin_case(keras_case *t, keras_form form, int rank, const int64_t *dims)
{
    int64_t count = BATCH;
    memset(t, 0, sizeof *t);
    t->ctx = test_context();
    keras_begin(&t->maker, form);
    t->rank = rank + 1;
    t->dims[0] = BATCH;
    for (int d = 0; d < rank; d++)
        count *= t->dims[d + 1] = dims[d];
    t->data = malloc((size_t)count * sizeof *t->data);
    keras_fill(t->data, count, 99);
    for (int64_t i = 0; i < count; i++)
        t->data[i] *= 4.0F;
}

static inline void end_case(keras_case *t)
{
    rf_tensor_free(t->out);
    rf_graph_free(t->graph);
    rf_context_free(t->ctx);
    free(t->data);
}

/* Sequential around `layers`, JSON objects with commas between. */
static inline void wrap_layers(keras_case *t, const char *layers)
{
    char shape[128] = "null";
    for (int d = 1; d < t->rank; d++)
        snprintf(shape + strlen(shape), sizeof shape - strlen(shape), ", %lld",
                 (long long)t->dims[d]);
    snprintf(t->config, sizeof t->config,
             "{\"class_name\": \"Sequential\", \"config\": {\"name\": \"net\", \"layers\": ["
             "{\"class_name\": \"InputLayer\", \"config\": {\"batch_input_shape\": [%s], "
             "\"name\": \"x\", \"dtype\": \"float32\"}}, %s]}}",
             shape, layers);
}

static inline rf_status load_case(keras_case *t)
{
    size_t size;
    void *bytes = keras_end(&t->maker, t->config, &size);
    rf_keras_source source = { .bytes = bytes, .size = size };
    if (t->maker.form == KERAS_WEIGHTS)
        source = (rf_keras_source){ t->config, strlen(t->config), bytes, size, NULL };
    const rf_status st = rf_keras_decode(t->ctx, &source, &t->graph);
    free(bytes);
    return st;
}

/* Element `i` of data in Keras' order, where the graph has it channels first. */
static inline int64_t turned_index(int rank, const int64_t *dims, int64_t i)
{
    int64_t inner = 1;
    for (int d = 1; d < rank - 1; d++)
        inner *= dims[d];
    const int64_t c = dims[rank - 1], n = i / (inner * c), pixel = i / c % inner;
    return (n * c + i % c) * inner + pixel;
}

static inline void run_case(keras_case *t)
{
    rf_port port;
    rf_tensor *x = NULL;
    int64_t dims[8];
    CHECK_OK(t->ctx, rf_graph_input(t->graph, 0, &port));
    memcpy(dims, t->dims, sizeof dims);
    for (int d = 1; d < t->rank && port.channels_last; d++)
        dims[d] = d == 1 ? t->dims[t->rank - 1] : t->dims[d - 1];
    CHECK_OK(t->ctx, rf_tensor_new(t->ctx, RF_DTYPE_F32, t->rank, dims, &x));
    for (int64_t i = 0; i < rf_tensor_count(x); i++)
        ((float *)rf_tensor_data(x))[port.channels_last ? turned_index(t->rank, t->dims, i) : i] =
            t->data[i];
    CHECK_OK(t->ctx, rf_infer(t->graph, (const rf_tensor *const[]){ x }, BATCH, &t->out));
    rf_tensor_free(x);
}

/* The output is `dims` in Keras' order, the batch in front. */
static inline void check_case(const keras_case *t, int rank, const int64_t *dims,
                              const float *expected)
{
    rf_port port;
    int64_t count = 1;
    CHECK_OK(t->ctx, rf_graph_output(t->graph, 0, &port));
    for (int d = 0; d < rank; d++)
        count *= dims[d];
    assert_int_equal(rf_tensor_rank(t->out), rank);
    assert_int_equal(rf_tensor_count(t->out), count);
    for (int d = 0; d < rank; d++) {
        const int64_t want = !port.channels_last || d == 0 ? dims[d]
                             : d == 1                      ? dims[rank - 1]
                                                           : dims[d - 1];
        assert_int_equal(rf_tensor_dims(t->out)[d], want);
    }
    const float *found = rf_tensor_const_data(t->out);
    for (int64_t i = 0; i < count; i++)
        CHECK_NEAR(found[port.channels_last ? turned_index(rank, dims, i) : i], expected[i],
                   TOL_LAYER);
}

#endif
