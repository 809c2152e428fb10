/* The forms in which exporters write the same thing, all read alike. */
#include "onnx_maker.h"

static void a_small_model_comes_back_byte_for_byte(void **state)
{
    (void)state;
    maker m;
    begin_relu(&m);
    m.model.producer_name = text(&m, "someone");
    m.model.doc_string = text(&m, "what it does");
    m.graph.node[0]->doc_string = text(&m, "a node");
    add_ones(&m, "unused", 3)->doc_string = text(&m, "a tensor");
    APPEND(&m, m.graph.n_value_info, m.graph.value_info,
           make_info(&m, "never made", 1, 1, DIMS(2)));
    add_opset(&m, "com.example", 3);
    m.graph.node[0]->domain = text(&m, "com.example");
    assert_comes_back(&m);
    end(&m);
}

static void unknown_fields_and_attributes_survive(void **state)
{
    (void)state;
    maker m;
    begin_relu(&m);
    ProtobufCMessageUnknownField later = {
        .tag = 99, .wire_type = PROTOBUF_C_WIRE_TYPE_VARINT, .len = 1, .data = (uint8_t[]){ 5 }
    };
    m.model.base.n_unknown_fields = 1;
    m.model.base.unknown_fields = &later;
    Onnx__AttributeProto *a =
        add_attr(&m, m.graph.node[0], "names", ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRINGS);
    ProtobufCBinaryData string = { 3, (uint8_t[]){ 'a', 0, 'b' } };
    a->n_strings = 1;
    a->strings = &string;
    a = add_attr(&m, m.graph.node[0], "body", ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__GRAPH);
    NEW(&m, a->g, onnx__graph_proto__init);
    a->g->name = text(&m, "inner");
    assert_comes_back(&m);
    rf_graph *g = read_model(&m);
    assert_int_equal(rf_node_attr(g->first, "body")->type, RF_ATTR_OTHER);
    rf_graph_free(g);
    end(&m);
}

static void a_named_batch_is_open_and_keeps_its_name(void **state)
{
    (void)state;
    maker m;
    begin_relu(&m);
    Onnx__TensorShapeProto__Dimension *dim = m.graph.input[0]->type->tensor_type->shape->dim[0];
    dim->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM;
    dim->dim_param = text(&m, "N");
    rf_graph *g = read_model(&m);
    assert_int_equal(g->inputs.items[0]->shape.dims[0], -1);
    assert_int_equal(g->inputs.items[0]->shape.dims[1], 4);
    rf_graph_free(g);
    assert_comes_back(&m);
    end(&m);
}

static void numbers_are_read_from_every_field(void **state)
{
    (void)state;
    maker m;
    begin_relu(&m);
    const int64_t two = 2;
    float floats[] = { 1.5F, -2.0F };
    double doubles[] = { 0.25, 3.0 };
    int64_t longs[] = { INT64_MIN, 7 };
    int32_t ints[] = { -3, 4 };
    Onnx__TensorProto *t = add_initializer(&m, "float", 1, 1, &two);
    t->n_float_data = 2;
    t->float_data = floats;
    t = add_initializer(&m, "double", 11, 1, &two);
    t->n_double_data = 2;
    t->double_data = doubles;
    t = add_initializer(&m, "int64", 7, 1, &two);
    t->n_int64_data = 2;
    t->int64_data = longs;
    t = add_initializer(&m, "int8", 3, 1, &two);
    t->n_int32_data = 2;
    t->int32_data = ints;
    set_raw(&m, add_initializer(&m, "bool", 9, 1, &two), "\x02\x00", 2);
    set_raw(&m, add_initializer(&m, "uint16", 4, 1, &two), "\x01\x02\xff\xff", 4);
    set_raw(&m, add_initializer(&m, "empty", 1, 1, DIMS(0)), "", 0);
    rf_graph *g = read_model(&m);
    assert_true(rf_tensor_f32(rf_graph_find_value(g, "float")->constant)[1] == -2.0F);
    assert_true(rf_tensor_f32(rf_graph_find_value(g, "double")->constant)[0] == 0.25f);
    assert_true(rf_tensor_i64(rf_graph_find_value(g, "int64")->constant)[0] == INT64_MIN);
    assert_int_equal(((int8_t *)rf_graph_find_value(g, "int8")->constant->data)[0], -3);
    assert_int_equal(((uint8_t *)rf_graph_find_value(g, "bool")->constant->data)[0], 1);
    assert_int_equal(((uint16_t *)rf_graph_find_value(g, "uint16")->constant->data)[0], 513);
    assert_int_equal(rf_graph_find_value(g, "empty")->constant->count, 0);
    rf_graph_free(g);
    end(&m);
}

static void four_bit_codes_are_unpacked_and_packed_again(void **state)
{
    (void)state;
    maker m;
    begin_relu(&m);
    set_raw(&m, add_initializer(&m, "signed", 22, 1, DIMS(3)), "\x98\x07", 2); /* -8, -7, 7 */
    set_raw(&m, add_initializer(&m, "unsigned", 21, 1, DIMS(2)), "\xf1", 1);   /* 1, 15 */
    rf_graph *g = read_model(&m);
    const rf_value *v = rf_graph_find_value(g, "signed");
    assert_int_equal(v->dtype, RF_DTYPE_I8);
    assert_int_equal(v->onnx_type, 22);
    assert_memory_equal(v->constant->data, ((const int8_t[]){ -8, -7, 7 }), 3);
    assert_memory_equal(rf_graph_find_value(g, "unsigned")->constant->data,
                        ((const uint8_t[]){ 1, 15 }), 2);
    rf_graph_free(g);
    assert_comes_back(&m);
    end(&m);
}

static void initializers_listed_as_inputs_are_no_inputs(void **state)
{
    (void)state;
    maker m;
    begin_relu(&m);
    m.model.ir_version = 3;
    add_ones(&m, "w", 4);
    add_input(&m, "w", 1, DIMS(4));
    add_node(&m, "Add", "add", "y,w", "z");
    add_output(&m, "z");
    rf_graph *g = read_model(&m);
    assert_int_equal(rf_graph_input_count(g), 1);
    assert_non_null(rf_graph_find_value(g, "w")->constant);
    rf_graph_free(g);
    assert_comes_back(&m);
    end(&m);
}

/* A Constant node 'c' whose attribute `set` fills in. */
static rf_graph *read_constant(maker *m, const char *attr, Onnx__AttributeProto__AttributeType type,
                               void (*set)(maker *m, Onnx__AttributeProto *a))
{
    begin_relu(m);
    set(m, add_attr(m, add_node(m, "Constant", "c", NULL, "k"), attr, type));
    add_node(m, "Add", "add", "y,k", "z");
    assert_comes_back(m);
    return read_model(m);
}

static void set_float(maker *m, Onnx__AttributeProto *a)
{
    (void)m;
    a->has_f = 1;
    a->f = 2.5F;
}

static void set_ints(maker *m, Onnx__AttributeProto *a)
{
    a->n_ints = 2;
    a->ints = rf_arena_array(&m->arena, 2, sizeof *a->ints);
    a->ints[1] = -1;
}

static void set_tensor(maker *m, Onnx__AttributeProto *a)
{
    a->t = make_tensor(m, NULL, 1, 0, NULL);
    set_raw(m, a->t, &(const float){ 3.0F }, sizeof(float));
}

static void constant_nodes_of_every_form_have_their_tensor(void **state)
{
    (void)state;
    maker m;
    rf_graph *g =
        read_constant(&m, "value_float", ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT, set_float);
    assert_true(rf_tensor_f32(rf_graph_find_value(g, "k")->constant)[0] == 2.5F);
    assert_int_equal(rf_graph_find_value(g, "k")->shape.rank, 0);
    rf_graph_free(g);
    end(&m);
    g = read_constant(&m, "value_ints", ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS, set_ints);
    assert_int_equal(rf_tensor_i64(rf_graph_find_value(g, "k")->constant)[1], -1);
    rf_graph_free(g);
    end(&m);
    g = read_constant(&m, "value", ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TENSOR, set_tensor);
    assert_true(rf_tensor_f32(rf_graph_find_value(g, "k")->constant)[0] == 3.0F);
    assert_string_equal(rf_graph_find_value(g, "k")->producer->name, "c");
    rf_graph_free(g);
    end(&m);
}

static void a_changed_constant_node_is_written_as_a_tensor(void **state)
{
    (void)state;
    maker m;
    rf_graph *g =
        read_constant(&m, "value_float", ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT, set_float);
    rf_value *v = rf_graph_find_value(g, "k");
    rf_tensor_f32(v->constant)[0] = 9.0F;
    rf_value_touch(v);
    Onnx__ModelProto *after = written(g);
    const Onnx__AttributeProto *a = after->graph->node[1]->attribute[0];
    assert_string_equal(a->name, "value");
    assert_memory_equal(a->t->raw_data.data, &(const float){ 9.0F }, sizeof(float));
    onnx__model_proto__free_unpacked(after, NULL);
    rf_graph_free(g);
    end(&m);
}

static void optional_inputs_may_be_left_out(void **state)
{
    (void)state;
    maker m;
    begin_relu(&m);
    add_ones(&m, "max", 1);
    add_node(&m, "Clip", "clip", "y,,max", "z");
    add_node(&m, "Clip", "clip2", "y,,", "u");
    rf_graph *g = read_model(&m);
    const rf_node *clip = rf_graph_find_node(g, "clip");
    assert_int_equal(clip->input_count, 3);
    assert_null(rf_node_input(clip, 1));
    assert_string_equal(rf_node_input(clip, 2)->name, "max");
    rf_graph_free(g);
    assert_comes_back(&m);
    end(&m);
}

static void nodes_in_the_wrong_order_are_put_right(void **state)
{
    (void)state;
    maker m;
    begin_empty(&m);
    add_opset(&m, "ai.onnx", 13);
    add_input(&m, "x", 1, DIMS(4));
    add_node(&m, "Relu", NULL, "a", "b");
    add_node(&m, "Relu", NULL, "x", "a");
    add_output(&m, "b");
    rf_graph *g = read_model(&m);
    assert_string_equal(g->first->outputs[0]->name, "a");
    assert_true(g->first->name_made_up);
    assert_int_equal(rf_graph_opset(g, ""), 13);
    Onnx__ModelProto *after = written(g);
    assert_null(after->graph->node[0]->name); /* names that we made up are not written */
    onnx__model_proto__free_unpacked(after, NULL);
    rf_graph_free(g);
    end(&m);
}

static void operator_sets_from_6_to_21_are_taken(void **state)
{
    (void)state;
    static const struct {
        int64_t version;
        bool taken;
    } cases[] = {
        { 5, false }, { 6, true },   { 7, true },   { 17, true },
        { 21, true }, { 22, false }, { -1, false },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        maker m;
        rf_graph *g = NULL;
        char expected[64];
        begin_relu(&m);
        m.model.opset_import[0]->version = cases[i].version;
        snprintf(expected, sizeof expected, "operator set %d;", (int)cases[i].version);
        if (cases[i].taken)
            CHECK_OK(m.ctx, decode(&m, NULL, &g));
        else
            CHECK_FAILS(m.ctx, RF_EMODEL, expected, decode(&m, NULL, &g));
        rf_graph_free(g);
        end(&m);
    }
}

static void types_that_we_only_keep_go_back_as_they_came(void **state)
{
    (void)state;
    maker m;
    rf_graph *g = NULL;
    begin_relu(&m);
    Onnx__TensorProto *t = add_initializer(&m, "labels", 8, 1, DIMS(1));
    ProtobufCBinaryData cat = { 3, (uint8_t[]){ 'c', 'a', 't' } };
    t->n_string_data = 1;
    t->string_data = &cat;
    assert_comes_back(&m);
    add_node(&m, "LabelLookup", "lookup", "y,labels", "z");
    CHECK_FAILS(m.ctx, RF_EUNSUPPORTED,
                "LabelLookup node 'lookup' reads 'labels', an initializer of "
                "type STRING",
                decode(&m, NULL, &g));
    end(&m);
}

static void tensors_that_a_subgraph_reads_are_pinned(void **state)
{
    (void)state;
    maker m;
    begin_relu(&m);
    add_node(&m, "Relu", "captured", "y", "c");
    Onnx__AttributeProto *a = add_attr(&m, add_node(&m, "If", "if", "y", "z"), "then_branch",
                                       ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__GRAPH);
    Onnx__NodeProto *inner;
    NEW(&m, a->g, onnx__graph_proto__init);
    NEW(&m, inner, onnx__node_proto__init);
    inner->op_type = text(&m, "Neg");
    add_names(&m, &inner->n_input, &inner->input, "c");
    APPEND(&m, a->g->n_node, a->g->node, inner);
    add_output(&m, "z");
    rf_graph *g = read_model(&m);
    assert_true(rf_graph_find_value(g, "c")->pinned);
    CHECK_OK(m.ctx, rf_graph_prune(g));
    assert_non_null(rf_graph_find_node(g, "captured"));
    rf_graph_free(g);
    end(&m);
}

/* if (condition) z = Neg(y) else z = y */
static void add_if(maker *m)
{
    static const char *const names[] = { "then_branch", "else_branch" };
    Onnx__NodeProto *node = add_node(m, "If", "if", "condition", "z");
    for (int i = 0; i < 2; i++) {
        Onnx__AttributeProto *a =
            add_attr(m, node, names[i], ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__GRAPH);
        Onnx__ValueInfoProto *out;
        NEW(m, a->g, onnx__graph_proto__init);
        NEW(m, out, onnx__value_info_proto__init);
        out->name = text(m, i ? "y" : "negative");
        APPEND(m, a->g->n_output, a->g->output, out);
        if (i)
            continue;
        Onnx__NodeProto *inner;
        NEW(m, inner, onnx__node_proto__init);
        inner->op_type = text(m, "Neg");
        add_names(m, &inner->n_input, &inner->input, "y");
        add_names(m, &inner->n_output, &inner->output, "negative");
        APPEND(m, a->g->n_node, a->g->node, inner);
    }
    add_output(m, "z");
}

static void a_branch_whose_condition_is_known_takes_the_place_of_if(void **state)
{
    (void)state;
    for (int condition = 0; condition < 2; condition++) {
        maker m;
        begin_relu(&m);
        set_raw(&m, add_initializer(&m, "condition", 9, 0, NULL), condition ? "\x01" : "\x00", 1);
        add_if(&m);
        rf_graph *g = read_model(&m);
        const rf_node *last = rf_graph_find_value(g, "z")->producer;
        assert_string_equal(last->op_type, "Identity");
        assert_string_equal(last->inputs[0]->name, condition ? "negative" : "y");
        assert_int_equal(g->node_count, condition ? 3 : 2);
        rf_graph_free(g);
        end(&m);
    }
}

static void other_floats_are_read_and_written_as_float32(void **state)
{
    (void)state;
    maker m;
    begin_relu(&m);
    m.graph.input[0]->type->tensor_type->elem_type = 10;
    set_raw(&m, add_initializer(&m, "half", 10, 1, DIMS(2)), "\x00\x3c\x00\xc0", 4);
    add_int(&m, add_node(&m, "Cast", "cast", "half", "z"), "to", 11);
    APPEND(&m, m.graph.n_output, m.graph.output, make_info(&m, "z", 11, 1, DIMS(2)));
    rf_graph *g = read_model(&m);
    const rf_value *half = rf_graph_find_value(g, "half");
    assert_int_equal(half->constant->dtype, RF_DTYPE_F32);
    assert_true(rf_tensor_f32(half->constant)[1] == -2.0f);
    assert_int_equal(g->inputs.items[0]->dtype, RF_DTYPE_F32);
    Onnx__ModelProto *model = written(g);
    assert_int_equal(model->graph->input[0]->type->tensor_type->elem_type, 1);
    assert_int_equal(model->graph->output[1]->type->tensor_type->elem_type, 1);
    assert_int_equal(model->graph->initializer[0]->data_type, 1);
    assert_int_equal(model->graph->node[1]->attribute[0]->i, 1);
    onnx__model_proto__free_unpacked(model, NULL);
    rf_graph_free(g);
    end(&m);
}

static void training_form_becomes_inference_form(void **state)
{
    (void)state;
    maker m;
    begin_relu(&m);
    static const char *const names[] = { "s", "b", "mean", "var" };
    for (int i = 0; i < 4; i++)
        add_ones(&m, names[i], 4);
    add_int(&m, add_node(&m, "BatchNormalization", "bn", "y,s,b,mean,var", "n,mean_out,var_out"),
            "training_mode", 1);
    add_node(&m, "BatchNormalization", "old", "n,s,b,mean,var", "o,m1,v1,m2,v2");
    set_raw(&m, add_initializer(&m, "train", 9, 0, NULL), "\x01", 1);
    add_node(&m, "Dropout", "drop", "o,,train", "z");
    add_output(&m, "z");
    rf_graph *g = read_model(&m);
    const rf_node *bn = rf_graph_find_node(g, "bn"), *old = rf_graph_find_node(g, "old");
    assert_int_equal(bn->output_count, 1);
    assert_int_equal(old->output_count, 1);
    assert_null(rf_node_attr(bn, "training_mode"));
    assert_null(rf_graph_find_value(g, "mean_out"));
    assert_null(rf_node_input(rf_graph_find_node(g, "drop"), 2));
    Onnx__ModelProto *after = written(g);
    assert_int_equal(after->graph->node[1]->n_output, 1);
    assert_int_equal(after->graph->node[1]->n_attribute, 0);
    assert_int_equal(after->graph->node[3]->n_input, 1);
    onnx__model_proto__free_unpacked(after, NULL);
    rf_graph_free(g);
    end(&m);
}

static void training_form_whose_statistics_are_used_is_refused(void **state)
{
    (void)state;
    maker m;
    rf_graph *g = NULL;
    begin_relu(&m);
    add_ones(&m, "s", 4);
    add_node(&m, "BatchNormalization", "bn", "y,s,s,s,s", "n,mean_out,var_out");
    add_output(&m, "mean_out");
    CHECK_FAILS(m.ctx, RF_EUNSUPPORTED, "node 'bn' is in training form", decode(&m, NULL, &g));
    end(&m);
}

static void a_simulation_in_the_metadata_is_seen(void **state)
{
    (void)state;
    maker m;
    begin_relu(&m);
    Onnx__StringStringEntryProto *entry;
    NEW(&m, entry, onnx__string_string_entry_proto__init);
    entry->key = text(&m, "refold");
    entry->value = text(&m, "{\"version\":1}");
    APPEND(&m, m.model.n_metadata_props, m.model.metadata_props, entry);
    rf_graph *g = read_model(&m);
    assert_true(rf_graph_holds_sim(g));
    assert_string_equal(rf_graph_metadata(g, "refold"), "{\"version\":1}");
    rf_graph_free(g);
    assert_comes_back(&m);
    end(&m);
}

static void a_missing_operator_set_is_the_newest_of_the_ir_version(void **state)
{
    (void)state;
    maker m;
    begin_relu(&m);
    m.model.n_opset_import = 0;
    m.model.ir_version = 4;
    rf_graph *g = read_model(&m);
    assert_int_equal(rf_graph_opset(g, ""), 9);
    rf_graph_free(g);
    end(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_small_model_comes_back_byte_for_byte),
        cmocka_unit_test(unknown_fields_and_attributes_survive),
        cmocka_unit_test(a_named_batch_is_open_and_keeps_its_name),
        cmocka_unit_test(numbers_are_read_from_every_field),
        cmocka_unit_test(four_bit_codes_are_unpacked_and_packed_again),
        cmocka_unit_test(initializers_listed_as_inputs_are_no_inputs),
        cmocka_unit_test(constant_nodes_of_every_form_have_their_tensor),
        cmocka_unit_test(a_changed_constant_node_is_written_as_a_tensor),
        cmocka_unit_test(optional_inputs_may_be_left_out),
        cmocka_unit_test(nodes_in_the_wrong_order_are_put_right),
        cmocka_unit_test(operator_sets_from_6_to_21_are_taken),
        cmocka_unit_test(types_that_we_only_keep_go_back_as_they_came),
        cmocka_unit_test(tensors_that_a_subgraph_reads_are_pinned),
        cmocka_unit_test(a_branch_whose_condition_is_known_takes_the_place_of_if),
        cmocka_unit_test(other_floats_are_read_and_written_as_float32),
        cmocka_unit_test(training_form_becomes_inference_form),
        cmocka_unit_test(training_form_whose_statistics_are_used_is_refused),
        cmocka_unit_test(a_simulation_in_the_metadata_is_seen),
        cmocka_unit_test(a_missing_operator_set_is_the_newest_of_the_ir_version),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
