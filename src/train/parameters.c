/* What a network learns and keeps, by name: the public list of parameters. */
#include "train/parameters.h"

#include "tensor/tensor.h"
#include "train/mutable_graph.h"

#define ROLE_NAME(role, text) [RF_ROLE_##role] = text
static const char *const role_names[] = {
    ROLE_NAME(NONE, ""),
    ROLE_NAME(WEIGHT, "weight"),
    ROLE_NAME(BIAS, "bias"),
    ROLE_NAME(BN_SCALE, "bn_scale"),
    ROLE_NAME(BN_BIAS, "bn_bias"),
    ROLE_NAME(BN_MEAN, "bn_mean"),
    ROLE_NAME(BN_VAR, "bn_var"),
    ROLE_NAME(RANGE_MIN, "range_min"),
    ROLE_NAME(RANGE_MAX, "range_max"),
};

rf_parameter rf_parameter_describe(const rf_param *param)
{
    rf_tensor *t = param->value->constant;

    return (rf_parameter){ .name = param->value->name,
                           .node = param->node->name,
                           .role = role_names[param->role],
                           .trainable = param->value->trainable,
                           .rank = t->shape.rank,
                           .dims = t->shape.dims,
                           .count = t->count,
                           .values = rf_tensor_f32(t) };
}

/* The public list stands first, so that a pointer to it is one to the block. */
typedef struct parameter_block {
    rf_parameters list;
    rf_context *ctx;
    rf_parameter items[];
} parameter_block;

rf_status rf_graph_parameters(const rf_graph *graph, rf_parameters **out)
{
    rf_context *ctx = graph->ctx;
    rf_params params;

    RF_TRY(rf_params_collect(rf_graph_for_inference(graph), &params));
    parameter_block *block = rf_calloc(ctx, 1, sizeof *block + params.count * sizeof *block->items);
    if (block) {
        for (size_t i = 0; i < params.count; i++)
            block->items[i] = rf_parameter_describe(&params.items[i]);
        block->ctx = ctx;
        block->list = (rf_parameters){ .count = (int)params.count, .items = block->items };
        *out = &block->list;
    }
    RF_VEC_RELEASE(ctx, &params);
    return block ? RF_OK : RF_ENOMEM;
}

void rf_parameters_free(rf_parameters *list)
{
    if (list)
        rf_free(((parameter_block *)list)->ctx, list);
}
