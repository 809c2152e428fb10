/* Placement and calibration against AIMET: which tensors have quantizers, their ranges, weights and outputs. */
#include "golden_life.h"

#include "ops/params.h"
#include "tensor/tensor.h"

#define TOL_RANGE 1e-5  /* relative: AIMET's analyzers run in float32 and double, ours likewise */
#define TOL_WEIGHT 1e-6 /* relative: codes times scale */
#define TOL_FP32 1e-5   /* no quantizer multiplies what rounding leaves */

static void check_numbers(const golden *g, const char *quantizer, const char *field,
                          json_t *expected, int64_t count, const double *actual)
{
    assert_int_equal(json_array_size(expected), count);
    for (int64_t i = 0; i < count; i++) {
        const double e = json_number_value(json_array_get(expected, (size_t)i));
        if (!(fabs(actual[i] - e) <= TOL_RANGE * fmax(fabs(e), 1e-3)))
            fail_msg("%s %s: %s of %s[%lld] is %.9g, AIMET has %.9g", g->model, g->life, field,
                     quantizer, (long long)i, actual[i], e);
    }
}

static void check_quantizer(const golden *g, const rf_sim *sim, const char *name, json_t *expected)
{
    enum { MOST = 256 };
    double min[MOST], max[MOST], scale[MOST], offset[MOST];
    const rf_node *n = golden_quantizer(g, sim, name);
    if (!n)
        fail_msg("%s %s: no quantizer at %s", g->model, g->life, name);
    const rf_qspec spec = rf_quantizer_spec(n);
    const int64_t count = rf_quantizer_count(n);
    assert_in_range(count, 1, MOST);
    assert_true(rf_quantizer_enabled(n));
    assert_int_equal(spec.bitwidth, json_integer_value(json_object_get(expected, "bitwidth")));
    assert_int_equal(spec.symmetric, json_is_true(json_object_get(expected, "symmetric")));
    for (int64_t i = 0; i < count; i++) {
        float s;
        int32_t o;
        min[i] = (double)rf_quantizer_min(n)[i];
        max[i] = (double)rf_quantizer_max(n)[i];
        if (golden_is_v2(
                g)) { /* it tells the ends of the grid; param_initial has the stored ones */
            const rf_encoding e =
                rf_effective_encoding(&spec, rf_quantizer_min(n)[i], rf_quantizer_max(n)[i]);
            min[i] = e.min;
            max[i] = e.max;
        }
        rf_scale_offset(&spec, rf_quantizer_min(n)[i], rf_quantizer_max(n)[i], &s, &o);
        scale[i] = (double)s;
        /* AIMET v2 counts symmetric codes from the middle. */
        offset[i] = (double)o + (golden_is_v2(g) && spec.symmetric ? 1 << (spec.bitwidth - 1) : 0);
    }
    check_numbers(g, name, "min", json_object_get(expected, "min"), count, min);
    check_numbers(g, name, "max", json_object_get(expected, "max"), count, max);
    check_numbers(g, name, "scale", json_object_get(expected, "scale"), count, scale);
    check_numbers(g, name, "offset", json_object_get(expected, "offset"), count, offset);
}

static void check_weight(const golden *g, const rf_sim *sim, const char *module,
                         const rf_tensor *expected)
{
    const rf_node *n = golden_quantizer(g, sim, module);
    const rf_qspec spec = rf_quantizer_spec(n);
    const rf_tensor *w = rf_quantizer_tensor(n)->constant;
    const int axis = rf_quantizer_axis(n);
    int64_t inner = 1;
    int32_t *codes = NULL;
    CHECK_OK(g->ctx, rf_quantizer_codes(g->ctx, n, &codes));
    float *real = malloc((size_t)w->count * sizeof *real);
    for (int d = axis + 1; axis >= 0 && d < w->shape.rank; d++)
        inner *= w->shape.dims[d];
    for (int64_t i = 0; i < w->count; i++) {
        const int64_t c = axis < 0 ? 0 : i / inner % w->shape.dims[axis];
        float scale;
        int32_t offset;
        rf_scale_offset(&spec, rf_quantizer_min(n)[c], rf_quantizer_max(n)[c], &scale, &offset);
        real[i] = (float)(codes[i] + offset) * scale;
    }
    golden_check(g, module, real, expected, TOL_WEIGHT);
    free(real);
    rf_free(g->ctx, codes);
}

static void check_weights(const golden *g, const rf_sim *sim)
{
    static const char prefix[] = "weight_qdq_calibrated/";
    for (size_t i = 0; i < g->values.items.count; i++) {
        const rf_npz_item *item = &g->values.items.items[i];
        if (strncmp(item->name, prefix, sizeof prefix - 1) == 0)
            check_weight(g, sim, item->name + sizeof prefix - 1, item->tensor);
    }
}

static void check_life(const golden_id *id)
{
    golden g;
    golden_open(&g, id);
    rf_sim *sim = golden_calibrated_sim(&g);
    json_t *expected = json_object_get(g.info, "encodings_calibrated");
    const char *name;
    json_t *encoding;
    json_object_foreach(expected, name, encoding) check_quantizer(&g, sim, name, encoding);
    assert_int_equal(rf_sim_quantizer_count(sim), json_object_size(expected)); /* and no others */
    check_weights(&g, sim);
    golden_check_logits(&g, sim, "logits_calibrated");
    rf_sim_free(sim);
    golden_close(&g);
}

static void check_float_model(const golden_id *id)
{
    golden g;
    golden_open(&g, id);
    rf_tensor *logits = golden_logits(&g, g.graph);
    golden_check(&g, "logits_fp32", rf_tensor_f32(logits), golden_get(&g, "logits_fp32"), TOL_FP32);
    rf_tensor_free(logits);
    golden_close(&g);
}

static void the_float_model_gives_pytorchs_outputs(void **state)
{
    (void)state;
    golden_for_each(GOLDEN_V1, check_float_model);
}

static void range_learning_starts_from_aimets_ranges(void **state)
{
    (void)state;
    golden_for_each(GOLDEN_V1, check_life);
}

static void post_training_schemes_find_aimets_ranges(void **state)
{
    (void)state;
    golden_for_each(GOLDEN_POST_TRAINING, check_life);
}

static void aimet_v2_starts_from_its_own_ranges(void **state)
{
    (void)state;
    golden_for_each(GOLDEN_V2, check_life);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_float_model_gives_pytorchs_outputs),
        cmocka_unit_test(range_learning_starts_from_aimets_ranges),
        cmocka_unit_test(post_training_schemes_find_aimets_ranges),
        cmocka_unit_test(aimet_v2_starts_from_its_own_ranges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
