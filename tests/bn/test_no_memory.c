/* Memory running out anywhere: a status instead of a crash, nothing lost, and statistics either old or new. */
#include "bn/bn_nets.h"

#include <limits.h>

#include "temp_folder.h"

#define SAMPLES 16
#define CLASSES 3
#define MOST 4000 /* allocations of one call; more would mean that the loop does not end */

typedef rf_status (*step_fn)(rf_graph *g, const rf_dataset *data);

static rf_status reestimate(rf_graph *g, const rf_dataset *data)
{
    rf_reestimation *r = NULL;
    const rf_status st = rf_reestimate_graph(g, data, NULL, &r);
    rf_reestimation_free(r);
    return st;
}

static rf_status fold(rf_graph *g, const rf_dataset *data)
{
    rf_fold_report *report = NULL;
    (void)data;
    const rf_status st = rf_fold_to_weight(g, &report);
    rf_fold_report_free(report);
    return st;
}

static rf_status train(rf_graph *g, const rf_dataset *data)
{
    rf_train_options o = RF_TRAIN_OPTIONS_INIT;
    o.steps = 1;
    return rf_train_graph(g, data, &o, NULL);
}

static rf_status evaluate(rf_graph *g, const rf_dataset *data)
{
    rf_accuracy a;
    return rf_evaluate(g, data, 8, &a);
}

/* Call `step` on fresh copies of a network, with every `stride`-th allocation failing, until it gets through. */
static void fail_every_allocation(step_fn step, int stride)
{
    failing_heap h = { 0 };
    rf_context *ctx = failing_context(&h);
    h.fail_at = LONG_MAX;
    rf_graph *g = bn_net_linear(ctx, CLASSES);
    net_data d = net_data_new(ctx, 2, (int64_t[]){ SAMPLES, 6 }, CLASSES);
    rf_status st = RF_ENOMEM;
    for (int n = 0; st != RF_OK && n < MOST; n += stride) {
        rf_graph *copy = NULL;
        CHECK_OK(ctx, rf_graph_copy(g, &copy));
        h.fail_at = h.made + n;
        st = step(copy, d.dataset);
        h.fail_at = LONG_MAX;
        if (st != RF_OK)
            assert_int_equal(st, RF_ENOMEM);
        if (st != RF_OK && step == reestimate)
            assert_memory_equal(net_floats(g, "bn1.running_var"),
                                net_floats(copy, "bn1.running_var"), 8 * sizeof(float));
        rf_graph_free(copy);
    }
    assert_int_equal(st, RF_OK);
    rf_graph_free(g);
    net_data_close(&d);
    rf_context_free(ctx);
    assert_int_equal(h.live, 0);
}

static void re_estimation_keeps_the_old_statistics(void **state)
{
    (void)state;
    fail_every_allocation(reestimate, 1);
}

static void a_fold_gives_up_cleanly(void **state)
{
    (void)state;
    fail_every_allocation(fold, 1);
}

static void training_gives_up_cleanly(void **state)
{
    (void)state;
    fail_every_allocation(train, 3);
}

static void an_evaluation_gives_up_cleanly(void **state)
{
    (void)state;
    fail_every_allocation(evaluate, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(re_estimation_keeps_the_old_statistics),
        cmocka_unit_test(a_fold_gives_up_cleanly),
        cmocka_unit_test(training_gives_up_cleanly),
        cmocka_unit_test(an_evaluation_gives_up_cleanly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
