"""Every command of README.md and docs/ runs: in a folder with a small model, data, and what the steps before it made.

A block that cannot run says why in the line before it: <!-- not run: the reason -->. A program other than refold is one of
ELSEWHERE, with the test that runs it.
"""
import os
import re
import shlex
import shutil
import subprocess
import tarfile
import tempfile
import unittest

import program

ROOT = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
BLOCK = re.compile(r"(<!-- not run: [^\n]*-->\n)?```(?:sh|console)\n(.*?)^```", re.M | re.S)
ASSIGNMENT = re.compile(r"[A-Z_]+=.*")
ELSEWHERE = {
    "make": "the build that this test belongs to",
    "meson": "the same", "ninja": "the same",
    "cc": "example_quickstart, tree_install", "./quickstart": "example_quickstart",
    "mpirun": "cli_processes", "mkdir": "needs the network", "npm": "needs the network",
    "pip": "needs the network", "python3": "test_python", "cmake": "tree_install", "bench/run.sh": "takes minutes",
}
FILES = {"model.h5": "cli_keras", "resnet20.onnx": "cli_bench: minutes at full size"}  # what is not at hand, and the test that has it
CONFIG = '{"defaults": {"ops": {"is_output_quantized": "True"}, "params": {"is_quantized": "True", "is_symmetric": "True"}, \
"per_channel_quantization": "True"}, "params": {}, "op_type": {}, "supergroups": [], "model_input": {}, "model_output": {}}'
STEPS = """
quantize model.onnx -o 1.onnx --data train/ --preset imagenet --param-bw 4
train 1.onnx -o 2.onnx --data train/ --preset imagenet --steps 1
reestimate 2.onnx -o 3.onnx --data train/ --preset imagenet
fold 3.onnx -o 4.onnx
export 4.onnx -o out
"""


def commands_of(text):
    """(line, why it is not run or None) of every block."""
    for reason, block in BLOCK.findall(text):
        lines = re.sub(r"\\\n", " ", block).splitlines()
        prompts = [line[2:] for line in lines if line.startswith("$ ")]
        for line in prompts or lines:
            if line.strip() and not line.startswith("#"):
                yield line, reason[len("<!-- not run: "):-len(" -->\n")] if reason else None


def write_images(folder, classes, each, side=224):
    for c in range(classes):
        place = os.path.join(folder, f"class{c}")
        os.makedirs(place)
        for i in range(each):
            gray = [(x * (c + 1) * 16 + y * 8 * i) % 256 for y in range(side) for x in range(side)]
            program.write_png(os.path.join(place, f"{i}.png"), side, side, gray)


def prepare(folder):
    """What a reader of the documents is taken to have."""
    write_images(os.path.join(folder, "train"), 2, 2)
    write_images(os.path.join(folder, "val"), 2, 1)
    with tarfile.open(os.path.join(folder, "train.tar"), "w") as tar:
        tar.add(os.path.join(folder, "train"), arcname="train")
    for name in ("aimet_config.json", "quantsim.json"):
        with open(os.path.join(folder, name), "w") as file:
            file.write(CONFIG)
    program.write_npy(os.path.join(folder, "x.npy"), [2, 3, 224, 224], [0.25, -1.0] * (3 * 224 * 224))
    program.write_npy(os.path.join(folder, "y.npy"), [2], [0, 1], "<i8")
    os.symlink(program.REFOLD, os.path.join(folder, "refold"))
    os.mkdir(os.path.join(folder, "build"))
    os.symlink(program.REFOLD, os.path.join(folder, "build", "refold"))
    lines = ["zoo resnet20 --width 0.125 --input 3x224x224 --classes 2 -o model.onnx"] + STEPS.strip().splitlines()
    for line in lines:
        subprocess.run([program.REFOLD, *line.split(), "-q"], cwd=folder, check=True, capture_output=True)
    for name in ("a.onnx", "b.onnx"):
        shutil.copy(os.path.join(folder, "model.onnx"), os.path.join(folder, name))
    shutil.copy(os.path.join(folder, "1.onnx"), os.path.join(folder, "sim.onnx"))


def has_runtime():
    return shutil.which("node") and os.path.isdir(os.path.join(ROOT, "demo/node_modules/onnxruntime-node"))


class Documented(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = tempfile.TemporaryDirectory()
        cls.base = os.path.join(cls.scratch.name, "base")
        os.mkdir(cls.base)
        prepare(cls.base)

    @classmethod
    def tearDownClass(cls):
        cls.scratch.cleanup()

    def run_line(self, folder, line):
        """What went wrong, or None."""
        words = shlex.split(line, comments=True)
        settings = [word for word in words if ASSIGNMENT.fullmatch(word)] if words else []
        words = words[len(settings):]
        if not words or words[0] in ELSEWHERE:
            return None
        if os.path.basename(words[0]) != "refold":
            return "not refold, and not in ELSEWHERE of tests/cli/test_documented.py"
        if ("--runtime" in words and not has_runtime()) or any(word in FILES for word in words):
            return None
        for option, value in zip(words, words[1:]):
            if option in ("-o", "--output"):
                path = os.path.join(folder, value)
                shutil.rmtree(path, ignore_errors=True) if os.path.isdir(path) else os.path.exists(path) and os.remove(path)
        environment = dict(os.environ, PATH=folder + ":" + os.environ["PATH"], OMP_WAIT_POLICY="passive", TERM="dumb",
                           REFOLD_ORT=os.path.join(ROOT, "demo"))
        done = subprocess.run(line.split("#")[0] if "#" in line else line, shell=True, cwd=folder, env=environment,
                              capture_output=True, text=True, timeout=program.PATIENCE)
        allowed = (0, 5) if "--min-top1" in words else (0,)  # a gate says what it should of a network without training
        return None if done.returncode in allowed else f"exit code {done.returncode}: {done.stderr.strip()[-400:]}"

    def check(self, name):
        with open(os.path.join(ROOT, name), encoding="utf-8") as file:
            lines = list(commands_of(file.read()))
        folder = os.path.join(self.scratch.name, name.replace("/", "_"))
        shutil.copytree(self.base, folder, symlinks=True)
        for line, reason in lines:
            if reason is None:
                with self.subTest(document=name, command=line):
                    self.assertIsNone(self.run_line(folder, line))
        shutil.rmtree(folder)


def documents():
    return ["README.md"] + sorted("docs/" + name for name in os.listdir(os.path.join(ROOT, "docs")) if name.endswith(".md"))


for document in documents():
    setattr(Documented, "test_" + re.sub(r"\W", "_", document), lambda self, name=document: self.check(name))

if __name__ == "__main__":
    unittest.main(verbosity=2)
