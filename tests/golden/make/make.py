"""Makes the further golden cases beside this folder, in the form of AIMET's own: make.py [CASE ...]. Needs PyTorch and onnx."""
import json
import pathlib
import re
import sys
import warnings

import numpy as np
import onnx
import torch

import life
import networks

CASES = pathlib.Path(__file__).resolve().parent.parent / "cases"
BATCH, CLASSES = 16, 5
BATCHES = {"calib": 2, "train": 5, "reest": 2}

# case: network, configuration, lives; a life may take one of the configurations that AIMET ships instead
PLAN = {
    "residual_add": (networks.Residual, "per_channel.json", ["v1_tf_w4a8", "v1_tf_w8a8_default", "v2_tf_w8a8"]),
    "branches_concat": (networks.Branches, "per_channel.json", ["v1_tf_enhanced_w8a8", "v2_tf_enhanced_w4a8"]),
    "conv1d_linear": (networks.Lines, "per_channel.json", ["v1_tf_w4a8", "v1_tf_enhanced_w4a8_per-channel", "v2_tf_w8a8"]),
    "grouped_deconv": (networks.Deconvolutions, "per_channel.json", ["v1_tf_w8a8", "v2_tf_w4a8"]),
    "nested_functions": (networks.Nested, "per_channel.json", ["v1_tf_enhanced_w4a8"]),
    "bn_before_linear": (networks.BnBeforeLinear, "per_channel.json", ["v1_tf_w4a8"]),
    "gated": (networks.Gated, "strict_symmetric.json", ["v1_tf_w8a8"]),
}
SHIPPED = {"default": "aimet_default.json", "per-channel": "aimet_default_per_channel.json"}


def random_network(kind):
    """Weights as PyTorch draws them; BN as trained ones are, every third gamma negative."""
    torch.manual_seed(kind.seed)
    net = kind()
    for m in net.modules():
        if isinstance(m, life.BN):
            n = m.num_features
            m.weight.data = torch.rand(n) + 0.5
            m.weight.data[2::3] *= -1
            m.bias.data, m.running_mean.data = torch.randn(n) * 0.3, torch.randn(n) * 0.3
            m.running_var.data = torch.rand(n) + 0.3
    return net.eval()


def random_data(kind):
    """Values that float16 holds, so that the files are half as large."""
    generator = np.random.default_rng(kind.seed)

    def draw(*outer):
        return generator.standard_normal((*outer, BATCH, *kind.shape)).astype(np.float16)
    data = {name: draw(count) for name, count in BATCHES.items()}
    data["eval"] = draw()
    data["train_y"] = generator.integers(0, CLASSES, (BATCHES["train"], BATCH))
    return data


def scope_of(module):
    """"stem.0" -> "/stem/stem.0", as PyTorch names nodes."""
    parts, names = module.split("."), []
    for part in parts:
        names.append(f"{names[-1]}.{part}" if part.isdigit() and names else part)
    return "/" + "/".join(names)


class Names:
    """ONNX tensors of AIMET's quantizers."""

    def __init__(self, graph, sim):
        self.graph, self.ops = graph, {op.name: op for op in sim.ops if op.name}

    def nodes(self, module):
        return [n for n in self.graph.node if n.name.rpartition("/")[0] == scope_of(module)]

    def tensor(self, quantizer):
        module, _, which = quantizer.rpartition(".")
        if which == "output0":
            return self.nodes(module)[-1].output[0]
        if not which.startswith("input"):
            return quantizer
        made = {o for n in self.nodes(module) for o in n.output}
        initializers = {i.name for i in self.graph.initializer}
        sources = [i for n in self.nodes(module) for i in n.input if i not in made and i not in initializers]
        return sources[int(which[5:])]

    def as_json(self, sim):
        nodes = {m: [{"node": n.name, "op": n.op_type, "inputs": list(n.input), "outputs": list(n.output)}
                     for n in self.nodes(m)] for m in self.ops}
        tensors = {q: self.tensor(q) for q, _ in sim.quantizers()}
        return {"nodes": nodes, "quantizer_to_onnx_tensor": {"v1": tensors, "v2": tensors}}


def export(net, shape, path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(net, torch.zeros(BATCH, *shape), str(path), opset_version=13, do_constant_folding=False,
                          training=torch.onnx.TrainingMode.PRESERVE, input_names=["input"], output_names=["logits"],
                          dynamic_axes={"input": {0: "batch"}, "logits": {0: "batch"}})
    model = onnx.load(path)
    model.producer_version = ""
    onnx.save(model, path)
    return model.graph


def make(case):
    kind, config_file, lives = PLAN[case]
    folder = CASES / case
    folder.mkdir(parents=True, exist_ok=True)
    net, data = random_network(kind), random_data(kind)
    graph = export(net, kind.shape, folder / "model.onnx")
    for name, values in data.items():
        np.save(folder / f"{name}.npy", values)
    tensors = {n: torch.tensor(v.astype(np.float32) if n != "train_y" else v) for n, v in data.items()}
    sim = life.Sim(net, load_config(config_file), "v1", "tf", (8, 8))
    names = Names(graph, sim)
    write_json(folder / "map.json", names.as_json(sim))
    for name in lives:
        write_life(folder, name, config_file, net, tensors, names)
    print(case, sorted(q for q, _ in sim.quantizers()), "raises" if sim.raises else sim.pairs)


def load_config(name):
    return json.loads((CASES / SHIPPED.get(name, name)).read_text())


def write_life(folder, name, config_file, net, data, names):
    """NAME: generation, scheme, bits, and perhaps the configuration that AIMET ships."""
    generation, scheme, bits, shipped = re.fullmatch(r"(v[12])_(tf|tf_enhanced)_(w\d+a\d+)(?:_(.*))?", name).groups()
    param_bw, output_bw = (int(b) for b in bits[1:].split("a"))
    config = shipped or config_file
    arrays, info = life.live(net, load_config(config), data, generation, scheme, (param_bw, output_bw), names.tensor)
    with torch.no_grad():
        arrays["logits_fp32"] = net(data["eval"]).numpy()
    info.update(case=folder.name, config=config, packed=pack(arrays))
    del info["encodings_after_sgd"]
    np.savez_compressed(folder / f"{name}.npz", **arrays)
    write_json(folder / f"{name}.json", rounded(info))


def pack(arrays):
    """Arrays PREFIX/NAME become one array PREFIX, which is a third of the bytes; returns [NAME, elements] in their order."""
    order, groups = {}, {}
    for name in [n for n in arrays if "/" in n]:
        prefix, _, rest = name.partition("/")
        values = arrays.pop(name)
        if prefix != "param_initial" and "num_batches" not in rest:
            groups.setdefault(prefix, []).append(values.ravel())
            order.setdefault(prefix, []).append([rest, values.size])
    arrays.update({prefix: np.concatenate(values) for prefix, values in groups.items()})
    return order


def rounded(value):
    """Nine digits say every float32."""
    if isinstance(value, dict):
        return {k: rounded(v) for k, v in value.items()}
    if isinstance(value, list):
        return [rounded(v) for v in value]
    return float(f"{value:.9g}") if isinstance(value, float) else value


def write_json(path, value):
    path.write_text(json.dumps(value, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    torch.set_num_threads(1)
    for chosen in sys.argv[1:] or PLAN:
        make(chosen)
