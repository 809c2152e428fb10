/* A training loop of the user's own: numbers that go wrong are told at once, by layer and step, and change nothing. */
#include "bn/bn_nets.h"

#define SAMPLES 16
#define CLASSES 5

static const int64_t image_dims[4] = { SAMPLES, 3, 6, 6 };

typedef struct loop {
    rf_context *ctx;
    rf_sim *sim;
    net_data data;
    rf_session *session;
    rf_tensor *x, *diff;
} loop;

static loop loop_new(void)
{
    loop l = { .ctx = test_context() };
    rf_sim_options o = RF_SIM_OPTIONS_INIT;
    rf_graph *g = bn_net_small(l.ctx, CLASSES);
    o.param_bw = 4;
    l.data = net_data_new(l.ctx, 4, image_dims, CLASSES);
    CHECK_OK(l.ctx, rf_sim_new(g, &o, &l.sim));
    CHECK_OK(l.ctx, rf_sim_calibrate(l.sim, l.data.dataset, NULL, NULL));
    CHECK_OK(l.ctx, rf_session_new_sim(l.sim, NULL, &l.session));
    l.x = random_tensor(l.ctx, 4, image_dims, 3);
    l.diff = random_tensor(l.ctx, 2, (int64_t[]){ SAMPLES, CLASSES }, 4);
    rf_graph_free(g);
    return l;
}

static void loop_free(loop *l)
{
    rf_session_free(l->session);
    rf_tensor_free(l->diff);
    rf_tensor_free(l->x);
    rf_sim_free(l->sim);
    net_data_close(&l->data);
    rf_context_free(l->ctx);
}

static rf_status forward(loop *l)
{
    const rf_tensor *inputs[] = { l->x };
    return rf_session_forward(l->session, inputs);
}

static rf_status backward(loop *l)
{
    const rf_tensor *diffs[] = { l->diff };
    return rf_session_backward(l->session, diffs);
}

static const rf_parameter *find(const loop *l, const char *role, int *index_out)
{
    const rf_parameters *list = rf_session_parameters(l->session);
    for (int i = 0; i < list->count; i++)
        if (list->items[i].trainable && strcmp(list->items[i].role, role) == 0) {
            *index_out = i;
            return &list->items[i];
        }
    fail_msg("no parameter is a %s", role);
    return NULL;
}

static void an_input_that_is_no_number_is_named(void **state)
{
    loop l = loop_new();
    (void)state;
    rf_tensor_f32(l.x)[7] = NAN;
    CHECK_FAILS(l.ctx, RF_ENUMERIC, "step 1: NaN or infinity in input 'x'", forward(&l));
    loop_free(&l);
}

static void a_weight_that_is_no_number_is_named_by_its_layer(void **state)
{
    loop l = loop_new();
    int index = 0;
    (void)state;
    const rf_parameter *bias = find(&l, "bias", &index);
    bias->values[0] = NAN;
    CHECK_FAILS(l.ctx, RF_ENUMERIC, bias->node, forward(&l));
    CHECK_FAILS(l.ctx, RF_ENUMERIC, bias->node, rf_session_finish(l.session));
    loop_free(&l);
}

static void a_gradient_that_is_no_number_updates_nothing(void **state)
{
    loop l = loop_new();
    int index = 0;
    (void)state;
    const rf_parameter *weight = find(&l, "weight", &index);
    const float before = weight->values[0];
    CHECK_OK(l.ctx, forward(&l));
    CHECK_OK(l.ctx, backward(&l));
    rf_session_gradient(l.session, index)[0] = NAN;
    CHECK_FAILS(l.ctx, RF_ENUMERIC, weight->node, rf_session_step(l.session, 1.0));
    assert_true(weight->values[0] == before);
    rf_tensor_f32(l.diff)[3] = NAN;
    CHECK_OK(l.ctx, forward(&l));
    CHECK_FAILS(l.ctx, RF_ENUMERIC, "the gradient of output", backward(&l));
    loop_free(&l);
}

static void a_range_that_explodes_is_named(void **state)
{
    loop l = loop_new();
    int index = 0;
    (void)state;
    const rf_parameter *end = find(&l, "range_max", &index);
    CHECK_OK(l.ctx, forward(&l));
    CHECK_OK(l.ctx, backward(&l));
    end->values[0] = 1e9F;
    CHECK_FAILS(l.ctx, RF_ENUMERIC, "has exploded", rf_session_step(l.session, 1.0));
    loop_free(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_input_that_is_no_number_is_named),
        cmocka_unit_test(a_weight_that_is_no_number_is_named_by_its_layer),
        cmocka_unit_test(a_gradient_that_is_no_number_updates_nothing),
        cmocka_unit_test(a_range_that_explodes_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
