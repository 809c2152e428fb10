"""docs/OPERATORS.md is what the table of operators says today."""
import difflib
import subprocess
import sys

import tree

written = subprocess.run([sys.argv[2]], capture_output=True, text=True, check=True).stdout
committed = tree.read("docs/OPERATORS.md")
faults = list(difflib.unified_diff(committed.splitlines(), written.splitlines(), "docs/OPERATORS.md", "src/ops", lineterm=""))
if faults:
    faults.append("write it anew: ninja -C build operators-table")
tree.finish(faults, written.count("\n| "))
