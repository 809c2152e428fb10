"""An installation has every file that the documents promise and no other, and serves a project outside of the tree: through
pkg-config, through CMake, and from Python."""
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile

import tree

BUILD, PREFIX = sys.argv[2], sys.argv[3].lstrip("/")
PROGRAM = """
#include <refold/refold.h>
#include <stdio.h>
int main(void)
{
    rf_context *ctx = NULL;
    if (rf_context_new(NULL, &ctx))
        return 1;
    printf("%s %s", rf_version(), rf_zoo_names()[0]);
    rf_context_free(ctx);
    return 0;
}
"""
CMAKE = """
cmake_minimum_required(VERSION 3.16)
project(outside C)
find_package(refold 0.1 CONFIG REQUIRED)
add_executable(outside outside.c)
target_link_libraries(outside refold::refold)
"""
faults = []


def run(what, words, **options):
    done = subprocess.run(words, capture_output=True, text=True, **options)
    if done.returncode:
        faults.append(f"{what}: {' '.join(words)}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout if done.returncode == 0 else None


def promised():
    """Files below the prefix; LIB and PACKAGES stand for folders that the system names."""
    listing = subprocess.run([f"{BUILD}/refold", "help"], capture_output=True, text=True).stdout
    commands = set(re.findall(r"^  (\w+)  ", listing, re.M)) - {"help"}
    yield from ("bin/refold", "LIB/librefold.so", "LIB/librefold.so.MAJOR", "LIB/librefold.so.VERSION", "LIB/pkgconfig/refold.pc",
                "LIB/cmake/refold/refoldConfig.cmake", "LIB/cmake/refold/refoldConfigVersion.cmake", "share/man/man1/refold.1",
                "share/bash-completion/completions/refold", "share/zsh/site-functions/_refold",
                "share/fish/vendor_completions.d/refold.fish", "PACKAGES/refold/_abi.py")
    yield from (f"share/man/man1/refold-{command}.1" for command in commands)
    yield from (name for name in tree.tracked(".h") if name.startswith("include/refold/"))
    yield from (name.replace("python/", "PACKAGES/") for name in tree.tracked(".py") if name.startswith("python/refold/"))


def check_files(prefix):
    found = set()
    for folder, _, files in os.walk(prefix):
        if "__pycache__" not in folder:
            found |= {os.path.relpath(os.path.join(folder, name), prefix) for name in files}
    plain = {re.sub(r"^lib[^/]*/([^/]*-linux-[^/]*/)?(?=librefold|pkgconfig|cmake)", "LIB/", name) for name in found}
    plain = {re.sub(r"^lib.*/(?=refold/\w+\.py$)", "PACKAGES/", name) for name in plain}
    plain = {re.sub(r"\.so\.\d+$", ".so.MAJOR", re.sub(r"\.so(\.\d+){3}$", ".so.VERSION", name)) for name in plain}
    faults.extend(f"meson install: no {name}" for name in sorted(set(promised()) - plain))
    faults.extend(f"meson install: {name} is promised nowhere" for name in sorted(plain - set(promised())))


def check_program(what, program, libraries):
    out = run(what, [program], env=dict(os.environ, LD_LIBRARY_PATH=libraries))
    if out is not None and not out.endswith(" resnet20"):
        faults.append(f"{what}: the program printed {out!r}")


def check_pkg_config(folder, root, libraries):
    environment = dict(os.environ, PKG_CONFIG_PATH=f"{libraries}/pkgconfig", PKG_CONFIG_SYSROOT_DIR=root)
    flags = run("pkg-config", ["pkg-config", "--cflags", "--libs", "refold"], env=environment)
    if flags and run("pkg-config", ["cc", "-Wall", "-Werror", "outside.c", "-o", "by_pkg_config", *flags.split()], cwd=folder) is not None:
        check_program("pkg-config", f"{folder}/by_pkg_config", libraries)


def check_cmake(folder, root, libraries):
    with open(f"{folder}/CMakeLists.txt", "w") as file:
        file.write(CMAKE)
    configured = run("CMake", ["cmake", "-S", folder, "-B", f"{folder}/build", f"-Drefold_DIR={libraries}/cmake/refold"])
    if configured is not None and run("CMake", ["cmake", "--build", f"{folder}/build"]) is not None:
        check_program("CMake", f"{folder}/build/outside", libraries)
    with open(f"{folder}/CMakeLists.txt", "w") as file:
        file.write(CMAKE.replace("0.1 CONFIG", "7.0 CONFIG"))
    if subprocess.run(["cmake", "-S", folder, "-B", f"{folder}/other", f"-Drefold_DIR={libraries}/cmake/refold"],
                      capture_output=True).returncode == 0:
        faults.append("CMake: version 7.0 was asked for and found")


def check_python(root):
    packages = glob.glob(f"{root}/{PREFIX}/lib*/**/refold/__init__.py", recursive=True)
    if len(packages) != 1:
        faults.append(f"Python: expected one installed package, found {packages}")
        return
    environment = {k: v for k, v in os.environ.items() if k != "REFOLD_LIBRARY"}
    environment["PYTHONPATH"] = os.path.dirname(os.path.dirname(packages[0]))
    out = run("Python", ["/usr/bin/python3", "-c", "import refold; print(refold.library_path())"], env=environment)
    if out and not out.startswith(root):
        faults.append(f"Python: the installed package took the library {out}")


if not shutil.which("meson"):
    tree.skip("no meson here")
with tempfile.TemporaryDirectory() as folder:
    root = f"{folder}/root"
    run("meson install", ["meson", "install", "-C", BUILD, "--no-rebuild", "--quiet", "--destdir", root])
    found = glob.glob(f"{root}/{PREFIX}/lib*/**/librefold.so", recursive=True)
    check_files(f"{root}/{PREFIX}")
    if len(found) != 1:
        faults.append(f"meson install: expected one librefold.so, found {found}")
    else:
        libraries = os.path.dirname(found[0])
        with open(f"{folder}/outside.c", "w") as file:
            file.write(PROGRAM)
        if shutil.which("pkg-config"):
            check_pkg_config(folder, root, libraries)
        if shutil.which("cmake"):
            check_cmake(folder, root, libraries)
        if subprocess.run(["/usr/bin/python3", "-c", "import numpy"], capture_output=True).returncode == 0:
            check_python(root)
tree.finish(faults, 1)
