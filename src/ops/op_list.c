/* The table of all operators, and finding one by name. */
#include <string.h>

#include "ops/op_list.h"

static const rf_op *const ops[] = {
#define RF_OP(name) &rf_op_##name,
#include "ops/op_list.h"
};

static const int op_count = (int)(sizeof ops / sizeof ops[0]);

const rf_op *rf_op_find(const char *op_type, const char *domain)
{
    const char *wanted = domain && strcmp(domain, "ai.onnx") != 0 ? domain : "";
    for (int i = 0; i < op_count; i++)
        if (!strcmp(ops[i]->onnx_name, op_type) &&
            !strcmp(ops[i]->domain ? ops[i]->domain : "", wanted))
            return ops[i];
    return NULL;
}

const rf_op *const *rf_op_list(int *count_out)
{
    *count_out = op_count;
    return ops;
}
