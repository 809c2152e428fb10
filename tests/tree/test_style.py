"""What the house style asks of files: a first line that says what it is, unique names, no open ends."""
import collections
import os
import re

import tree

OPEN_END = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X)\b")
faults = []
names = collections.defaultdict(list)
files = [name for name in tree.tracked(".c", ".h") if name.startswith(("include/", "src/", "cli/", "tests/"))]
for name in files:
    text = tree.read(name)
    if not text.startswith("/*"):
        faults.append(f"{name}:1: no comment that says what the file is")
    for number, line in enumerate(text.splitlines(), 1):
        if OPEN_END.search(line):
            faults.append(f"{name}:{number}: an open end: {line.strip()}")
    # operators are called what ONNX calls them; a public header is called like the room behind it
    if "/ops/" not in name and not name.startswith("include/"):
        names[os.path.basename(name)].append(name)
faults += [f"one name, several files: {', '.join(same)}" for same in names.values() if len(same) > 1]
tree.finish(faults, len(files))
