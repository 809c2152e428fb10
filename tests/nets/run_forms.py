"""Hand-made forms of networks through refold: outputs as ONNX Runtime's, and the whole life down to the QDQ file there.

usage: run_forms.py REFOLD [NAME ...] [--quick] [--keep FOLDER]

Prints a line a form; exit code 1 if one of them failed, 77 where python3-onnx is missing. Without ONNX Runtime refold's
own outputs of the QDQ file are all that is compared.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile

try:
    import numpy
    import onnx
    from form_builder import FORMS
    import forms_of_exporters  # noqa: F401, fills FORMS
    import forms_of_layers  # noqa: F401
except ImportError as error:
    print(f"skipped: {error}; the forms are made with python3-onnx and python3-numpy")
    sys.exit(77)

# Float sums in another order, relative to the largest output.
TOL_OUTPUT = 1e-5
# The exported file's integer sums in the target: a value or two of a small network fall on the other side of a step.
TOL_TARGET = 0.02
RUNTIME = os.path.join(os.path.dirname(os.path.abspath(__file__)), "ort_run.mjs")


class Failed(Exception):
    pass


def run_in_runtime(jobs):
    """What went wrong with each job, or None; None for all of them where there is no ONNX Runtime."""
    try:
        done = subprocess.run(["node", RUNTIME], input=json.dumps(jobs), capture_output=True, text=True)
    except FileNotFoundError:
        return None
    if done.returncode == 77:
        return None
    if done.returncode:
        raise Failed(f"ONNX Runtime: {done.stderr.strip()}")
    return json.loads(done.stdout)


def difference(found, expected):
    """Relative to the largest value expected."""
    if found.shape != expected.shape:
        raise Failed(f"shape {list(found.shape)}, expected {list(expected.shape)}")
    largest = abs(expected).max() if expected.size else 0
    return abs(found - expected).max() / max(largest, 1e-9) if expected.size else 0.0


class Trial:
    """One form's way through the program, in a folder of its own."""

    def __init__(self, refold, form, folder):
        self.refold, self.form, self.folder = refold, form, os.path.join(folder, form.name)
        os.mkdir(self.folder)
        onnx.save(form.model(), self.path("form.onnx"))
        arrays = form.samples()
        self.inputs = {name: self.path(f"in.{name}.npy") for name in arrays}
        for name, array in arrays.items():
            numpy.save(self.inputs[name], array)
        labels = numpy.arange(form.batch, dtype=numpy.int64) % 2
        numpy.savez(self.path("data.npz"), **arrays, y=labels)
        self.failure, self.lived = None, False

    def path(self, name):
        return os.path.join(self.folder, name)

    def outputs(self, kind):
        return {name: self.path(f"{kind}.{name}.npy") for name in self.form.outputs}

    def job(self, model, kind):
        return {"model": self.path(model), "inputs": self.inputs, "outputs": self.outputs(kind)}

    def command(self, *words):
        environment = dict(os.environ, OMP_WAIT_POLICY="passive", NO_COLOR="1")
        done = subprocess.run([self.refold, *words, "-q"], capture_output=True, text=True, env=environment)
        if done.returncode < 0 or "Sanitizer" in done.stderr:
            raise Failed(f"{words[0]} crashed: {done.stderr.strip()}")
        if done.returncode:
            text = (done.stderr.strip().splitlines() or ["nothing on standard error"])[-1]
            raise Failed(f"{words[0]}: exit code {done.returncode}: {text}")

    def infer(self, model, kind):
        words = ["infer", self.path(model), "--batch", str(self.form.batch)]
        for name, file in self.inputs.items():
            words += ["--input", f"{name}={file}"]
        for name, file in self.outputs(kind).items():
            words += ["-o", f"{name}={file}"]
        self.command(*words)

    def compare(self, kind, expected, tolerance):
        for name in self.form.outputs:
            away = difference(numpy.load(self.outputs(kind)[name]), numpy.load(self.outputs(expected)[name]))
            if not away <= tolerance:
                raise Failed(f"output '{name}' of {kind} differs from {expected}'s by {away:.2g} of the largest")

    def live(self):
        data = ["--data", f"npz:{self.path('data.npz')}", "--batch", str(self.form.batch)]
        self.infer("form.onnx", "refold")
        self.command("inspect", self.path("form.onnx"))
        self.command("quantize", self.path("form.onnx"), "-o", self.path("1.onnx"), *data)
        simulation = self.path("1.onnx")
        if numpy.load(self.outputs("refold")[self.form.outputs[0]]).ndim == 2:  # logits of classes
            simulation = self.path("trained.onnx")
            self.command("train", self.path("1.onnx"), "-o", simulation, "--steps", "1", "--lr", "1e-3", *data)
        self.command("reestimate", simulation, "-o", self.path("2.onnx"), *data)
        self.command("fold", self.path("2.onnx"), "-o", self.path("3.onnx"))
        self.command("export", self.path("3.onnx"), "-o", self.path("exported"))
        self.infer("3.onnx", "simulation")
        self.infer("exported/model_qdq.onnx", "qdq")
        self.compare("qdq", "simulation", TOL_OUTPUT)
        self.lived = True

    def be_refused(self):
        try:
            self.infer("form.onnx", "refold")
        except Failed as failure:
            if self.form.refused not in str(failure) or "crashed" in str(failure):
                raise
            return
        raise Failed(f"expected a refusal that names {self.form.refused}")

    def attempt(self, action, *arguments):
        if self.failure is None:
            try:
                action(*arguments)
            except Failed as failure:
                self.failure = str(failure)

    def judge_runtime(self, fault, kind, expected, tolerance):
        if fault:
            raise Failed(f"ONNX Runtime: {fault}")
        self.compare(kind, expected, tolerance)


def check_in_runtime(trials, model, kind, expected, tolerance):
    faults = run_in_runtime([trial.job(model, kind) for trial in trials])
    for trial, fault in zip(trials, faults or []):
        trial.attempt(trial.judge_runtime, fault, kind, expected, tolerance)
    return faults is not None


def run_all(refold, forms, folder):
    """Number of forms that failed."""
    trials = [Trial(refold, form, folder) for form in forms]
    for trial in trials:
        trial.attempt(trial.be_refused if trial.form.refused else trial.live)
    lived = [trial for trial in trials if trial.lived]
    plain = [trial for trial in lived if trial.form.reference]
    if not check_in_runtime(plain, "form.onnx", "runtime", "refold", TOL_OUTPUT):
        print("ONNX Runtime is not installed: outputs are not compared with its own")
    check_in_runtime(lived, "exported/model_qdq.onnx", "target", "simulation", TOL_TARGET)
    for trial in trials:
        print(f"{'FAILED' if trial.failure else 'ok'}: {trial.form.name}{': ' + trial.failure if trial.failure else ''}")
    return sum(trial.failure is not None for trial in trials)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("refold")
    parser.add_argument("names", nargs="*")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--keep", help="a new folder for all files")
    args = parser.parse_args()
    forms = [f for f in FORMS if (not args.quick or f.quick) and (not args.names or f.name in args.names)]
    refold = os.path.abspath(args.refold)
    if args.keep:
        os.mkdir(args.keep)
        failed = run_all(refold, forms, os.path.abspath(args.keep))
    else:
        with tempfile.TemporaryDirectory(prefix="refold-forms-") as folder:
            failed = run_all(refold, forms, folder)
    print(f"{failed} of {len(forms)} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
