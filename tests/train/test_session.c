/* Training step by step: the trainer's steps, the right order, what fits, and memory that runs out anywhere. */
#include "bn/bn_nets.h"

#include <limits.h>

#define SAMPLES 24
#define CLASSES 3
#define MOST 4000      /* allocations of one call */
#define TOL_STEPS 1e-5 /* float32 through two ways of summing a loss */

typedef struct loop {
    rf_context *ctx;
    rf_graph *g;
    rf_session *s;
    net_data data;
    rf_tensor *x, *diff; /* the samples of `data`; [SAMPLES, CLASSES] */
} loop;

static rf_train_options plain_sgd(void)
{
    rf_train_options o = RF_TRAIN_OPTIONS_INIT;
    o.learning_rate = 0.1;
    o.momentum = 0.0;
    o.weight_decay = 0.0;
    o.batch = SAMPLES;
    o.steps = 1;
    o.no_shuffle = true;
    return o;
}

static loop loop_begin(const rf_train_options *options)
{
    loop l = { .ctx = test_context() };
    l.g = bn_net_linear(l.ctx, CLASSES);
    l.data = net_data_new(l.ctx, 2, (int64_t[]){ SAMPLES, 6 }, CLASSES);
    CHECK_OK(l.ctx, rf_tensor_load_npy(l.ctx, l.data.x_path, &l.x));
    l.diff = random_tensor(l.ctx, 2, (int64_t[]){ SAMPLES, CLASSES }, 3);
    CHECK_OK(l.ctx, rf_session_new_graph(l.g, options, &l.s));
    return l;
}

static void loop_end(loop *l)
{
    rf_session_free(l->s);
    rf_tensor_free(l->diff);
    rf_tensor_free(l->x);
    net_data_close(&l->data);
    rf_graph_free(l->g);
    rf_context_free(l->ctx);
}

static rf_status forward(loop *l, const rf_tensor *x)
{
    return rf_session_forward(l->s, &x);
}

static rf_status backward(loop *l, const rf_tensor *diff)
{
    return rf_session_backward(l->s, &diff);
}

static int parameter(const loop *l, const char *name)
{
    const rf_parameters *list = rf_session_parameters(l->s);
    for (int i = 0; i < list->count; i++)
        if (strcmp(list->items[i].name, name) == 0)
            return i;
    fail_msg("no parameter '%s'", name);
    return -1;
}

/* Of the mean cross-entropy: (softmax - one of the label) / n. */
static void cross_entropy_gradient(const rf_tensor *logits, const rf_tensor *labels,
                                   rf_tensor *diff)
{
    const float *z = rf_tensor_const_data(logits);
    float *d = rf_tensor_data(diff);
    for (int64_t i = 0; i < SAMPLES; i++, z += CLASSES, d += CLASSES) {
        double sum = 0.0;
        for (int c = 0; c < CLASSES; c++)
            sum += exp((double)z[c]);
        for (int c = 0; c < CLASSES; c++)
            d[c] = (float)((exp((double)z[c]) / sum - (rf_tensor_i64(labels)[i] == c)) / SAMPLES);
    }
}

static void its_steps_are_the_trainers(void **state)
{
    rf_train_options o = plain_sgd();
    (void)state;
    o.momentum = 0.9;
    o.weight_decay = 1e-3;
    loop l = loop_begin(&o);
    rf_graph *trained = NULL;
    rf_tensor *labels = NULL;
    CHECK_OK(l.ctx, rf_graph_copy(l.g, &trained));
    CHECK_OK(l.ctx, rf_tensor_load_npy(l.ctx, l.data.y_path, &labels));
    o.steps = 3;
    o.epochs = 3;
    CHECK_OK(l.ctx, rf_train_graph(trained, l.data.dataset, &o, NULL));
    for (int step = 0; step < 3; step++) {
        CHECK_OK(l.ctx, forward(&l, l.x));
        cross_entropy_gradient(rf_session_output(l.s, 0), labels, l.diff);
        CHECK_OK(l.ctx, backward(&l, l.diff));
        CHECK_OK(l.ctx, rf_session_step(l.s, 1.0));
    }
    CHECK_OK(l.ctx, rf_session_finish(l.s));
    const rf_parameters *list = rf_session_parameters(l.s);
    for (int i = 0; i < list->count; i++)
        for (int64_t k = 0; k < list->items[i].count; k++)
            CHECK_NEAR(list->items[i].values[k], net_floats(trained, list->items[i].name)[k],
                       TOL_STEPS);
    rf_tensor_free(labels);
    rf_graph_free(trained);
    loop_end(&l);
}

static void the_order_is_forward_backward_step(void **state)
{
    loop l = loop_begin(NULL);
    (void)state;
    assert_null(rf_session_output(l.s, 0));
    assert_null(rf_session_gradient(l.s, 0));
    CHECK_FAILS(l.ctx, RF_ESTATE, "needs a forward pass", backward(&l, l.diff));
    CHECK_FAILS(l.ctx, RF_ESTATE, "forward and backward come first", rf_session_step(l.s, 1.0));
    CHECK_OK(l.ctx, forward(&l, l.x));
    CHECK_FAILS(l.ctx, RF_ESTATE, "forward and backward come first", rf_session_step(l.s, 1.0));
    CHECK_OK(l.ctx, backward(&l, l.diff));
    CHECK_FAILS(l.ctx, RF_ESTATE, "one each time", backward(&l, l.diff));
    CHECK_OK(l.ctx, rf_session_step(l.s, 1.0));
    assert_null(rf_session_output(l.s, 0));
    assert_null(rf_session_gradient(l.s, 0));
    CHECK_FAILS(l.ctx, RF_ESTATE, "needs a forward pass", backward(&l, l.diff));
    CHECK_OK(l.ctx, forward(&l, l.x));
    assert_null(rf_session_output(l.s, -1));
    assert_null(rf_session_output(l.s, 1));
    loop_end(&l);
}

static void inputs_that_do_not_fit_are_refused(void **state)
{
    loop l = loop_begin(NULL);
    rf_tensor *wide = random_tensor(l.ctx, 2, (int64_t[]){ 4, 7 }, 1), *none = NULL, *ints = NULL;
    (void)state;
    CHECK_OK(l.ctx, rf_tensor_new(l.ctx, RF_DTYPE_F32, 2, (int64_t[]){ 0, 6 }, &none));
    CHECK_OK(l.ctx, rf_tensor_new(l.ctx, RF_DTYPE_I64, 2, (int64_t[]){ 4, 6 }, &ints));
    CHECK_OK(l.ctx, forward(&l, l.x));
    CHECK_FAILS(l.ctx, RF_EDATA, "the model takes", forward(&l, wide));
    CHECK_FAILS(l.ctx, RF_ESTATE, "needs a forward pass", backward(&l, l.diff));
    CHECK_FAILS(l.ctx, RF_EDATA, "no samples", forward(&l, none));
    CHECK_FAILS(l.ctx, RF_EDATA, "expected float32", forward(&l, ints));
    assert_null(rf_session_output(l.s, 0));
    rf_tensor_free(ints);
    rf_tensor_free(none);
    rf_tensor_free(wide);
    loop_end(&l);
}

static void gradients_that_do_not_fit_are_refused_and_may_come_again(void **state)
{
    loop l = loop_begin(NULL);
    rf_tensor *narrow = random_tensor(l.ctx, 2, (int64_t[]){ SAMPLES, 2 }, 1), *ints = NULL;
    (void)state;
    CHECK_OK(l.ctx, rf_tensor_new(l.ctx, RF_DTYPE_I32, 2, (int64_t[]){ SAMPLES, CLASSES }, &ints));
    CHECK_OK(l.ctx, forward(&l, l.x));
    CHECK_FAILS(l.ctx, RF_ESHAPE, "expected float32 [24, 3]", backward(&l, narrow));
    CHECK_FAILS(l.ctx, RF_ESHAPE, "found int32", backward(&l, ints));
    const float kept = rf_tensor_f32(l.diff)[7];
    rf_tensor_f32(l.diff)[7] = NAN;
    CHECK_FAILS(l.ctx, RF_ENUMERIC, "not finite at step 1", backward(&l, l.diff));
    rf_tensor_f32(l.diff)[7] = kept;
    CHECK_OK(l.ctx, backward(&l, l.diff));
    rf_tensor_free(ints);
    rf_tensor_free(narrow);
    loop_end(&l);
}

static void no_gradient_is_a_gradient_of_zeros(void **state)
{
    const rf_train_options o = plain_sgd();
    loop l = loop_begin(&o);
    (void)state;
    CHECK_OK(l.ctx, forward(&l, l.x));
    CHECK_OK(l.ctx, backward(&l, l.diff));
    CHECK_OK(l.ctx, rf_session_step(l.s, 1.0));
    CHECK_OK(l.ctx, forward(&l, l.x));
    CHECK_OK(l.ctx, backward(&l, NULL));
    const rf_parameters *list = rf_session_parameters(l.s);
    for (int i = 0; i < list->count; i++) {
        const float *gradient = rf_session_gradient(l.s, i);
        for (int64_t k = 0; gradient && k < list->items[i].count; k++)
            assert_true(fabsf(gradient[k]) <= 0.0f);
    }
    loop_end(&l);
}

static void gradients_may_be_changed_before_the_step(void **state)
{
    const rf_train_options o = plain_sgd();
    loop l = loop_begin(&o);
    const int weight = parameter(&l, "fc1.weight"), bias = parameter(&l, "fc3.bias");
    const rf_parameters *list = rf_session_parameters(l.s);
    float before[48], bias_before[CLASSES];
    (void)state;
    memcpy(before, list->items[weight].values, sizeof before);
    memcpy(bias_before, list->items[bias].values, sizeof bias_before);
    CHECK_OK(l.ctx, forward(&l, l.x));
    CHECK_OK(l.ctx, backward(&l, l.diff));
    memset(rf_session_gradient(l.s, weight), 0, sizeof before);
    for (int c = 0; c < CLASSES; c++)
        rf_session_gradient(l.s, bias)[c] = 1.0f;
    CHECK_OK(l.ctx, rf_session_step(l.s, 0.5));
    assert_memory_equal(before, list->items[weight].values, sizeof before);
    for (int c = 0; c < CLASSES; c++)
        CHECK_NEAR(list->items[bias].values[c], (double)bias_before[c] - 0.05, 1e-6);
    assert_null(rf_session_gradient(l.s, -1));
    assert_null(rf_session_gradient(l.s, list->count));
    loop_end(&l);
}

static void values_may_be_written_before_the_next_forward(void **state)
{
    loop l = loop_begin(NULL);
    (void)state;
    CHECK_OK(l.ctx, forward(&l, l.x));
    const float before = rf_tensor_f32(rf_session_output(l.s, 0))[0];
    rf_session_parameters(l.s)->items[parameter(&l, "fc3.bias")].values[0] += 2.0f;
    CHECK_OK(l.ctx, forward(&l, l.x));
    CHECK_NEAR(rf_tensor_f32(rf_session_output(l.s, 0))[0], (double)before + 2.0, 1e-5);
    loop_end(&l);
}

static void batches_of_any_size_take_turns(void **state)
{
    loop l = loop_begin(NULL);
    static const int64_t sizes[] = { 24, 5, 24, 5, 9, 24, 2 };
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        rf_tensor *x = random_tensor(l.ctx, 2, (int64_t[]){ sizes[i], 6 }, i);
        rf_tensor *diff = random_tensor(l.ctx, 2, (int64_t[]){ sizes[i], CLASSES }, i);
        CHECK_OK(l.ctx, forward(&l, x));
        assert_int_equal(rf_tensor_dims(rf_session_output(l.s, 0))[0], sizes[i]);
        CHECK_OK(l.ctx, backward(&l, diff));
        CHECK_OK(l.ctx, rf_session_step(l.s, 1.0));
        rf_tensor_free(diff);
        rf_tensor_free(x);
    }
    loop_end(&l);
}

static void statistics_follow_unless_frozen(void **state)
{
    (void)state;
    for (int frozen = 0; frozen < 2; frozen++) {
        rf_train_options o = plain_sgd();
        float mean[8];
        o.freeze_bn_after = frozen ? 0 : -1;
        loop l = loop_begin(&o);
        memcpy(mean, net_floats(l.g, "bn1.running_mean"), sizeof mean);
        CHECK_OK(l.ctx, forward(&l, l.x));
        CHECK_OK(l.ctx, backward(&l, l.diff));
        CHECK_OK(l.ctx, rf_session_step(l.s, 1.0));
        const bool same = memcmp(mean, net_floats(l.g, "bn1.running_mean"), sizeof mean) == 0;
        assert_true(same == (frozen == 1));
        loop_end(&l);
    }
}

static void options_and_factors_are_checked(void **state)
{
    rf_train_options o = plain_sgd();
    loop l = loop_begin(&o);
    rf_session *other = NULL;
    (void)state;
    o.optimizer = "newton";
    CHECK_FAILS(l.ctx, RF_EARG, "newton", rf_session_new_graph(l.g, &o, &other));
    o = plain_sgd();
    o.learning_rate = -1.0;
    CHECK_FAILS(l.ctx, RF_EARG, "learning rate", rf_session_new_graph(l.g, &o, &other));
    assert_null(other);
    CHECK_OK(l.ctx, forward(&l, l.x));
    CHECK_OK(l.ctx, backward(&l, l.diff));
    CHECK_FAILS(l.ctx, RF_EARG, "factor", rf_session_step(l.s, (double)NAN));
    CHECK_FAILS(l.ctx, RF_EARG, "factor", rf_session_step(l.s, -1.0));
    CHECK_OK(l.ctx, rf_session_step(l.s, 0.0));
    rf_session_free(NULL);
    loop_end(&l);
}

/* --- simulations --- */

static rf_sim *sim_of(const loop *l)
{
    rf_sim_options o = RF_SIM_OPTIONS_INIT;
    rf_sim *sim = NULL;
    o.param_bw = 4;
    CHECK_OK(l->ctx, rf_sim_new(l->g, &o, &sim));
    return sim;
}

static void a_simulation_becomes_trained_when_it_is_finished(void **state)
{
    loop l = loop_begin(NULL);
    rf_sim *sim = sim_of(&l), *loaded = NULL;
    rf_session *s = NULL;
    temp_folder folder = temp_folder_make();
    char path[512];
    (void)state;
    CHECK_FAILS(l.ctx, RF_ESTATE, "calibrat", rf_session_new_sim(sim, NULL, &s));
    CHECK_OK(l.ctx, rf_sim_calibrate(sim, l.data.dataset, NULL, NULL));
    CHECK_OK(l.ctx, rf_session_new_sim(sim, NULL, &s));
    const rf_tensor *x = l.x, *diff = l.diff;
    CHECK_OK(l.ctx, rf_session_forward(s, &x));
    CHECK_OK(l.ctx, rf_session_backward(s, &diff));
    CHECK_OK(l.ctx, rf_session_step(s, 1.0));
    assert_int_equal(rf_sim_state(sim), RF_STATE_CALIBRATED);
    CHECK_OK(l.ctx, rf_session_finish(s));
    assert_int_equal(rf_sim_state(sim), RF_STATE_TRAINED);
    rf_session_free(s);
    temp_path(&folder, "sim.onnx", path);
    CHECK_OK(l.ctx, rf_sim_save(sim, path, true));
    CHECK_OK(l.ctx, rf_sim_load(l.ctx, path, &loaded));
    assert_memory_equal(net_floats(sim->graph, "fc1.weight"),
                        net_floats(loaded->graph, "fc1.weight"), 48 * sizeof(float));
    assert_memory_not_equal(net_floats(l.g, "fc1.weight"), net_floats(loaded->graph, "fc1.weight"),
                            48 * sizeof(float));
    CHECK_OK(l.ctx, rf_fold_to_scale(sim, NULL));
    CHECK_FAILS(l.ctx, RF_ESTATE, "folded", rf_session_new_sim(sim, NULL, &s));
    rf_sim_free(loaded);
    rf_sim_free(sim);
    temp_folder_remove(&folder);
    loop_end(&l);
}

static void what_is_not_finite_is_not_finished(void **state)
{
    loop l = loop_begin(NULL);
    (void)state;
    CHECK_OK(l.ctx, rf_session_finish(l.s));
    rf_session_parameters(l.s)->items[parameter(&l, "fc2.weight")].values[3] = INFINITY;
    CHECK_FAILS(l.ctx, RF_ENUMERIC, "'fc2.weight' of 'fc2'", rf_session_finish(l.s));
    loop_end(&l);
}

/* --- memory --- */

typedef rf_status (*attempt)(void *user);

typedef struct short_of_memory {
    rf_graph *g;
    rf_session *s;
    const rf_tensor *x, *diff;
} short_of_memory;

static rf_status try_new(void *user)
{
    short_of_memory *t = user;
    return rf_session_new_graph(t->g, NULL, &t->s);
}

static rf_status try_forward(void *user)
{
    short_of_memory *t = user;
    return rf_session_forward(t->s, &t->x);
}

static rf_status try_backward(void *user)
{
    short_of_memory *t = user;
    return rf_session_backward(t->s, &t->diff);
}

/* Again and again with a later allocation failing, until it gets through. */
static void insist(failing_heap *h, attempt call, void *user)
{
    rf_status st = RF_ENOMEM;
    for (int n = 0; st && n < MOST; n++) {
        h->fail_at = h->made + n;
        st = call(user);
        h->fail_at = LONG_MAX;
        assert_true(st == RF_OK || st == RF_ENOMEM);
    }
    assert_int_equal(st, RF_OK);
}

static void a_session_goes_on_when_there_is_memory_again(void **state)
{
    failing_heap h = { 0 };
    rf_context *ctx = failing_context(&h);
    loop l = loop_begin(NULL);
    short_of_memory t = { 0 };
    (void)state;
    h.fail_at = LONG_MAX;
    t.g = bn_net_linear(ctx, CLASSES);
    t.x = l.x;
    t.diff = l.diff;
    insist(&h, try_new, &t);
    insist(&h, try_forward, &t);
    insist(&h, try_backward, &t);
    CHECK_OK(ctx, rf_session_step(t.s, 1.0));
    CHECK_OK(ctx, rf_session_finish(t.s));
    CHECK_OK(l.ctx, forward(&l, l.x));
    CHECK_OK(l.ctx, backward(&l, l.diff));
    CHECK_OK(l.ctx, rf_session_step(l.s, 1.0));
    assert_memory_equal(net_floats(t.g, "fc1.weight"), net_floats(l.g, "fc1.weight"),
                        48 * sizeof(float));
    rf_session_free(t.s);
    rf_graph_free(t.g);
    rf_context_free(ctx);
    assert_int_equal(h.live, 0);
    loop_end(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(its_steps_are_the_trainers),
        cmocka_unit_test(the_order_is_forward_backward_step),
        cmocka_unit_test(inputs_that_do_not_fit_are_refused),
        cmocka_unit_test(gradients_that_do_not_fit_are_refused_and_may_come_again),
        cmocka_unit_test(no_gradient_is_a_gradient_of_zeros),
        cmocka_unit_test(gradients_may_be_changed_before_the_step),
        cmocka_unit_test(values_may_be_written_before_the_next_forward),
        cmocka_unit_test(batches_of_any_size_take_turns),
        cmocka_unit_test(statistics_follow_unless_frozen),
        cmocka_unit_test(options_and_factors_are_checked),
        cmocka_unit_test(a_simulation_becomes_trained_when_it_is_finished),
        cmocka_unit_test(what_is_not_finite_is_not_finished),
        cmocka_unit_test(a_session_goes_on_when_there_is_memory_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
