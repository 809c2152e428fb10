"""One life of an AIMET simulation: calibrate, one backward pass, five SGD steps, re-estimate, fold to scale, exported encodings."""
import copy

import numpy as np
import torch
from torch import nn
from torch.nn import functional

import analyzers
import placement
import quantizers

BN = (nn.BatchNorm1d, nn.BatchNorm2d)


class Sim:
    def __init__(self, model, config, generation, scheme, bws, post_training=False):
        self.model, self.generation, self.scheme = copy.deepcopy(model).eval(), generation, scheme
        self.post_training, self.bws, self.defaults = post_training, bws, config["defaults"]
        self.ops, pairs, per_channel = placement.place(self.model, config)
        self.wrappers = {}
        for op in self.ops:
            if op.layer is not None:
                self.wrap(op, per_channel[op.name])
        self.pairs = [(layer.name, bn.name) for bn, layer in pairs.items()]
        self.refused = [placement.refused_pair(op).name for op in self.ops if placement.refused_pair(op)]
        self.raises = any(placement.forward_pair(op, pairs) for op in self.ops)

    def wrap(self, op, per_channel):
        parent, _, name = op.name.rpartition(".")
        w = quantizers.Wrapper(op.layer, len(op.sources), self.new_activation,
                               lambda layer, p: self.new_parameter(placement.axis_of(layer, p, per_channel)))
        for i, on in enumerate(op.inputs):
            w.inputs[i].enabled = on
        w.output.enabled = op.output
        for p, q in w.params.items():
            q.enabled = op.params.get(p, False)
        setattr(self.model.get_submodule(parent) if parent else self.model, name, w)
        self.wrappers[op.name] = w

    def new_activation(self):
        symmetric = self.defaults["ops"].get("is_symmetric") == "True"
        return quantizers.Quantizer(self.generation, self.bws[1], symmetric, strict=symmetric and self.strict)

    def new_parameter(self, axis):
        symmetric = self.defaults["params"].get("is_symmetric") == "True"
        return quantizers.Quantizer(self.generation, self.bws[0], symmetric, axis, symmetric and self.strict)

    @property
    def strict(self):
        return self.defaults.get("strict_symmetric") == "True"

    # --------------------------------------------------------------------------------- reading

    def quantizers(self):
        for name, w in self.wrappers.items():
            for which, q in w.named_quantizers():
                if q.enabled:
                    yield f"{name}.{which}", q

    def tensors(self, trainable):
        """NAME -> tensor: layers' parameters, or BN statistics; ends of ranges."""
        for name, w in self.wrappers.items():
            for p, v in (w.layer.named_parameters() if trainable else w.layer.named_buffers()):
                yield f"{name}.{p}", v
        for name, q in self.quantizers() if trainable else ():
            yield f"{name}.enc_min", q.low
            yield f"{name}.enc_max", q.high

    def bns(self):
        return {n: w.layer for n, w in self.wrappers.items() if isinstance(w.layer, BN)}

    def set_bn_mode(self, train):
        self.model.eval()
        for bn in self.bns().values():
            bn.train(train)

    # ----------------------------------------------------------------------------------- steps

    def new_analyzer(self, percent=100.0):
        return analyzers.analyzer(self.generation, self.scheme, percent)

    def calibrate(self, batches):
        observers = {q: self.new_analyzer() for _, q in self.quantizers()}
        for w in self.wrappers.values():
            for p, q in w.params.items():
                if q.enabled:
                    q.observe_parameter(getattr(w.layer, p).detach(), self.new_analyzer)
            w.analysis = observers
        with torch.no_grad():
            for x in batches:
                self.model(x)
        for w in self.wrappers.values():
            w.analysis = None
        for name, q in self.quantizers():
            if q.encodings is None:
                q.calibrate([observers[q]])
            if not self.post_training:
                q.start_learning()

    def logits(self, x):
        self.model.eval()
        with torch.no_grad():
            return self.model(x)

    def gradients(self, x, y, bn_train):
        """Of the mean cross-entropy; leaves no trace in the statistics."""
        saved = copy.deepcopy(dict(self.tensors(trainable=False)))
        self.set_bn_mode(bn_train)
        self.model.zero_grad()
        logits = self.model(x)
        loss = functional.cross_entropy(logits, y)
        loss.backward()
        found = {n: v.grad.clone() for n, v in self.tensors(trainable=True)}
        self.model.zero_grad()
        with torch.no_grad():
            for n, v in self.tensors(trainable=False):
                v.copy_(saved[n])
        return logits.detach(), float(loss.detach()), found

    def train(self, xs, ys):
        losses = []
        optimizer = torch.optim.SGD([v for _, v in self.tensors(trainable=True)], lr=0.01, momentum=0.9)
        self.set_bn_mode(True)
        for x, y in zip(xs, ys):
            optimizer.zero_grad()
            loss = functional.cross_entropy(self.model(x), y)
            loss.backward()
            optimizer.step()
            losses.append(float(loss.detach()))
        return losses

    def reestimate(self, batches):
        bns = self.bns()
        momenta = {n: bn.momentum for n, bn in bns.items()}
        sums = {n: [torch.zeros_like(bn.running_mean), torch.zeros_like(bn.running_var)] for n, bn in bns.items()}
        self.set_bn_mode(True)
        for bn in bns.values():
            bn.reset_running_stats()
            bn.momentum = 1.0
        with torch.no_grad():
            for x in batches:
                self.model(x)
                for n, bn in bns.items():
                    sums[n][0] += bn.running_mean
                    sums[n][1] += bn.running_var
            for n, bn in bns.items():
                bn.running_mean.copy_(sums[n][0] / len(batches))
                bn.running_var.copy_(sums[n][1] / len(batches))
                bn.momentum = momenta[n]
        self.model.eval()

    def fold(self):
        """[layer, ...] folded, or None where AIMET raises."""
        if self.raises:
            return None
        for layer_name, bn_name in self.pairs:
            self.fold_pair(self.wrappers[layer_name], self.wrappers[bn_name])
            del self.wrappers[bn_name]
        return [layer for layer, _ in self.pairs]

    @staticmethod
    def fold_pair(layer, bn):
        q, b, w = layer.params["weight"], bn.layer, layer.layer
        with torch.no_grad():
            c = b.weight / torch.sqrt(b.running_var + b.eps)
            bias = torch.zeros_like(b.bias) if w.bias is None else w.bias
            w.bias = nn.Parameter(b.bias - (b.running_mean - bias) * c)
            shape = [1] * w.weight.dim()
            shape[1 if isinstance(w, nn.ConvTranspose2d) else 0] = -1
            w.weight.mul_(c.reshape(shape))
            # A range per tensor takes the first channel's factor, silently.
            factor = (c if q.low.numel() > 1 else c[:1]).reshape(q.low.shape)
            low, high = q.low * factor, q.high * factor
            q.low.copy_(torch.where(factor < 0, high, low))
            q.high.copy_(torch.where(factor < 0, low, high))
        layer.output, bn.layer, bn.output = bn.output, nn.Identity(), layer.output
        bn.params = nn.ModuleDict()

    def quantized_weights(self):
        with torch.no_grad():
            return {f"{n}.{p}": q(getattr(w.layer, p)) for n, w in self.wrappers.items()
                    for p, q in w.params.items() if q.enabled}

    def describe(self):
        return {n: q.describe() for n, q in self.quantizers()}

    # ---------------------------------------------------------------------------------- export

    def exported(self, version, tensor_of, per_channel):
        activations, params = {}, {}
        for name, q in self.quantizers():
            is_param = not name.rpartition(".")[2].startswith(("input", "output"))
            (params if is_param else activations)[name if is_param else tensor_of(name)] = (q, q.exported())
        arguments = {"activation_bitwidth": self.bws[1], "dtype": "int", "is_symmetric": self.defaults["params"].get("is_symmetric") == "True",
                     "param_bitwidth": self.bws[0], "per_channel_quantization": per_channel,
                     "quant_scheme": "post_training_tf" + ("" if self.scheme == "tf" else "_enhanced")}
        write = entry_100 if version == "1.0.0" else entry_061
        sections = [{n: write(n, q, rows) for n, (q, rows) in s.items()} for s in (activations, params)]
        if version == "1.0.0":
            sections = [list(s.values()) for s in sections]
        return {"version": version, "activation_encodings": sections[0], "param_encodings": sections[1],
                "excluded_layers": [], "quantizer_args": arguments}


def entry_061(_name, q, rows):
    return [{"bitwidth": q.bw, "dtype": "int", "is_symmetric": str(q.symmetric), "max": M, "min": m, "offset": o,
             "scale": s} for m, M, s, o in rows]


def entry_100(name, q, rows):
    return {"name": name, "dtype": "INT", "enc_type": "PER_TENSOR" if q.axis is None else "PER_CHANNEL", "bw": q.bw,
            "is_sym": q.symmetric, "scale": [r[2] for r in rows], "offset": [r[3] for r in rows]}


def live(model, config, data, generation, scheme, bws, tensor_of, post_training=False):
    """(arrays, json) of a whole life, with the keys of the golden files."""
    per_channel = config["defaults"]["per_channel_quantization"] == "True"
    sim = Sim(model, config, generation, scheme, bws, post_training)
    arrays = {}
    info = {"aimet": generation, "scheme": scheme, "param_bw": bws[0], "output_bw": bws[1], "per_channel": per_channel,
            "post_training": post_training}

    def keep(prefix, items):
        arrays.update({f"{prefix}/{n}": np.array(v.detach().numpy()) for n, v in items})

    def keep_logits(stage):
        arrays[f"logits_{stage}"] = sim.logits(data["eval"]).numpy()

    sim.calibrate(data["calib"])
    info["encodings_calibrated"] = sim.describe()
    keep("weight_qdq_calibrated", sim.quantized_weights().items())
    keep_logits("calibrated")
    if post_training:
        return arrays, info
    keep("param_initial", sim.tensors(trainable=True))
    for mode in ("eval", "train"):
        logits, loss, found = sim.gradients(data["train"][0], data["train_y"][0], mode == "train")
        arrays[f"logits_grad_bn_{mode}"], info[f"loss_grad_bn_{mode}"] = logits.numpy(), loss
        keep(f"grad_bn_{mode}", found.items())
    info["sgd"] = {"lr": 0.01, "momentum": 0.9, "weight_decay": 0, "steps": 5, "losses": sim.train(data["train"], data["train_y"])}
    keep("param_after_sgd", sim.tensors(trainable=True))
    keep("bn_after_sgd", sim.tensors(trainable=False))
    keep_logits("after_sgd")
    info["encodings_after_sgd"] = sim.describe()
    sim.reestimate(data["reest"])
    keep("bn_after_reestimation", sim.tensors(trainable=False))
    keep_logits("after_reestimation")
    folded = sim.fold()
    info["fold"] = {"pairs": [[n] for n in (folded + sim.refused if folded is not None else [])], "bn_left": sorted(sim.bns()),
                    "error": None if folded is not None else "Forward folding to scale is not possible"}
    keep("param_after_fold", sim.tensors(trainable=True))
    keep("weight_qdq_after_fold", sim.quantized_weights().items())
    keep_logits("after_fold")
    info["encodings_after_fold"] = sim.describe()
    for version in ("0.6.1", "1.0.0"):
        info[f"export_encodings_{version}"] = sim.exported(version, tensor_of, per_channel)
    return arrays, info
