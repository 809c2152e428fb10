"""Contexts, handles and errors: what every other part of the package stands on."""
import ctypes
import signal
import threading
import weakref
from typing import Any, Callable, Optional

import numpy as np

from . import _abi
from ._library import lib


class RefoldError(RuntimeError):
    """A step failed; the text is refold's one line. `status` is the name of its status: "EMODEL", "EDATA", ..."""

    def __init__(self, status: int, message: str):
        super().__init__(message)
        self.status = _abi.STATUS_NAMES.get(status, str(status))


def options(name: str, **values: Any):
    """The options struct `name` with its defaults; strings become bytes, None leaves the default."""
    kind = getattr(_abi, name)
    struct = kind(**_abi.INIT.get(name, {}))
    fields = {field for field, _ in kind._fields_}
    for key, value in values.items():
        if key not in fields:
            raise TypeError(f"'{key}' is no option here; there are {', '.join(sorted(fields))}")
        if value is not None:
            setattr(struct, key, value.encode() if isinstance(value, str) else value)
    return struct


class Handle:
    """An object of the library. It is freed once nobody holds it, and keeps alive what it depends on."""

    def __init__(self, pointer: ctypes.c_void_p, free: Callable, *parents: Any):
        self.pointer = pointer
        self._release = weakref.finalize(self, _free, free, pointer, parents)


def _free(free: Callable, pointer: ctypes.c_void_p, parents: tuple) -> None:
    del parents  # were held until here
    free(pointer)


class Context(Handle):
    """Threads, seed, messages. Everything belongs to the context that it was made with; a default one serves who needs no other.

    threads   to compute with; 0: all processors
    seed      of shuffling, calibration samples and first weights
    compute   "auto", "float" or "int8"
    log       called with each message, a line
    progress  called a few times a second with task, done, total, loss, top1, ... as a dict
    """

    def __init__(self, threads: int = 0, seed: int = 0, compute: str = "auto", log: Optional[Callable[[str], None]] = None,
                 progress: Optional[Callable[[dict], None]] = None):
        self.lock = threading.RLock()
        self.raised: Optional[BaseException] = None
        engines = {"auto": _abi.RF_COMPUTE_AUTO, "float": _abi.RF_COMPUTE_FLOAT, "int8": _abi.RF_COMPUTE_INT8}
        if compute not in engines:
            raise ValueError(f"compute is {compute!r}, expected one of {', '.join(engines)}")
        me = weakref.ref(self)
        self._log = _abi.rf_log_fn(lambda _, level, line: _tell(me, log, level, line))
        self._progress = _abi.rf_progress_fn(lambda _, event: _report(me, progress, event))
        given = options("rf_context_options", threads=threads, seed=seed, compute=engines[compute], progress=self._progress,
                        log=self._log if log else None)
        pointer = ctypes.c_void_p()
        status = lib.rf_context_new(given, pointer)
        if status:
            raise RefoldError(status, lib.rf_status_text(status).decode())
        super().__init__(pointer, lib.rf_context_free, self._log, self._progress)

    def call(self, function: Callable, *arguments: Any) -> None:
        """Call a function that gives a status. What a callback raised comes out here as it was."""
        with self.lock:
            self.raised = None
            with _CtrlC(self):
                status = function(*arguments)
            raised, self.raised = self.raised, None
            if raised is not None:
                lib.rf_context_resume(self.pointer)
                raise raised
            if status:
                raise RefoldError(status, lib.rf_context_message(self.pointer).decode() or lib.rf_status_text(status).decode())

    def make(self, function: Callable, *arguments: Any) -> ctypes.c_void_p:
        """The pointer that a function writes to its last argument."""
        pointer = ctypes.c_void_p()
        self.call(function, *arguments, pointer)
        return pointer


class _CtrlC:
    """Inside of a call of the library Ctrl-C asks the step to stop; raised in a callback's first line it would be lost."""

    def __init__(self, context: Context):
        self.context = context
        self.old: Any = None

    def __enter__(self) -> None:
        if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            self.old = signal.signal(signal.SIGINT, self.stop)

    def __exit__(self, *_: Any) -> None:
        if self.old is not None:
            signal.signal(signal.SIGINT, self.old)

    def stop(self, *_: Any) -> None:
        self.context.raised = KeyboardInterrupt()
        lib.rf_context_interrupt(self.context.pointer)


def _guarded(me: weakref.ref, function: Callable[[], None]) -> bool:
    """Run user code inside of a call of the library: an exception stops the step and is raised behind it."""
    try:
        function()
        return True
    except BaseException as error:  # pylint: disable=broad-except
        context = me()
        if context is not None:
            context.raised = error
            lib.rf_context_interrupt(context.pointer)
        return False


def _tell(me, log, _level, line):
    _guarded(me, lambda: log(line.decode(errors="replace")))


def _report(me, progress, event):
    values = {name: getattr(event.contents, name) for name, _ in _abi.rf_progress._fields_}
    values = {name: value.decode() if isinstance(value, bytes) else value for name, value in values.items()}
    _guarded(me, lambda: progress(values) if progress else None)


_default = threading.local()


def default_context() -> Context:
    """The context of this thread that functions take where none is given."""
    if not hasattr(_default, "context"):
        _default.context = Context()
    return _default.context


_NUMPY = {_abi.RF_DTYPE_F32: np.float32, _abi.RF_DTYPE_I64: np.int64, _abi.RF_DTYPE_I32: np.int32, _abi.RF_DTYPE_U8: np.uint8,
          _abi.RF_DTYPE_I8: np.int8, _abi.RF_DTYPE_BOOL: np.bool_, _abi.RF_DTYPE_F64: np.float64, _abi.RF_DTYPE_F16: np.float16,
          _abi.RF_DTYPE_I16: np.int16, _abi.RF_DTYPE_U16: np.uint16}


def as_array(value: Any) -> np.ndarray:
    """A NumPy array of `value`, a PyTorch tensor included."""
    if hasattr(value, "detach"):
        value = value.detach().cpu().numpy()
    return np.asarray(value)


def as_floats(value: Any, what: str = "input") -> np.ndarray:
    """As `as_array`, float32. Integers are refused: raw pixels are not what a network takes."""
    array = as_array(value)
    if array.dtype.kind != "f":
        raise TypeError(f"{what} is {array.dtype}, expected float32: normalize it as the network was trained")
    return np.ascontiguousarray(array, np.float32)


def new_tensor(context: Context, array: np.ndarray) -> Handle:
    dims = (ctypes.c_int64 * max(array.ndim, 1))(*array.shape)
    pointer = context.make(lib.rf_tensor_new, context.pointer, _abi.RF_DTYPE_F32, array.ndim, dims)
    ctypes.memmove(lib.rf_tensor_data(pointer), array.ctypes.data, array.nbytes)
    return Handle(pointer, lib.rf_tensor_free, context)


def array_of(pointer: ctypes.c_void_p) -> np.ndarray:
    """A copy of a tensor of the library."""
    shape = tuple(lib.rf_tensor_dims(pointer)[i] for i in range(lib.rf_tensor_rank(pointer)))
    array = np.empty(shape, _NUMPY[lib.rf_tensor_dtype(pointer)])
    if array.size:
        ctypes.memmove(array.ctypes.data, lib.rf_tensor_const_data(pointer), array.nbytes)
    return array


def floats_at(pointer: Any, count: int, shape: Optional[tuple] = None) -> np.ndarray:
    """A copy of `count` numbers at a ctypes pointer."""
    array = np.ctypeslib.as_array(pointer, (count,)).copy()
    return array.reshape(shape) if shape is not None else array
