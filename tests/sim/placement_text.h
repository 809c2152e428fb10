/* Quantizers of a network as one line of text, and configurations from their parts, for the tests of placement. */
#ifndef RF_TESTS_PLACEMENT_TEXT_H
#define RF_TESTS_PLACEMENT_TEXT_H

#include "net_text.h"
#include "temp_folder.h"

#include "sim/sim.h"

static inline int by_name(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* "TENSOR", "TENSOR[AXIS]" of parameters; symmetric ones with "=" behind; in order of their names. */
static inline void describe(const rf_sim *sim, char text[32 * 65])
{
    char items[32][64];
    size_t count = sim->quantizers.count;
    assert_in_range(count, 0, 32);
    for (size_t i = 0; i < count; i++) {
        const rf_node *n = sim->quantizers.items[i];
        const int axis = rf_quantizer_axis(n);
        char suffix[16] = "";
        if (rf_quantizer_is_param(n))
            snprintf(suffix, sizeof suffix, axis < 0 ? "[]" : "[%d]", axis);
        snprintf(items[i], sizeof items[i], "%s%s%s", rf_quantizer_tensor(n)->name, suffix,
                 rf_quantizer_spec(n).symmetric ? "=" : "");
    }
    qsort(items, count, sizeof items[0], by_name);
    text[0] = 0;
    for (size_t i = 0; i < count; i++) {
        strcat(text, i ? " " : "");
        strcat(text, items[i]);
    }
}

static inline void expect_with(rf_context *ctx, const char *net, const rf_sim_options *options,
                               const char *expected)
{
    char found[32 * 65];
    rf_sim *sim = NULL;
    rf_graph *g = net_of(ctx, net);
    CHECK_OK(ctx, rf_sim_new(g, options, &sim));
    CHECK_OK(ctx, rf_graph_check(sim->graph));
    describe(sim, found);
    assert_string_equal(found, expected);
    rf_sim_free(sim);
    rf_graph_free(g);
}

static inline void expect(rf_context *ctx, const char *net, const char *expected)
{
    expect_with(ctx, net, NULL, expected);
}

/* A configuration like "default", with these op_type and ends. */
static inline void expect_config(rf_context *ctx, const char *op_type, const char *ends,
                                 const char *net, const char *expected)
{
    char path[512], json[2048];
    temp_folder t = temp_folder_make();
    snprintf(json, sizeof json,
             "{\"defaults\":{\"ops\":{\"is_output_quantized\":\"True\"},\"params\":{\"is_"
             "quantized\":\"True\","
             "\"is_symmetric\":\"True\"}},\"params\":{\"bias\":{\"is_quantized\":\"False\"}},\"op_"
             "type\":{%s},%s}",
             op_type, ends);
    write_bytes(temp_path(&t, "config.json", path), json, strlen(json));
    expect_with(ctx, net, &(rf_sim_options){ .config = path }, expected);
    temp_folder_remove(&t);
}

#define NO_ENDS "\"supergroups\":[],\"model_input\":{},\"model_output\":{}"

#endif
