/* Training, re-estimation and folding against AIMET: five SGD steps, statistics, folded weights, ranges and outputs. */
#include "golden_life.h"

#include "tensor/tensor.h"

/*
 * Relative. Sums run in another order, so numbers differ in the last bits; five steps of momentum carry that on, and a
 * value on a tie between two codes may fall on the other side.
 */
#define TOL_AFTER_SGD 1e-4
#define TOL_STATISTICS 2e-4 /* small batches: one such code moves a variance by 1e-4 */

/* "conv1.weight.enc_max" -> the end of that quantizer's range; NULL when `name` is no end. */
static const float *find_end(const golden *g, const rf_sim *sim, const char *name,
                             int64_t *count_out)
{
    char quantizer[128];
    const char *end = strstr(name, ".enc_");
    if (!end)
        return NULL;
    snprintf(quantizer, sizeof quantizer, "%.*s", (int)(end - name), name);
    const rf_node *n = golden_quantizer(g, sim, quantizer);
    if (!n)
        fail_msg("%s %s: no quantizer %s", g->model, g->life, quantizer);
    *count_out = rf_quantizer_count(n);
    return strcmp(end, ".enc_min") == 0 ? rf_quantizer_min(n) : rf_quantizer_max(n);
}

static const float *find_value(const golden *g, const rf_sim *sim, const char *name,
                               int64_t *count_out)
{
    const float *end = find_end(g, sim, name, count_out);
    const rf_value *v = end ? NULL : rf_graph_find_value(sim->graph, name);
    if (end)
        return end;
    if (!v || !v->constant)
        fail_msg("%s %s: no constant %s", g->model, g->life, name);
    *count_out = v->constant->count;
    return rf_tensor_f32(v->constant);
}

/* After the fold AIMET's BN wrapper keeps an idle copy of the range that its layer has taken over. */
static bool is_idle_copy(const golden *g, const rf_sim *sim, const char *name)
{
    char quantizer[128];
    const char *end = strstr(name, ".output0.enc_");
    if (!end || rf_sim_state(sim) != RF_STATE_FOLDED)
        return false;
    snprintf(quantizer, sizeof quantizer, "%.*s", (int)(end + strlen(".output0") - name), name);
    return !rf_graph_find_value(sim->graph, golden_tensor_name(g, quantizer));
}

/* Every array PREFIX/NAME of this life against the simulation's value NAME. */
static void check_all(const golden *g, const rf_sim *sim, const char *prefix, double tolerance)
{
    const size_t length = strlen(prefix);
    int checked = 0;
    for (size_t i = 0; i < g->values.items.count; i++) {
        const rf_npz_item *item = &g->values.items.items[i];
        int64_t count = 0;
        char what[160];
        if (strncmp(item->name, prefix, length) != 0 || strstr(item->name, "num_batches_tracked") ||
            is_idle_copy(g, sim, item->name + length))
            continue;
        const float *actual = find_value(g, sim, item->name + length, &count);
        snprintf(what, sizeof what, "%s", item->name);
        assert_int_equal(count, item->tensor->count);
        /* One end of an activation's range may be nearly 0: what counts is the other one's magnitude. */
        if (strstr(what, "put0.enc_"))
            golden_check(g, what, actual, item->tensor, tolerance);
        else
            golden_check_scaled(g, what, actual, item->tensor, /*floor=*/1e-3, tolerance);
        checked++;
    }
    assert_true(checked > 0);
}

static float *copy_statistics(const rf_reestimation *report, bool after, int64_t *count_out)
{
    float *all = NULL;
    int64_t count = 0;
    for (int i = 0; i < rf_reestimation_layer_count(report); i++) {
        rf_bn_layer layer;
        assert_int_equal(rf_reestimation_layer(report, i, &layer), RF_OK);
        const size_t bytes = (size_t)layer.channels * sizeof(float);
        all = realloc(all, ((size_t)count + 2 * (size_t)layer.channels) * sizeof(float));
        memcpy(all + count, after ? layer.mean_after : layer.mean_before, bytes);
        memcpy(all + count + layer.channels, after ? layer.var_after : layer.var_before, bytes);
        count += 2 * layer.channels;
    }
    *count_out = count;
    return all;
}

/* The undo gives back the statistics of the training bit for bit; a second pass then repeats the first. */
static void undo_and_reestimate(golden *g, rf_sim *sim)
{
    int64_t count;
    rf_reestimation *first = golden_reestimate(g, sim);
    float *before = copy_statistics(first, /*after=*/false, &count);
    float *after = copy_statistics(first, /*after=*/true, &count);
    rf_reestimation_undo(first);
    assert_int_equal(rf_sim_state(sim), RF_STATE_TRAINED);
    rf_reestimation *second = golden_reestimate(g, sim);
    float *restored = copy_statistics(second, /*after=*/false, &count);
    float *again = copy_statistics(second, /*after=*/true, &count);
    assert_memory_equal(before, restored, (size_t)count * sizeof(float));
    assert_memory_equal(after, again, (size_t)count * sizeof(float));
    free(before);
    free(after);
    free(restored);
    free(again);
    rf_reestimation_free(first);
    rf_reestimation_free(second);
}

static void check_life(const golden_id *id)
{
    golden g;
    golden_open(&g, id);
    rf_sim *sim = golden_calibrated_sim(&g);
    golden_train(&g, sim);
    check_all(&g, sim, "param_after_sgd/", TOL_AFTER_SGD);
    check_all(&g, sim, "bn_after_sgd/", TOL_AFTER_SGD);
    golden_check_logits(&g, sim, "logits_after_sgd");
    undo_and_reestimate(&g, sim);
    check_all(&g, sim, "bn_after_reestimation/", TOL_STATISTICS);
    golden_check_logits(&g, sim, "logits_after_reestimation");
    golden_fold(&g, sim);
    check_all(&g, sim, "param_after_fold/", TOL_AFTER_SGD);
    golden_check_logits(&g, sim, "logits_after_fold");
    rf_sim_free(sim);
    golden_close(&g);
}

static void aimet_v1_trains_reestimates_and_folds_so(void **state)
{
    (void)state;
    golden_for_each(GOLDEN_V1, check_life);
}

static void aimet_v2_trains_reestimates_and_folds_so(void **state)
{
    (void)state;
    golden_for_each(GOLDEN_V2, check_life);
}

/* Of some fifty lives with three outputs each; more would mean that something else is wrong. */
static void few_outputs_lie_on_a_tie(void **state)
{
    (void)state;
    assert_in_range(golden_flipped_logits(), 0, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(aimet_v1_trains_reestimates_and_folds_so),
        cmocka_unit_test(aimet_v2_trains_reestimates_and_folds_so),
        cmocka_unit_test(few_outputs_lie_on_a_tie),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
