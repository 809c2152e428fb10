/* Adding constants, values and nodes to a graph under names that are not in use. */
#include "export/export.h"

/* `base` may be NULL where making it up ran out of memory. */
static const char *fresh_name(rf_graph *g, const char *base)
{
    return base ? rf_graph_unique_name(g, base) : NULL;
}

rf_status rf_new_constant(rf_graph *g, const char *base, rf_tensor *t, rf_value **out)
{
    const char *name = fresh_name(g, base);
    if (!name) {
        rf_tensor_free(t);
        return RF_ENOMEM;
    }
    return rf_graph_take_constant(g, name, t, out);
}

rf_status rf_new_ints(rf_graph *g, const char *base, const int64_t *values, int64_t count,
                      rf_value **out)
{
    rf_tensor *t = NULL;
    RF_TRY(rf_tensor_new(g->ctx, RF_DTYPE_I64, 1, &count, &t));
    for (int64_t i = 0; i < count; i++)
        rf_tensor_i64(t)[i] = values[i];
    return rf_new_constant(g, base, t, out);
}

rf_status rf_new_scalar(rf_graph *g, const char *base, float value, rf_value **out)
{
    rf_tensor *t = NULL;
    RF_TRY(rf_tensor_new(g->ctx, RF_DTYPE_F32, 0, NULL, &t));
    rf_tensor_f32(t)[0] = value;
    return rf_new_constant(g, base, t, out);
}

rf_status rf_new_value(rf_graph *g, const char *base, rf_dtype dtype, const rf_shape *shape,
                       rf_value **out)
{
    const char *name = fresh_name(g, base);
    if (!name)
        return RF_ENOMEM;
    return rf_graph_add_value(g, name, dtype, shape, out);
}

rf_status rf_new_node(rf_graph *g, const char *op_type, rf_value *const inputs[4], rf_value *output,
                      rf_node *before, rf_node **out)
{
    const char *name = fresh_name(g, rf_arena_printf(&g->arena, "%s_%s", output->name, op_type));
    if (!name)
        return RF_ENOMEM;
    int count = 0;
    while (count < 4 && inputs[count])
        count++;
    const rf_node_desc desc = { .name = name,
                                .op_type = op_type,
                                .inputs = inputs,
                                .input_count = count,
                                .outputs = &output,
                                .output_count = 1,
                                .before = before };
    return rf_graph_add_node(g, &desc, out);
}
