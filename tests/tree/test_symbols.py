"""Public functions: what the header declares is defined in the library, documented, and nothing else is visible."""
import re
import subprocess
import sys

import tree

DECLARATION = re.compile(r"^RF_API[^;(]*?\b(rf_\w+)\s*\(", re.M)

header = tree.read("include/refold/refold.h")
declared = set(DECLARATION.findall(header))
listing = subprocess.run(["readelf", "-Ws", sys.argv[2]], capture_output=True, text=True, check=True).stdout
visible = set()
for line in listing.splitlines():
    words = line.split()
    if len(words) == 8 and words[3] in ("FUNC", "IFUNC") and words[4] == "GLOBAL" and words[6] != "UND":
        if words[5] == "DEFAULT" and words[7].startswith("rf_"):
            visible.add(words[7])
faults = [f"{name} is declared in refold.h and defined nowhere" for name in sorted(declared - visible)]
faults += [f"{name} is visible outside the library and not in refold.h" for name in sorted(visible - declared)]
tree.finish(faults, len(declared))
