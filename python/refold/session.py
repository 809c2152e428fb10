"""Training step by step, with a loss of one's own."""
import ctypes
from typing import Any, Dict, List, Optional, Sequence, Union

import numpy as np

from ._core import Handle, array_of, as_floats, floats_at, new_tensor, options
from ._library import lib
from .model import _Network


class Session(Handle):
    """Forward, backward from the gradient of any loss, step. `finish`, or the end of a `with` block, makes it a trained network.

    Options: optimizer, learning_rate, momentum, weight_decay, encoding_learning_rate; freeze_bn_after=0 keeps BN statistics.
    """

    def __init__(self, network: _Network, **given: Any):
        wanted = options("rf_train_options", **given)
        pointer = network.context.make(getattr(lib, f"rf_session_new_{network._kind}"), network.pointer, wanted)
        super().__init__(pointer, lib.rf_session_free, network)
        self._network = network
        self._outputs = lib.rf_graph_output_count(network._graph)

    def _tensors(self, arrays: Sequence[Optional[Any]], what: str) -> tuple:
        tensors = [None if array is None else new_tensor(self._network.context, as_floats(array, what)) for array in arrays]
        return tensors, (ctypes.c_void_p * len(tensors))(*(tensor and tensor.pointer for tensor in tensors))

    def forward(self, *inputs: Any) -> Union[np.ndarray, List[np.ndarray]]:
        """Outputs of a batch in training form: BN on the batch's statistics."""
        if len(inputs) != len(self._network.inputs):
            raise ValueError(f"{len(inputs)} arrays were given, the model has {len(self._network.inputs)} inputs")
        tensors, pointers = self._tensors(inputs, "input")
        self._network.context.call(lib.rf_session_forward, self.pointer, pointers)
        del tensors
        found = [array_of(lib.rf_session_output(self.pointer, i)) for i in range(self._outputs)]
        return found[0] if self._outputs == 1 else found

    def backward(self, *gradients: Optional[Any]) -> None:
        """From the gradient of the loss with respect to each output; None: zeros."""
        if len(gradients) != self._outputs:
            raise ValueError(f"{len(gradients)} gradients were given, the model has {self._outputs} outputs")
        tensors, pointers = self._tensors(gradients, "gradient")
        self._network.context.call(lib.rf_session_backward, self.pointer, pointers)
        del tensors

    def gradients(self) -> Dict[str, np.ndarray]:
        """Gradients by name of parameter, copied, between backward and step."""
        listed = lib.rf_session_parameters(self.pointer).contents
        found = {}
        for i in range(listed.count):
            gradient, parameter = lib.rf_session_gradient(self.pointer, i), listed.items[i]
            if gradient:
                found[parameter.name.decode()] = floats_at(gradient, parameter.count, tuple(parameter.dims[:parameter.rank]))
        return found

    def step(self, factor: float = 1.0) -> None:
        """Let the optimizer take a step, with the learning rates times `factor`."""
        self._network.context.call(lib.rf_session_step, self.pointer, factor)

    def finish(self) -> None:
        """After the last step: a simulation is trained now."""
        self._network.context.call(lib.rf_session_finish, self.pointer)

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, kind: Any, *_: Any) -> None:
        if kind is None:
            self.finish()
        self._release()


def cross_entropy(logits: np.ndarray, labels: np.ndarray) -> tuple:
    """Mean loss of softmax(logits) against class numbers, and its gradient with respect to the logits."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_sum = np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    rows = np.arange(len(labels))
    gradient = np.exp(shifted - log_sum)
    gradient[rows, labels] -= 1
    return float((log_sum[:, 0] - shifted[rows, labels]).mean()), gradient / len(labels)
