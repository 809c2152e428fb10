/* PyTorch's modules, read from the names of nodes. */
#include "sim/modules.h"

#include <string.h>

#include "base/status.h"

/* Of "/block/act/Mul": 10, the length of "/block/act"; 0 for "/Mul", -1 where the name has another form. */
static int scope_length(const rf_node *n)
{
    const char *last = strrchr(n->name, '/');
    if (n->name[0] != '/' || strncmp(last + 1, n->op_type, strlen(n->op_type)) != 0)
        return -1;
    return (int)(last - n->name);
}

static rf_status add_parents(rf_modules *m, const rf_node *n)
{
    const int length = scope_length(n);
    for (int i = 1; i < length; i++) {
        if (n->name[i] != '/')
            continue;
        char *scope = rf_arena_strndup(&m->arena, n->name, (size_t)i);
        if (!scope)
            return RF_ENOMEM;
        if (!rf_map_find(&m->parents, scope))
            RF_TRY(rf_map_put(&m->parents, scope, scope));
    }
    return RF_OK;
}

rf_status rf_modules_find(const rf_graph *g, rf_modules *out)
{
    rf_arena_init(&out->arena, g->ctx);
    rf_map_init(&out->parents, g->ctx);
    for (const rf_node *n = g->first; n; n = n->next)
        RF_TRY(add_parents(out, n));
    return RF_OK;
}

void rf_modules_release(rf_modules *m)
{
    rf_map_release(&m->parents);
    rf_arena_release(&m->arena);
}

bool rf_node_has_scope(const rf_node *n)
{
    return scope_length(n) >= 0;
}

bool rf_node_in_module(const rf_modules *m, const rf_node *n)
{
    char scope[512];
    const int length = scope_length(n);
    if (length <= 0 || length >= (int)sizeof scope)
        return false;
    memcpy(scope, n->name, (size_t)length);
    scope[length] = 0;
    return !rf_map_find(&m->parents, scope);
}

bool rf_nodes_share_module(const rf_modules *m, const rf_node *a, const rf_node *b)
{
    const int length = scope_length(a);
    return length > 0 && length == scope_length(b) &&
           memcmp(a->name, b->name, (size_t)length) == 0 && rf_node_in_module(m, a);
}
