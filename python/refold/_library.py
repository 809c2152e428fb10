"""Finding librefold and telling ctypes what is in it."""
import ctypes
import os
import subprocess
import sysconfig

from . import _abi

NAME = "librefold.so." + _abi.VERSION.split(".")[0]


def _beside_the_package():
    """The package's own copy, and the library folders of the prefix or build folder that the package lies in."""
    folder = os.path.dirname(os.path.abspath(__file__))
    multiarch = sysconfig.get_config_var("MULTIARCH") or ""
    yield folder
    for _ in range(5):
        folder = os.path.dirname(folder)
        yield from (folder, os.path.join(folder, multiarch), os.path.join(folder, "lib64"))


def _by_pkg_config():
    try:
        done = subprocess.run(["pkg-config", "--variable=libdir", "refold"], capture_output=True, text=True, check=False)
    except OSError:
        return []
    return [done.stdout.strip()] if done.returncode == 0 else []


def _candidates():
    given = os.environ.get("REFOLD_LIBRARY")
    if given:
        yield given
        return
    for folder in [*_beside_the_package(), *_by_pkg_config()]:
        path = os.path.join(folder, NAME)
        if os.path.exists(path):
            yield path
    yield NAME  # where the dynamic linker looks


def _open():
    reasons = []
    for path in _candidates():
        try:
            return ctypes.CDLL(path), path
        except OSError as error:
            reasons.append(str(error))
    raise ImportError(f"refold: no {NAME} could be loaded ({'; '.join(reasons)}). Build and install it with 'make install', or name "
                      "the file in the environment variable REFOLD_LIBRARY")


def _load():
    library, path = _open()
    library.rf_version.restype = ctypes.c_char_p
    version = library.rf_version().decode()
    if version != _abi.VERSION:
        raise ImportError(f"refold: this package is of version {_abi.VERSION}, {path} of {version}: install both from one source")
    for name, (result, arguments) in _abi.FUNCTIONS.items():
        function = getattr(library, name, None)
        if function is None:
            raise ImportError(f"refold: {path} has no {name}: it is older than this package; install both from one source")
        function.restype, function.argtypes = result, arguments
    return library, path


lib, path = _load()
