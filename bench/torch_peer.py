"""The same work in PyTorch, at its best on a CPU: one mode of one network, timed, as one line of JSON.

usage: torch_peer.py --model resnet20|resnet18|mobilenet_v2 --mode infer|train|qat|reestimate
                     [--batch B] [--threads T] [--repeat N]

Memory is channels last. Quantizers are PyTorch's learnable fake-quantize kernels, one pass forward and one backward:
weights of 4 bits a channel, activations of 8 bits a tensor, on the model's input and behind each block of convolution,
batch normalization and activation, each sum and the classifier. `qat` is a step of SGD with learned ranges; `reestimate` the
forward pass alone, batch normalization on batch statistics. The allocator is told to keep its pages, since giving them back
costs more than anything else; run.sh puts jemalloc or tcmalloc in its place where they are installed.
"""
import argparse
import json
import os
import resource
import statistics
import sys
import time

# glibc reads these when a process starts, so it is started once more.
KEEP_PAGES = {"MALLOC_MMAP_THRESHOLD_": str(1 << 33), "MALLOC_TRIM_THRESHOLD_": str(1 << 34),
              "MALLOC_TOP_PAD_": str(1 << 28)}
if __name__ == "__main__" and "MALLOC_TOP_PAD_" not in os.environ:
    os.execve(sys.executable, [sys.executable, *sys.argv], KEEP_PAGES | os.environ)

import torch
from torch import nn

ACTIVATION_BITS, WEIGHT_BITS, WARM_UP = 8, 4, 2


class Activations(nn.Module):
    """Codes 0 to 255 of one learned range."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.full((1,), 4.0 / (2 ** ACTIVATION_BITS - 1)))
        self.zero_point = nn.Parameter(torch.full((1,), 2.0 ** (ACTIVATION_BITS - 1)))

    def forward(self, x):
        return torch._fake_quantize_learnable_per_tensor_affine(
            x, self.scale, self.zero_point, 0, 2 ** ACTIVATION_BITS - 1, 1.0)


class QuantizedWeight:
    """Mixed into a layer: its weights on a symmetric grid a channel, where `quantize` was called."""
    on_grid = False

    def quantize(self):
        largest = self.weight.detach().abs().flatten(1).max(1).values.clamp(min=1e-6)
        self.weight_scale = nn.Parameter(largest / (2 ** (WEIGHT_BITS - 1) - 1))
        self.register_buffer("weight_zero", torch.zeros_like(largest))
        self.on_grid = True

    def grid_weight(self):
        if not self.on_grid:
            return self.weight
        half = 2 ** (WEIGHT_BITS - 1)
        return torch._fake_quantize_learnable_per_channel_affine(
            self.weight, self.weight_scale, self.weight_zero, 0, -half, half - 1, 1.0)


class Conv(QuantizedWeight, nn.Conv2d):
    def forward(self, x):
        return self._conv_forward(x, self.grid_weight(), self.bias)


class Linear(QuantizedWeight, nn.Linear):
    def forward(self, x):
        return nn.functional.linear(x, self.grid_weight(), self.bias)


def block(builder, channels_in, channels_out, kernel, stride=1, groups=1, activation=nn.ReLU):
    conv = Conv(channels_in, channels_out, kernel, stride, kernel // 2, groups=groups, bias=False)
    layers = [conv, nn.BatchNorm2d(channels_out)]
    if activation:
        # What the quantizer behind it needs is its output alone, so the input may be overwritten.
        layers.append(activation(inplace=True))
    return nn.Sequential(*layers, *builder.quantizer())


class Sum(nn.Module):
    """body(x) + shortcut(x), an activation, a quantizer."""

    def __init__(self, builder, body, shortcut=None, activation=False):
        super().__init__()
        self.body, self.shortcut, self.activation = body, shortcut, activation
        self.quantizer = nn.Sequential(*builder.quantizer())

    def forward(self, x):
        y = self.body(x) + (self.shortcut(x) if self.shortcut else x)
        return self.quantizer(y.relu_() if self.activation else y)


class Builder:
    def __init__(self, quantized):
        self.quantized = quantized

    def quantizer(self):
        return [Activations()] if self.quantized else []

    def basic(self, channels_in, channels_out, stride):
        body = nn.Sequential(block(self, channels_in, channels_out, 3, stride),
                             block(self, channels_out, channels_out, 3, activation=None))
        shortcut = None
        if stride != 1 or channels_in != channels_out:
            shortcut = block(self, channels_in, channels_out, 1, stride, activation=None)
        return Sum(self, body, shortcut, activation=True)

    def residual_stages(self, layers, widths, repeats, classes):
        at = widths[0]
        for stage, channels in enumerate(widths):
            for i in range(repeats):
                layers.append(self.basic(at, channels, 2 if stage and not i else 1))
                at = channels
        return self.finish(layers, at, classes)

    def finish(self, layers, features, classes):
        return nn.Sequential(*self.quantizer(), *layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), *self.quantizer(),
                             Linear(features, classes), *self.quantizer())

    def resnet20(self):
        return self.residual_stages([block(self, 3, 16, 3)], (16, 32, 64), 3, 10), 32

    def resnet18(self):
        stem = [block(self, 3, 64, 7, 2), nn.MaxPool2d(3, 2, 1)]
        return self.residual_stages(stem, (64, 128, 256, 512), 2, 1000), 224

    def inverted(self, at, channels, stride, expansion):
        hidden = at * expansion
        layers = [block(self, at, hidden, 1, activation=nn.ReLU6)] if expansion != 1 else []
        layers.append(block(self, hidden, hidden, 3, stride, hidden, nn.ReLU6))
        layers.append(block(self, hidden, channels, 1, activation=None))
        body = nn.Sequential(*layers)
        return Sum(self, body) if stride == 1 and at == channels else body

    def mobilenet_v2(self):
        at = 32
        layers = [block(self, 3, at, 3, 2, activation=nn.ReLU6)]
        for expansion, channels, repeats, stride in ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2),
                                                     (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)):
            for i in range(repeats):
                layers.append(self.inverted(at, channels, 1 if i else stride, expansion))
                at = channels
        layers.append(block(self, at, 1280, 1, activation=nn.ReLU6))
        return self.finish(layers, 1280, 1000), 224


def make_step(net, mode, x, labels):
    net.train(mode in ("train", "qat"))
    if mode == "reestimate":
        for layer in net.modules():
            if isinstance(layer, nn.BatchNorm2d):
                layer.train()
    if mode in ("infer", "reestimate"):
        def step():
            with torch.inference_mode():
                net(x)
        return step
    optimizer = torch.optim.SGD(net.parameters(), lr=1e-4, momentum=0.9, foreach=True)
    loss = nn.CrossEntropyLoss()

    def step():
        optimizer.zero_grad(set_to_none=True)
        loss(net(x), labels).backward()
        optimizer.step()
    return step


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=("resnet20", "resnet18", "mobilenet_v2"), required=True)
    parser.add_argument("--mode", choices=("infer", "train", "qat", "reestimate"), required=True)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeat", type=int, default=10)
    options = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(options.threads)
    quantized = options.mode in ("qat", "reestimate")
    net, size = getattr(Builder(quantized), options.model)()
    for layer in net.modules() if quantized else ():
        if isinstance(layer, QuantizedWeight):
            layer.quantize()
    net = net.to(memory_format=torch.channels_last)
    x = torch.randn(options.batch, 3, size, size).contiguous(memory_format=torch.channels_last)
    step = make_step(net, options.mode, x, torch.arange(options.batch) % 10)
    seconds = []
    for _ in range(WARM_UP + options.repeat):
        start = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - start)
    step_seconds = statistics.median(seconds[WARM_UP:])
    print(json.dumps({"version": torch.__version__, "model": options.model, "mode": options.mode, "batch": options.batch,
                      "threads": options.threads, "img_per_s": options.batch / step_seconds,
                      "step_seconds": step_seconds,
                      "peak_rss_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))


main()
