/* Editing attributes, metadata and operator set imports. */
#include <string.h>

#include "base/status.h"
#include "graph/edit.h"

/* The array has room up to the next power of two; one more than that means a new array in the arena, twice as long. */
static rf_attr *append_attr(rf_graph *g, rf_node *n)
{
    const bool full = (n->attr_count & (n->attr_count - 1)) == 0;
    const size_t room = n->attr_count ? 2 * (size_t)n->attr_count : 1;
    rf_attr *attrs = full ? rf_arena_array(&g->arena, room, sizeof *attrs) : n->attrs;
    if (!attrs)
        return NULL;
    if (full && n->attr_count)
        memcpy(attrs, n->attrs, (size_t)n->attr_count * sizeof *attrs);
    n->attrs = attrs;
    return &attrs[n->attr_count++];
}

rf_attr *rf_node_new_attr(rf_graph *g, rf_node *n, const char *name)
{
    const char *copy = rf_arena_strdup(&g->arena, name);
    if (!copy)
        return NULL;
    rf_attr *attr = NULL;
    for (int i = 0; i < n->attr_count && !attr; i++)
        if (strcmp(n->attrs[i].name, name) == 0)
            attr = &n->attrs[i];
    if (!attr)
        attr = append_attr(g, n);
    if (attr)
        *attr = (rf_attr){ .name = copy };
    return attr;
}

rf_status rf_node_set_int(rf_graph *g, rf_node *n, const char *name, int64_t value)
{
    rf_attr *attr = rf_node_new_attr(g, n, name);
    if (!attr)
        return RF_ENOMEM;
    attr->type = RF_ATTR_INT;
    attr->i = value;
    return RF_OK;
}

rf_status rf_node_set_float(rf_graph *g, rf_node *n, const char *name, double value)
{
    rf_attr *attr = rf_node_new_attr(g, n, name);
    if (!attr)
        return RF_ENOMEM;
    attr->type = RF_ATTR_FLOAT;
    attr->f = value;
    return RF_OK;
}

rf_status rf_node_set_string(rf_graph *g, rf_node *n, const char *name, const char *value)
{
    const char *copy = rf_arena_strdup(&g->arena, value);
    rf_attr *attr = copy ? rf_node_new_attr(g, n, name) : NULL;
    if (!attr)
        return RF_ENOMEM;
    attr->type = RF_ATTR_STRING;
    attr->s = copy;
    return RF_OK;
}

rf_status rf_node_set_ints(rf_graph *g, rf_node *n, const char *name, const int64_t *values,
                           int64_t count)
{
    int64_t *copy = rf_arena_array(&g->arena, (size_t)count, sizeof *copy);
    rf_attr *attr = copy ? rf_node_new_attr(g, n, name) : NULL;
    if (!attr)
        return RF_ENOMEM;
    if (count)
        memcpy(copy, values, (size_t)count * sizeof *copy);
    attr->type = RF_ATTR_INTS;
    attr->ints = copy;
    attr->count = count;
    return RF_OK;
}

rf_status rf_node_set_tensor(rf_graph *g, rf_node *n, const char *name, rf_tensor *t)
{
    rf_attr *attr = rf_node_new_attr(g, n, name);
    if (!attr)
        return RF_ENOMEM;
    attr->type = RF_ATTR_TENSOR;
    attr->tensor = t;
    return RF_OK;
}

void rf_node_remove_attr(rf_node *n, const char *name)
{
    for (int i = 0; i < n->attr_count; i++) {
        if (strcmp(n->attrs[i].name, name) != 0)
            continue;
        memmove(&n->attrs[i], &n->attrs[i + 1], (size_t)(n->attr_count - i - 1) * sizeof *n->attrs);
        n->attr_count--;
        return;
    }
}

static void remove_metadata(rf_graph *g, const char *key)
{
    size_t kept = 0;
    for (size_t i = 0; i < g->metadata.count; i++)
        if (strcmp(g->metadata.items[i].key, key) != 0)
            g->metadata.items[kept++] = g->metadata.items[i];
    g->metadata.count = kept;
}

rf_status rf_graph_set_metadata(rf_graph *g, const char *key, const char *value)
{
    if (!value) {
        remove_metadata(g, key);
        return RF_OK;
    }
    const char *copy = rf_arena_strdup(&g->arena, value);
    if (!copy)
        return RF_ENOMEM;
    for (size_t i = 0; i < g->metadata.count; i++) {
        if (strcmp(g->metadata.items[i].key, key) == 0) {
            g->metadata.items[i].value = copy;
            return RF_OK;
        }
    }
    const rf_metadata entry = { .key = rf_arena_strdup(&g->arena, key), .value = copy };
    if (!entry.key)
        return RF_ENOMEM;
    return RF_VEC_PUSH(g->ctx, &g->metadata, entry);
}

rf_status rf_graph_set_opset(rf_graph *g, const char *domain, int64_t version)
{
    for (size_t i = 0; i < g->opsets.count; i++) {
        if (strcmp(g->opsets.items[i].domain, domain) == 0) {
            g->opsets.items[i].version = version;
            return RF_OK;
        }
    }
    const rf_opset opset = { .domain = rf_arena_strdup(&g->arena, domain), .version = version };
    if (!opset.domain)
        return RF_ENOMEM;
    return RF_VEC_PUSH(g->ctx, &g->opsets, opset);
}
