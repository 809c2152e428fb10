"""Small networks that PyTorch trains for some steps: models, losses and what became of the weights, for tests/train/test_pytorch.c.

training.py FOLDER writes NAME.onnx (before the first step) and losses.txt. Inputs and weights come from a generator of integers
that the test has as well, so no data is stored. torch 1.13; needs no network."""
import pathlib
import sys
import warnings

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

# Layers in front of a BN have no bias: its gradient is rounding alone, of which Adam makes full steps.
BATCH, STEPS, CLASSES = 8, 8, 3


def numbers(count, seed):
    """Uniform in [-1, 1): the test makes the same floats."""
    state, out = np.uint64(seed), np.empty(count, np.float32)
    with np.errstate(over="ignore"):
        for i in range(count):
            state = state * np.uint64(6364136223846793005) + np.uint64(1442695040888963407)
            out[i] = float(int(state >> np.uint64(40))) / 2.0 ** 23 - 1.0
    return out


class Plain(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Conv2d(3, 6, 3, padding=1, bias=False), nn.BatchNorm2d(6), nn.ReLU(), nn.MaxPool2d(2),
                         nn.Conv2d(6, 8, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU6(), nn.AdaptiveAvgPool2d(1),
                         nn.Flatten(), nn.Linear(8, CLASSES))


class Mobile(nn.Module):
    """Depthwise convolution, hard-swish, squeeze and excitation, a residual."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(8), nn.Hardswish())
        self.depth = nn.Sequential(nn.Conv2d(8, 8, 3, padding=1, groups=8, bias=False), nn.BatchNorm2d(8), nn.Hardswish())
        self.squeeze, self.excite = nn.Conv2d(8, 4, 1), nn.Conv2d(4, 8, 1)
        self.project = nn.Sequential(nn.Conv2d(8, 8, 1, bias=False), nn.BatchNorm2d(8))
        self.head = nn.Linear(8, CLASSES)

    def forward(self, x):
        x = self.stem(x)
        y = self.depth(x)
        gate = F.hardsigmoid(self.excite(F.relu(self.squeeze(F.adaptive_avg_pool2d(y, 1)))))
        y = x + self.project(y * gate)
        return self.head(y.mean((2, 3)))


class UNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.down = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4), nn.SiLU())
        self.deep = nn.Sequential(nn.Conv2d(4, 6, 3, padding=1, bias=False), nn.BatchNorm2d(6), nn.LeakyReLU(0.1))
        self.up = nn.ConvTranspose2d(6, 4, 2, stride=2)
        self.join = nn.Conv2d(14, CLASSES, 3, padding=1)

    def forward(self, x):
        a = self.down(x)
        b = self.deep(F.max_pool2d(a, 2))
        wide = F.interpolate(b, scale_factor=2.0, mode="bilinear", align_corners=False)
        return self.join(torch.cat([a, self.up(b), wide], 1)).amax((2, 3))


class Linear(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Flatten(), nn.Linear(192, 8, bias=False), nn.BatchNorm1d(8), nn.GELU(), nn.Linear(8, 8, bias=False),
                         nn.BatchNorm1d(8), nn.Mish(), nn.Linear(8, CLASSES))


class Norms(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.group, self.slope = nn.Conv2d(3, 8, 3, stride=2), nn.GroupNorm(2, 8), nn.PReLU(8)
        self.instance = nn.InstanceNorm2d(8, affine=True)
        self.layer, self.head = nn.LayerNorm(8), nn.Linear(8, CLASSES)

    def forward(self, x):
        x = self.slope(self.group(self.conv(x)))
        x = F.softplus(self.instance(x)).permute(0, 2, 3, 1)
        return F.log_softmax(self.head(self.layer(x).mean((1, 2))), 1)


NETWORKS = {"plain": (Plain, 14), "mobile": (Mobile, 13), "unet": (UNet, 11), "linear": (Linear, 9), "norms": (Norms, 17)}
RULES = {"sgd": dict(lr=0.05, momentum=0.9, weight_decay=0.01), "adam": dict(lr=0.01)}


def make(kind):
    torch.manual_seed(0)
    model = kind()
    for i, p in enumerate(model.parameters()):
        values = torch.from_numpy(numbers(p.numel(), 100 + i)).reshape(p.shape)
        with torch.no_grad():
            if p.ndim > 1:
                p.copy_(values * (2.0 / p[0].numel()) ** 0.5)
            else:
                p.add_(0.1 * values)
    return model


def optimizer(model, rule):
    """refold lets weights of layers decay, and neither biases nor parameters of normalizations. The file has GroupNorm spelt out,
    and its scale is the weight of a Mul."""
    layers = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear, nn.PReLU, nn.GroupNorm)
    weights = [m.weight for m in model.modules() if isinstance(m, layers)]
    others = [p for p in model.parameters() if all(p is not w for w in weights)]
    options = dict(RULES[rule])
    decay = options.pop("weight_decay", 0.0)
    groups = [{"params": weights, "weight_decay": decay}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.SGD(groups, **options) if rule == "sgd" else torch.optim.Adam(groups, **options)


def train(model, rule, x, y):
    model.train()
    step, losses = optimizer(model, rule), []
    for _ in range(STEPS):
        loss = F.cross_entropy(model(x), y)
        step.zero_grad()
        loss.backward()
        step.step()
        losses.append(loss.item())
    return losses


def tensors(model):
    """Of each parameter and statistic: sum and sum of absolutes."""
    for name, t in model.state_dict().items():
        if t.dtype == torch.float32:
            yield name, t.double().sum().item(), t.double().abs().sum().item()


def main(folder):
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    x = torch.from_numpy(numbers(BATCH * 3 * 8 * 8, 1)).reshape(BATCH, 3, 8, 8)
    y = torch.arange(BATCH) % CLASSES
    lines = []
    for name, (kind, opset) in NETWORKS.items():
        torch.onnx.export(make(kind).eval(), x, folder / f"{name}.onnx", opset_version=opset, input_names=["input"], output_names=["logits"],
                          training=torch.onnx.TrainingMode.PRESERVE, do_constant_folding=False)
        for rule in RULES:
            model = make(kind)
            lines.append(f"run {name} {rule}")
            lines += [f"loss {v:.9g}" for v in train(model, rule, x, y)]
            lines += [f"tensor {n} {s:.9g} {a:.9g}" for n, s, a in tensors(model)]
    (folder / "losses.txt").write_text("\n".join(lines) + "\n")


main(pathlib.Path(sys.argv[1]))
