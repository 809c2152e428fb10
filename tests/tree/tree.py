"""What the tests of the tree share: its root, its files, and how a test ends."""
import os
import subprocess
import sys

ROOT = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(__file__), "..", ".."))
SKIPPED = 77  # Meson's exit code for a test that could not run


def tracked(*suffixes):
    """Files of the project by suffix, relative to the root: what git tracks and what it would add."""
    listing = subprocess.run(["git", "-C", ROOT, "ls-files", "-co", "--exclude-standard"], capture_output=True, text=True)
    if listing.returncode == 0:
        names = listing.stdout.splitlines()
    else:  # a source archive
        names = [os.path.relpath(os.path.join(folder, name), ROOT)
                 for folder, _, files in os.walk(ROOT) for name in files]
        names = [name for name in names if not name.startswith(("build", ".git", "demo/node_modules"))]
    return sorted(name for name in set(names) if name.endswith(suffixes) and os.path.isfile(os.path.join(ROOT, name)))


def read(name):
    with open(os.path.join(ROOT, name), encoding="utf-8", errors="replace") as file:
        return file.read()


def finish(faults, checked):
    """Print every fault and leave with 1; a test that looked at nothing has failed as well."""
    for fault in faults:
        print(fault)
    if not checked:
        print("nothing was checked: is", ROOT, "the root of the tree?")
    sys.exit(1 if faults or not checked else 0)


def skip(reason):
    print("skipped:", reason)
    sys.exit(SKIPPED)
