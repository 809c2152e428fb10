"""docs/COMMANDS.md is what the tables of commands and options say today, and every command has a man page."""
import difflib
import re
import shutil
import subprocess
import sys

import tree

refold = sys.argv[2]


def said(*words):
    return subprocess.run([refold, "help", *words], capture_output=True, text=True, check=True).stdout


def man_fault(name):
    """What groff has against the page."""
    done = subprocess.run(["groff", "-man", "-Tutf8", "-ww", "-z"], input=said("--man", name), capture_output=True, text=True)
    return f"the man page of {name}: {done.stderr}" if done.returncode or done.stderr else None


written = said("--markdown")
faults = list(difflib.unified_diff(tree.read("docs/COMMANDS.md").splitlines(), written.splitlines(), "docs/COMMANDS.md", "cli",
                                   lineterm=""))
if faults:
    faults.append("write it anew: ninja -C build commands-page")
names = re.findall(r"^## refold (\w+)$", written, re.M)
pages = re.search(r"man_pages = \[(.*?)\]", tree.read("tools/meson.build"), re.S).group(1)
faults += [f"tools/meson.build makes no man page of {name}" for name in names if f"'{name}'" not in pages]
if shutil.which("groff"):
    faults += [fault for fault in map(man_fault, names) if fault]
tree.finish(faults, len(names))
