/* The integer weights after the fold, and the encodings files that are written then, against AIMET's. */
#include "golden_life.h"

#include "ops/params.h"
#include "tensor/tensor.h"

#define TOL_WRITTEN 1e-6 /* relative: written from AIMET's own numbers, nothing is summed */
#define TIE                                                                                        \
    2e-3 /* in codes: what the tolerance of five steps, 1e-4 of a weight, is worth at 8 bits and less */

static int flipped_codes; /* over all lives */

/* ----------------------------------------------------------------------- integer codes --- */

/* Codes of a weight, made signed; `distance_out` is how far, in codes, each lies from the next one. rf_free both. */
static int32_t *codes_of(const golden *g, const rf_node *n, float **distance_out)
{
    const rf_qspec spec = rf_quantizer_spec(n);
    const rf_tensor *w = rf_quantizer_tensor(n)->constant;
    const int axis = rf_quantizer_axis(n);
    int64_t inner = 1;
    int32_t *codes = NULL;
    CHECK_OK(g->ctx, rf_quantizer_codes(g->ctx, n, &codes));
    float *distance = rf_calloc(g->ctx, (size_t)w->count, sizeof *distance);
    for (int d = axis + 1; axis >= 0 && d < w->shape.rank; d++)
        inner *= w->shape.dims[d];
    for (int64_t i = 0; i < w->count; i++) {
        const int64_t c = axis < 0 ? 0 : i / inner % w->shape.dims[axis];
        float scale;
        int32_t offset;
        rf_scale_offset(&spec, rf_quantizer_min(n)[c], rf_quantizer_max(n)[c], &scale, &offset);
        const float real = rf_tensor_f32(w)[i] / scale;
        codes[i] += offset;
        distance[i] = 0.5f - fabsf(real - rintf(real));
    }
    *distance_out = distance;
    return codes;
}

/* AIMET's codes follow from its quantized weights and its scales; a code may differ only on a tie. Returns how many do. */
static int compare_codes(const golden *g, const rf_sim *sim, const char *module,
                         const rf_tensor *qdq)
{
    char name[160];
    float *distance = NULL;
    int flipped = 0;
    json_t *after = json_object_get(json_object_get(g->info, "encodings_after_fold"), module);
    json_t *scales = json_object_get(after, "scale");
    const rf_node *n = golden_quantizer(g, sim, module);
    const rf_tensor *w = rf_quantizer_tensor(n)->constant;
    const int axis = rf_quantizer_axis(n);
    const int64_t channels = rf_quantizer_count(n);
    const int64_t inner =
        axis < 0 ? w->count : w->count / channels / (axis == 1 ? w->shape.dims[0] : 1);
    int32_t *codes = codes_of(g, n, &distance);
    snprintf(name, sizeof name, "%s %s: %s", g->model, g->life, module);
    assert_int_equal(json_array_size(scales), channels);
    for (int64_t i = 0; i < w->count; i++) {
        const int64_t c = i / inner % channels;
        const double scale = json_number_value(json_array_get(scales, (size_t)c));
        const int32_t expected = (int32_t)rint((double)rf_tensor_f32(qdq)[i] / scale);
        if (codes[i] == expected)
            continue;
        if (abs(codes[i] - expected) != 1 || distance[i] > TIE)
            fail_msg("%s[%lld] has code %d, AIMET has %d", name, (long long)i, codes[i], expected);
        flipped++;
    }
    rf_free(g->ctx, distance);
    rf_free(g->ctx, codes);
    return flipped;
}

static int compare_all_codes(const golden *g, const rf_sim *sim)
{
    static const char prefix[] = "weight_qdq_after_fold/";
    int flipped = 0, compared = 0;
    for (size_t i = 0; i < g->values.items.count; i++) {
        const rf_npz_item *item = &g->values.items.items[i];
        if (strncmp(item->name, prefix, sizeof prefix - 1) != 0)
            continue;
        flipped += compare_codes(g, sim, item->name + sizeof prefix - 1, item->tensor);
        compared++;
    }
    assert_true(compared > 0);
    return flipped;
}

/* ------------------------------------------------------------------------ encodings --- */

/* AIMET's range in the place of ours, so that the files are written from the same numbers. */
static void take_aimets_range(const golden *g, rf_sim *sim, rf_node *n, const char *quantizer)
{
    char name[200];
    snprintf(name, sizeof name, "param_after_fold/%s.enc_min", quantizer);
    const rf_tensor *min = golden_get(g, name);
    snprintf(name, sizeof name, "param_after_fold/%s.enc_max", quantizer);
    const rf_tensor *max = golden_get(g, name);
    assert_int_equal(min->count, rf_quantizer_count(n));
    CHECK_OK(g->ctx,
             rf_quantizer_set_range(sim, n, rf_tensor_f32(min), rf_tensor_f32(max), min->count));
}

static void take_aimets_ranges(const golden *g, rf_sim *sim)
{
    const char *quantizer;
    json_t *encoding;
    json_object_foreach(json_object_get(g->info, "encodings_after_fold"), quantizer, encoding)
    {
        rf_node *n = golden_quantizer(g, sim, quantizer);
        if (!n)
            fail_msg("%s %s: no quantizer %s", g->model, g->life, quantizer);
        take_aimets_range(g, sim, n, quantizer);
    }
}

/* PyTorch's exporter was given no names for input and output: "t.1" and a number. */
static const char *name_in_model(const char *aimets)
{
    if (strncmp(aimets, "t.", 2) == 0)
        return "input";
    return strspn(aimets, "0123456789") == strlen(aimets) ? "logits" : aimets;
}

static void check_same(const golden *g, const char *where, json_t *actual, json_t *expected);

static void check_object(const golden *g, const char *where, json_t *actual, json_t *expected)
{
    const char *key;
    json_t *value;
    assert_int_equal(json_object_size(actual), json_object_size(expected));
    json_object_foreach(expected, key, value)
    {
        char path[256];
        const char *ours = strcmp(where, "/activation_encodings") == 0 ? name_in_model(key) : key;
        snprintf(path, sizeof path, "%s/%s", where, key);
        if (!json_object_get(actual, ours))
            fail_msg("%s %s: %s is missing", g->model, g->life, path);
        check_same(g, path, json_object_get(actual, ours), value);
    }
}

static void check_text(const golden *g, const char *where, json_t *actual, json_t *expected)
{
    const char *e = json_string_value(expected), *a = json_string_value(actual);
    if (strcmp(a, e) != 0 && strcmp(a, name_in_model(e)) != 0)
        fail_msg("%s %s: %s is '%s', AIMET has '%s'", g->model, g->life, where, a, e);
}

static void check_number(const golden *g, const char *where, json_t *actual, json_t *expected)
{
    const double a = json_number_value(actual), e = json_number_value(expected);
    const double tolerance = json_is_integer(expected) ? 0.0 : TOL_WRITTEN * fmax(fabs(e), 1e-3);
    if (!(fabs(a - e) <= tolerance))
        fail_msg("%s %s: %s is %.9g, AIMET has %.9g", g->model, g->life, where, a, e);
}

/* The same structure and types, texts, integers; floats nearly so. */
static void check_same(const golden *g, const char *where, json_t *actual, json_t *expected)
{
    if (json_typeof(actual) != json_typeof(expected))
        fail_msg("%s %s: %s is of another type", g->model, g->life, where);
    if (json_is_object(expected)) {
        check_object(g, where, actual, expected);
    } else if (json_is_array(expected)) {
        assert_int_equal(json_array_size(actual), json_array_size(expected));
        for (size_t i = 0; i < json_array_size(expected); i++)
            check_same(g, where, json_array_get(actual, i), json_array_get(expected, i));
    } else if (json_is_string(expected)) {
        check_text(g, where, actual, expected);
    } else if (json_is_number(expected)) {
        check_number(g, where, actual, expected);
    }
}

static void check_written(golden *g, rf_sim *sim, const char *version)
{
    char key[64], folder[512], path[600];
    json_error_t error;
    rf_export_options options = RF_EXPORT_OPTIONS_INIT;
    options.formats = "encodings";
    options.encodings_version = version;
    options.force = true;
    temp_path(&g->temp, "exported", folder);
    CHECK_OK(g->ctx, rf_export(sim, folder, &options, NULL));
    snprintf(path, sizeof path, "%s/model.encodings", folder);
    json_t *actual = json_load_file(path, 0, &error);
    snprintf(key, sizeof key, "export_encodings_%s", version);
    assert_non_null(actual);
    check_same(g, "", actual, json_object_get(g->info, key));
    json_decref(actual);
}

/* Integer codes at their own values, files at AIMET's. */
static void check_life(const golden_id *id)
{
    golden g;
    golden_open(&g, id);
    rf_sim *sim = golden_calibrated_sim(&g);
    golden_train(&g, sim);
    rf_reestimation_free(golden_reestimate(&g, sim));
    golden_fold(&g, sim);
    flipped_codes += compare_all_codes(&g, sim);
    take_aimets_ranges(&g, sim);
    check_written(&g, sim, "0.6.1");
    check_written(&g, sim, "1.0.0");
    rf_sim_free(sim);
    golden_close(&g);
}

static void exported_encodings_equal_aimets(void **state)
{
    (void)state;
    golden_for_each(GOLDEN_V1, check_life);
}

static void exported_encodings_equal_those_of_aimet_v2(void **state)
{
    (void)state;
    golden_for_each(GOLDEN_V2, check_life);
}

static void no_weight_lies_on_a_tie(void **state)
{
    (void)state;
    print_message("%d weights on a tie have AIMET's neighbouring code\n", flipped_codes);
    assert_int_equal(flipped_codes, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exported_encodings_equal_aimets),
        cmocka_unit_test(exported_encodings_equal_those_of_aimet_v2),
        cmocka_unit_test(no_weight_lies_on_a_tie),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
