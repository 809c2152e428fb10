/* What is written for graphs that refold made or changed. */
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "onnx_maker.h"

static rf_value *take(rf_graph *g, const char *name, rf_dtype dtype, int64_t count,
                      const void *numbers)
{
    rf_tensor *t = NULL;
    rf_value *v = NULL;
    CHECK_OK(g->ctx, rf_tensor_new(g->ctx, dtype, 1, &count, &t));
    memcpy(t->data, numbers, (size_t)count * rf_dtype_bytes(dtype));
    CHECK_OK(g->ctx, rf_graph_take_constant(g, name, t, &v));
    return v;
}

static void a_graph_of_our_own_says_who_made_it(void **state)
{
    (void)state;
    rf_context *ctx = test_context();
    rf_graph *g = NULL;
    CHECK_OK(ctx, rf_zoo_new(ctx, "ds_cnn", NULL, &g));
    Onnx__ModelProto *model = written(g);
    assert_string_equal(model->producer_name, "refold");
    assert_string_equal(model->producer_version, rf_version());
    assert_int_equal(model->ir_version, 8);
    assert_string_equal(model->graph->input[0]->type->tensor_type->shape->dim[0]->dim_param,
                        "batch");
    assert_int_equal(model->graph->n_input, 1);
    onnx__model_proto__free_unpacked(model, NULL);
    rf_graph_free(g);
    rf_context_free(ctx);
}

static void changed_weights_are_written_as_they_are_now(void **state)
{
    (void)state;
    maker m;
    begin_relu(&m);
    const int64_t two = 2;
    float floats[] = { 1.0F, 2.0F };
    Onnx__TensorProto *t = add_initializer(&m, "typed", 1, 1, &two);
    t->n_float_data = 2;
    t->float_data = floats;
    add_ones(&m, "raw", 2)->doc_string = text(&m, "kept");
    rf_graph *g = read_model(&m);
    rf_tensor_f32(rf_graph_find_value(g, "typed")->constant)[0] = 7.0F;
    rf_tensor_f32(rf_graph_find_value(g, "raw")->constant)[0] = 8.0F;
    rf_value_touch(rf_graph_find_value(g, "typed"));
    Onnx__ModelProto *model = written(g);
    assert_memory_equal(model->graph->initializer[0]->raw_data.data, ((float[]){ 7.0F, 2.0F }), 8);
    assert_int_equal(model->graph->initializer[0]->n_float_data, 0);
    assert_memory_equal(model->graph->initializer[1]->raw_data.data, ((float[]){ 8.0F, 1.0F }), 8);
    assert_string_equal(model->graph->initializer[1]->doc_string, "kept");
    onnx__model_proto__free_unpacked(model, NULL);
    rf_graph_free(g);
    end(&m);
}

static void a_batch_of_0_that_was_opened_is_written_so(void **state)
{
    (void)state;
    static const int64_t dims[] = { 0, 4 };
    maker m;
    begin_relu(&m); /* x is [0, 4] */
    m.graph.output[0] = make_info(&m, "y", 1, 2, dims);
    rf_graph *g = read_model(&m);
    g->open_batch = true;
    Onnx__ModelProto *model = written(g);
    const Onnx__ValueInfoProto *infos[] = { model->graph->input[0], model->graph->output[0] };
    for (int i = 0; i < 2; i++) {
        Onnx__TensorShapeProto__Dimension **dim = infos[i]->type->tensor_type->shape->dim;
        assert_string_equal(dim[0]->dim_param, "batch");
        assert_int_equal(dim[1]->dim_value, 4);
    }
    onnx__model_proto__free_unpacked(model, NULL);
    rf_graph_free(g);
    end(&m);
}

static void changed_nodes_keep_what_did_not_change(void **state)
{
    (void)state;
    maker m;
    begin_relu(&m);
    m.graph.node[0]->doc_string = text(&m, "kept");
    add_int(&m, m.graph.node[0], "old", 1);
    rf_graph *g = read_model(&m);
    CHECK_OK(m.ctx, rf_node_set_ints(g, g->first, "new", DIMS(1, 2), 2));
    CHECK_OK(m.ctx,
             rf_node_set_input(g, g->first, 1, take(g, "w", RF_DTYPE_I32, 1, &(int32_t){ 3 })));
    Onnx__ModelProto *model = written(g);
    const Onnx__NodeProto *n = model->graph->node[0];
    assert_string_equal(n->doc_string, "kept");
    assert_int_equal(n->n_input, 2);
    assert_string_equal(n->input[1], "w");
    assert_int_equal(n->attribute[0]->i, 1);
    assert_int_equal(n->attribute[1]->ints[1], 2);
    assert_int_equal(model->graph->initializer[0]->data_type, 6);
    assert_int_equal(model->graph->n_input, 1);
    onnx__model_proto__free_unpacked(model, NULL);
    rf_graph_free(g);
    end(&m);
}

/* ONNX Runtime refuses files with two nodes of one name. */
static void a_name_that_another_node_has_is_left_out(void **state)
{
    (void)state;
    maker m;
    begin_relu(&m);
    add_node(&m, "Sigmoid", "relu", "y", "z");
    add_output(&m, "z");
    rf_graph *g = read_model(&m);
    Onnx__ModelProto *model = written(g);
    assert_string_equal(model->graph->node[0]->name, "relu");
    assert_null(model->graph->node[1]->name);
    onnx__model_proto__free_unpacked(model, NULL);
    rf_graph_free(g);
    end(&m);
}

static void old_files_list_new_initializers_as_inputs(void **state)
{
    (void)state;
    maker m;
    begin_relu(&m);
    m.model.ir_version = 3;
    rf_graph *g = read_model(&m);
    CHECK_OK(m.ctx, rf_node_set_input(g, g->first, 1, take(g, "w", RF_DTYPE_U8, 1, "a")));
    Onnx__ModelProto *model = written(g);
    assert_int_equal(model->graph->n_input, 2);
    assert_string_equal(model->graph->input[1]->name, "w");
    assert_int_equal(model->graph->input[1]->type->tensor_type->elem_type, 2);
    onnx__model_proto__free_unpacked(model, NULL);
    rf_graph_free(g);
    end(&m);
}

static void four_bit_codes_are_marked_by_the_value(void **state)
{
    (void)state;
    maker m;
    begin_relu(&m);
    rf_graph *g = read_model(&m);
    take(g, "w", RF_DTYPE_I8, 3, (const int8_t[]){ -8, 7, -1 })->onnx_type = 22;
    CHECK_OK(m.ctx, rf_graph_set_opset(g, "", 21));
    Onnx__ModelProto *model = written(g);
    const Onnx__TensorProto *t = model->graph->initializer[0];
    assert_int_equal(t->data_type, 22);
    assert_int_equal(t->raw_data.len, 2);
    assert_memory_equal(t->raw_data.data, "\x78\x0f", 2);
    assert_int_equal(model->ir_version, 10); /* the first that has the type */
    assert_int_equal(model->opset_import[0]->version, 21);
    onnx__model_proto__free_unpacked(model, NULL);
    rf_graph_free(g);
    end(&m);
}

static void quantizers_must_be_gone(void **state)
{
    (void)state;
    maker m;
    void *bytes = NULL;
    size_t size = 0;
    begin_relu(&m);
    m.graph.node[0]->domain = text(&m, "refold");
    rf_graph *g = read_model(&m);
    CHECK_FAILS(m.ctx, RF_EINTERNAL, "'relu'", rf_onnx_encode(g, &bytes, &size));
    rf_graph_free(g);
    end(&m);
}

static void an_existing_file_is_kept_unless_forced(void **state)
{
    (void)state;
    maker m;
    begin_relu(&m);
    char path[] = "refold_write_XXXXXX";
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    rf_graph *g = read_model(&m), *again = NULL;
    CHECK_FAILS(m.ctx, RF_EEXIST, path, rf_graph_save(g, path, false));
    CHECK_OK(m.ctx, rf_graph_save(g, path, true));
    CHECK_OK(m.ctx, rf_graph_load(m.ctx, path, &again));
    rf_graph_free(again);
    rf_graph_free(g);
    unlink(path);
    end(&m);
}

/* An allocator that gives out after so many blocks. */
static void *scarce_alloc(void *user, size_t bytes)
{
    int *left = user;
    return (*left)-- > 0 ? aligned_alloc(64, (bytes + 63) / 64 * 64) : NULL;
}

static void scarce_free(void *user, void *memory)
{
    (void)user;
    free(memory);
}

static rf_status read_and_write(rf_context *ctx, const void *bytes, size_t size)
{
    rf_graph *g = NULL;
    void *again = NULL;
    size_t again_size = 0;
    rf_status st = rf_onnx_decode(ctx, bytes, size, NULL, "net.onnx", &g);
    if (st == RF_OK)
        st = rf_onnx_encode(g, &again, &again_size);
    rf_graph_free(g);
    rf_free(ctx, again);
    return st;
}

static void running_out_of_memory_anywhere_leaves_nothing_behind(void **state)
{
    (void)state;
    int left = 1 << 30;
    const rf_context_options options = {
        .threads = 1, .alloc = scarce_alloc, .free = scarce_free, .alloc_user = &left
    };
    rf_context *ctx = NULL;
    maker m;
    size_t size = 0;
    begin_relu(&m);
    add_ones(&m, "w", 4);
    add_int(&m, add_node(&m, "Add", "add", "y,w", "z"), "axis", 3);
    const uint8_t *bytes = pack(&m, &size);
    assert_int_equal(rf_context_new(&options, &ctx), RF_OK);
    rf_status st = RF_ENOMEM;
    for (int blocks = 0; st == RF_ENOMEM && blocks < 10000; blocks++) {
        left = blocks;
        st = read_and_write(ctx, bytes, size);
    }
    assert_int_equal(st, RF_OK);
    rf_context_free(ctx);
    end(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_graph_of_our_own_says_who_made_it),
        cmocka_unit_test(changed_weights_are_written_as_they_are_now),
        cmocka_unit_test(a_batch_of_0_that_was_opened_is_written_so),
        cmocka_unit_test(changed_nodes_keep_what_did_not_change),
        cmocka_unit_test(a_name_that_another_node_has_is_left_out),
        cmocka_unit_test(old_files_list_new_initializers_as_inputs),
        cmocka_unit_test(four_bit_codes_are_marked_by_the_value),
        cmocka_unit_test(quantizers_must_be_gone),
        cmocka_unit_test(an_existing_file_is_kept_unless_forced),
        cmocka_unit_test(running_out_of_memory_anywhere_leaves_nothing_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
