"""What several processes cost and give: one process of two threads against two of one, on one machine and over a network
of a chosen rate and delay, which two network namespaces make (root, iproute2; delays where the kernel has netem).
Prints a table; --json FILE keeps the numbers.

usage: scaling.py REFOLD [--repeat N] [--steps N] [--json FILE]
"""
import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile

HOSTS = {"refold-a": "10.77.0.1", "refold-b": "10.77.0.2"}
LAUNCHER = ["mpirun", "--oversubscribe", "--bind-to", "none"] + (["--allow-run-as-root"] if os.geteuid() == 0 else [])
BATCH = 128


class Network:
    """Two namespaces joined by a cable."""

    AGENT = """#!/bin/sh
while [ "${1#-}" != "$1" ]; do shift; done
host=$1
shift
for space in refold-a refold-b; do
    ip netns exec $space ip -o address show | grep -q "inet $host/" && exec ip netns exec $space sh -c "$*"
done
"""

    def __init__(self, folder):
        self.agent = os.path.join(folder, "agent.sh")
        with open(self.agent, "w") as file:
            file.write(self.AGENT)
        os.chmod(self.agent, 0o755)

    def __enter__(self):
        ends = list(zip(HOSTS.items(), ("refold-va", "refold-vb")))
        for (space, _), _ in ends:
            run("ip", "netns", "add", space)
        run("ip", "link", "add", ends[0][1], "type", "veth", "peer", "name", ends[1][1])
        for (space, address), end in ends:
            run("ip", "link", "set", end, "netns", space)
            inside = ["ip", "netns", "exec", space, "ip"]
            run(*inside, "address", "add", f"{address}/24", "dev", end)
            run(*inside, "link", "set", end, "up")
            run(*inside, "link", "set", "lo", "up")
        return self

    def __exit__(self, *_):
        for space in HOSTS:
            subprocess.run(["ip", "netns", "del", space], check=False)

    def shape(self, mbit, round_trip_ms):
        """Limit the rate of both directions; delay 0: as fast as the kernel passes packets on."""
        if round_trip_ms:
            kind = ["netem", "delay", f"{round_trip_ms / 2}ms", "rate", f"{mbit}mbit", "limit", "100000"]
        else:
            kind = ["tbf", "rate", f"{mbit}mbit", "burst", "256kb", "latency", "400ms"]
        for space, end in zip(HOSTS, ("refold-va", "refold-vb")):
            subprocess.run(["ip", "netns", "exec", space, "tc", "qdisc", "del", "dev", end, "root"], capture_output=True)
            run("ip", "netns", "exec", space, "tc", "qdisc", "add", "dev", end, "root", *kind)

    def has_netem(self):
        try:
            self.shape(1000, 1)
        except subprocess.CalledProcessError:
            return False
        return True

    def launcher(self):
        hosts = ",".join(f"{address}:1" for address in HOSTS.values())
        return ["ip", "netns", "exec", "refold-a", *LAUNCHER, "-H", hosts, "--mca", "plm_rsh_agent", self.agent,
                "--mca", "btl", "tcp,self", "--mca", "btl_tcp_if_include", "10.77.0.0/24",
                "--mca", "oob_tcp_if_include", "10.77.0.0/24"]


def run(*words):
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout


def train(options, folder, launcher, ranks, threads):
    """One QAT run: images a second, and what was exchanged."""
    words = [*launcher, "-np", str(ranks)] if ranks > 1 else []
    out = run(*words, options.refold, "train", f"{folder}/q.onnx", "-o", f"{folder}/t.onnx", "--force", "--json", "-q",
              "--data", "fashion-mnist:train", "--preset", "fashion-mnist", "--batch", str(BATCH),
              "--steps", str(options.steps), "--threads", str(threads))
    document = json.loads(out)
    return {"img_per_s": document["img_per_s"], "bytes_per_step": document["bytes_per_step"],
            "ms_waited_per_step": 1000 * document["seconds_waited"] / options.steps,
            "ms_per_step": 1000 * BATCH / document["img_per_s"]}


def measure(options, folder):
    """Runs in turn, so that what disturbs the machine disturbs all; medians."""
    cases = [("1 process, 2 threads", [], 1, 2, None), ("2 processes, 1 thread each", LAUNCHER, 2, 1, None)]
    network = None
    if os.geteuid() == 0 and shutil.which("tc"):
        network = Network(folder)
    else:
        print("scaling: no network is made: that needs root and tc (iproute2)", file=sys.stderr)
    found = {name: [] for name, *_ in cases}

    def rounds():
        for _ in range(options.repeat):
            for name, launcher, ranks, threads, line in cases:
                if line:
                    network.shape(*line)
                found[name].append(train(options, folder, launcher, ranks, threads))

    if network:
        with network:
            lines = [(10000, 0), (1000, 0), (100, 0)]
            if network.has_netem():
                lines += [(10000, 1), (10000, 5)]
            else:
                print("scaling: this kernel has no netem: rates are limited, nothing is delayed", file=sys.stderr)
            cases += [(f"2 processes over {mbit} Mbit/s" + (f", {ms} ms there and back" if ms else ""),
                       network.launcher(), 2, 1, (mbit, ms)) for mbit, ms in lines]
            found.update((name, []) for name, *_ in cases)
            rounds()
    else:
        rounds()
    return {name: {key: statistics.median(one[key] for one in all_of) for key in all_of[0]}
            for name, all_of in found.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("refold", type=os.path.abspath)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--json")
    options = parser.parse_args()
    if not shutil.which("mpirun"):
        sys.exit("scaling: mpirun is missing: package openmpi-bin")
    os.environ["OMP_WAIT_POLICY"] = "passive"
    with tempfile.TemporaryDirectory() as folder:
        run(options.refold, "zoo", "resnet20", "--input", "1x28x28", "-o", f"{folder}/m.onnx")
        run(options.refold, "quantize", f"{folder}/m.onnx", "-o", f"{folder}/q.onnx", "--param-bw", "4",
            "--data", "fashion-mnist:train", "--preset", "fashion-mnist", "--calibration-samples", "256", "-q")
        found = measure(options, folder)
    print("| QAT of resnet20, batch 128 | img/s | ms a step | of them waited | KiB sent a step |\n|---|---|---|---|---|")
    for name, one in found.items():
        print(f"| {name} | {one['img_per_s']:.0f} | {one['ms_per_step']:.1f} | {one['ms_waited_per_step']:.1f} | "
              f"{one['bytes_per_step'] / 1024:.0f} |")
    if options.json:
        with open(options.json, "w") as file:
            json.dump({"refold": run(options.refold, "--version").split()[1], "batch": BATCH, "steps": options.steps,
                       "repeat": options.repeat, "cases": found}, file, indent=2)
            file.write("\n")


main()
