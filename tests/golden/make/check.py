"""Is the reference AIMET? Lives every golden case again that AIMET itself lived, and compares all numbers: check.py SHARED/golden."""
import collections
import json
import pathlib
import sys

import numpy as np
import torch
from torch import nn

import life


def sequential(*layers):
    return nn.Sequential(collections.OrderedDict(layers))


def conv(w, name, **options):
    o, i, *kernel = w[f"{name}.weight"].shape
    return name, nn.Conv2d(i * options.get("groups", 1), o, tuple(kernel), bias=f"{name}.bias" in w, **options)


def linear(w, name):
    o, i = w[f"{name}.weight"].shape
    return name, nn.Linear(i, o, bias=f"{name}.bias" in w)


def bn(w, name, kind=nn.BatchNorm2d):
    return name, kind(len(w[f"{name}.weight"]))


def attributes(onnx_model, name):
    import onnx
    node = next(n for n in onnx_model.graph.node if n.name.startswith(f"/{name}/") and n.op_type != "Constant"
                and n.op_type != "Pad")
    a = {x.name: onnx.helper.get_attribute_value(x) for x in node.attribute}
    return {k: v for k, v in (("stride", tuple(a.get("strides", []))), ("padding", tuple(a.get("pads", [])[:2])),
                              ("groups", a.get("group"))) if v}


NETWORKS = {
    "conv_bn_relu_x2_gemm": "conv1 bn1 relu1 conv2 bn2 relu2 flatten fc",
    "dwsep_neg_gamma": "conv1 bn1 act1 dw bn2 act2 pw bn3 pool flatten fc",
    "convtranspose_bn": "conv1 bn1 relu1 deconv bn2 relu2 pool flatten fc",
    "linear_bn1d": "fc1 bn1 relu1 fc2 bn2 relu2 fc3",
    "bn_before_conv_pad0": "bn0 conv1 relu1 conv2 bn2 relu2 flatten fc",
}


def network(folder):
    import onnx
    w = {k[6:]: v for k, v in np.load(folder / "fp32.npz").items() if k.startswith("param/")}
    model, layers = onnx.load(folder / "model.onnx"), []
    for name in NETWORKS[folder.name].split():
        if name.startswith(("conv", "dw", "pw")):
            layers.append(conv(w, name, **attributes(model, name)))
        elif name == "deconv":
            i, o, *kernel = w["deconv.weight"].shape
            layers.append((name, nn.ConvTranspose2d(i, o, tuple(kernel), bias=False, **attributes(model, name))))
        elif name.startswith("bn"):
            layers.append(bn(w, name, nn.BatchNorm1d if folder.name == "linear_bn1d" else nn.BatchNorm2d))
        elif name.startswith("fc"):
            layers.append(linear(w, name))
        elif name == "pool":
            kernel = next(a for n in model.graph.node if n.op_type == "AveragePool" for a in n.attribute
                          if a.name == "kernel_shape").ints
            layers.append((name, nn.AvgPool2d(tuple(kernel), **{k: v for k, v in attributes(model, name).items() if k == "stride"})))
        else:
            layers.append((name, {"relu": nn.ReLU, "act": nn.ReLU6, "flatten": nn.Flatten}[name.rstrip("012")]()))
    net = sequential(*layers)
    net.load_state_dict({k: torch.tensor(v) for k, v in w.items()})
    return net.eval()


def load_data(folder):
    names = ("calib", "train", "train_y", "reest", "eval")
    return {n: torch.tensor(np.load(folder / f"{n}.npy")) for n in names}


def difference(a, e, relative_to=1.0):
    a, e = np.asarray(a, np.float64).reshape(-1), np.asarray(e, np.float64).reshape(-1)
    return float(np.max(np.abs(a - e)) / max(relative_to, np.max(np.abs(e)))) if e.size else 0.0


def compare_arrays(arrays, golden):
    worst = {}
    for name in golden.files:
        if "num_batches" in name or name == "logits_fp32":
            continue
        if name not in arrays:
            worst.setdefault("missing", []).append(name)
            continue
        prefix = name.split("/")[0]
        d = difference(arrays[name], golden[name], 1e-3)
        worst[prefix] = max(worst.get(prefix, (0, "")), (d, name))
    return worst


def compare_encodings(info, golden):
    for stage in ("encodings_calibrated", "encodings_after_sgd", "encodings_after_fold"):
        if stage not in golden:
            continue
        assert set(info[stage]) >= set(golden[stage]), (stage, set(golden[stage]) ^ set(info[stage]))
        d = [(difference(info[stage][q][k], e[k], 1e-3), q, k) for q, e in golden[stage].items()
             for k in ("min", "max", "scale", "offset")]
        yield stage, max(d)


def main():
    torch.set_num_threads(1)
    root = pathlib.Path(sys.argv[1])
    for folder in sorted(p for p in root.iterdir() if p.is_dir()):
        net, data = network(folder), load_data(folder)
        names = json.loads((folder / "map.json").read_text())
        for path in sorted(folder.glob("v?_*.json")):
            golden = json.loads(path.read_text())
            config = json.loads((root / f"config_per_{'channel' if golden['per_channel'] else 'tensor'}.json").read_text())
            tensor_of = lambda q: names["quantizer_to_onnx_tensor"][golden["aimet"]].get(q, q)  # noqa: E731
            arrays, info = life.live(net, config, data, golden["aimet"], golden["scheme"],
                                     (golden["param_bw"], golden["output_bw"]), tensor_of, golden["post_training"])
            worst = compare_arrays(arrays, np.load(path.with_suffix(".npz")))
            print(folder.name, path.stem)
            for k, v in list(worst.items()) + list(compare_encodings(info, golden)):
                print(f"    {k}: {v}")


if __name__ == "__main__":
    main()
