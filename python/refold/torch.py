"""Back into PyTorch: statistics and parameters by the names that torch.onnx.export kept."""
from typing import Any, List

import numpy as np

from .model import Parameter, _Network

STATISTICS = ("bn_mean", "bn_var")


def _copy(module_tensor: Any, values: np.ndarray) -> None:
    import torch  # pylint: disable=import-outside-toplevel  # only who has PyTorch comes here

    if tuple(module_tensor.shape) != values.shape:
        raise ValueError(f"PyTorch's tensor is {tuple(module_tensor.shape)}, refold's {values.shape}")
    with torch.no_grad():
        module_tensor.copy_(torch.from_numpy(values).to(module_tensor.dtype))


def _gamma_of(parameters: dict, statistic: Parameter) -> Any:
    """gamma of the BN that keeps this statistic."""
    return next((p for p in parameters.values() if p.role == "bn_scale" and p.node == statistic.node), None)


def _signs(gamma: Any, own: dict) -> Any:
    """-1 for channels that the simulation mirrored: there gamma is positive, PyTorch's is negative, and so are the means."""
    if gamma is None or gamma.name not in own:
        return np.float32(1)
    theirs = own[gamma.name].detach().cpu().numpy()
    return np.where((theirs < 0) != (gamma.values < 0), np.float32(-1), np.float32(1))


def load_batch_norm_stats(module: Any, network: _Network) -> List[str]:
    """Copy the running means and variances of `network` into the PyTorch module that it was exported from, weights left alone.

    Channels that a simulation mirrored because of a negative gamma get their sign back. Gives the names that were set.
    Raises KeyError for a BN that the module does not have: then the export renamed it.
    """
    own, parameters, done = module.state_dict(), network.parameters(), []
    for name, parameter in parameters.items():
        if parameter.role not in STATISTICS:
            continue
        if name not in own:
            raise KeyError(f"the module has no '{name}' ('{parameter.node}'): export it with torch.onnx.TrainingMode.PRESERVE, "
                           "do_constant_folding=False and keep_initializers_as_inputs=None, which keep names")
        values = parameter.values
        if parameter.role == "bn_mean":
            values = values * _signs(_gamma_of(parameters, parameter), own)
        _copy(own[name], values)
        done.append(name)
    return done


def load_parameters(module: Any, network: _Network) -> List[str]:
    """Copy everything that the module has under the same name and shape: what training through the simulation learned. Gives the
    names that were set."""
    own, done = module.state_dict(), []
    for name, parameter in network.parameters().items():
        if name in own and tuple(own[name].shape) == parameter.values.shape:
            _copy(own[name], parameter.values)
            done.append(name)
    return done
