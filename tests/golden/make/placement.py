"""Which quantizers AIMET's configurator switches on: torch.fx graph, configuration JSON -> {"conv1.weight", "relu1.output0", ...}.

Sections in their order: defaults, params, op_type, supergroups, pairs that fold, model_input, model_output."""
import operator

import torch
from torch import nn


class Add(nn.Module):
    def forward(self, a, b):
        return a + b


class Mul(nn.Module):
    def forward(self, a, b):
        return a * b


class Concat(nn.Module):
    def forward(self, *x):
        return torch.cat(x, 1)


TYPES = {
    nn.Conv1d: "Conv", nn.Conv2d: "Conv", nn.ConvTranspose2d: "ConvTranspose", nn.Linear: "Gemm",
    nn.BatchNorm1d: "BatchNormalization", nn.BatchNorm2d: "BatchNormalization", nn.ReLU: "Relu", nn.ReLU6: "Clip",
    nn.PReLU: "PRelu", nn.LeakyReLU: "LeakyRelu", nn.Hardswish: "HardSwish", nn.Sigmoid: "Sigmoid", nn.SiLU: "SiLU",
    nn.Tanh: "Tanh", nn.ELU: "Elu", nn.Softmax: "Softmax", nn.AvgPool1d: "AveragePool", nn.AvgPool2d: "AveragePool",
    nn.AdaptiveAvgPool2d: "GlobalAveragePool", nn.AdaptiveAvgPool1d: "GlobalAveragePool", nn.MaxPool1d: "MaxPool",
    nn.MaxPool2d: "MaxPool", nn.Dropout: "Dropout", nn.Flatten: "Flatten", nn.Upsample: "Upsample",
    nn.PixelShuffle: "PixelShuffle", Add: "Add", Mul: "Mul", Concat: "Concat",
}
FUNCTIONS = {operator.add: "Add", operator.mul: "Mul", torch.cat: "Concat", torch.relu: "Relu",
             torch.flatten: "Flatten"}
FUNCTIONAL_ELEMENTWISE = {"Add", "Mul", "Concat", "Div"}


class Tracer(torch.fx.Tracer):
    def is_leaf_module(self, m, name):
        return not list(m.children())


class Op:
    def __init__(self, node, layer):
        self.node, self.layer = node, layer
        self.name = node.target if layer is not None else None
        self.type = TYPES[type(layer)] if layer is not None else FUNCTIONS.get(node.target, str(node.target))
        self.readers = []      # (op, input index)
        self.sources = []      # op, or None: an input of the model
        self.inputs, self.output, self.params = [], False, {}


def ops_of(model):
    graph = Tracer().trace(model)
    modules = dict(model.named_modules())
    ops = {}
    for node in graph.nodes:
        if node.op not in ("call_module", "call_function", "call_method"):
            continue
        op = Op(node, modules[node.target] if node.op == "call_module" else None)
        for i, source in enumerate(node.all_input_nodes):
            op.sources.append(ops.get(source))
            op.inputs.append(False)
            if ops.get(source):
                ops[source].readers.append((op, i))
        ops[node] = op
    return list(ops.values())


def axis_of(layer, name, per_channel):
    if not per_channel:
        return None
    return 1 if isinstance(layer, nn.ConvTranspose2d) and getattr(layer, name).dim() > 1 else 0


def is_on(section, key, default=None):
    return section[key] == "True" if key in section else default


def foldable(op):
    """layer -> BN with no other reader between; grouped transposed convolutions do not count."""
    if op.type != "BatchNormalization" or op.sources[0] is None:
        return None
    layer = op.sources[0]
    if layer.type not in ("Conv", "ConvTranspose", "Gemm") or layer.layer is None or len(layer.readers) != 1:
        return None
    return None if layer.type == "ConvTranspose" and layer.layer.groups != 1 else layer


def refused_pair(op):
    """A depthwise transposed convolution and its BN: the fold finds the pair, and only warns that it cannot fold it."""
    if op.type != "BatchNormalization" or op.sources[0] is None or op.sources[0].type != "ConvTranspose":
        return None
    layer = op.sources[0]
    return layer if layer.layer.groups == layer.layer.in_channels > 1 and len(layer.readers) == 1 else None


def forward_pair(op, pairs):
    """A BN that stands alone before a layer into which it could be folded: the fold to scale then raises."""
    if op.type != "BatchNormalization" or op in pairs or len(op.readers) != 1:
        return False
    layer = op.readers[0][0]
    if layer.type == "Conv":
        return layer.layer.groups == 1 and not any(layer.layer.padding)
    return layer.type == "Gemm"


def supergroups(ops, config, ignored):
    def next_of(op):
        while len(op.readers) == 1:
            op = op.readers[0][0]
            if op not in ignored:
                return op
        return None

    for group in sorted((g["op_list"] for g in config["supergroups"]), key=len, reverse=True):
        matched = set()
        for op in ops:
            chain = []
            for kind in group:
                if op is None or op.type != kind or op in ignored or op in matched:
                    break
                chain.append(op)
                op = next_of(op)
            if len(chain) != len(group):
                continue
            matched.update(chain)
            for i, member in enumerate(chain):
                if i < len(chain) - 1:
                    member.output = False
                if i > 0:
                    member.inputs = [False] * len(member.inputs)


def place(model, config):
    """Ops with their switches set, and per module whether parameters are per channel."""
    ops, defaults = ops_of(model), config["defaults"]
    for op in ops:
        if op.layer is not None:
            op.output = is_on(defaults["ops"], "is_output_quantized", False)
            params = dict(defaults["params"])
            for name, _ in op.layer.named_parameters(recurse=False):
                own = {**params, **config["params"].get(name, {})}
                op.params[name] = own["is_quantized"] == "True"
        elif op.type in FUNCTIONAL_ELEMENTWISE:
            for reader, i in op.readers:
                reader.inputs[i] = True
    for op in ops:
        section = config["op_type"].get(op.type, {})
        if is_on(section, "is_output_quantized") is False:
            op.output = False
    pairs = {op: foldable(op) for op in ops if foldable(op)}
    supergroups(ops, config, set(pairs))
    for bn, layer in pairs.items():
        bn.inputs = [False] * len(bn.inputs)
        bn.params = {}
        bn.output, layer.output = layer.output, False
    for op in ops:
        for i, source in enumerate(op.sources):
            if source is None and is_on(config["model_input"], "is_input_quantized"):
                op.inputs[i] = True
    per_channel = {}
    for op in ops:
        per_channel[op.name] = is_on(defaults, "per_channel_quantization", False)
        for kind in (op.type, "MatMul") if op.type == "Gemm" else (op.type,):
            per_channel[op.name] = is_on(config["op_type"].get(kind, {}), "per_channel_quantization", per_channel[op.name])
    return ops, pairs, per_channel
