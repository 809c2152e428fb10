/* Convolutions on channels-last arrays: oneDNN primitives, or kernels of refold's own, made once for a shape. */
#include <string.h>

#include "base/context.h"
#include "dnn/conv_impl.h"

const char *const rf_conv_part_names[RF_CONV_PARTS] = { "forward", "backward-data",
                                                        "backward-weights" };

/* oneDNN's deconvolution descriptor is the same type as the convolution's. */
static dnnl_status_t init_desc(const rf_conv_geometry *g, int which, const dnnl_memory_desc_t *bias,
                               dnnl_convolution_desc_t *out)
{
    const dnnl_memory_desc_t *src = &g->src, *weights = &g->any_weights, *dst = &g->dst;
    const dnnl_dim_t *strides = g->strides, *dilates = g->dilates;
    const dnnl_dim_t *begin = g->pad_begin, *end = g->pad_end;
    const dnnl_alg_kind_t alg = g->transposed ? dnnl_deconvolution_direct : dnnl_convolution_direct;

    if (which == RF_CONV_FORWARD)
        return (g->transposed ? dnnl_dilated_deconvolution_forward_desc_init
                              : dnnl_dilated_convolution_forward_desc_init)(
            out, dnnl_forward_training, alg, src, weights, bias, dst, strides, dilates, begin, end);
    if (which == RF_CONV_BACKWARD_DATA)
        return (g->transposed ? dnnl_dilated_deconvolution_backward_data_desc_init
                              : dnnl_dilated_convolution_backward_data_desc_init)(
            out, alg, src, weights, dst, strides, dilates, begin, end);
    return (g->transposed ? dnnl_dilated_deconvolution_backward_weights_desc_init
                          : dnnl_dilated_convolution_backward_weights_desc_init)(
        out, alg, src, weights, bias, dst, strides, dilates, begin, end);
}

static dnnl_status_t set_runtime_zero_point(dnnl_primitive_attr_t attr)
{
    const int32_t at_run_time = DNNL_RUNTIME_S32_VAL;
    return dnnl_primitive_attr_set_zero_points(attr, DNNL_ARG_SRC, 1, /*mask=*/0, &at_run_time);
}

/*
 * oneDNN 2.6 has two kernels for 1x1 convolutions with strides whose threads get into each other's way. The weights'
 * gradient: once in some thousands of calls a channel comes out wrong, when they are interrupted. Sums of codes: where the
 * input channels are no multiple of 16, often. Others are as good; of a deconvolution there are none.
 */
static bool is_unsafe(const rf_conv_geometry *g, int which, bool integers,
                      const_dnnl_primitive_desc_t desc)
{
    const char *name = NULL;
    bool strided = false;
    for (int i = 0; i < g->spatial; i++)
        strided = strided || g->strides[i] > 1;
    return (which == RF_CONV_BACKWARD_WEIGHTS || integers) && strided && !g->transposed &&
           !dnnl_primitive_desc_query(desc, dnnl_query_impl_info_str, 0, &name) &&
           strstr(name, "1x1");
}

/* The first of oneDNN's implementations that is sound; the first of all where it has no other (some transposed ones). */
static dnnl_status_t choose_desc(const rf_conv_geometry *g, int which, bool integers,
                                 dnnl_primitive_desc_iterator_t at, dnnl_primitive_desc_t *out)
{
    dnnl_primitive_desc_t first = NULL;
    for (dnnl_status_t status = dnnl_success; !status;
         status = dnnl_primitive_desc_iterator_next(at)) {
        dnnl_primitive_desc_t desc = dnnl_primitive_desc_iterator_fetch(at);
        if (!desc)
            break;
        if (!is_unsafe(g, which, integers, desc)) {
            if (first)
                dnnl_primitive_desc_destroy(first);
            *out = desc;
            return dnnl_success;
        }
        if (first)
            dnnl_primitive_desc_destroy(desc);
        else
            first = desc;
    }
    *out = first;
    return first ? dnnl_success : dnnl_out_of_memory;
}

/* A scratchpad that the caller hands in: nothing is allocated in a step. */
static dnnl_status_t create_desc(const rf_conv_geometry *g, int which, const void *op_desc,
                                 bool integers, dnnl_engine_t engine,
                                 const_dnnl_primitive_desc_t hint, dnnl_primitive_desc_t *out)
{
    dnnl_primitive_desc_iterator_t at = NULL;
    dnnl_primitive_attr_t attr = NULL;
    dnnl_status_t status = dnnl_primitive_attr_create(&attr);
    if (!status)
        status = dnnl_primitive_attr_set_scratchpad_mode(attr, dnnl_scratchpad_mode_user);
    if (!status && integers)
        status = set_runtime_zero_point(attr);
    if (!status)
        status = dnnl_primitive_desc_iterator_create(&at, op_desc, attr, engine, hint);
    if (!status)
        status = choose_desc(g, which, integers, at, out);
    dnnl_primitive_desc_iterator_destroy(at);
    dnnl_primitive_attr_destroy(attr);
    return status;
}

static dnnl_status_t create_reorder(const rf_dnn_conv *c, const dnnl_memory_desc_t *from,
                                    const dnnl_memory_desc_t *to, dnnl_primitive_desc_t *out)
{
    dnnl_primitive_attr_t attr = NULL;
    dnnl_status_t status = dnnl_primitive_attr_create(&attr);
    if (!status)
        status = dnnl_primitive_attr_set_scratchpad_mode(attr, dnnl_scratchpad_mode_user);
    if (!status)
        status = dnnl_reorder_primitive_desc_create(out, from, c->engine, to, c->engine, attr);
    dnnl_primitive_attr_destroy(attr);
    return status;
}

/* Reserve a block of one direction's scratch. */
static size_t reserve(size_t *used, size_t bytes)
{
    const size_t at = *used;
    *used += (bytes + RF_ALIGN - 1) / RF_ALIGN * RF_ALIGN;
    return at;
}

static dnnl_status_t new_memory(const rf_dnn_conv *c, const dnnl_memory_desc_t *desc,
                                dnnl_memory_t *out)
{
    return dnnl_memory_create(out, desc, c->engine, DNNL_MEMORY_NONE);
}

/*
 * The reorder runs before a forward or backward-data primitive, and after a backward-weights one.
 */
static rf_status add_reorder(rf_dnn_conv *c, const rf_conv_geometry *g, int which,
                             const dnnl_memory_desc_t *weights, size_t *used)
{
    rf_conv_part *p = &c->parts[which];
    const char *what = rf_conv_part_names[which];
    if (dnnl_memory_desc_equal(weights, &g->plain_weights))
        return RF_OK;
    dnnl_primitive_desc_t desc = NULL;
    const bool back = which == RF_CONV_BACKWARD_WEIGHTS;
    RF_DNN_TRY(c->ctx,
               create_reorder(c, back ? weights : &g->plain_weights,
                              back ? &g->plain_weights : weights, &desc),
               what);
    const dnnl_memory_desc_t *pad = dnnl_primitive_desc_query_md(desc, dnnl_query_scratchpad_md, 0);
    p->reorder_pad_at = reserve(used, dnnl_memory_desc_get_size(pad));
    dnnl_status_t status = new_memory(c, pad, &p->reorder_pad);
    if (!status)
        status = new_memory(c, &g->plain_weights, &p->plain);
    if (!status)
        status = dnnl_primitive_create(&p->reorder, desc);
    dnnl_primitive_desc_destroy(desc);
    return rf_dnn_check(c->ctx, status, what);
}

/* Everything of one direction but its primitive descriptor. */
static rf_status fill_part(rf_dnn_conv *c, const rf_conv_geometry *g, int which,
                           dnnl_primitive_desc_t desc)
{
    rf_conv_part *p = &c->parts[which];
    const char *what = rf_conv_part_names[which];
    const dnnl_memory_desc_t *pad = dnnl_primitive_desc_query_md(desc, dnnl_query_scratchpad_md, 0);
    const dnnl_memory_desc_t *weights = dnnl_primitive_desc_query_md(
        desc,
        which == RF_CONV_BACKWARD_WEIGHTS ? dnnl_query_diff_weights_md : dnnl_query_weights_md, 0);
    size_t used = 0;
    p->weights_at = reserve(&used, dnnl_memory_desc_get_size(weights));
    p->bias_at = reserve(&used, dnnl_memory_desc_get_size(&g->bias));
    p->run_pad_at = reserve(&used, dnnl_memory_desc_get_size(pad));
    RF_DNN_TRY(c->ctx, new_memory(c, &g->src, &p->src), what);
    RF_DNN_TRY(c->ctx, new_memory(c, weights, &p->weights), what);
    RF_DNN_TRY(c->ctx, new_memory(c, &g->bias, &p->bias), what);
    RF_DNN_TRY(c->ctx, new_memory(c, &g->dst, &p->dst), what);
    RF_DNN_TRY(c->ctx, new_memory(c, pad, &p->run_pad), what);
    RF_DNN_TRY(c->ctx, dnnl_primitive_create(&p->run, desc), what);
    RF_TRY(add_reorder(c, g, which, weights, &used));
    c->scratch = used > c->scratch ? used : c->scratch;
    return RF_OK;
}

static rf_status describe_part(rf_dnn_conv *c, const rf_conv_geometry *g, int which, bool integers,
                               const_dnnl_primitive_desc_t hint, dnnl_primitive_desc_t *out)
{
    const bool bias = c->with_bias && !integers;
    dnnl_convolution_desc_t desc;
    RF_DNN_TRY(c->ctx, init_desc(g, which, bias ? &g->bias : NULL, &desc),
               rf_conv_part_names[which]);
    return rf_dnn_check(c->ctx, create_desc(g, which, &desc, integers, c->engine, hint, out),
                        rf_conv_part_names[which]);
}

static rf_status create_part(rf_dnn_conv *c, const rf_conv_geometry *g, int which, bool integers,
                             const_dnnl_primitive_desc_t hint)
{
    dnnl_primitive_desc_t desc = NULL;
    RF_TRY(describe_part(c, g, which, integers, hint, &desc));
    const rf_status status = fill_part(c, g, which, desc);
    dnnl_primitive_desc_destroy(desc);
    return status;
}

/* Its roundings are not those of plain sums, which whoever asks for the float engine wants to see. */
static bool create_winograd(rf_dnn_conv *c, const rf_conv_shape *s)
{
    if (rf_context_compute(c->ctx) == RF_COMPUTE_FLOAT ||
        !rf_conv_gradients_are_own(s, rf_context_threads(c->ctx), &c->winograd))
        return false;
    const size_t scratch = rf_winograd_scratch(&c->winograd);
    c->scratch = scratch > c->scratch ? scratch : c->scratch;
    return true;
}

/*
 * Gradients are real numbers, whatever forward computes in: the float forward is their hint. Winograd's way has no sum
 * for a bias: there, the weights' gradient is oneDNN's.
 */
static rf_status create_backward(rf_dnn_conv *c, const rf_conv_geometry *g, bool winograd)
{
    dnnl_primitive_desc_t hint = NULL;
    if (winograd && !c->with_bias)
        return RF_OK;
    RF_TRY(describe_part(c, g, RF_CONV_FORWARD, /*integers=*/false, NULL, &hint));
    rf_status status = RF_OK;
    if (!winograd)
        status = create_part(c, g, RF_CONV_BACKWARD_DATA, /*integers=*/false, hint);
    if (!status)
        status = create_part(c, g, RF_CONV_BACKWARD_WEIGHTS, /*integers=*/false, hint);
    dnnl_primitive_desc_destroy(hint);
    return status;
}

static dnnl_status_t create_zero_point(rf_dnn_conv *c)
{
    dnnl_memory_desc_t desc;
    const dnnl_dims_t one = { 1 };
    const dnnl_status_t status = dnnl_memory_desc_init_by_tag(&desc, 1, one, dnnl_s32, dnnl_a);
    return status ? status
                  : dnnl_memory_create(&c->zero_point, &desc, c->engine, &c->zero_point_value);
}

static rf_status open_engine(rf_dnn_conv *c)
{
    RF_DNN_TRY(c->ctx, dnnl_engine_create(&c->engine, dnnl_cpu, 0), "engine of a");
    RF_DNN_TRY(c->ctx, dnnl_stream_create(&c->stream, c->engine, dnnl_stream_default_flags),
               "stream of a");
    return RF_OK;
}

static rf_status create_forward(rf_dnn_conv *c, const rf_conv_shape *shape)
{
    rf_conv_geometry g;
    RF_TRY(rf_conv_geometry_init(c->ctx, shape, c->integers, &g));
    RF_TRY(create_part(c, &g, RF_CONV_FORWARD, c->integers, NULL));
    if (c->integers)
        RF_DNN_TRY(c->ctx, create_zero_point(c), "zero point of a");
    return RF_OK;
}

static rf_status build(rf_dnn_conv *c, const rf_conv_shape *shape, bool backward)
{
    rf_conv_geometry g;
    RF_TRY(open_engine(c));
    c->is_own = c->integers && rf_conv_is_own(shape, &c->own);
    if (c->is_own)
        c->scratch = rf_code_conv_scratch(&c->own);
    else
        RF_TRY(create_forward(c, shape));
    if (!backward)
        return RF_OK;
    RF_TRY(rf_conv_geometry_init(c->ctx, shape, /*integers=*/false, &g));
    return create_backward(c, &g, create_winograd(c, shape));
}

rf_status rf_dnn_conv_new(rf_context *ctx, const rf_conv_shape *shape,
                          const rf_dnn_conv_options *options, rf_dnn_conv **out)
{
    RF_TRY(rf_conv_check(ctx, shape));
    rf_dnn_conv *c;
    RF_NEW_ARRAY(ctx, c, 1);
    c->ctx = ctx;
    c->with_bias = options->bias;
    c->integers = options->integers;
    rf_use_threads(ctx); /* oneDNN divides the work among the threads it sees here */
    const rf_status status = build(c, shape, options->backward);
    if (status)
        rf_dnn_conv_free(c);
    else
        *out = c;
    return status;
}

/* Only the descriptor is made: cheap, since no code is generated. Its failure is an answer, not an error. */
bool rf_dnn_conv_has_int8(rf_context *ctx, const rf_conv_shape *shape)
{
    dnnl_engine_t engine = NULL;
    dnnl_primitive_desc_t pd = NULL;
    rf_conv_geometry g;
    dnnl_convolution_desc_t desc;
    if (shape->transposed || rf_conv_geometry_init(ctx, shape, /*integers=*/true, &g) != RF_OK ||
        dnnl_engine_create(&engine, dnnl_cpu, 0) != dnnl_success)
        return false;
    rf_use_threads(ctx);
    dnnl_status_t status = init_desc(&g, RF_CONV_FORWARD, NULL, &desc);
    if (!status)
        status = create_desc(&g, RF_CONV_FORWARD, &desc, /*integers=*/true, engine, NULL, &pd);
    if (pd)
        dnnl_primitive_desc_destroy(pd);
    dnnl_engine_destroy(engine);
    return status == dnnl_success;
}

static void release_part(rf_conv_part *p)
{
    dnnl_memory_t memories[] = { p->src,   p->weights, p->bias,       p->dst,
                                 p->plain, p->run_pad, p->reorder_pad };
    for (size_t i = 0; i < sizeof memories / sizeof *memories; i++)
        if (memories[i])
            dnnl_memory_destroy(memories[i]);
    if (p->run)
        dnnl_primitive_destroy(p->run);
    if (p->reorder)
        dnnl_primitive_destroy(p->reorder);
}

void rf_dnn_conv_free(rf_dnn_conv *conv)
{
    if (!conv)
        return;
    for (int i = 0; i < RF_CONV_PARTS; i++)
        release_part(&conv->parts[i]);
    if (conv->zero_point)
        dnnl_memory_destroy(conv->zero_point);
    if (conv->stream)
        dnnl_stream_destroy(conv->stream);
    if (conv->engine)
        dnnl_engine_destroy(conv->engine);
    rf_free(conv->ctx, conv);
}

size_t rf_dnn_conv_scratch(const rf_dnn_conv *conv)
{
    return conv->scratch;
}
