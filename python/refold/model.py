"""Networks and simulations, and the steps between them."""
import ctypes
from dataclasses import dataclass
from typing import Any, Dict, List, Optional, Sequence, Union

import numpy as np

from . import _abi
from ._core import Context, Handle, RefoldError, array_of, as_floats, default_context, floats_at, new_tensor, options
from ._data import Data, dataset_of
from ._library import lib

ESTIMATORS = {"mean-of-batches": _abi.RF_ESTIMATOR_MEAN_OF_BATCHES, "pooled": _abi.RF_ESTIMATOR_POOLED}


@dataclass(frozen=True)
class Port:
    """An input or output: -1 in `shape` is decided when the network runs."""
    name: str
    shape: tuple
    channels_last: bool


@dataclass(frozen=True)
class Parameter:
    """What a network learns, or a statistic that it keeps. `values` is a copy."""
    name: str
    node: str
    role: str
    trainable: bool
    values: np.ndarray


@dataclass(frozen=True)
class Quantizer:
    """A quantizer: real = scale * (q + offset), one scale a channel of `axis`, or one in all where axis is None."""
    tensor: str
    kind: str
    op: str
    enabled: bool
    bitwidth: int
    symmetric: bool
    axis: Optional[int]
    min: np.ndarray
    max: np.ndarray
    scale: np.ndarray
    offset: np.ndarray


@dataclass(frozen=True)
class Accuracy:
    """top1 and top5 in percent; loss is the mean cross-entropy."""
    samples: int
    top1: float
    top5: float
    loss: float
    seconds: float
    img_per_s: float


@dataclass(frozen=True)
class Training:
    epochs: int
    steps: int
    first_loss: float
    last_loss: float
    train_top1: float
    validation: Optional[Accuracy]
    seconds: float
    img_per_s: float


@dataclass(frozen=True)
class BatchNorm:
    """A BN layer before and after re-estimation."""
    bn: str
    mean: str
    var: str
    mean_before: np.ndarray
    mean_after: np.ndarray
    var_before: np.ndarray
    var_after: np.ndarray


@dataclass(frozen=True)
class Folded:
    layer: str
    bn: str
    channels: int
    max_code_difference: int
    negative_gamma: int
    dead_channels: int


@dataclass(frozen=True)
class FoldReport:
    """`standalone` has (bn, reason) of those without a layer before them."""
    folded: List[Folded]
    standalone: List[tuple]


def _accuracy(found: Any) -> Accuracy:
    return Accuracy(**{name: getattr(found, name) for name in Accuracy.__dataclass_fields__})


class _Network(Handle):
    """What a float network and a simulation have in common."""

    context: Context
    _kind = "graph"

    @property
    def _graph(self) -> ctypes.c_void_p:
        return self.pointer

    def _ports(self, count: Any, describe: Any) -> List[Port]:
        ports = []
        for i in range(count(self._graph)):
            port = _abi.rf_port()
            self.context.call(describe, self._graph, i, port)
            ports.append(Port(port.name.decode(), tuple(port.dims[:port.rank]), port.channels_last))
        return ports

    @property
    def inputs(self) -> List[Port]:
        return self._ports(lib.rf_graph_input_count, lib.rf_graph_input)

    @property
    def outputs(self) -> List[Port]:
        return self._ports(lib.rf_graph_output_count, lib.rf_graph_output)

    def parameters(self) -> Dict[str, Parameter]:
        """Weights, biases, BN parameters and statistics, ranges, by the name of their ONNX tensor."""
        found = ctypes.POINTER(_abi.rf_parameters)()
        self.context.call(lib.rf_graph_parameters, self._graph, found)
        items = [found.contents.items[i] for i in range(found.contents.count)]
        listed = {p.name.decode(): Parameter(p.name.decode(), p.node.decode(), p.role.decode(), p.trainable,
                                             floats_at(p.values, p.count, tuple(p.dims[:p.rank]))) for p in items}
        lib.rf_parameters_free(found)
        return listed

    def infer(self, inputs: Union[np.ndarray, Sequence], batch: int = 0) -> Union[np.ndarray, List[np.ndarray]]:
        """Outputs for float32 inputs [n, ...] in ONNX's order of dims; one array, or a list where there are several outputs.

        batch  samples a pass; 0: all at once
        """
        arrays = inputs if isinstance(inputs, (list, tuple)) else [inputs]
        if len(arrays) != lib.rf_graph_input_count(self._graph):
            raise ValueError(f"{len(arrays)} arrays were given, the model has {lib.rf_graph_input_count(self._graph)} inputs")
        tensors = [new_tensor(self.context, as_floats(array)) for array in arrays]
        count = lib.rf_graph_output_count(self._graph)
        found = (ctypes.c_void_p * count)()
        pointers = (ctypes.c_void_p * len(tensors))(*(tensor.pointer for tensor in tensors))
        self.context.call(lib.rf_infer, self._graph, pointers, batch or as_floats(arrays[0]).shape[0], found)
        outputs = []
        for pointer in found:
            outputs.append(array_of(pointer))
            lib.rf_tensor_free(pointer)
        return outputs[0] if count == 1 else outputs

    def evaluate(self, data: Data, batch: int = 0) -> Accuracy:
        """Top-1, top-5 and loss of the first output on `data` with labels."""
        dataset = dataset_of(self.context, self._graph, data)
        found = _abi.rf_accuracy()
        self.context.call(lib.rf_evaluate, self._graph, dataset.pointer, batch or dataset.batch or 128, found)
        return _accuracy(found)

    def train(self, data: Data, validation: Optional[Data] = None, *, batch: int = 0, **given: Any) -> Training:
        """Train on `data` with labels; a simulation learns weights, BN and ranges. Options as `refold train` has them: epochs,
        steps, optimizer, learning_rate, momentum, weight_decay, encoding_learning_rate, schedule, warmup, label_smoothing,
        freeze_bn_after, checkpoint, resume, no_shuffle, ..."""
        seed = None if given.get("no_shuffle") else lib.rf_context_seed(self.context.pointer)
        dataset = dataset_of(self.context, self._graph, data, seed=seed)
        held = dataset_of(self.context, self._graph, validation) if validation is not None else None
        wanted = options("rf_train_options", batch=batch or dataset.batch or 0, **given)
        wanted.validation = held.pointer if held else None
        found = _abi.rf_training()
        step = getattr(lib, f"rf_train_{self._kind}")
        self.context.call(step, self.pointer, dataset.pointer, wanted, found)
        values = {name: getattr(found, name) for name in Training.__dataclass_fields__}
        return Training(**{**values, "validation": _accuracy(found.validation) if held else None})

    def reestimate_bn_stats(self, data: Data, *, batches: int = 100, batch: int = 0,
                            estimator: str = "mean-of-batches") -> "Reestimation":
        """Set the statistics of every BN to the average over batches of `data`, and give the way back."""
        if estimator not in ESTIMATORS:
            raise ValueError(f"estimator is {estimator!r}, expected one of {', '.join(ESTIMATORS)}")
        dataset = dataset_of(self.context, self._graph, data, seed=lib.rf_context_seed(self.context.pointer), most=batches)
        wanted = options("rf_reestimate_options", batches=batches, batch=batch or dataset.batch or 0,
                         estimator=ESTIMATORS[estimator])
        pointer = self.context.make(getattr(lib, f"rf_reestimate_{self._kind}"), self.pointer, dataset.pointer, wanted)
        return Reestimation(self, pointer)


class Model(_Network):
    """A float network."""

    def __init__(self, context: Context, pointer: ctypes.c_void_p):
        super().__init__(pointer, lib.rf_graph_free, context)
        self.context = context

    def save(self, path: str, force: bool = False) -> None:
        """Write ONNX."""
        self.context.call(lib.rf_graph_save, self.pointer, path.encode(), force)

    def quantize(self, data: Optional[Data] = None, *, samples: int = 0, batch: int = 0, **given: Any) -> "Simulation":
        """Build a simulation, and calibrate it where `data` is given. Options: param_bw, output_bw, scheme, config, compat."""
        wanted = options("rf_sim_options", **given)
        sim = Simulation(self.context, self.context.make(lib.rf_sim_new, self.pointer, wanted))
        if data is not None:
            sim.calibrate(data, samples=samples, batch=batch)
        return sim

    def fold_all_batch_norms(self) -> FoldReport:
        """The ordinary fold, into the weights."""
        return _fold(self, lib.rf_fold_to_weight)


class Simulation(_Network):
    """A network whose weights and activations pass through quantizers."""

    _kind = "sim"

    def __init__(self, context: Context, pointer: ctypes.c_void_p):
        super().__init__(pointer, lib.rf_sim_free, context)
        self.context = context

    @property
    def _graph(self) -> ctypes.c_void_p:
        return lib.rf_sim_graph(self.pointer)

    @property
    def state(self) -> str:
        """"built", "calibrated", "trained", "bn_reestimated" or "folded"."""
        return lib.rf_state_name(lib.rf_sim_state(self.pointer)).decode()

    def calibrate(self, data: Data, *, samples: int = 0, batch: int = 0) -> None:
        """Set every range from the weights and from `data`: `samples` of it, 0: 1024."""
        dataset = dataset_of(self.context, self._graph, data, seed=lib.rf_context_seed(self.context.pointer))
        wanted = options("rf_calibrate_options", samples=samples, batch=batch or dataset.batch or 0)
        self.context.call(lib.rf_sim_calibrate, self.pointer, dataset.pointer, wanted, _abi.rf_calibration())

    @property
    def quantizers(self) -> List[Quantizer]:
        found = []
        for i in range(lib.rf_sim_quantizer_count(self.pointer)):
            q = _abi.rf_quantizer()
            self.context.call(lib.rf_sim_quantizer, self.pointer, i, q)
            arrays = {name: floats_at(getattr(q, name), q.count) if q.count else np.empty(0)
                      for name in ("min", "max", "scale", "offset")}
            found.append(Quantizer(q.tensor.decode(), q.kind.decode(), q.op.decode(), q.enabled, q.bitwidth, q.symmetric,
                                   None if q.axis < 0 else q.axis, **arrays))
        return found

    def load_encodings(self, path: str, **given: Any) -> None:
        """Take ranges and bit widths from an encodings file. Options: strict, partial, freeze."""
        wanted = options("rf_load_encodings_options", **given)
        self.context.call(lib.rf_sim_load_encodings, self.pointer, path.encode(), wanted, None)

    def fold_all_batch_norms_to_scale(self) -> FoldReport:
        """Fold each BN into the quantization scale of the layer before it; integer codes stay."""
        return _fold(self, lib.rf_fold_to_scale)

    def save(self, path: str, force: bool = False) -> None:
        """Write the FP32 ONNX model with the simulation in its metadata; `load` reads it back."""
        self.context.call(lib.rf_sim_save, self.pointer, path.encode(), force)

    def export(self, folder: str, **given: Any) -> List[str]:
        """Write ONNX, encodings and QDQ ONNX; the paths. Options: formats, prefix, encodings_version, qdq_weights, qdq_bias, force."""
        found = ctypes.POINTER(_abi.rf_export_report)()
        self.context.call(lib.rf_export, self.pointer, folder.encode(), options("rf_export_options", **given), found)
        files = [found.contents.files[i].decode() for i in range(found.contents.file_count)]
        lib.rf_export_report_free(found)
        return files


def _fold(network: _Network, step: Any) -> FoldReport:
    found = ctypes.POINTER(_abi.rf_fold_report)()
    try:
        network.context.call(step, network.pointer, found)
        report = found.contents
        folded = [report.folded[i] for i in range(report.folded_count)]
        alone = [report.standalone[i] for i in range(report.standalone_count)]
        return FoldReport([Folded(f.layer.decode(), f.bn.decode(), f.channels, f.max_code_difference, f.negative_gamma,
                                  f.dead_channels) for f in folded],
                          [(a.bn.decode(), a.reason.decode()) for a in alone])
    finally:
        lib.rf_fold_report_free(found)
        network.folded = True


class Reestimation(Handle):
    """What a re-estimation did. `undo` puts the old statistics back, bit for bit; at the end of a `with` block so does this."""

    def __init__(self, network: _Network, pointer: ctypes.c_void_p):
        super().__init__(pointer, lib.rf_reestimation_free, network)
        self._network = network

    @property
    def batches(self) -> int:
        return lib.rf_reestimation_batches(self.pointer)

    @property
    def layers(self) -> List[BatchNorm]:
        found = []
        for i in range(lib.rf_reestimation_layer_count(self.pointer)):
            layer = _abi.rf_bn_layer()
            self._network.context.call(lib.rf_reestimation_layer, self.pointer, i, layer)
            arrays = {name: floats_at(getattr(layer, name), layer.channels)
                      for name in ("mean_before", "mean_after", "var_before", "var_after")}
            found.append(BatchNorm(layer.bn.decode(), layer.mean.decode(), layer.var.decode(), **arrays))
        return found

    def undo(self) -> None:
        """A second call does nothing."""
        if getattr(self._network, "folded", False):
            raise RefoldError(_abi.RF_ESTATE, "the BN layers were folded since: their statistics are part of the weights, and cannot "
                                              "be put back")
        lib.rf_reestimation_undo(self.pointer)

    def __enter__(self) -> "Reestimation":
        return self

    def __exit__(self, *_: Any) -> None:
        self.undo()


def load(path: str, context: Optional[Context] = None, **given: Any) -> Union[Model, Simulation]:
    """Read a model: ONNX, Keras or TensorFlow; a simulation where the file holds one. Options of other frameworks: weights,
    signature, inputs, outputs, input_shapes."""
    context = context or default_context()
    model = Model(context, context.make(lib.rf_graph_import, context.pointer, path.encode(), options("rf_import_options", **given)))
    if lib.rf_graph_holds_sim(model.pointer):
        return Simulation(context, context.make(lib.rf_sim_load, context.pointer, path.encode()))
    return model


def zoo(name: str, context: Optional[Context] = None, **given: Any) -> Model:
    """An untrained network: resnet20, resnet18, mobilenet_v1, mobilenet_v2, ds_cnn. Options: width, channels, height, width_px,
    classes."""
    context = context or default_context()
    return Model(context, context.make(lib.rf_zoo_new, context.pointer, name.encode(), options("rf_zoo_options", **given)))
