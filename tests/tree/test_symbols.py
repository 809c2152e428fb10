"""Public functions: what the headers declare is what the shared library gives, no more and no less, and none disappears."""
import re
import subprocess
import sys

import tree

DECLARATION = re.compile(r"^RF_API[^;(]*?\b(rf_\w+)\s*\(", re.M)
LIST = "tests/tree/abi.txt"


def visible_in(library):
    listing = subprocess.run(["readelf", "-W", "--dyn-syms", library], capture_output=True, text=True, check=True).stdout
    rows = [line.split() for line in listing.splitlines()]
    return {row[7].split("@")[0] for row in rows
            if len(row) >= 8 and row[4] in ("GLOBAL", "WEAK") and row[6] not in ("UND", "Ndx")}


public = "".join(tree.read(name) for name in tree.tracked(".h") if name.startswith("include/refold/"))
declared = set(DECLARATION.findall(public))
visible = visible_in(sys.argv[2])
if len(sys.argv) > 3 and sys.argv[3] == "--write":
    with open(f"{tree.ROOT}/{LIST}", "w") as file:
        file.write("".join(f"{name}\n" for name in sorted(visible)))
    sys.exit(0)
committed = set(tree.read(LIST).split())
faults = [f"{name} is declared in include/refold and defined nowhere" for name in sorted(declared - visible)]
faults += [f"{name} is visible outside the library and not in include/refold" for name in sorted(visible - declared)]
faults += [f"{name} is gone from the library: programs that call it no longer start" for name in sorted(committed - visible)]
faults += [f"{name} is not in {LIST}: write it anew with 'ninja -C build abi-list'" for name in sorted(visible - committed)]
tree.finish(faults, len(declared))
