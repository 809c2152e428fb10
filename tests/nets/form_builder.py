"""Small ONNX graphs by hand: what forms of networks are written with."""
import numpy
from onnx import TensorProto, helper, numpy_helper

FORMS = []
# Output channels of every fifth one are mirrored: gammas below 0 are part of life.
MIRRORED = 5


def form(inputs=None, outputs=("y",), opset=13, ir=7, batch=2, reference=True, refused=None, quick=False):
    """Register the function under it, which fills a Net, as a form of its name.

    inputs: name -> dims, None for the batch; reference: ONNX Runtime runs the file as it is; refused: what refold says
    instead of running it; quick: part of `make check`.
    """
    def register(build):
        FORMS.append(Net(build, inputs or {"x": (None, 3, 8, 8)}, outputs, opset, ir, batch, reference, refused, quick))
        return build
    return register


class Net:
    def __init__(self, build, inputs, outputs, opset, ir, batch, reference, refused, quick):
        self.build, self.name = build, build.__name__
        self.inputs, self.outputs, self.opset, self.ir = inputs, list(outputs), opset, ir
        self.batch, self.reference, self.refused, self.quick = batch, reference, refused, quick
        self.nodes, self.constants, self.domains = [], [], []
        self.inputs_hold_constants = False
        self.change = lambda model: None

    # --- parts ---

    def name_of(self, what):
        self.count += 1
        return f"{what}{self.count}"

    def const(self, values, name=None):
        name = name or self.name_of("c")
        self.constants.append(numpy_helper.from_array(numpy.asarray(values), name))
        return name

    def number(self, value):
        return self.const(numpy.array(value, numpy.float32))

    def ints(self, *values):
        return self.const(numpy.array(values, numpy.int64))

    def random(self, *shape, spread=0.4, around=0.0):
        return self.const((around + spread * self.rng.randn(*shape)).astype(numpy.float32))

    def positive(self, *shape):
        return self.const((0.5 + self.rng.rand(*shape)).astype(numpy.float32))

    def op(self, op_type, *inputs, out=None, outs=1, node=None, domain="", **attributes):
        """A node; its output, or the list of them."""
        node = self.name_of("n") if node is None else node
        made = [out] if out else [self.name_of("t") for _ in range(outs)]
        self.nodes.append(helper.make_node(op_type, list(inputs), made, name=node, domain=domain, **attributes))
        return made[0] if outs == 1 else made

    def value(self, array):
        """A Constant node."""
        return self.op("Constant", value=numpy_helper.from_array(array))

    def gamma(self, channels):
        mirror = numpy.where(numpy.arange(channels) % MIRRORED == MIRRORED - 1, -1, 1)
        return self.const(((1 + 0.2 * self.rng.randn(channels)) * mirror).astype(numpy.float32))

    def bn(self, x, channels, out=None, **attributes):
        return self.op("BatchNormalization", x, self.gamma(channels), self.random(channels), self.random(channels),
                       self.positive(channels), out=out, **attributes)

    def conv(self, x, c_in, c_out, kernel=(3, 3), weight=None, bias=False, out=None, **attributes):
        """Padded to the size of x, unless pads or auto_pad say otherwise."""
        if "pads" not in attributes and "auto_pad" not in attributes:
            attributes["pads"] = [k // 2 for k in kernel] * 2
        weight = weight or self.random(c_out, c_in // attributes.get("group", 1), *kernel)
        rest = [self.random(c_out)] if bias else []
        return self.op("Conv", x, weight, *rest, out=out, kernel_shape=list(kernel), **attributes)

    def conv_bn(self, x, c_in, c_out, **attributes):
        return self.bn(self.conv(x, c_in, c_out, **attributes), c_out)

    def conv_bn_relu(self, x, c_in, c_out, **attributes):
        return self.op("Relu", self.conv_bn(x, c_in, c_out, **attributes))

    def classify(self, x, channels, out="y"):
        x = self.op("Flatten", self.op("GlobalAveragePool", x))
        return self.op("Gemm", x, self.random(channels, 4), self.random(4), out=out)

    # --- files ---

    def ports(self):
        found = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [d if d is not None else "N" for d in dims])
                 for name, dims in self.inputs.items()]
        if self.inputs_hold_constants:
            found += [helper.make_tensor_value_info(t.name, t.data_type, list(t.dims)) for t in self.constants]
        return found

    def model(self):
        self.rng, self.count = numpy.random.RandomState(len(self.name)), 0
        self.build(self)
        outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in self.outputs]
        graph = helper.make_graph(self.nodes, "form", self.ports(), outputs, self.constants)
        opsets = [helper.make_opsetid("", self.opset)] + [helper.make_opsetid(d, 1) for d in self.domains]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=self.ir, producer_name="forms")
        self.change(model)
        return model

    def samples(self):
        """Arrays for the inputs; a dim that the form leaves open is the batch, 3 channels or 8 pixels."""
        def size(axis, dim):
            is_open = dim is None or isinstance(dim, str) or dim < 1
            return dim if not is_open else self.batch if axis == 0 else 3 if axis == 1 else 8
        return {name: self.rng.randn(*[size(axis, dim) for axis, dim in enumerate(dims)]).astype(numpy.float32)
                for name, dims in self.inputs.items()}
