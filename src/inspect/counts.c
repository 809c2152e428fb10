/* What there is how often: operators by type, elements of parameters. */
#include <stdlib.h>
#include <string.h>

#include "inspect/inspection.h"
#include "ops/params.h"

static int more_frequent_first(const void *a, const void *b)
{
    const rf_count *x = a, *y = b;
    if (x->count != y->count)
        return x->count < y->count ? 1 : -1;
    return strcmp(x->name, y->name);
}

static rf_status count_operators(rf_looking *l)
{
    rf_count *counts = rf_arena_array(&l->arena, (size_t)l->graph->node_count + 1, sizeof *counts);
    int n_counts = 0;
    if (!counts)
        return RF_ENOMEM;
    for
        RF_GRAPH_EACH_NODE(n, l->graph)
        {
            if (rf_node_is_fakequant(n))
                continue;
            int i = 0;
            while (i < n_counts && strcmp(counts[i].name, n->op_type) != 0)
                i++;
            if (i == n_counts &&
                !(counts[n_counts++].name = rf_arena_strdup(&l->arena, n->op_type)))
                return RF_ENOMEM;
            counts[i].count++;
        }
    qsort(counts, (size_t)n_counts, sizeof *counts, more_frequent_first);
    l->report.operators = counts;
    l->report.operator_count = n_counts;
    return RF_OK;
}

static bool is_range(rf_role role)
{
    return role == RF_ROLE_RANGE_MIN || role == RF_ROLE_RANGE_MAX;
}

static rf_status count_parameters(rf_looking *l)
{
    rf_params params = { 0 };
    const rf_status st = rf_params_collect(l->graph, &params);
    for (size_t i = 0; st == RF_OK && i < params.count; i++)
        if (!is_range(params.items[i].role))
            l->report.parameters += params.items[i].value->constant->count;
    RF_VEC_RELEASE(l->ctx, &params);
    return st;
}

rf_status rf_look_count(rf_looking *l)
{
    RF_TRY(count_operators(l));
    return count_parameters(l);
}
