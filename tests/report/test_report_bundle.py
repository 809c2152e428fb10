"""The charting library in the tree is what its lock file gives: bundled anew, it is the same to the byte."""
import os
import shutil
import subprocess
import sys
import tempfile

SKIPPED = 77
vendor = os.path.join(sys.argv[1], "src/report/page/vendor")
modules = os.path.join(vendor, "node_modules")
if not shutil.which("node") or not os.path.isdir(os.path.join(modules, "esbuild")):
    print(f"skipped: needs Node.js and 'npm ci' in {os.path.relpath(vendor, sys.argv[1])}")
    sys.exit(SKIPPED)


def of(name):
    with open(os.path.join(vendor, name), "rb") as file:
        return file.read()


with tempfile.TemporaryDirectory() as folder:
    for name in ("entry.mjs", "licence.mjs", "package.json"):
        shutil.copy(os.path.join(vendor, name), folder)
    os.symlink(modules, os.path.join(folder, "node_modules"))
    subprocess.run(["npm", "run", "-s", "bundle", "--", "--log-level=error"], cwd=folder, check=True)
    licence = subprocess.run(["npm", "run", "-s", "licence-text"], cwd=folder, check=True, capture_output=True).stdout
    with open(os.path.join(folder, "chart.min.js"), "rb") as file:
        made = file.read()
assert made == of("chart.min.js"), "chart.min.js is not what package-lock.json gives: 'npm run bundle' in its folder makes it"
assert licence == of("LICENSE.md"), "LICENSE.md is not what the packages say: 'npm run licence' in its folder makes it"
assert b"</script" not in made.lower()
