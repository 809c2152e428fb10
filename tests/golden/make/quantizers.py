"""AIMET's learned and static quantizers as torch modules around one layer each: v1 (LearnedGrid, StaticGrid) and v2 (affine)."""
import math

import torch
from torch.nn.utils import stateless

import analyzers


class Learned(torch.autograd.Function):
    """Quantize and come back; the gradients of both ends are AIMET's."""

    @staticmethod
    def forward(ctx, x, low, high, q):
        scale, offset, n = q.grid(low, high)
        real = x / scale
        code = torch.round(real) - offset
        clamped = torch.clamp(code, 0, n)
        ctx.q, ctx.mask = q, (code == clamped)
        ctx.save_for_backward(real, clamped + offset, scale, low, high)
        return (clamped + offset) * scale

    @staticmethod
    def backward(ctx, g):
        real, shifted, scale, low, high = ctx.saved_tensors
        q, mask = ctx.q, ctx.mask.to(g.dtype)
        n = analyzers.steps(q.bw, q.strict)
        s = q.reduce((shifted - mask * real) * g, low)
        if q.symmetric:
            d_high = s / (n // 2 if q.generation == "v1" else n)
            return g * mask, -d_high, d_high, None
        o = q.reduce(scale * g * (1 - mask), low)
        span = (high - low) ** 2
        return g * mask, -s / n + high * n / span * o, s / n - low * n / span * o, None


class Quantizer(torch.nn.Module):
    """One tensor's quantizer. `axis`: channels of a parameter, None per tensor."""

    def __init__(self, generation, bw, symmetric, axis=None, strict=False):
        super().__init__()
        self.generation, self.bw, self.symmetric, self.strict, self.axis = generation, bw, symmetric, strict, axis
        self.enabled, self.learned, self.encodings = False, False, None

    def calibrate(self, observers):
        self.encodings = [o.encoding(self.bw, self.symmetric, strict=self.strict) for o in observers]

    def observe_parameter(self, w, new_observer):
        slices = [w] if self.axis is None else torch.unbind(w, self.axis)
        observers = []
        for s in slices:
            observers.append(new_observer())
            observers[-1].update(s.detach().reshape(-1).numpy())
        self.calibrate(observers)
        self.shape = [1] * w.dim()
        self.shape[self.axis or 0] = len(slices)
        if self.axis is None:
            self.shape = [1]

    def start_learning(self):
        ends = [e[:2] for e in self.encodings]
        if self.generation == "v1" and self.symmetric:
            ends = [(-M, M) for _, M in ends]
        shape = getattr(self, "shape", [1])
        if self.generation == "v1":
            shape = [len(ends)]
        elif len(ends) == 1:
            shape = []
        self.low = torch.nn.Parameter(torch.tensor([e[0] for e in ends]).reshape(shape))
        self.high = torch.nn.Parameter(torch.tensor([e[1] for e in ends]).reshape(shape))
        self.learned = True

    # ------------------------------------------------------------------------------------ arithmetic

    def spread(self, end):
        return end.reshape(self.shape) if self.axis is not None else end.reshape([])

    def reduce(self, terms, end):
        if self.axis is None:
            return terms.sum().reshape(end.shape)
        others = [d for d in range(terms.dim()) if d != self.axis]
        return (terms.sum(others) if others else terms).reshape(end.shape)

    def grid(self, low, high):
        """scale, offset, highest code."""
        n = analyzers.steps(self.bw, self.strict)
        if self.symmetric:
            scale = high / (n // 2) if self.generation == "v1" else (high - low) / n
            return scale, -float(math.ceil(n / 2)), n
        scale = (high - low) / n
        if self.generation == "v2":
            return scale, torch.round(low / scale), n
        return scale, -torch.clamp(torch.round(-low / scale), 0, n), n

    def gate(self):
        if self.generation == "v2":
            return
        with torch.no_grad():
            self.low.clamp_(max=0.0)
            self.high.clamp_(min=0.0)
            self.high.copy_(torch.maximum(self.high, self.low + 1e-5))

    def forward(self, x):
        if not self.enabled:
            return x
        if not self.learned:
            return self.static(x)
        self.gate()
        return Learned.apply(x, self.spread(self.low), self.spread(self.high), self)

    def static(self, x):
        """The static grid of v1; in v2 the learned grid with ends that stand still."""
        if self.generation == "v2":
            low = self.spread(torch.tensor([e[0] for e in self.encodings], dtype=torch.float32))
            high = self.spread(torch.tensor([e[1] for e in self.encodings], dtype=torch.float32))
            return Learned.apply(x, low, high, self)
        ends = torch.tensor([e[:2] for e in self.encodings], dtype=torch.float64)
        low, high = ends[:, 0].clamp(max=0.0), ends[:, 1].clamp(min=0.0)
        high = torch.maximum(high, low + 1e-5)
        n = analyzers.steps(self.bw)
        if low[0] == -high[0]:
            n -= 1
        if self.axis is None:
            return self.static_tensor(x, low, high, n)
        low, high = self.spread(low.float()), self.spread(high.float())
        scale = (high - low) / n
        offset = torch.round(low / scale)
        code = torch.round(torch.minimum(torch.maximum(x, low), high) / scale - offset)
        return (code + offset) * scale

    @staticmethod
    def static_tensor(x, low, high, n):
        scale = (high - low) / n
        offset = torch.sign(low / scale) * torch.floor((low / scale).abs() + 0.5)
        low = offset * scale
        high = (scale * n + low).float().reshape([])
        scale, offset, low = (v.float().reshape([]) for v in (scale, offset, low))
        real = torch.minimum(torch.maximum(x, low), high) / scale - offset
        return scale * (torch.sign(real) * torch.floor(real.abs() + 0.5) + offset)

    # ------------------------------------------------------------------------------------- reading

    def ends(self):
        if self.learned:
            return self.low.detach(), self.high.detach()
        ends = torch.tensor([e[:2] for e in self.encodings], dtype=torch.float32)
        return ends[:, 0], ends[:, 1]

    def describe(self):
        """An entry of encodings_*: v1 the stored symmetric pair, else the ends of the grid; one number a channel."""
        low, high = self.ends()
        if not self.learned:
            scale = [e[2] for e in self.encodings]
            offset = [e[3] for e in self.encodings]
            return entry(self, low, high, scale, offset)
        scale, offset, n = self.grid(low, high)
        offset = torch.as_tensor(offset) + torch.zeros_like(scale)
        if not self.symmetric or self.generation == "v2":
            low, high = offset * scale, (high - low + offset * scale if self.generation == "v1" else (offset + n) * scale)
        if self.generation == "v2" and self.symmetric:
            offset = torch.zeros_like(scale)
        return entry(self, low, high, scale, offset)

    def exported(self):
        """(min, max, scale, offset) of every channel, as files have it."""
        low, high = self.ends()
        if not self.learned:
            return [(float(a), float(b), s, o) for (a, b, s, o) in self.encodings]
        scale, offset, n = self.grid(low, high)
        offset = torch.as_tensor(offset) + torch.zeros_like(scale)
        if self.generation == "v1" and self.symmetric:
            bottom, top = (low if self.strict else low - scale), high
        elif self.generation == "v1":
            bottom = offset * scale
            top = high - low + bottom
        else:
            bottom = offset * scale
            top = bottom + n * scale
        rows = zip(*(v.reshape(-1).tolist() for v in (bottom, top, scale, offset)))
        return [(a, b, s, int(o)) for a, b, s, o in rows]


def entry(q, low, high, scale, offset):
    def flat(v):
        return torch.as_tensor(v).reshape(-1).tolist()
    return {"bitwidth": q.bw, "symmetric": q.symmetric, "min": flat(low), "max": flat(high), "scale": flat(scale),
            "offset": [float(o) for o in flat(offset)]}


class Wrapper(torch.nn.Module):
    """A layer with its quantizers; in analysis its inputs and outputs are observed, its parameters quantized."""

    def __init__(self, layer, inputs, activation, parameter):
        super().__init__()
        self.layer, self.analysis = layer, None
        self.inputs = torch.nn.ModuleList(activation() for _ in range(inputs))
        self.output = activation()
        self.params = torch.nn.ModuleDict({n: parameter(layer, n)
                                           for n, p in layer.named_parameters(recurse=False) if n != "bias"})

    def named_quantizers(self):
        for i, q in enumerate(self.inputs):
            yield f"input{i}", q
        yield "output0", self.output
        yield from self.params.items()

    def run(self, *x):
        quantized = {n: q(getattr(self.layer, n)) for n, q in self.params.items() if q.enabled}
        return stateless.functional_call(self.layer, quantized, x) if quantized else self.layer(*x)

    def observe(self, q, x):
        if q.enabled:
            self.analysis[q].update(x.detach().numpy())

    def forward(self, *x):
        if self.analysis is not None:
            for q, v in zip(self.inputs, x):
                self.observe(q, v)
            y = self.run(*x)
            self.observe(self.output, y)
            return y
        return self.output(self.run(*[q(v) for q, v in zip(self.inputs, x)]))
