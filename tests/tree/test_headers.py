"""Every header compiles alone, with the warnings of the build; the public one as C++ as well."""
import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

import tree

compiler = os.environ.get("CC", "cc").split()
generated = sys.argv[2] if len(sys.argv) > 2 else "."
flags = ["-std=c11", "-D_GNU_SOURCE", "-fsyntax-only", "-Wall", "-Wextra", "-Wpedantic", "-Werror",
         "-Wno-unused-function", "-I", os.path.join(tree.ROOT, "include"), "-I", os.path.join(tree.ROOT, "src"),
         "-I", generated]


def fault_of(name):
    with tempfile.NamedTemporaryFile("w", suffix=".c") as source:
        source.write(f'#include "{os.path.join(tree.ROOT, name)}"\ntypedef int a_unit_is_not_empty;\n')
        source.flush()
        done = subprocess.run(compiler + flags + [source.name], capture_output=True, text=True)
    return f"{name} does not compile alone:\n{done.stderr}" if done.returncode else None


def fault_of_cpp():
    compiler = os.environ.get("CXX", "c++").split()
    if not shutil.which(compiler[0]):
        return None
    source = "#include <refold/refold.h>\nrf_train_options options = RF_TRAIN_OPTIONS_INIT;\n" \
        "rf_context *open() { rf_context *c = nullptr; return rf_context_new(nullptr, &c) ? nullptr : c; }\n"
    done = subprocess.run(compiler + ["-std=c++20", "-fsyntax-only", "-Wall", "-Wextra", "-Wpedantic", "-Wno-missing-field-initializers",
                                      "-Werror", "-x", "c++", "-I",
                                      os.path.join(tree.ROOT, "include"), "-"], input=source, capture_output=True, text=True)
    return f"refold.h does not compile as C++:\n{done.stderr}" if done.returncode else None


headers = [name for name in tree.tracked(".h") if name.startswith(("include/", "src/", "cli/"))]
with ThreadPoolExecutor(2) as pool:
    faults = [fault for fault in pool.map(fault_of, headers) if fault]
faults += filter(None, [fault_of_cpp()])
tree.finish(faults, len(headers))
