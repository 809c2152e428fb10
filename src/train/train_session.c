/* Training step by step, for loops that the user writes: forward, backward from his own gradients, update. */
#include <math.h>

#include "base/finite.h"
#include "exec/computed_params.h"
#include "graph/ports.h"
#include "tensor/tensor.h"
#include "train/parameters.h"
#include "train/trainer.h"

/* A plan for batches of one size, and where its outputs go. */
typedef struct pass {
    rf_plan *plan; /* NULL: not made yet */
    int64_t batch;
    rf_tensor **outputs; /* [output_count] */
} pass;

struct rf_session {
    rf_context *ctx;
    rf_graph *g;
    rf_sim *sim; /* NULL: a plain graph */
    rf_train_options o;
    rf_params params;
    rf_health health;
    rf_optimizer optimizer;
    rf_parameter *items; /* [params.count] */
    rf_parameters list;
    pass full, partial; /* the first size that came, and another one: a short last batch */
    pass *at;           /* of the last forward; NULL: none */
    bool has_gradients;
};

static bool is_range(const rf_param *p)
{
    return p->role == RF_ROLE_RANGE_MIN || p->role == RF_ROLE_RANGE_MAX;
}

/* --- making and freeing --- */

static void release_pass(rf_session *s, pass *p)
{
    rf_plan_free(p->plan);
    for (size_t i = 0; p->outputs && i < s->g->outputs.count; i++)
        rf_tensor_free(p->outputs[i]);
    rf_free(s->ctx, p->outputs);
    *p = (pass){ 0 };
}

void rf_session_free(rf_session *s)
{
    if (!s)
        return;
    release_pass(s, &s->full);
    release_pass(s, &s->partial);
    rf_optimizer_release(&s->optimizer);
    RF_VEC_RELEASE(s->ctx, &s->params);
    rf_free(s->ctx, s->items);
    rf_free(s->ctx, s);
}

static rf_status collect_params(rf_session *s)
{
    const bool learn_ranges = s->sim && s->sim->learned && s->o.encoding_learning_rate > 0.0;

    RF_TRY(rf_params_collect(s->g, &s->params));
    RF_NEW_ARRAY(s->ctx, s->items, s->params.count + 1);
    for (size_t i = 0; i < s->params.count; i++) {
        const rf_param *p = &s->params.items[i];
        if (is_range(p) && !learn_ranges)
            p->value->trainable = false;
        s->items[i] = rf_parameter_describe(p);
    }
    s->list = (rf_parameters){ .count = (int)s->params.count, .items = s->items };
    return RF_OK;
}

static rf_status prepare(rf_session *s, const rf_train_options *options)
{
    const rf_optimizer_rule *rule = NULL;

    RF_TRY(rf_train_options_resolve(s->ctx, options, &s->o));
    RF_TRY(rf_optimizer_rule_find(s->ctx, s->o.optimizer, &rule));
    RF_TRY(rf_graph_need_float(s->g, "training"));
    RF_TRY(rf_graph_need_float_inputs(s->g));
    RF_TRY(collect_params(s));
    rf_health_init(&s->health, s->g, s->sim, &s->params);
    return rf_optimizer_init(&s->optimizer, s->ctx, rule, &s->params);
}

static rf_status session_new(rf_graph *g, rf_sim *sim, const rf_train_options *options,
                             rf_session **out)
{
    rf_session *s = rf_calloc(g->ctx, 1, sizeof *s);

    if (!s)
        return RF_ENOMEM;
    s->ctx = g->ctx;
    s->g = g;
    s->sim = sim;
    const rf_status st = prepare(s, options);
    if (st)
        rf_session_free(s);
    else
        *out = s;
    return st;
}

rf_status rf_session_new_graph(rf_graph *graph, const rf_train_options *options, rf_session **out)
{
    RF_TRY(rf_graph_compute_params(graph));
    return session_new(graph, NULL, options, out);
}

rf_status rf_session_new_sim(rf_sim *sim, const rf_train_options *options, rf_session **out)
{
    RF_TRY(rf_sim_need_trainable(sim));
    return session_new(sim->graph, sim, options, out);
}

const rf_parameters *rf_session_parameters(const rf_session *s)
{
    return &s->list;
}

/* --- forward --- */

static rf_status make_outputs(rf_session *s, pass *p)
{
    RF_NEW_ARRAY(s->ctx, p->outputs, s->g->outputs.count + 1);
    for (size_t i = 0; i < s->g->outputs.count; i++) {
        const rf_view *view = rf_plan_output(p->plan, (int)i);
        const rf_shape shape = rf_view_shape(view);
        RF_TRY(rf_tensor_new_shape(s->ctx, view->dtype, &shape, &p->outputs[i]));
    }
    return RF_OK;
}

static rf_status make_pass(rf_session *s, const rf_tensor *const *inputs, pass *p)
{
    rf_plan_options o = { .batch = inputs[0]->shape.dims[0],
                          .mode = RF_MODE_TRAIN,
                          .bn_frozen = s->o.freeze_bn_after == 0 };
    rf_shape *shapes = rf_calloc(s->ctx, s->g->inputs.count, sizeof *shapes);

    if (!shapes)
        return RF_ENOMEM;
    for (size_t i = 0; i < s->g->inputs.count; i++)
        shapes[i] = inputs[i]->shape;
    o.input_shapes = shapes;
    rf_status st = rf_plan_new(s->g, &o, &p->plan);
    rf_free(s->ctx, shapes);
    if (!st)
        st = make_outputs(s, p);
    if (st)
        release_pass(s, p);
    p->batch = o.batch;
    return st;
}

/* Inputs fit a plan that was made from others of the same shapes. */
static bool pass_takes(const rf_session *s, const pass *p, const rf_tensor *const *inputs)
{
    for (size_t i = 0; p->plan && i < s->g->inputs.count; i++) {
        const rf_shape shape = rf_view_shape(rf_plan_input(p->plan, (int)i));
        if (!rf_shape_equal(&shape, &inputs[i]->shape))
            return false;
    }
    return p->plan != NULL;
}

static rf_status find_pass(rf_session *s, const rf_tensor *const *inputs, pass **out)
{
    pass *p = !s->full.plan || pass_takes(s, &s->full, inputs) ? &s->full : &s->partial;

    if (!pass_takes(s, p, inputs)) {
        release_pass(s, p);
        RF_TRY(make_pass(s, inputs, p));
    }
    *out = p;
    return RF_OK;
}

/* Before they reach the statistics of a BN. */
static rf_status check_inputs(rf_session *s, const rf_tensor *const *inputs)
{
    RF_TRY(rf_graph_check_inputs(s->g, inputs));
    for (size_t i = 0; i < s->g->inputs.count; i++)
        if (!rf_all_finite(rf_tensor_f32(inputs[i]), inputs[i]->count))
            return rf_fail(s->ctx, RF_ENUMERIC, "step %lld: NaN or infinity in input '%s'",
                           (long long)s->optimizer.step + 1, s->g->inputs.items[i]->name);
    return RF_OK;
}

/* A Relu or a quantizer may swallow what is no number, so outputs do not tell of all of them. */
static rf_status check_params(const rf_session *s)
{
    for (size_t i = 0; i < s->params.count; i++) {
        const rf_param *p = &s->params.items[i];
        if (!rf_all_finite(rf_tensor_f32(p->value->constant), p->value->constant->count))
            return rf_fail(s->ctx, RF_ENUMERIC, "'%s' of '%s' is not finite after %lld steps",
                           p->value->name, p->node->name, (long long)s->optimizer.step);
    }
    return RF_OK;
}

/* What the user's loss would make of them is his; that it cannot be a number is told here, where its origin is known. */
static rf_status check_outputs(const rf_session *s, const pass *p)
{
    for (size_t i = 0; i < s->g->outputs.count; i++) {
        const rf_tensor *t = p->outputs[i];
        if (t->dtype != RF_DTYPE_F32 || rf_all_finite(rf_tensor_f32(t), t->count))
            continue;
        return rf_fail(s->ctx, RF_ENUMERIC,
                       "step %lld: output '%s' is not finite; the first output that is not finite "
                       "is that of '%s'; try a lower learning rate than %g",
                       (long long)s->optimizer.step + 1, s->g->outputs.items[i]->name,
                       rf_health_bad_node(&s->health, p->plan), s->o.learning_rate);
    }
    return RF_OK;
}

rf_status rf_session_forward(rf_session *s, const rf_tensor *const *inputs)
{
    pass *p = NULL;

    s->at = NULL; /* until this one is through: behind one that failed no backward of the last */
    s->has_gradients = false;
    rf_use_threads(s->ctx);
    RF_TRY(check_inputs(s, inputs));
    RF_TRY(check_params(s));
    RF_TRY(find_pass(s, inputs, &p));
    if (s->sim && !s->sim->learned && !s->sim->compat_v2)
        RF_TRY(rf_sim_calibrate_params(s->sim));
    for (size_t i = 0; i < s->g->inputs.count; i++)
        rf_plan_set_input(p->plan, (int)i, rf_tensor_f32(inputs[i]));
    rf_plan_set_position(p->plan, s->optimizer.step, 0);
    RF_TRY(rf_plan_forward(p->plan));
    for (size_t i = 0; i < s->g->outputs.count; i++) {
        rf_tensor *t = p->outputs[i];
        rf_view to;
        rf_view_init(&to, t->dtype, &t->shape, RF_LAYOUT_PLAIN);
        to.data = t->data;
        rf_view_copy(rf_plan_output(p->plan, (int)i), &to);
    }
    RF_TRY(check_outputs(s, p));
    s->at = p;
    return RF_OK;
}

const rf_tensor *rf_session_output(const rf_session *s, int index)
{
    const bool there = s->at && index >= 0 && (size_t)index < s->g->outputs.count;
    return there ? s->at->outputs[index] : NULL;
}

/* --- backward and update --- */

static rf_status check_diff(const rf_session *s, int index, const rf_tensor *diff)
{
    const rf_tensor *output = s->at->outputs[index];
    const char *name = s->g->outputs.items[index]->name;
    char found[RF_SHAPE_TEXT], expected[RF_SHAPE_TEXT];

    if (diff->dtype != RF_DTYPE_F32 || !rf_shape_equal(&diff->shape, &output->shape))
        return rf_fail(s->ctx, RF_ESHAPE,
                       "gradient of output '%s': found %s %s, expected float32 %s", name,
                       rf_dtype_name(diff->dtype), rf_shape_text(&diff->shape, found),
                       rf_shape_text(&output->shape, expected));
    if (!rf_plan_diff_output(s->at->plan, index)->data)
        return rf_fail(s->ctx, RF_EUNSUPPORTED,
                       "output '%s' depends on no weight through operators with a gradient: give "
                       "it none",
                       name);
    return rf_all_finite(rf_tensor_f32(diff), diff->count)
               ? RF_OK
               : rf_fail(s->ctx, RF_ENUMERIC,
                         "the gradient of output '%s' is not finite at step %lld", name,
                         (long long)s->optimizer.step + 1);
}

static void set_diff(const rf_session *s, int index, const rf_tensor *diff)
{
    const rf_view *to = rf_plan_diff_output(s->at->plan, index);
    rf_view from;

    rf_view_init(&from, RF_DTYPE_F32, &diff->shape, RF_LAYOUT_PLAIN);
    from.data = diff->data;
    rf_view_copy(&from, to);
}

rf_status rf_session_backward(rf_session *s, const rf_tensor *const *diff_outputs)
{
    if (!s->at || s->has_gradients)
        return rf_fail(s->ctx, RF_ESTATE, "backward needs a forward pass before it, one each time");
    rf_use_threads(s->ctx);
    for (size_t i = 0; i < s->g->outputs.count; i++)
        if (diff_outputs[i])
            RF_TRY(check_diff(s, (int)i, diff_outputs[i]));
    for (size_t i = 0; i < s->g->outputs.count; i++)
        if (diff_outputs[i]) /* forward has zeroed the others */
            set_diff(s, (int)i, diff_outputs[i]);
    const rf_status st = rf_plan_backward(s->at->plan);
    s->has_gradients = !st;
    if (st)
        s->at = NULL;
    return st;
}

static float *gradient(const rf_session *s, int index)
{
    if (!s->has_gradients || index < 0 || (size_t)index >= s->params.count)
        return NULL;
    const rf_view *view = rf_plan_diff_param(s->at->plan, s->params.items[index].value);
    return view ? rf_view_f32(view) : NULL;
}

float *rf_session_gradient(rf_session *s, int index)
{
    return gradient(s, index);
}

static rf_status check_gradients(const rf_session *s)
{
    for (size_t i = 0; i < s->params.count; i++) {
        const float *diff = gradient(s, (int)i);
        if (diff && rf_slot_learns(&s->optimizer.slots[i]))
            RF_TRY(rf_health_check_gradient(&s->health, i, diff, s->optimizer.step + 1, ""));
    }
    return RF_OK;
}

rf_status rf_session_step(rf_session *s, double factor)
{
    if (!s->has_gradients)
        return rf_fail(s->ctx, RF_ESTATE,
                       "a step needs gradients: forward and backward come first");
    if (!(factor >= 0.0) || !isfinite(factor))
        return rf_fail(s->ctx, RF_EARG,
                       "factor %g of a step: expected a finite number of 0 or more", factor);
    RF_TRY(check_gradients(s));
    rf_optimizer_begin(&s->optimizer);
    for (size_t i = 0; i < s->params.count; i++) {
        const rf_param *p = &s->params.items[i];
        const float *diff = gradient(s, (int)i);
        const double rate = is_range(p) ? s->o.encoding_learning_rate : s->o.learning_rate;
        const rf_update hyper = { .learning_rate = factor * rate,
                                  .momentum = s->o.momentum,
                                  .weight_decay =
                                      p->role == RF_ROLE_WEIGHT ? s->o.weight_decay : 0.0 };
        if (diff && rf_slot_learns(&s->optimizer.slots[i]))
            rf_optimizer_apply(&s->optimizer, (int)i, &hyper, diff);
    }
    s->has_gradients = false;
    s->at = NULL;
    return rf_health_check_ranges(&s->health, s->optimizer.step, "; try a lower learning rate");
}

rf_status rf_session_finish(rf_session *s)
{
    for (size_t i = 0; i < s->params.count; i++)
        rf_value_touch(s->params.items[i].value);
    RF_TRY(check_params(s));
    return s->sim ? rf_sim_finish_training(s->sim) : RF_OK;
}
