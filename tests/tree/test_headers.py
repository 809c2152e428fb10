"""Every header compiles alone, with the warnings of the build; the public ones as C++ as well, and refold.h brings them all."""
import os
import re
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


# What the examples of the manual and of the documents take as given.
EXAMPLE = """#include <refold/refold.h>
#include <stdio.h>
void f(rf_context *, rf_dataset_options, rf_sim_options, rf_train_options, rf_graph *, rf_dataset *, rf_sim *);
void f(rf_context *ctx, rf_dataset_options images, rf_sim_options bits, rf_train_options train, rf_graph *graph, rf_dataset *data,
       rf_sim *sim)
{
    rf_calibration calibration;
    rf_status st;
    {
%s
    }
}
"""


def examples():
    manual = tree.read("include/refold/refold.h")
    yield "include/refold/refold.h", re.search(r"@code\n(.*?) \* @endcode", manual, re.S)[1].replace(" * ", "")
    for name in tree.tracked(".md"):
        for code in re.findall(r"^```c\n(.*?)^```", tree.read(name), re.M | re.S):
            if name != "docs/ADDING_AN_OP.md":  # which shows code of the library's own
                yield name, code


def faults_of_examples():
    for name, code in examples():
        done = subprocess.run(compiler + flags + ["-Wno-unused", "-x", "c", "-"], input=EXAMPLE % code,
                              capture_output=True, text=True)
        if done.returncode:
            yield f"an example in {name} does not compile:\n{code}{done.stderr}"


def faults_of_the_manual():
    text = tree.read("include/refold/refold.h")
    for name in tree.tracked(".h"):
        name = name.removeprefix("include/refold/")
        if "/" in name or name == "refold.h":
            continue
        if f"#include <refold/{name}>" not in text:
            yield f"refold.h does not include {name}"
        if not re.search(rf"^ \*     {re.escape(name)} ", text, re.M):
            yield f"refold.h does not say what {name} is about"
        if f"'{name}'" not in tree.read("include/refold/meson.build"):
            yield f"include/refold/meson.build does not install {name}"


headers = [name for name in tree.tracked(".h") if name.startswith(("include/", "src/", "cli/"))]
with ThreadPoolExecutor(2) as pool:
    faults = [fault for fault in pool.map(fault_of, headers) if fault]
faults += filter(None, [fault_of_cpp()])
faults += faults_of_examples()
faults += faults_of_the_manual()
tree.finish(faults, len(headers))
