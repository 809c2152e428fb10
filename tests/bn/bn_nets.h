/* Small networks with BN, and array data sets, for the tests of training, re-estimation and folding. */
#ifndef RF_TESTS_BN_BN_NETS_H
#define RF_TESTS_BN_BN_NETS_H

#include "testing.h"
#include "temp_folder.h"

#include "base/rng.h"
#include "graph/graph.h"
#include "sim/sim.h"

/* A network under construction; `at` is the tensor that the next layer reads. */
typedef struct bn_net {
    rf_context *ctx;
    rf_graph *g;
    rf_value *at;
    rf_rng rng;
} bn_net;

static inline bn_net bn_net_new(rf_context *ctx, int rank, const int64_t *dims)
{
    bn_net n = { .ctx = ctx };
    const rf_shape shape = rf_shape_of(rank, dims);
    rf_rng_init(&n.rng, 7, 0);
    CHECK_OK(ctx, rf_graph_new(ctx, "net", &n.g));
    CHECK_OK(ctx, rf_graph_set_opset(n.g, "", 13));
    CHECK_OK(ctx, rf_graph_add_input(n.g, "x", RF_DTYPE_F32, &shape, &n.at));
    return n;
}

/* Normal values of mean `mean` and deviation `spread` under the name "LAYER.SUFFIX". */
static inline rf_value *bn_net_constant(bn_net *n, const char *layer, const char *suffix,
                                        rf_shape shape, double mean, double spread)
{
    char name[96];
    rf_tensor *t = NULL;
    rf_value *v = NULL;
    snprintf(name, sizeof name, "%s.%s", layer, suffix);
    CHECK_OK(n->ctx, rf_tensor_new(n->ctx, RF_DTYPE_F32, shape.rank, shape.dims, &t));
    for (int64_t i = 0; i < t->count; i++)
        rf_tensor_f32(t)[i] = (float)(mean + spread * rf_rng_normal(&n->rng));
    CHECK_OK(n->ctx, rf_graph_take_constant(n->g, name, t, &v));
    return v;
}

/* A node of one output "NAME_out"; b to e may be NULL from some point on. */
static inline rf_node *bn_net_node(bn_net *n, const char *op, const char *name, rf_value *a,
                                   rf_value *b, rf_value *c, rf_value *d, rf_value *e)
{
    char out_name[96];
    rf_value *inputs[5] = { a, b, c, d, e }, *out = NULL;
    rf_node *node = NULL;
    const rf_shape unknown = { .rank = -1 };
    int count = 0;
    while (count < 5 && inputs[count])
        count++;
    snprintf(out_name, sizeof out_name, "%s_out", name);
    CHECK_OK(n->ctx, rf_graph_add_value(n->g, out_name, RF_DTYPE_F32, &unknown, &out));
    const rf_node_desc desc = { .name = name,
                                .op_type = op,
                                .inputs = inputs,
                                .input_count = count,
                                .outputs = &out,
                                .output_count = 1 };
    CHECK_OK(n->ctx, rf_graph_add_node(n->g, &desc, &node));
    n->at = out;
    return node;
}

typedef struct bn_conv {
    int64_t in, out, kernel, pad, stride, groups; /* stride, groups: 0 means 1 */
    bool bias;
} bn_conv;

static inline rf_node *bn_net_conv(bn_net *n, const char *name, bn_conv c)
{
    const int64_t groups = c.groups ? c.groups : 1, stride = c.stride ? c.stride : 1;
    rf_value *w = bn_net_constant(
        n, name, "weight", rf_shape_of(4, (int64_t[]){ c.out, c.in / groups, c.kernel, c.kernel }),
        0.0, 0.4);
    rf_value *b =
        c.bias ? bn_net_constant(n, name, "bias", rf_shape_of(1, &c.out), 0.0, 0.3) : NULL;
    rf_node *node = bn_net_node(n, "Conv", name, n->at, w, b, NULL, NULL);
    CHECK_OK(n->ctx,
             rf_node_set_ints(n->g, node, "kernel_shape", (int64_t[]){ c.kernel, c.kernel }, 2));
    CHECK_OK(n->ctx, rf_node_set_ints(n->g, node, "strides", (int64_t[]){ stride, stride }, 2));
    CHECK_OK(n->ctx,
             rf_node_set_ints(n->g, node, "pads", (int64_t[]){ c.pad, c.pad, c.pad, c.pad }, 4));
    CHECK_OK(n->ctx, rf_node_set_int(n->g, node, "group", groups));
    return node;
}

/* gamma around 1, variance around 1.5 */
static inline rf_node *bn_net_bn(bn_net *n, const char *name, int64_t channels)
{
    const rf_shape shape = rf_shape_of(1, &channels);
    rf_value *gamma = bn_net_constant(n, name, "weight", shape, 1.0, 0.2);
    rf_value *beta = bn_net_constant(n, name, "bias", shape, 0.0, 0.3);
    rf_value *mean = bn_net_constant(n, name, "running_mean", shape, 0.0, 0.3);
    rf_value *var = bn_net_constant(n, name, "running_var", shape, 1.5, 0.1);
    rf_node *node = bn_net_node(n, "BatchNormalization", name, n->at, gamma, beta, mean, var);
    CHECK_OK(n->ctx, rf_node_set_float(n->g, node, "epsilon", 1e-5));
    CHECK_OK(n->ctx, rf_node_set_float(n->g, node, "momentum", 0.9));
    return node;
}

static inline rf_node *bn_net_op(bn_net *n, const char *op, const char *name)
{
    return bn_net_node(n, op, name, n->at, NULL, NULL, NULL, NULL);
}

static inline rf_node *bn_net_gemm(bn_net *n, const char *name, int64_t in, int64_t out)
{
    rf_value *w =
        bn_net_constant(n, name, "weight", rf_shape_of(2, (int64_t[]){ out, in }), 0.0, 0.4);
    rf_value *b = bn_net_constant(n, name, "bias", rf_shape_of(1, &out), 0.0, 0.3);
    rf_node *node = bn_net_node(n, "Gemm", name, n->at, w, b, NULL, NULL);
    CHECK_OK(n->ctx, rf_node_set_int(n->g, node, "transB", 1));
    return node;
}

static inline rf_graph *bn_net_finish(bn_net *n)
{
    CHECK_OK(n->ctx, rf_graph_mark_output(n->g, n->at));
    CHECK_OK(n->ctx, rf_graph_check(n->g));
    return n->g;
}

/* x [n, 3, 6, 6] -> conv-bn-relu (4) -> depthwise conv-bn-relu -> conv(bias)-bn-relu (5) -> Flatten -> Gemm (classes). */
static inline rf_graph *bn_net_small(rf_context *ctx, int64_t classes)
{
    bn_net n = bn_net_new(ctx, 4, (int64_t[]){ -1, 3, 6, 6 });
    bn_net_conv(&n, "conv1", (bn_conv){ .in = 3, .out = 4, .kernel = 3, .pad = 1 });
    bn_net_bn(&n, "bn1", 4);
    bn_net_op(&n, "Relu", "relu1");
    bn_net_conv(&n, "dw",
                (bn_conv){ .in = 4, .out = 4, .kernel = 3, .pad = 1, .stride = 2, .groups = 4 });
    bn_net_bn(&n, "bn2", 4);
    bn_net_op(&n, "Relu", "relu2");
    bn_net_conv(&n, "pw", (bn_conv){ .in = 4, .out = 5, .kernel = 1, .bias = true });
    bn_net_bn(&n, "bn3", 5);
    bn_net_op(&n, "Relu", "relu3");
    bn_net_op(&n, "Flatten", "flatten");
    bn_net_gemm(&n, "fc", 45, classes);
    return bn_net_finish(&n);
}

/* x [n, 6] -> MatMul-bn-relu (8) -> Gemm-bn-relu (8) -> Gemm (classes). */
static inline rf_graph *bn_net_linear(rf_context *ctx, int64_t classes)
{
    bn_net n = bn_net_new(ctx, 2, (int64_t[]){ -1, 6 });
    rf_value *w =
        bn_net_constant(&n, "fc1", "weight", rf_shape_of(2, (int64_t[]){ 6, 8 }), 0.0, 0.4);
    bn_net_node(&n, "MatMul", "fc1", n.at, w, NULL, NULL, NULL);
    bn_net_bn(&n, "bn1", 8);
    bn_net_op(&n, "Relu", "relu1");
    bn_net_gemm(&n, "fc2", 8, 8);
    bn_net_bn(&n, "bn2", 8);
    bn_net_op(&n, "Relu", "relu2");
    bn_net_gemm(&n, "fc3", 8, classes);
    return bn_net_finish(&n);
}

/* --- values --- */

static inline float *net_floats(const rf_graph *g, const char *name)
{
    const rf_value *v = rf_graph_find_value(g, name);
    assert_non_null(v);
    assert_non_null(v->constant);
    return rf_tensor_f32(v->constant);
}

static inline rf_tensor *random_tensor(rf_context *ctx, int rank, const int64_t *dims,
                                       uint64_t seed)
{
    rf_tensor *t = NULL;
    rf_rng rng;
    rf_rng_init(&rng, seed, 1);
    CHECK_OK(ctx, rf_tensor_new(ctx, RF_DTYPE_F32, rank, dims, &t));
    for (int64_t i = 0; i < t->count; i++)
        rf_tensor_f32(t)[i] = (float)rf_rng_normal(&rng);
    return t;
}

/* Output 0 of the graph for `x`. */
static inline rf_tensor *net_run(const rf_graph *g, const rf_tensor *x)
{
    rf_tensor *y = NULL;
    CHECK_OK(g->ctx, rf_infer(g, &x, 16, &y));
    return y;
}

static inline double largest_distance(const rf_tensor *a, const rf_tensor *b)
{
    double largest = 0.0;
    assert_int_equal(a->count, b->count);
    for (int64_t i = 0; i < a->count; i++)
        largest = fmax(largest, fabs((double)rf_tensor_f32(a)[i] - (double)rf_tensor_f32(b)[i]));
    return largest;
}

/* --- data sets: npy files in a folder of their own --- */

typedef struct net_data {
    temp_folder folder;
    char x_path[512], y_path[512];
    rf_dataset *dataset;
} net_data;

/* Takes x; y NULL: without labels. */
static inline net_data net_data_open(rf_context *ctx, rf_tensor *x, rf_tensor *y)
{
    net_data d = { .folder = temp_folder_make() };
    const rf_dataset_options options = RF_DATASET_OPTIONS_INIT;
    char spec[1100];
    temp_path(&d.folder, "x.npy", d.x_path);
    temp_path(&d.folder, "y.npy", d.y_path);
    CHECK_OK(ctx, rf_tensor_save_npy(ctx, x, d.x_path, true));
    if (y)
        CHECK_OK(ctx, rf_tensor_save_npy(ctx, y, d.y_path, true));
    snprintf(spec, sizeof spec, y ? "npy:%s,%s" : "npy:%s", d.x_path, d.y_path);
    CHECK_OK(ctx, rf_dataset_open(ctx, spec, &options, &d.dataset));
    rf_tensor_free(x);
    rf_tensor_free(y);
    return d;
}

/* Labels that a linear function of the sample's mean values decides: something to learn. */
static inline rf_tensor *learnable_labels(rf_context *ctx, const rf_tensor *x, int64_t classes)
{
    const int64_t n = x->shape.dims[0], sample = x->count / n;
    rf_tensor *y = NULL;
    CHECK_OK(ctx, rf_tensor_new(ctx, RF_DTYPE_I64, 1, &n, &y));
    for (int64_t i = 0; i < n; i++) {
        double sum = 0.0;
        for (int64_t j = 0; j < sample; j++)
            sum += (double)rf_tensor_f32(x)[i * sample + j] * (j < sample / 2 ? 1.0 : -0.5);
        const double level = sum / sqrt((double)sample);
        rf_tensor_i64(y)[i] = level < -0.3 ? 0 : level < 0.4 ? 1 % classes : 2 % classes;
    }
    return y;
}

static inline net_data net_data_new(rf_context *ctx, int rank, const int64_t *dims, int64_t classes)
{
    rf_tensor *x = random_tensor(ctx, rank, dims, 11);
    rf_tensor *y = classes ? learnable_labels(ctx, x, classes) : NULL;
    return net_data_open(ctx, x, y);
}

static inline void net_data_close(net_data *d)
{
    rf_dataset_free(d->dataset);
    temp_folder_remove(&d->folder);
}

#endif
