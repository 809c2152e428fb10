/* TensorFlow's element-wise operators, and those with one axis. */
#include <math.h>
#include <string.h>

#include "base/status.h"
#include "formats/tf_import.h"
#include "formats/tf_tensor.h"

static const char *onnx_of(const rf_tf_node *n)
{
    return rf_tf_operator_find(n->op)->onnx;
}

static rf_net_name part(rf_tf_import *in, const rf_tf_node *n, const char *what)
{
    return (rf_net_name){ rf_net_text(&in->net, "%s/%s", n->name, what),
                          rf_net_text(&in->net, "%s/%s:0", n->name, what) };
}

/* --- one operand --- */

static void unary(rf_tf_import *in, rf_tf_node *n)
{
    rf_tf_set(in, n,
              rf_net_unary(&in->net, onnx_of(n), rf_tf_names(in, n), rf_tf_operand(in, n, 0)));
}

static void leaky_relu(rf_tf_import *in, rf_tf_node *n)
{
    const rf_net_tensor t =
        rf_net_unary(&in->net, "LeakyRelu", rf_tf_names(in, n), rf_tf_operand(in, n, 0));
    rf_net_set_float(&in->net, t, "alpha", rf_tf_attr_float(n, "alpha", 0.2F));
    rf_tf_set(in, n, t);
}

static void relu6(rf_tf_import *in, rf_tf_node *n)
{
    rf_tf_set(in, n,
              rf_net_clip(&in->net, rf_tf_names(in, n), rf_tf_operand(in, n, 0), 0.0F, 6.0F));
}

static void square(rf_tf_import *in, rf_tf_node *n)
{
    const rf_net_tensor x = rf_tf_operand(in, n, 0);
    rf_tf_set(in, n, rf_net_binary(&in->net, "Mul", rf_tf_names(in, n), x, x, x.dtype));
}

static void rsqrt(rf_tf_import *in, rf_tf_node *n)
{
    const rf_net_tensor root =
        rf_net_unary(&in->net, "Sqrt", part(in, n, "Sqrt"), rf_tf_operand(in, n, 0));
    rf_tf_set(in, n, rf_net_unary(&in->net, "Reciprocal", rf_tf_names(in, n), root));
}

static void cast(rf_tf_import *in, rf_tf_node *n)
{
    const rf_net_tensor x = rf_tf_operand(in, n, 0);
    const rf_tf_type *to = rf_tf_type_find(rf_tf_attr_type(n, "DstT"));
    if (!to || !to->held)
        rf_net_fail(&in->net, RF_EUNSUPPORTED, "a cast to a type without numbers");
    if (in->net.st)
        return;
    rf_tf_set(in, n,
              to->dtype == x.dtype ? x : rf_net_cast(&in->net, rf_tf_names(in, n), x, to->dtype));
}

/* --- two operands --- */

static rf_dtype result_of(const char *onnx, rf_dtype dtype)
{
    static const char *const logical[] = { "Equal", "Less", "LessOrEqual", "Greater",
                                           "GreaterOrEqual" };
    for (size_t i = 0; i < sizeof logical / sizeof logical[0]; i++)
        if (strcmp(onnx, logical[i]) == 0)
            return RF_DTYPE_BOOL;
    return dtype;
}

static void binary(rf_tf_import *in, rf_tf_node *n)
{
    const rf_net_tensor a = rf_tf_operand(in, n, 0), b = rf_tf_operand(in, n, 1);
    const char *onnx = onnx_of(n);
    rf_tf_set(in, n,
              rf_net_binary(&in->net, onnx, rf_tf_names(in, n), a, b, result_of(onnx, a.dtype)));
}

static void add(rf_tf_import *in, rf_tf_node *n)
{
    if (!rf_tf_match_batch_norm(in, n))
        binary(in, n);
}

static void bias_add(rf_tf_import *in, rf_tf_node *n)
{
    const rf_net_tensor x = rf_tf_operand(in, n, 0);
    rf_net_tensor bias = rf_tf_operand(in, n, 1);
    const int64_t dims[] = { -1, 1, 1, 1, 1, 1, 1 };
    const bool first = rf_tf_is_nchw(n) || rf_tf_attr_is(n, "data_format", "NC");
    if (!in->net.st && first && x.shape.rank > 2) {
        int64_t shape[RF_MAX_RANK];
        memcpy(shape, dims, sizeof dims);
        shape[0] = bias.shape.rank ? bias.shape.dims[0] : 1;
        bias = rf_net_reshape(&in->net, part(in, n, "bias"), bias, x.shape.rank - 1, shape);
    }
    rf_tf_set(in, n, rf_net_binary(&in->net, "Add", rf_tf_names(in, n), x, bias, x.dtype));
}

static void squared_difference(rf_tf_import *in, rf_tf_node *n)
{
    const rf_net_tensor a = rf_tf_operand(in, n, 0), b = rf_tf_operand(in, n, 1);
    const rf_net_tensor d = rf_net_binary(&in->net, "Sub", part(in, n, "Sub"), a, b, a.dtype);
    rf_tf_set(in, n, rf_net_binary(&in->net, "Mul", rf_tf_names(in, n), d, d, d.dtype));
}

static void add_n(rf_tf_import *in, rf_tf_node *n)
{
    rf_net_tensor *x = rf_arena_array(&in->g->arena, (size_t)n->input_count + 1, sizeof *x);
    if (!x) {
        in->net.st = RF_ENOMEM;
        return;
    }
    for (int i = 0; i < n->input_count; i++)
        x[i] = rf_tf_operand(in, n, i);
    if (!n->input_count)
        rf_net_fail(&in->net, RF_EMODEL, "a sum of nothing");
    rf_tf_set(in, n, rf_net_chain(&in->net, "Add", rf_tf_names(in, n), x, n->input_count));
}

static void clip_by_value(rf_tf_import *in, rf_tf_node *n)
{
    const rf_net_tensor x = rf_tf_operand(in, n, 0), low = rf_tf_operand(in, n, 1),
                        high = rf_tf_operand(in, n, 2);
    if (!in->net.st && (!low.constant || !high.constant || low.constant->count != 1 ||
                        high.constant->count != 1 || x.dtype != RF_DTYPE_F32))
        rf_net_fail(&in->net, RF_EUNSUPPORTED, "its ends are no constant numbers");
    if (!in->net.st)
        rf_tf_set(in, n,
                  rf_net_clip(&in->net, rf_tf_names(in, n), x, rf_tensor_f32(low.constant)[0],
                              rf_tensor_f32(high.constant)[0]));
}

/* --- one axis --- */

static void softmax(rf_tf_import *in, rf_tf_node *n)
{
    rf_tf_set(
        in, n,
        rf_net_softmax(&in->net, onnx_of(n), rf_tf_names(in, n), rf_tf_operand(in, n, 0), -1));
}

static void arg_max(rf_tf_import *in, rf_tf_node *n)
{
    int64_t axis = 0;
    const rf_net_tensor x = rf_tf_operand(in, n, 0);
    if (n->input_count > 1)
        rf_tf_known_ints(in, n, 1, 1, &axis);
    axis = rf_net_axis(&in->net, axis, x.shape.rank);
    rf_tf_set(in, n, rf_net_arg_max(&in->net, rf_tf_names(in, n), x, (int)axis));
}

const rf_tf_operator rf_tf_element_operators[] = {
    { "Abs", unary, "Abs" },
    { "Ceil", unary, "Ceil" },
    { "Elu", unary, "Elu" },
    { "Erf", unary, "Erf" },
    { "Exp", unary, "Exp" },
    { "Floor", unary, "Floor" },
    { "Inv", unary, "Reciprocal" },
    { "Log", unary, "Log" },
    { "LogicalNot", unary, "Not" },
    { "Neg", unary, "Neg" },
    { "Reciprocal", unary, "Reciprocal" },
    { "Relu", unary, "Relu" },
    { "Round", unary, "Round" },
    { "Selu", unary, "Selu" },
    { "Sigmoid", unary, "Sigmoid" },
    { "Softplus", unary, "Softplus" },
    { "Softsign", unary, "Softsign" },
    { "Sqrt", unary, "Sqrt" },
    { "Tanh", unary, "Tanh" },
    { "LeakyRelu", leaky_relu, NULL },
    { "Relu6", relu6, NULL },
    { "Square", square, NULL },
    { "Rsqrt", rsqrt, NULL },
    { "Cast", cast, NULL },
    { "Add", add, "Add" },
    { "AddV2", add, "Add" },
    { "Sub", binary, "Sub" },
    { "Mul", binary, "Mul" },
    { "RealDiv", binary, "Div" },
    { "Div", binary, "Div" },
    { "Maximum", binary, "Max" },
    { "Minimum", binary, "Min" },
    { "Pow", binary, "Pow" },
    { "Equal", binary, "Equal" },
    { "Less", binary, "Less" },
    { "LessEqual", binary, "LessOrEqual" },
    { "Greater", binary, "Greater" },
    { "GreaterEqual", binary, "GreaterOrEqual" },
    { "BiasAdd", bias_add, NULL },
    { "BiasAddV1", bias_add, NULL },
    { "SquaredDifference", squared_difference, NULL },
    { "AddN", add_n, NULL },
    { "ClipByValue", clip_by_value, NULL },
    { "Softmax", softmax, "Softmax" },
    { "LogSoftmax", softmax, "LogSoftmax" },
    { "ArgMax", arg_max, NULL },
    { NULL, NULL, NULL },
};
