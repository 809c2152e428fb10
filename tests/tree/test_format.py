"""clang-format has nothing to change."""
import os
import shutil
import subprocess

import tree

if not shutil.which("clang-format"):
    tree.skip("no clang-format here (Debian package clang-format)")
version = subprocess.run(["clang-format", "--version"], capture_output=True, text=True).stdout
if " 14." not in version:
    tree.skip(f"the tree is formatted by clang-format 14, here is {version.strip()}")
names = tree.tracked(".c", ".h")
done = subprocess.run(["clang-format", "--dry-run", "--Werror", "-style=file"] + names, cwd=tree.ROOT,
                      capture_output=True, text=True)
lines = [line for line in done.stderr.splitlines() if "error:" in line]
faults = sorted({f"{line.split(':')[0]}: 'make format' would change it" for line in lines})
if done.returncode and not faults:
    faults = [done.stderr]
tree.finish(faults, len(names))
