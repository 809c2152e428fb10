"""The build backend (PEP 517) behind `pip install ./python`: a wheel of the package and, where the project was built, its library.

The header makes one file of the package (abi.py), and a wheel is a zip archive: no other tool is needed.
"""
import base64
import glob
import hashlib
import os
import re
import sysconfig
import zipfile

import abi

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)


def version():
    with open(os.path.join(ROOT, "meson.build"), encoding="utf-8") as file:
        return re.search(r"version: '([^']+)'", file.read())[1]


def library():
    """What the wheel carries: REFOLD_LIBRARY, or what `make` built. None: the package looks for an installed one."""
    name = "librefold.so." + version().split(".")[0]
    for path in (os.environ.get("REFOLD_LIBRARY"), os.path.join(ROOT, "build", name)):
        if path and os.path.isfile(path):
            return name, path
    return None, None


def metadata():
    with open(os.path.join(HERE, "README.md"), encoding="utf-8") as file:
        readme = file.read()
    return (f"Metadata-Version: 2.1\nName: refold\nVersion: {version()}\n"
            "Summary: quantization-aware training with batch-norm re-estimation\nLicense: BSD-3-Clause\n"
            f"Requires-Python: >=3.8\nRequires-Dist: numpy\nDescription-Content-Type: text/markdown\n\n{readme}")


def tag():
    platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
    return f"py3-none-{platform if library()[0] else 'any'}"


def contents(folder):
    """[(name in the wheel, bytes)], but for the list of them all."""
    for path in sorted(glob.glob(os.path.join(HERE, "refold", "*.py"))):
        if os.path.basename(path) != "_abi.py":
            with open(path, "rb") as file:
                yield f"refold/{os.path.basename(path)}", file.read()
    yield "refold/_abi.py", abi.generate(os.path.join(ROOT, "include", "refold", "refold.h"), version()).encode()
    name, path = library()
    if name:
        with open(path, "rb") as file:
            yield f"refold/{name}", file.read()
    yield f"{folder}/METADATA", metadata().encode()
    yield f"{folder}/WHEEL", f"Wheel-Version: 1.0\nGenerator: refold\nRoot-Is-Purelib: {not library()[0]}\nTag: {tag()}\n".encode()


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    del config_settings, metadata_directory
    folder = f"refold-{version()}.dist-info"
    wheel = f"refold-{version()}-{tag()}.whl"
    records = []
    with zipfile.ZipFile(os.path.join(wheel_directory, wheel), "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in contents(folder):
            archive.writestr(name, data)
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            records.append(f"{name},sha256={digest},{len(data)}\n")
        archive.writestr(f"{folder}/RECORD", "".join(records) + f"{folder}/RECORD,,\n")
    return wheel


def build_sdist(sdist_directory, config_settings=None):
    raise NotImplementedError("refold is built from its repository: the package needs the header and the library beside it")
