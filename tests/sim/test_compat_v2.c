/* compat "aimet-v2" as a simulation: what it refuses, and that ranges go where training leads them. */
#include "net_text.h"
#include "sim_data.h"

#include "base/file.h"
#include "exec/plan.h"
#include "sim/sim_impl.h"

#define NET "input x:-1,3,6,6\nc = Conv x w:6,3,3,3\nr = Relu c\noutput r"

static rf_context *ctx;
static temp_folder temp;

static int open_all(void **state)
{
    (void)state;
    ctx = test_context();
    temp = temp_folder_make();
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    temp_folder_remove(&temp);
    rf_context_free(ctx);
    return 0;
}

static void refuse(const char *flag)
{
    char path[512], json[600];
    rf_graph *g = net_of(ctx, NET);
    rf_sim *sim = NULL;
    const int length = snprintf(
        json, sizeof json,
        "{\"defaults\":{\"ops\":{\"is_output_quantized\":\"True\"},\"params\":{\"is_quantized\":"
        "\"True\"},\"%s\":\"True\"},\"params\":{},\"op_type\":{},\"supergroups\":[],"
        "\"model_input\":{},\"model_output\":{}}",
        flag);
    temp_path(&temp, "config.json", path);
    CHECK_OK(ctx, rf_file_write(ctx, path, json, (size_t)length, /*force=*/true));
    const rf_sim_options v1 = { .config = path, .compat = "aimet" };
    const rf_sim_options v2 = { .config = path, .compat = "aimet-v2" };
    CHECK_OK(ctx, rf_sim_new(g, &v1, &sim));
    rf_sim_free(sim);
    CHECK_FAILS(ctx, RF_EMODEL, flag, rf_sim_new(g, &v2, &sim));
    rf_graph_free(g);
}

static void what_aimet_v2_does_not_have_is_refused(void **state)
{
    (void)state;
    rf_graph *g = net_of(ctx, NET);
    rf_sim *sim = NULL;
    refuse("strict_symmetric");
    refuse("unsigned_symmetric");
    CHECK_FAILS(ctx, RF_EARG, "mse",
                rf_sim_new(g, &(rf_sim_options){ .scheme = "mse", .compat = "aimet-v2" }, &sim));
    CHECK_FAILS(ctx, RF_EARG, "aimet or aimet-v2",
                rf_sim_new(g, &(rf_sim_options){ .compat = "aimet-v3" }, &sim));
    rf_graph_free(g);
}

static void ranges_are_not_gated(void **state)
{
    (void)state;
    rf_graph *g = net_of(ctx, NET);
    rf_sim *sim = NULL;
    rf_plan *plan = NULL;
    rf_tensor *x = waves(ctx, 4, (int64_t[]){ 4, 3, 6, 6 });
    rf_dataset *data = dataset_of(ctx, &temp, x);
    CHECK_OK(ctx, rf_sim_new(g, &(rf_sim_options){ .compat = "aimet-v2" }, &sim));
    CHECK_OK(ctx, rf_sim_calibrate(sim, data, NULL, NULL));
    const rf_node *q = rf_value_quantizer(rf_graph_find_value(sim->graph, "x"));
    *rf_quantizer_min(q) = 0.25f; /* v1 would put it back to 0 */
    const rf_plan_options options = { .batch = 4, .mode = RF_MODE_INFER };
    CHECK_OK(ctx, rf_plan_new(sim->graph, &options, &plan));
    rf_plan_set_input(plan, 0, rf_tensor_f32(x));
    CHECK_OK(ctx, rf_plan_forward(plan));
    assert_true(*rf_quantizer_min(q) == 0.25f);
    rf_plan_free(plan);
    rf_dataset_free(data);
    rf_tensor_free(x);
    rf_sim_free(sim);
    rf_graph_free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_aimet_v2_does_not_have_is_refused),
        cmocka_unit_test(ranges_are_not_gated),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
