"""What bench/run.sh runs: times refold and the PyTorch peer in turn, and writes the tables."""
import argparse
import csv
import datetime
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
PYTHON = "/usr/bin/python3"  # Debian's, which python3-torch belongs to
MODES = ["infer", "train", "qat", "reestimate"]
NAMES = {"infer": "FP32 inference", "train": "FP32 training", "qat": "QAT", "reestimate": "re-estimation"}
# Network, input, classes, batch, steps timed.
NETWORKS = [("resnet20", "3x32x32", 10, 128, 8), ("resnet18", "3x224x224", 1000, 16, 3),
            ("mobilenet_v2", "3x224x224", 1000, 16, 3)]
QUICK = [("resnet20", "3x32x32", 10, 16, 3)]


def run(words, environment=None):
    done = subprocess.run(words, capture_output=True, text=True, env=dict(os.environ, **(environment or {})))
    if done.returncode:
        raise SystemExit(f"run.sh: {' '.join(words)} failed:\n{done.stderr}")
    return done.stdout


class Bench:
    def __init__(self, options, folder):
        self.refold, self.folder = options.refold, folder
        self.has_peer = subprocess.run([PYTHON, "-c", "import torch"], capture_output=True).returncode == 0
        if not self.has_peer:
            print("run.sh: the peer is skipped: python3-torch is missing", file=sys.stderr)

    def model(self, name, size, classes, width=1.0):
        path = os.path.join(self.folder, f"{name}-{size}-{width}.onnx")
        if not os.path.exists(path):
            run([self.refold, "zoo", name, "--input", size, "--classes", str(classes), "--width", str(width), "-o", path, "-q"])
        return path

    def time_refold(self, path, batch, threads, repeat, modes):
        out = json.loads(run([self.refold, "bench", path, "--batch", str(batch), "--threads", str(threads), "--repeat",
                              str(repeat), "--modes", ",".join(modes), "--param-bw", "4", "--json", "-q"]))
        return {one["mode"]: one for one in out["modes"]}

    def time_peer(self, name, batch, threads, repeat, mode):
        preload = {"LD_PRELOAD": os.environ["PEER_ALLOCATOR"]} if "PEER_ALLOCATOR" in os.environ else {}
        return json.loads(run([PYTHON, os.path.join(HERE, "torch_peer.py"), "--model", name, "--mode", mode, "--batch",
                               str(batch), "--threads", str(threads), "--repeat", str(repeat)], preload))


def thread_counts():
    return [1, 2] if os.cpu_count() > 1 else [1]


def one_round(bench, networks, found):
    for name, size, classes, batch, repeat in networks:
        path = bench.model(name, size, classes)
        for threads in thread_counts():
            for mode, one in bench.time_refold(path, batch, threads, repeat, MODES).items():
                found.setdefault((name, batch, threads, mode), {"refold": [], "peer": []})["refold"].append(one)
            for mode in MODES if bench.has_peer else []:
                found[name, batch, threads, mode]["peer"].append(bench.time_peer(name, batch, threads, repeat, mode))


def compare(bench, networks, until):
    """Rounds of A B A B while the time lasts, at least one."""
    found, rounds, longest = {}, 0, 0.0
    while rounds == 0 or (time.monotonic() + longest < until and rounds < 7):
        start = time.monotonic()
        one_round(bench, networks, found)
        rounds += 1
        longest = max(longest, time.monotonic() - start)
        print(f"run.sh: round {rounds} took {longest:.0f} s", file=sys.stderr)
    return found, rounds


def growth(bench, quick):
    """Rows of what the cost grows with: batch, width, threads."""
    modes = ["qat", "reestimate"]
    cases = [("batch", "resnet20", "3x32x32", b, 1.0, 1) for b in ((1, 8) if quick else (1, 4, 16, 64, 256))]
    cases += [("width", "mobilenet_v2", "3x32x32" if quick else "3x96x96", 8, w, 1)
              for w in ((0.25,) if quick else (0.25, 0.5, 0.75, 1.0))]
    cases += [("threads", "resnet20", "3x32x32", 16 if quick else 128, 1.0, t) for t in range(1, os.cpu_count() + 1)
              if t & (t - 1) == 0 or t == os.cpu_count()]
    rows = []
    for what, name, size, batch, width, threads in cases:
        timed = bench.time_refold(bench.model(name, size, 10, width), batch, threads, 3, modes)
        for mode in modes:
            rows.append({"grows": what, "network": name, "input": size, "batch": batch, "width": width, "threads": threads,
                         "mode": mode, "img_per_s": round(timed[mode]["img_per_s"], 1),
                         "ms_per_step": round(1000 * timed[mode]["step_seconds"], 2),
                         "peak_rss_mib": round(timed[mode]["peak_rss_mib"])})
    return rows


def median(runs, key):
    return statistics.median(one[key] for one in runs)


def comparison_table(found):
    lines = ["| network, batch | threads | mode | PyTorch img/s | refold img/s | ratio | of the limit | PyTorch MiB | refold MiB |",
             "|---|---|---|---|---|---|---|---|---|"]
    for (name, batch, threads, mode), runs in found.items():
        ours, peer = runs["refold"], runs["peer"]
        rate = median(ours, "img_per_s")
        theirs = f"{median(peer, 'img_per_s'):.1f}" if peer else "–"
        ratio = f"{rate / median(peer, 'img_per_s'):.2f}" if peer else "–"
        memory = f"{median(peer, 'peak_rss_mib'):.0f}" if peer else "–"
        lines.append(f"| {name}, {batch} | {threads} | {NAMES[mode]} | {theirs} | {rate:.1f} | {ratio} | "
                     f"{100 * median(ours, 'limit_ratio'):.0f} % | {memory} | {median(ours, 'peak_rss_mib'):.0f} |")
    return lines


def parts_table(found):
    first = next(iter(found.values()))["refold"][0]
    parts = [part for part in first["seconds"]]
    lines = ["| network | threads | mode | ms a step | " + " | ".join(part.replace("_", " ") for part in parts) + " |",
             "|---" * (4 + len(parts)) + "|"]
    for (name, _, threads, mode), runs in found.items():
        step = median(runs["refold"], "step_seconds")
        shares = [statistics.median(one["seconds"][part] for one in runs["refold"]) / step for part in parts]
        lines.append(f"| {name} | {threads} | {NAMES[mode]} | {1000 * step:.1f} | " +
                     " | ".join(f"{100 * share:.0f} %" if share >= 0.005 else "" for share in shares) + " |")
    return lines


def growth_table(rows):
    keys = list(rows[0])
    return ["| " + " | ".join(key.replace("_", " ") for key in keys) + " |", "|---" * len(keys) + "|"] + \
           ["| " + " | ".join(str(row[key]) for key in keys) + " |" for row in rows]


def machine(bench):
    doctor = json.loads(run([bench.refold, "doctor", "--json"]))
    torch = run([PYTHON, "-c", "import torch; print(torch.__version__)"]).strip() if bench.has_peer else "missing"
    allocator = os.path.basename(os.environ.get("PEER_ALLOCATOR", "glibc, told to keep its pages"))
    return [f"* {doctor['cpu']}, {doctor['instructions']}, {doctor['processors']} processors, "
            f"{doctor['memory_bytes'] / 2 ** 30:.0f} GiB; {platform.system()} {platform.release()}",
            f"* refold {doctor['version']} with oneDNN {doctor['onednn']}; PyTorch {torch}, allocator: {allocator}",
            f"* {datetime.date.today()}; load at the start {bench.load:.1f}" +
            (" – **the machine was busy: ratios say more than rates, and neither much**" if bench.load > 0.7 else "")]


def main():
    parser = argparse.ArgumentParser(prog="bench/run.sh", description="refold against PyTorch on this machine")
    parser.add_argument("--quick", action="store_true", help="resnet20 alone, few steps: whether everything runs")
    parser.add_argument("--refold", default="build/refold", type=os.path.abspath)
    parser.add_argument("--output", default=HERE, help="folder of RESULTS.md and growth.csv")
    parser.add_argument("--minutes", type=float, default=11.0, help="rounds are repeated within this time")
    options = parser.parse_args()
    # Threads that wait spin for some microseconds, as refold's do by itself: on a quiet machine nearly as fast as spinning
    # on, and both programs survive a busy one.
    os.environ.setdefault("GOMP_SPINCOUNT", "5000")
    begin = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(options, folder)
        bench.load = os.getloadavg()[0]
        rows = growth(bench, options.quick)
        found, rounds = compare(bench, QUICK if options.quick else NETWORKS,
                                begin if options.quick else begin + 60 * options.minutes)
        text = ["# Results", "", f"Made by `bench/run.sh{' --quick' if options.quick else ''}`: medians of {rounds} "
                f"round{'s' if rounds > 1 else ''} in turn, weights of 4 bits a channel, activations of 8; random samples.",
                "", *machine(bench), "", "## Against PyTorch", "", *comparison_table(found), "", "## Where a step's time goes",
                "", *parts_table(found), "", "## How the cost grows", "", *growth_table(rows), ""]
    with open(os.path.join(options.output, "RESULTS.md"), "w") as file:
        file.write("\n".join(text))
    with open(os.path.join(options.output, "growth.csv"), "w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys(), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    print(os.path.join(options.output, "RESULTS.md"))


main()
