"""No file names a path of the machine it was written on, or the host of a package registry."""
import re

import tree

# Taken apart, so that this file does not find itself.
PATTERNS = ["/wo" "rk/", "/ro" "ot/", "/ho" "me/", "/tmp/bu" "ild", "/tmp/tm" "p.", "registry.np" "mjs.org", "deb.deb" "ian.org",
            "files.pyth" "onhosted.org"]
EXEMPT = (".png", ".onnx", ".npy", ".npz", ".gz", ".jpg", ".safetensors")

found = re.compile("|".join(re.escape(pattern) for pattern in PATTERNS))
faults = []
names = [name for name in tree.tracked("") if not name.endswith(EXEMPT)]
for name in names:
    for number, line in enumerate(tree.read(name).splitlines(), 1):
        match = found.search(line)
        if match:
            faults.append(f"{name}:{number}: names {match.group(0)}")
tree.finish(faults, len(names))
