"""pip install ./python: into an empty folder, without a network, with the library inside; and what happens without one."""
import os
import subprocess
import sys
import tempfile

ROOT, LIBRARY = sys.argv[1], os.path.abspath(sys.argv[2])

try:
    import numpy  # noqa: F401
    import pip  # noqa: F401
except ImportError as error:
    print(f"skipped: {error} (Debian packages python3-numpy, python3-pip)")
    sys.exit(77)


def run(words, **environment):
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "REFOLD", "PIP"))}
    return subprocess.run(words, env={**kept, **environment}, capture_output=True, text=True, cwd="/")


with tempfile.TemporaryDirectory() as folder:
    # --no-deps: NumPy is here, and pip would look for another one below --target.
    done = run([sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--disable-pip-version-check",
                "--root-user-action=ignore", "--target", folder, f"{ROOT}/python"], REFOLD_LIBRARY=LIBRARY)
    print(done.stdout, done.stderr)
    found = run([sys.executable, "-c", "import refold; print(refold.library_path(), refold.__version__)"], PYTHONPATH=folder)
    print(found.stdout, found.stderr)
    lost = run([sys.executable, "-c", "import refold"], PYTHONPATH=folder, REFOLD_LIBRARY="/nowhere/librefold.so")
    clear = lost.returncode and lost.stderr.splitlines()[-1]
    print(clear)
good = done.returncode == 0 and found.stdout.startswith(folder)
good = good and clear and "/nowhere/librefold.so" in clear and "REFOLD_LIBRARY" in clear
sys.exit(0 if good else 1)
