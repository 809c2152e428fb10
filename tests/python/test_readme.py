"""python/README.md: its first program runs as it stands, and the loop behind it."""
import os
import re
import subprocess
import sys
import tempfile

ROOT = sys.argv[1]

try:
    import numpy  # noqa: F401
except ImportError:
    print("skipped: no NumPy for this Python (Debian package python3-numpy)")
    sys.exit(77)

with open(os.path.join(ROOT, "python", "README.md"), encoding="utf-8") as file:
    programs = re.findall(r"^```python\n(.*?)^```", file.read(), re.M | re.S)
whole, loop = programs[0], programs[1]
# The loop continues the program before its fold.
before, after = whole.split("refold.reestimate_bn_stats(sim, batches)\n")
with tempfile.TemporaryDirectory() as folder:
    done = subprocess.run([sys.executable, "-"], input=f"{before}{loop}\nrefold.reestimate_bn_stats(sim, batches)\n{after}",
                          cwd=folder, text=True, capture_output=True)
    print(done.stdout, done.stderr)
    wrote = os.path.exists(os.path.join(folder, "exported", "model_qdq.onnx"))
sys.exit(0 if done.returncode == 0 and wrote else 1)
