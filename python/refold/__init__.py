"""refold: quantization-aware training with batch-norm re-estimation.

    import refold

    sim = refold.quantize(refold.load("model.onnx"), calibration, param_bw=4)
    sim.train(train_loader, epochs=1)
    refold.reestimate_bn_stats(sim, train_loader)
    refold.fold_all_batch_norms_to_scale(sim)
    refold.export(sim, "out")

`data` everywhere is one of: arrays (x, y) or x; a list of batches, each x or (x, y); a PyTorch DataLoader; any iterable of
batches, which is read into memory; a specification as `refold --data` has it ("fashion-mnist:test"). x is float32 [n, ...]
as the network takes it, y integers [n].
"""
from typing import Any, List, Optional

from . import _abi, _library
from ._core import Context, RefoldError
from ._data import Data, Dataset
from ._core import default_context as _default_context
from ._core import options as _options
from .model import (Accuracy, BatchNorm, Folded, FoldReport, Model, Parameter, Port, Quantizer, Reestimation, Simulation, Training,
                    load, zoo)
from .session import Session, cross_entropy
from .torch import load_batch_norm_stats, load_parameters

__version__ = _abi.VERSION
__all__ = ["Accuracy", "BatchNorm", "Context", "Dataset", "FoldReport", "Folded", "Model", "Parameter", "Port", "Quantizer",
           "Reestimation", "RefoldError", "Session", "Simulation", "Training", "cross_entropy", "dataset", "evaluate", "export",
           "fold_all_batch_norms", "fold_all_batch_norms_to_scale", "library_path", "load", "load_batch_norm_stats",
           "load_parameters", "quantize", "reestimate_bn_stats", "zoo"]


def library_path() -> str:
    """The shared library that does the work."""
    return _library.path


def dataset(spec: str, context: Optional[Context] = None, **given: Any) -> Dataset:
    """A data set by its specification. Options: preset, resize, crop, scale, augment, ..."""
    context = context or _default_context()
    wanted = _options("rf_dataset_options", **given)
    return Dataset(context, context.make(_library.lib.rf_dataset_open, context.pointer, spec.encode(), wanted))


def quantize(model: Model, data: Optional[Data] = None, **given: Any) -> Simulation:
    """A simulation of `model`, calibrated where `data` is given. See Model.quantize."""
    return model.quantize(data, **given)


def reestimate_bn_stats(network: "Model | Simulation", data: Data, **given: Any) -> Reestimation:
    """Re-estimate the statistics of every BN from batches of `data`; the result undoes it. See Model.reestimate_bn_stats.

        with refold.reestimate_bn_stats(sim, loader):
            print(sim.evaluate(test).top1)   # with new statistics; from here on the old ones are back
    """
    return network.reestimate_bn_stats(data, **given)


def fold_all_batch_norms_to_scale(sim: Simulation) -> FoldReport:
    """Fold each BN into the quantization scale of the layer before it."""
    return sim.fold_all_batch_norms_to_scale()


def fold_all_batch_norms(model: Model) -> FoldReport:
    """Fold each BN into the weights of a float network."""
    return model.fold_all_batch_norms()


def export(sim: Simulation, folder: str, **given: Any) -> List[str]:
    """Write ONNX, encodings and QDQ ONNX into `folder`. See Simulation.export."""
    return sim.export(folder, **given)


def evaluate(network: "Model | Simulation", data: Data, batch: int = 0) -> Accuracy:
    """Top-1, top-5 and loss."""
    return network.evaluate(data, batch)
