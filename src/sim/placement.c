/* Placing quantizers: survey the graph, decide, insert. Source: AIMET quantsim_config.py; docs/NUMERICS.md. */
#include "sim/placement.h"

#include <string.h>

#include "base/status.h"

static rf_quantizer_desc describe(const rf_placement *p, rf_value *v, bool symmetric)
{
    const rf_sim *sim = p->sim;
    return (rf_quantizer_desc){
        .tensor = v,
        .spec = { .bitwidth = sim->output_bw,
                  .symmetric = symmetric,
                  .strict = symmetric && p->config->strict_symmetric == RF_FLAG_TRUE,
                  .is_unsigned =
                      symmetric && !sim->learned && p->config->unsigned_symmetric == RF_FLAG_TRUE,
                  .grid = sim->grid },
        .axis = -1,
    };
}

static rf_status insert_activation(const rf_placement *p, const rf_placed_tensor *t)
{
    rf_node *n = NULL;
    rf_quantizer_desc desc = describe(p, t->value, t->symmetric);
    desc.frozen = t->constraint != NULL;
    RF_TRY(rf_sim_insert(p->sim, &desc, &n));
    if (!t->constraint)
        return RF_OK;
    const rf_encoding e = rf_encoding_of_range(&desc.spec, t->constraint->constrained_min,
                                               t->constraint->constrained_max);
    return rf_quantizer_store(p->sim, n, &e, 1);
}

/* Constants that an op reads beside its parameters are inputs of the model, as AIMET has it; single numbers are not. */
static bool is_fed_constant(const rf_value *v)
{
    return v && v->constant && v->constant->dtype == RF_DTYPE_F32 && v->constant->count > 1 &&
           !rf_value_quantizer(v);
}

static bool takes_constants(const rf_placed_op *op)
{
    static const char *const types[] = { "Add", "Sub", "Mul", "Div", "Concat", "Min", "Max" };
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (rf_node_is(op->node, types[i]))
            return true;
    }
    return false;
}

static rf_status insert_fed_constants(const rf_placement *p)
{
    const bool symmetric = p->config->default_op.symmetric == RF_FLAG_TRUE;
    for (size_t i = 0; i < p->ops.count; i++) {
        const rf_placed_op *op = &p->ops.items[i];
        if (p->sim->compat_aimet && rf_node_in_module(&p->modules, op->node))
            continue; /* the module's own */
        for (int k = 0; takes_constants(op) && k < op->node->input_count; k++) {
            rf_value *v = op->node->inputs[k];
            if (!is_fed_constant(v))
                continue;
            const rf_quantizer_desc desc = describe(p, v, symmetric);
            RF_TRY(rf_sim_insert(p->sim, &desc, NULL));
        }
    }
    return RF_OK;
}

static rf_status insert_all(rf_placement *p)
{
    RF_TRY(rf_placement_params(p));
    if (p->sim->output_bw >= 32)
        return RF_OK;
    for (size_t i = 0; i < p->tensors.count; i++) {
        if (p->tensors.items[i].wanted)
            RF_TRY(insert_activation(p, &p->tensors.items[i]));
    }
    return p->config->model_input == RF_FLAG_TRUE ? insert_fed_constants(p) : RF_OK;
}

rf_status rf_sim_place(rf_sim *sim, const rf_config *config)
{
    rf_placement p = { .sim = sim, .config = config };
    rf_map_init(&p.op_of, sim->ctx);
    rf_map_init(&p.tensor_of, sim->ctx);
    rf_arena_init(&p.modules.arena, sim->ctx);
    rf_map_init(&p.modules.parents, sim->ctx);
    rf_status st = rf_placement_survey(&p);
    if (st == RF_OK)
        st = rf_placement_activations(&p);
    if (st == RF_OK)
        st = insert_all(&p);
    rf_map_release(&p.op_of);
    rf_map_release(&p.tensor_of);
    RF_VEC_RELEASE(sim->ctx, &p.ops);
    RF_VEC_RELEASE(sim->ctx, &p.tensors);
    RF_VEC_RELEASE(sim->ctx, &p.pairs);
    rf_modules_release(&p.modules);
    return st;
}
