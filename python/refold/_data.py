"""Samples from Python: arrays, iterables of batches, PyTorch DataLoaders, and refold's own data sets."""
import ctypes
import itertools
import weakref
from typing import Any, Iterable, Iterator, List, NamedTuple, Optional, Union

import numpy as np

from . import _abi
from ._core import Context, Handle, as_array, as_floats, options
from ._library import lib

Data = Union[str, "Dataset", np.ndarray, tuple, Iterable]


class Batch(NamedTuple):
    inputs: List[np.ndarray]  # float32 [n, ...], one an input of the model
    labels: Optional[np.ndarray]  # int64 [n]


class Dataset(Handle):
    """A data set as the library has it. `batch`: the size in which its samples come, or None."""

    def __init__(self, context: Context, pointer: ctypes.c_void_p, batch: Optional[int] = None, *kept: Any):
        super().__init__(pointer, lib.rf_dataset_free, context, *kept)
        self.context = context
        self.batch = batch

    def __len__(self) -> int:
        return lib.rf_dataset_count(self.pointer)


def split(batch: Any, input_count: int) -> Batch:
    """x, (x,), (x, y), or with several inputs (x1, x2, ..., y); what stands behind the inputs are labels."""
    parts = list(batch) if isinstance(batch, (tuple, list)) else [batch]
    if len(parts) not in (input_count, input_count + 1):
        raise ValueError(f"a batch has {len(parts)} arrays; the model takes {input_count}, and labels may follow")
    inputs = [as_floats(part, f"input {i}") for i, part in enumerate(parts[:input_count])]
    labels = None
    if len(parts) > input_count:
        labels = as_array(parts[-1])
        if labels.dtype.kind not in "iu":
            raise TypeError(f"labels are {labels.dtype}, expected integers: the number of each sample's class")
        labels = np.ascontiguousarray(labels.reshape(len(labels), -1)[:, 0] if labels.ndim > 1 else labels, np.int64)
    counts = {len(array) for array in inputs + ([] if labels is None else [labels])}
    if len(counts) != 1:
        raise ValueError(f"the arrays of a batch have {sorted(counts)} samples: expected the same number in each")
    return Batch(inputs, labels)


class Arrays:
    """Whole arrays in memory; shuffled anew each epoch where that is wanted."""

    def __init__(self, data: Any, input_count: int, seed: Optional[int]):
        self.all = split(data, input_count)
        self.samples = len(self.all.inputs[0])
        self.first = self.all
        self.seed = seed
        self.order: Optional[np.ndarray] = None
        self.epoch = -1

    def read(self, epoch: int, first: int, count: int) -> Batch:
        if self.seed is None:
            rows: Any = slice(first, first + count)
        else:
            if epoch != self.epoch:
                self.order = np.random.default_rng([self.seed, epoch]).permutation(self.samples)
                self.epoch = epoch
            rows = self.order[first:first + count]
        labels = None if self.all.labels is None else self.all.labels[rows]
        return Batch([array[rows] for array in self.all.inputs], labels)


class Batches:
    """Batches of an iterable, one pass an epoch, cut to the sizes that are asked for."""

    def __init__(self, batches: Iterable, input_count: int, samples: int, first: Batch):
        self.batches, self.input_count, self.samples, self.first = batches, input_count, samples, first
        self.iterator: Iterator = iter(())
        self.rest: Optional[Batch] = None
        self.at = (-1, 0)  # epoch, and the sample that comes next

    def read(self, epoch: int, first: int, count: int) -> Batch:
        if (epoch, first) != self.at:
            self.iterator, self.rest = iter(self.batches), None
            if first:
                self.take(first)
        found = self.take(count)
        self.at = (epoch, first + count)
        return found

    def take(self, count: int) -> Batch:
        parts, there = ([self.rest], len(self.rest.inputs[0])) if self.rest else ([], 0)
        while there < count:
            batch = next(self.iterator, None)
            if batch is None:
                raise ValueError(f"the batches ended {count - there} samples early: each pass must give {self.samples}")
            parts.append(split(batch, self.input_count))
            there += len(parts[-1].inputs[0])
        whole = parts[0] if len(parts) == 1 else join(parts)
        self.rest = cut(whole, count, there) if there > count else None
        return cut(whole, 0, count)


def cut(batch: Batch, begin: int, end: int) -> Batch:
    labels = None if batch.labels is None else batch.labels[begin:end]
    return Batch([array[begin:end] for array in batch.inputs], labels)


def join(parts: List[Batch]) -> Batch:
    labels = None if parts[0].labels is None else np.concatenate([part.labels for part in parts])
    return Batch([np.concatenate(arrays) for arrays in zip(*(part.inputs for part in parts))], labels)


def _is_loader(data: Any) -> bool:
    """A PyTorch DataLoader, or what looks like one: it can be passed over again and knows its size."""
    return all(hasattr(data, name) for name in ("sampler", "batch_size", "drop_last")) and data.batch_size is not None


def _reader(data: Any, input_count: int, seed: Optional[int], most: Optional[int]):
    """The reader of `data`, and the size of its batches: None for arrays, which have none."""
    if isinstance(data, (tuple, np.ndarray)) or hasattr(data, "detach"):
        return Arrays(data, input_count, seed), None
    if _is_loader(data):
        samples = len(data.sampler)
        if data.drop_last:
            samples -= samples % data.batch_size
        first = split(next(iter(data)), input_count)
        return Batches(data, input_count, samples, first), data.batch_size
    found = [split(batch, input_count) for batch in itertools.islice(data, most)]
    if not found:
        raise ValueError("there is no batch")
    held = [(*batch.inputs, *(() if batch.labels is None else (batch.labels,))) for batch in found]
    samples = sum(len(batch.inputs[0]) for batch in found)
    return Batches(held, input_count, samples, found[0]), len(found[0].inputs[0])


def dataset_of(context: Context, graph: ctypes.c_void_p, data: Data, *, seed: Optional[int] = None,
               most: Optional[int] = None) -> Dataset:
    """`data` as a data set. seed: shuffle whole arrays; most: batches that are taken from an iterable at most."""
    if isinstance(data, Dataset):
        return data
    if isinstance(data, str):
        return Dataset(context, context.make(lib.rf_dataset_open, context.pointer, data.encode(), None))
    reader, batch = _reader(data, lib.rf_graph_input_count(graph), seed, most)
    return Dataset(context, *_source(context, graph, reader, batch))


def _source(context: Context, graph: ctypes.c_void_p, reader: Any, batch: Optional[int]):
    count = lib.rf_graph_input_count(graph)
    ports = (_abi.rf_port * count)()
    for i, array in enumerate(reader.first.inputs):
        port = _abi.rf_port()
        context.call(lib.rf_graph_input, graph, i, port)
        ports[i] = _abi.rf_port(dtype=_abi.RF_DTYPE_F32, rank=array.ndim, channels_last=port.channels_last)
        shape = array.shape
        if port.channels_last and array.ndim > 2:
            shape = (shape[0], shape[-1], *shape[1:-1])
        ports[i].dims[:array.ndim] = shape
    me = weakref.ref(context)

    def read(_user, epoch, first, samples, inputs, labels):
        try:
            found = reader.read(epoch, first, samples)
            for i, array in enumerate(found.inputs):
                if array.shape[1:] != reader.first.inputs[i].shape[1:]:
                    raise ValueError(f"samples of shape {array.shape[1:]} come behind some of {reader.first.inputs[i].shape[1:]}")
                array = np.ascontiguousarray(array)
                ctypes.memmove(inputs[i], array.ctypes.data, array.nbytes)
            if found.labels is not None and reader.first.labels is not None:
                ctypes.memmove(labels, np.ascontiguousarray(found.labels).ctypes.data, found.labels.nbytes)
            return _abi.RF_OK
        except BaseException as error:  # pylint: disable=broad-except  # raised again by Context.call
            me().raised = error
            return _abi.RF_EDATA

    source = options("rf_data_source", samples=reader.samples, input_count=count, inputs=ports,
                     has_labels=reader.first.labels is not None, read=dict(_abi.rf_data_source._fields_)["read"](read))
    return context.make(lib.rf_dataset_from_source, context.pointer, source), batch, source
