#!/usr/bin/env python3
"""usage: refold reestimate SIM ... --json | drift.py: by BN layer, how far re-estimation moved the statistics.

mean_shift: |new mean - old mean| / old standard deviation, median and largest of the channels; var_ratio: new variance / old,
smallest, median, largest. One JSON document on standard output.
"""
import json
import math
import sys


def median(values):
    return sorted(values)[len(values) // 2]


def drift(layer):
    tiny = 1e-30
    shifts = [abs(new - old) / math.sqrt(var + tiny)
              for new, old, var in zip(layer["mean_after"], layer["mean_before"], layer["var_before"])]
    ratios = [new / (old + tiny) for new, old in zip(layer["var_after"], layer["var_before"])]
    return {"bn": layer["bn"], "channels": len(shifts),
            "mean_shift": [round(median(shifts), 4), round(max(shifts), 4)],
            "var_ratio": [round(f(ratios), 4) for f in (min, median, max)]}


document = json.load(sys.stdin)
layers = ",\n    ".join(json.dumps(drift(layer)) for layer in document["layers"])
print(f'{{\n  "batches": {document["batches"]},\n  "layers": [\n    {layers}\n  ]\n}}')
