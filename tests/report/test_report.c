/* The report's document: BN drift, codes, clipping, errors and sizes are the numbers of the simulation; text is only text. */
#include <jansson.h>

#include "bn/bn_nets.h"

#define SAMPLES 48
#define CLASSES 3

typedef struct study {
    rf_context *ctx;
    rf_sim *sim;
    net_data data;
    json_t *document;
} study;

static study study_begin(void)
{
    study s = { .ctx = test_context() };
    rf_sim_options o = RF_SIM_OPTIONS_INIT;
    rf_graph *g = bn_net_small(s.ctx, CLASSES);
    s.data = net_data_new(s.ctx, 4, (int64_t[]){ SAMPLES, 3, 6, 6 }, CLASSES);
    o.param_bw = 4;
    CHECK_OK(s.ctx, rf_sim_new(g, &o, &s.sim));
    CHECK_OK(s.ctx, rf_sim_calibrate(s.sim, s.data.dataset, NULL, NULL));
    rf_graph_free(g);
    return s;
}

static void study_end(study *s)
{
    json_decref(s->document);
    rf_sim_free(s->sim);
    net_data_close(&s->data);
    rf_context_free(s->ctx);
}

static const json_t *make(study *s, const rf_report_options *o)
{
    rf_report *r = NULL;
    CHECK_OK(s->ctx, rf_report_new(s->sim, o, &r));
    json_decref(s->document);
    s->document = json_loads(rf_report_json(r), 0, NULL);
    assert_non_null(s->document);
    rf_report_free(r);
    return s->document;
}

static double real_of(const json_t *object, const char *key)
{
    assert_true(json_is_number(json_object_get(object, key)));
    return json_number_value(json_object_get(object, key));
}

static int64_t sum_of(const json_t *list)
{
    int64_t sum = 0;
    for (size_t i = 0; i < json_array_size(list); i++)
        sum += json_integer_value(json_array_get(list, i));
    return sum;
}

static rf_sim *copy_of(const study *s, const char *folder)
{
    char path[512];
    rf_sim *copy = NULL;
    snprintf(path, sizeof path, "%s/copy.onnx", folder);
    CHECK_OK(s->ctx, rf_sim_save(s->sim, path, true));
    CHECK_OK(s->ctx, rf_sim_load(s->ctx, path, &copy));
    remove(path);
    return copy;
}

static void every_code_of_every_weight_is_counted(void **state)
{
    study s = study_begin();
    const json_t *list = json_object_get(make(&s, NULL), "params");
    (void)state;
    assert_true(json_array_size(list) > 0);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *p = json_array_get(list, i);
        if (!json_is_true(json_object_get(p, "enabled")))
            continue;
        assert_int_equal(sum_of(json_object_get(p, "codes_after")),
                         json_integer_value(json_object_get(p, "count")));
        assert_int_equal(json_array_size(json_object_get(p, "codes_after")), 16);
        assert_int_equal(json_integer_value(json_object_get(p, "first_code")), -8);
        assert_true(json_is_null(json_object_get(p, "codes_before")));
        assert_true(json_is_null(json_object_get(p, "changed")));
    }
    study_end(&s);
}

static void a_channel_of_zeros_is_dead(void **state)
{
    study s = study_begin();
    rf_node *n = NULL;
    (void)state;
    for (size_t i = 0; !n && i < s.sim->quantizers.count; i++)
        if (rf_quantizer_is_param(s.sim->quantizers.items[i]) &&
            rf_quantizer_count(s.sim->quantizers.items[i]) > 1)
            n = s.sim->quantizers.items[i];
    assert_non_null(n);
    const rf_tensor *t = rf_quantizer_tensor(n)->constant;
    memset(t->data, 0, (size_t)(t->count / t->shape.dims[0]) * sizeof(float));
    const json_t *list = json_object_get(make(&s, NULL), "params");
    bool found = false;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *p = json_array_get(list, i);
        const char *name = json_string_value(json_object_get(p, "tensor"));
        if (strcmp(name, rf_quantizer_tensor(n)->name) == 0) {
            assert_int_equal(json_integer_value(json_object_get(p, "dead_channels")), 1);
            found = true;
        }
    }
    assert_true(found);
    study_end(&s);
}

static void drift_is_that_of_the_re_estimation(void **state)
{
    study s = study_begin();
    temp_folder folder = temp_folder_make();
    rf_report_options o = RF_REPORT_OPTIONS_INIT;
    rf_reestimate_options options = RF_REESTIMATE_OPTIONS_INIT;
    rf_reestimation *re = NULL;
    (void)state;
    o.calibrated = copy_of(&s, folder.path);
    options.batch = 16;
    CHECK_OK(s.ctx, rf_reestimate_sim(s.sim, s.data.dataset, &options, &re));
    const json_t *list = json_object_get(make(&s, &o), "batch_norms");
    assert_int_equal(json_array_size(list), rf_reestimation_layer_count(re));
    for (int i = 0; i < rf_reestimation_layer_count(re); i++) {
        const json_t *b = json_array_get(list, (size_t)i);
        rf_bn_layer layer;
        CHECK_OK(s.ctx, rf_reestimation_layer(re, i, &layer));
        assert_string_equal(json_string_value(json_object_get(b, "bn")), layer.bn);
        const struct {
            const char *key;
            const float *values;
        } expected[] = { { "mean_before", layer.mean_before },
                         { "mean_after", layer.mean_after },
                         { "var_before", layer.var_before },
                         { "var_after", layer.var_after } };
        for (size_t k = 0; k < 4; k++)
            for (int64_t c = 0; c < layer.channels; c++)
                CHECK_NEAR(json_number_value(
                               json_array_get(json_object_get(b, expected[k].key), (size_t)c)),
                           expected[k].values[c], 1e-8);
    }
    rf_reestimation_free(re);
    rf_sim_free(o.calibrated);
    temp_folder_remove(&folder);
    study_end(&s);
}

/* Ranges cut to half leave values outside, and never without data. */
static void clipping_is_measured_on_data(void **state)
{
    study s = study_begin();
    rf_report_options o = RF_REPORT_OPTIONS_INIT;
    double clipped = 0.0;
    (void)state;
    for (size_t i = 0; i < s.sim->quantizers.count; i++) {
        const rf_node *n = s.sim->quantizers.items[i];
        if (!rf_quantizer_is_param(n))
            rf_quantizer_max(n)[0] *= 0.5f;
    }
    const json_t *list = json_object_get(make(&s, NULL), "activations");
    assert_true(json_is_null(json_object_get(json_array_get(list, 0), "above")));
    assert_true(json_is_null(json_object_get(s.document, "errors")));
    o.dataset = s.data.dataset;
    list = json_object_get(make(&s, &o), "activations");
    for (size_t i = 0; i < json_array_size(list); i++)
        clipped = fmax(clipped, real_of(json_array_get(list, i), "above"));
    assert_true(clipped > 0.001 && clipped < 0.6);
    study_end(&s);
}

static void errors_are_those_of_the_comparison(void **state)
{
    study s = study_begin();
    rf_report_options o = RF_REPORT_OPTIONS_INIT;
    (void)state;
    o.dataset = s.data.dataset;
    o.no_target = "nothing was exported";
    const json_t *errors = json_object_get(make(&s, &o), "errors");
    const json_t *after = json_object_get(errors, "after");
    assert_int_equal(json_integer_value(json_object_get(after, "samples")), SAMPLES);
    const json_t *tensors = json_object_get(after, "tensors");
    assert_true(json_array_size(tensors) > 2);
    const double last = real_of(json_array_get(tensors, json_array_size(tensors) - 1), "sqnr_db");
    assert_true(last > 0.0 && last < 60.0);
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(errors, "target"), "reason")),
        "nothing was exported");
    study_end(&s);
}

static void sizes_add_up(void **state)
{
    study s = study_begin();
    const json_t *size = json_object_get(make(&s, NULL), "size");
    const double all = real_of(size, "parameters"), quantized = real_of(size, "quantized");
    (void)state;
    assert_true(quantized > 0.0 && quantized < all);
    CHECK_NEAR(real_of(size, "bytes"), (quantized * 4 + (all - quantized) * 32) / 8, 1e-9);
    study_end(&s);
}

/* In the page no text of the document may end the element that it stands in. */
static void text_cannot_become_markup(void **state)
{
    study s = study_begin();
    rf_report_options o = RF_REPORT_OPTIONS_INIT;
    rf_report *r = NULL;
    (void)state;
    o.title = "</script><!--&\xe2\x80\xa8\xff\x01\"\\";
    o.run = "{\"model\": \"<script>alert(1)</script>\"}";
    CHECK_OK(s.ctx, rf_report_new(s.sim, &o, &r));
    const char *text = rf_report_json(r);
    assert_null(strpbrk(text, "<>&"));
    for (const char *p = text; *p; p++)
        assert_true(*p >= 0x20 && *p < 0x7f);
    s.document = json_loads(text, 0, NULL);
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(s.document, "run"), "model")),
        "<script>alert(1)</script>");
    rf_report_free(r);
    study_end(&s);
}

static void a_record_that_is_no_json_is_refused(void **state)
{
    study s = study_begin();
    rf_report_options o = RF_REPORT_OPTIONS_INIT;
    rf_report *r = NULL;
    (void)state;
    o.run = "{ \"steps\": [";
    CHECK_FAILS(s.ctx, RF_EDATA, "no JSON", rf_report_new(s.sim, &o, &r));
    assert_null(r);
    study_end(&s);
}

static void an_analysis_is_shown_as_it_is_or_refused(void **state)
{
    static const char good[] = "{\"command\":\"analyze\",\"layers\":[{\"layer\":\"a\","
                               "\"op_type\":\"Conv\",\"kind\":\"param\"}]}";
    static const char *const bad[] = { "[]",
                                       "{}",
                                       "{\"command\":\"analyze\"}",
                                       "{\"command\":\"analyze\",\"layers\":[null]}",
                                       "{\"command\":\"analyze\",\"layers\":[{\"layer\":1}]}",
                                       "{\"command\":\"run\",\"layers\":[]}" };
    study s = study_begin();
    rf_report_options o = RF_REPORT_OPTIONS_INIT;
    rf_report *r = NULL;
    (void)state;
    assert_true(json_is_null(json_object_get(make(&s, &o), "analysis")));
    o.analysis = good;
    json_t *expected = json_loads(good, 0, NULL);
    assert_true(json_equal(json_object_get(make(&s, &o), "analysis"), expected));
    json_decref(expected);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        o.analysis = bad[i];
        CHECK_FAILS(s.ctx, RF_EDATA, "expected 'analyze'", rf_report_new(s.sim, &o, &r));
    }
    o.analysis = "analyze";
    CHECK_FAILS(s.ctx, RF_EDATA, "analysis is no JSON", rf_report_new(s.sim, &o, &r));
    assert_null(r);
    study_end(&s);
}

static void what_was_measured_before_stands_without_data(void **state)
{
    study s = study_begin();
    rf_report_options o = RF_REPORT_OPTIONS_INIT;
    rf_report *first = NULL;
    (void)state;
    o.dataset = s.data.dataset;
    CHECK_OK(s.ctx, rf_report_new(s.sim, &o, &first));
    o = (rf_report_options)RF_REPORT_OPTIONS_INIT;
    o.measured = rf_report_json(first);
    make(&s, &o);
    json_t *before = json_loads(o.measured, 0, NULL);
    assert_true(json_equal(before, s.document));
    json_decref(before);
    rf_report_free(first);
    study_end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_of_every_weight_is_counted),
        cmocka_unit_test(a_channel_of_zeros_is_dead),
        cmocka_unit_test(drift_is_that_of_the_re_estimation),
        cmocka_unit_test(clipping_is_measured_on_data),
        cmocka_unit_test(errors_are_those_of_the_comparison),
        cmocka_unit_test(sizes_add_up),
        cmocka_unit_test(text_cannot_become_markup),
        cmocka_unit_test(a_record_that_is_no_json_is_refused),
        cmocka_unit_test(an_analysis_is_shown_as_it_is_or_refused),
        cmocka_unit_test(what_was_measured_before_stands_without_data),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
