"""Every network of make_nets.py through refold: outputs as PyTorch's, and the whole life down to ONNX Runtime.

usage: run_nets.py REFOLD [FOLDER] [--life FORM-OPSET,...|all|none] [--nets ...] [--opsets ...] [--forms ...] [--size ...]

Networks that FOLDER lacks are exported into it first; without FOLDER, into one that goes away afterwards. Prints a line a file; exit code 1 if one of them failed, 77
where PyTorch is missing.
"""
import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

try:
    import numpy
    import torch
    import make_nets
except ImportError as error:
    print(f"skipped: {error}; the networks are made with python3-torch, python3-torchvision and python3-onnx")
    sys.exit(77)

# Float sums in another order, through up to 120 layers; relative to the largest output.
TOL_OUTPUT = 1e-4
# What refold makes of the exported file and of the simulation, relative to the largest output.
TOL_QDQ = 1e-5
# The exported file in ONNX Runtime. Its sums are rounded in another order, so that a few values in a million fall on the
# other side of a step; random networks double that with every layer. At the end it has to stay well below what
# quantization itself has changed, on average over the outputs.
TOL_TARGET = 0.5
EVALUATE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../demo/ort_evaluate.mjs")


class Failed(Exception):
    pass


class Life:
    """One model's way through the program, in a folder of its own."""

    def __init__(self, refold, sample, folder):
        self.refold, self.sample, self.folder = refold, sample, folder

    def path(self, name):
        return os.path.join(self.folder, name)

    def run(self, *words):
        environment = dict(os.environ, OMP_WAIT_POLICY="passive", NO_COLOR="1")
        done = subprocess.run(words, capture_output=True, text=True, env=environment)
        if done.returncode:
            text = (done.stderr.strip().splitlines() or ["nothing on standard error"])[-1]
            raise Failed(f"{os.path.basename(words[0])} {words[1]}: exit code {done.returncode}: {text}")
        return done.stdout

    def command(self, *words):
        return self.run(self.refold, *words, "-q")

    def infer(self, model, engine="auto"):
        self.command("infer", model, "--input", self.sample.input, "-o", self.path("y.npy"), "--force", "--batch",
                     str(make_nets.SAMPLES), "--compute", engine)
        return numpy.load(self.path("y.npy"))

    def check_output(self):
        found, expected = self.infer(self.sample.model), numpy.load(self.sample.output)
        worst = largest_difference(found, expected)
        if not worst <= TOL_OUTPUT:
            raise Failed(f"outputs differ from PyTorch's by {worst:.2g} of the largest, expected {TOL_OUTPUT}")
        return f"PyTorch {worst:.1e}"

    def steps(self):
        labels = self.path("labels.npy")
        numpy.save(labels, numpy.arange(len(numpy.load(self.sample.input)), dtype=numpy.int64))
        data, trained = f"npy:{self.sample.input}", self.path("1.onnx")
        self.command("quantize", self.sample.model, "-o", trained, "--data", data)
        if numpy.load(self.sample.output).ndim == 2:  # training wants logits of classes
            self.command("train", trained, "-o", self.path("2.onnx"), "--data", f"{data},{labels}", "--batch", "2",
                         "--steps", "2", "--lr", "1e-4")
            trained = self.path("2.onnx")
        self.command("reestimate", trained, "-o", self.path("3.onnx"), "--data", data, "--batch", "2")
        folded = json.loads(self.command("fold", self.path("3.onnx"), "-o", self.path("4.onnx"), "--json"))
        self.command("export", self.path("4.onnx"), "-o", self.path("exported"))
        left = len(folded["refused"]) + len(folded["standalone"])
        return f"{len(folded['folded'])} BN folded, {left} left"

    def check_exported(self):
        """The QDQ file against the folded simulation, in refold and in ONNX Runtime."""
        # The file computes in float32; integer sums, which are exact, would take other codes on ties.
        simulated, qdq = self.infer(self.path("4.onnx"), "float"), self.path("exported/model_qdq.onnx")
        worst = largest_difference(self.infer(qdq), simulated)
        if not worst <= TOL_QDQ:
            raise Failed(f"the QDQ file differs from the simulation by {worst:.2g} of the largest output")
        if not os.path.exists(os.path.join(os.path.dirname(EVALUATE), "node_modules/onnxruntime-node")):
            return "ONNX Runtime is not installed"
        self.run("node", EVALUATE, qdq, "--input", self.sample.input, "--output", self.path("target.npy"))
        away = mean_difference(numpy.load(self.path("target.npy")), simulated)
        quantization = mean_difference(numpy.load(self.sample.output), simulated)
        text = f"ONNX Runtime {away:.1e} (quantization {quantization:.1e})"
        if not away <= TOL_TARGET * quantization:
            raise Failed(text)
        return text


def scale_of(a, b):
    if a.shape != b.shape:
        raise Failed(f"shape {list(a.shape)}, expected {list(b.shape)}")
    return abs(b).max()


def largest_difference(a, b):
    return abs(a - b).max() / scale_of(a, b)


def mean_difference(a, b):
    return abs(a - b).mean() / scale_of(a, b)


def run_sample(refold, sample, lives):
    folder = tempfile.mkdtemp(prefix="refold-nets-")
    life, told, start = Life(refold, sample, folder), [], time.monotonic()
    try:
        told.append(life.check_output())
        if lives == "all" or f"{sample.form}-{sample.opset}" in lives.split(","):
            told += [life.steps(), life.check_exported()]
        verdict = "ok"
    except Failed as failure:
        verdict = "FAILED"
        told.append(str(failure))
    finally:
        shutil.rmtree(folder)
    print(f"{verdict}: {os.path.basename(sample.model)}: {'; '.join(told)}; {time.monotonic() - start:.1f} s", flush=True)
    return verdict == "ok"


def run_all(args, folder):
    """Number of networks that failed."""
    failed = 0
    for name in args.nets:
        for sample in make_nets.make(folder, name, args.opsets, args.forms, args.size):
            if sample.refusal:
                print(f"none: {os.path.basename(sample.model)}: PyTorch does not write it: {sample.refusal}")
            else:
                failed += not run_sample(os.path.abspath(args.refold), sample, args.life)
    return failed


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("refold")
    parser.add_argument("folder", nargs="?")
    parser.add_argument("--life", default="eval-11,train-17")
    make_nets.add_arguments(parser)
    args = parser.parse_args()
    torch.set_num_threads(1)
    if args.folder:
        os.makedirs(args.folder, exist_ok=True)
        failed = run_all(args, args.folder)
    else:
        with tempfile.TemporaryDirectory(prefix="refold-nets-") as folder:
            failed = run_all(args, folder)
    print(f"{failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
