/*
 * Which key of the checkpoint belongs to which variable. The graph says it itself: the part that restores a model reads
 * keys (RestoreV2) and assigns what it read to variables. This holds for TF1's Saver, for TF2's SavedModels and for
 * Keras' exports, whose keys have nothing to do with the variables' names.
 */
#include <string.h>

#include "base/status.h"
#include "formats/tf_import.h"

/* The i-th of RestoreV2's tensor names; NULL where there is none. */
static rf_status key_of(rf_tf_import *in, const rf_tf_node *restore, int i, const char **out)
{
    const rf_tf_node *names = rf_tf_input(restore, 1).node;
    const Tf__AttrValue *value = rf_tf_is(names, "Const") ? rf_tf_attr(names, "value") : NULL;
    const Tf__TensorProto *t = value ? value->tensor : NULL;
    *out = NULL;
    if (!t || (size_t)i >= t->n_string_val)
        return RF_OK;
    *out =
        rf_arena_strndup(&in->g->arena, (const char *)t->string_val[i].data, t->string_val[i].len);
    return *out ? RF_OK : RF_ENOMEM;
}

static bool is_variable(const rf_tf_node *n)
{
    return rf_tf_is(n, "VarHandleOp") || rf_tf_is(n, "VariableV2") || rf_tf_is(n, "Variable");
}

rf_status rf_tf_bind_variables(rf_tf_import *in)
{
    for (size_t i = 0; i < in->g->nodes.count; i++) {
        const rf_tf_node *n = in->g->nodes.items[i];
        if (!rf_tf_is(n, "AssignVariableOp") && !rf_tf_is(n, "Assign"))
            continue;
        const rf_tf_node *variable = rf_tf_input(n, 0).node;
        const rf_tf_ref from = rf_tf_input(n, 1);
        const char *key = NULL;
        if (!is_variable(variable) || !rf_tf_is(from.node, "RestoreV2"))
            continue;
        RF_TRY(key_of(in, from.node, from.output, &key));
        if (key)
            RF_TRY(rf_map_put(&in->keys, variable->name, (void *)(uintptr_t)key));
    }
    return RF_OK;
}
