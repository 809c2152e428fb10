"""AIMET's range analyzers in numpy: the 512-bin ones of its C++ core (v1) and the 2,048-bin ones of its second generation.

Written from the formulas of its sources, not from refold's code: the numbers that this makes are what refold is held against.
An encoding is (min, max, delta, offset)."""
import math

import numpy as np
import torch

F = np.float32
FLT_MAX = float(np.finfo(F).max)
BINS, WIDE_BINS, MIN_RANGE, GAMMA = 512, 2048, 0.01, 3.0


def away(x):
    """Round half away from zero, as C does."""
    return math.copysign(math.floor(abs(x) + 0.5), x)


def away_all(x):
    return np.copysign(np.floor(np.abs(x) + 0.5), x)


def steps(bw, strict=False):
    return 2 ** bw - 1 - (1 if strict else 0)


def encoding_of_range(m, M, bw, sym, strict=False, unsigned=False):
    """getComputedEncodings, all in double."""
    n = steps(bw, sym and strict)
    m, M = float(m), float(M)
    if sym and (m < 0 or not unsigned):
        half = n // 2
        delta = max(abs(m), abs(M)) / half
        offset = -math.ceil(n / 2)
        return offset * delta, delta * half, delta, offset
    delta = (M - m) / n
    if m < 0 < M:
        offset = -min(max(away(-m / delta), 0), n)
        return delta * offset, M - m + delta * offset, delta, offset
    return m, M, delta, away(m / delta)


# ------------------------------------------------------------------------------------------- min-max

class Tf:
    def __init__(self):
        self.m, self.M, self.seen = math.inf, -math.inf, False

    def update(self, x):
        self.m, self.M, self.seen = min(self.m, float(x.min())), max(self.M, float(x.max())), True

    def encoding(self, bw, sym, strict=False, unsigned=False):
        m, M = min(0.0, self.m), max(0.0, self.M)
        return encoding_of_range(m, max(M, m + MIN_RANGE), bw, sym, strict, unsigned)


# --------------------------------------------------------------------------------------- histograms, v1

class Histogram:
    """512 bins laid by the first batch that is not all zeros; every batch weighs the same."""

    def __init__(self):
        self.left, self.pdf, self.updates, self.seen = None, np.zeros(BINS), 0, False

    def lay(self, x):
        a, b = F(x.min()), F(x.max())
        if a == 0 and b == 0:
            return False
        if a == b:
            b = max(b, F(a + F(MIN_RANGE)))
        c = F((a + b) / F(2))
        low, high = F(c - F(3) * F(c - a)), F(c + F(3) * F(b - c))
        width = (float(high) - float(low)) / BINS
        self.left = float(low) + np.arange(BINS) * width
        return True

    def update(self, x):
        self.seen = True
        x = np.asarray(x, F).ravel()
        if self.left is None and not self.lay(x):
            return
        size = F(self.left[1] - self.left[0])
        index = away_all(x / size - F(F(self.left[0]) / size)).astype(np.int64)
        counts = np.bincount(index[(index >= 0) & (index < BINS)], minlength=BINS)
        self.pdf = (self.pdf * self.updates + counts / x.size) / (self.updates + 1)
        self.updates += 1

    def observed(self):
        filled = np.nonzero(self.pdf > 0)[0]
        low = min(self.left[filled[0]], 0.0)
        high = max(self.left[filled[-1]], 0.0)
        return low, max(high, low + MIN_RANGE)

    @property
    def width(self):
        return self.left[1] - self.left[0]


def encoding_of_zeros(n):
    delta = 2.0 / n
    offset = math.floor(-1.0 / delta)
    return offset * delta, offset * delta + n * delta, delta, offset


class TfEnhanced(Histogram):
    def encoding(self, bw, sym, strict=False, unsigned=False):
        if self.left is None:
            return encoding_of_zeros(steps(bw))
        n = steps(bw, sym and strict)
        low, high = (F(v) for v in self.observed())
        candidates = (self.symmetric if sym else self.asymmetric)(low, high, n, unsigned)
        best, least = None, math.inf
        for delta, offset in candidates:
            cost = self.cost(delta, offset, steps(bw))
            if cost < least:
                best, least = (delta, offset), cost
        delta, offset = best
        return float(F(delta * F(offset))), float(F(delta * F(offset + n))), float(delta), offset

    @staticmethod
    def symmetric(low, high, n, unsigned):
        if low == 0 and unsigned:
            largest, offset = F(high / F(n)), 0
        else:
            largest, offset = F(max(abs(high), abs(low)) / F(n / 2.0)), math.floor(-n / 2)
        f = F(0.01)
        while f <= F(1.01):
            yield F(f * largest), offset
            f = F(f + F(0.01))

    @staticmethod
    def asymmetric(low, high, n, _unsigned):
        whole = F(F(high - low) / F(n))
        whole_offset = int(away(F(low / whole)))
        low, high = F(whole * F(whole_offset)), F(whole * F(whole_offset + n))
        for k in range(1, 18):
            for i in range(21):
                delta = F(whole * F(k / 16))
                offset = int(-n + n / 20.0 * i)
                tm, tM = F(delta * F(offset)), F(delta * F(offset + n))
                if tm < low and tM > high:
                    continue
                tm, tM = max(low, tm), min(high, tM)
                if tm == tM:
                    continue
                delta = F(F(tM - tm) / F(n))
                yield delta, int(away(F(tm / delta)))
        yield whole, whole_offset

    def cost(self, delta, offset, top):
        delta = float(delta)
        start, width = self.left[0], self.width
        first = min(max(math.floor((delta * offset - start) / width), 0), BINS - 1)
        last = min(max(math.floor((delta * (offset + top) - start) / width), 0), BINS - 1)
        middle = start + np.arange(BINS) * width + width / 2
        error = middle - delta * (away_all(middle / delta - offset) + offset)
        error[:first] = middle[:first] - middle[first]
        error[last:] = middle[last:] - middle[last]
        weight = np.ones(BINS)
        weight[:first] = weight[last:] = GAMMA
        return float(np.sum(self.pdf * error * error * weight))


class Percentile(Histogram):
    def __init__(self, percent=100.0):
        super().__init__()
        self.percent = percent

    def encoding(self, bw, sym, strict=False, unsigned=False):
        if self.left is None:
            return encoding_of_zeros(steps(bw, sym and strict))
        low, high = self.observed()
        if self.percent < 100.0:
            low, high = self.cut(low, high)
        return encoding_of_range(low, high, bw, sym, strict, unsigned)

    def cut(self, low, high):
        cdf = np.cumsum(self.pdf)
        share = float(F(self.percent) / F(100))
        a = self.left[np.nonzero(cdf >= float(F(1) - F(share)))[0][0]]
        i = next(i for i in range(BINS - 1, -1, -1) if cdf[i] < share and self.left[i] < high)
        b = self.left[i] + self.width
        return min(a, 0.0), max(b + self.width if a == b else b, 0.0)


class Mse(Histogram):
    def encoding(self, bw, sym, strict=False, unsigned=False):
        if self.left is None:
            return encoding_of_zeros(steps(bw, sym and strict))
        low, high = self.observed()
        width = self.width
        high += width
        edges = [low] + [e for e in self.left if low <= e <= high]
        inside = [i for i in range(BINS) if low <= self.left[i] < high]
        values, mass = self.left[inside] + width / 2, self.pdf[inside]
        best, least = None, math.inf
        for m in [e for e in edges if e < 0] + [0.0]:
            for M in [0.0] + [e for e in edges if e > 0]:
                if m == M:
                    continue
                e = encoding_of_range(m, M, bw, sym, strict, unsigned)
                q = away_all(np.clip(values, e[0], e[1]) / e[2] - e[3])
                cost = float(np.sum(mass * (values - e[2] * (q + e[3])) ** 2))
                if cost < least:
                    best, least = (m, M), cost
        return encoding_of_range(min(best[0], 0.0), max(best[1], 0.0), bw, sym, strict, unsigned)


# ------------------------------------------------------------------------------------------------- v2

EPS = float(np.finfo(F).eps)


class V2MinMax(Tf):
    def encoding(self, bw, sym, **_):
        n = steps(bw)
        below, above = math.ceil(n / 2), n // 2
        m, M = F(min(0.0, self.m)), F(max(0.0, self.M))
        if F(M - m) / n < EPS:
            M = F(M + F(EPS * (above if sym else n)))
            m = F(m - F(EPS * below)) if sym else m
        if sym:
            delta = max(F(M / F(above)), F(-m / F(below)))
            m, M = F(-below * delta), F(above * delta)
        return float(m), float(M), float(F(M - m) / F(n)), None


class V2Sqnr:
    """SQNR over 2,048 bins that widen with the data; in float32, by torch's own histogram, where its digits decide."""

    def __init__(self):
        self.counts, self.seen = None, False

    def update(self, x):
        self.seen = True
        x = torch.as_tensor(np.asarray(x, F).ravel())
        low, high = F(x.min()), F(x.max())
        if self.counts is None:
            self.lay(low, high)
            self.counts = self.histogram(x)
            return
        low, high = min(low, self.low), max(high, self.high)
        if (low, high) != (self.low, self.high):
            self.widen(low, high)
        self.counts = self.counts + self.histogram(x)

    def lay(self, low, high):
        self.low, self.high = low, high
        half = F(0.5) if low == high else F(0)
        self.edges = torch.linspace(float(low - half), float(high + half), WIDE_BINS + 1).numpy()

    def histogram(self, x):
        return torch.histc(x, WIDE_BINS, float(self.edges[0]), float(self.edges[-1])).numpy()

    def widen(self, low, high):
        old_width, left, old = F(F(self.high - self.low) / F(WIDE_BINS)), None, self.counts
        left = self.low + old_width * np.arange(WIDE_BINS, dtype=F)
        self.lay(low, high)
        width = F(F(high - low) / F(WIDE_BINS))
        to = np.clip(np.floor((left - low) / width), 0, WIDE_BINS - 1).astype(np.int64)
        edge = low + width * (to + 1).astype(F)
        first = np.minimum(np.round((edge - left) / old_width * old) if old_width else old, old)
        counts = np.zeros(WIDE_BINS, F)
        np.add.at(counts, to, first)
        np.add.at(counts, np.minimum(to + 1, WIDE_BINS - 1), old - first)
        self.counts = counts

    def encoding(self, bw, sym, **_):
        n = steps(bw)
        m, M = min(self.low, F(0)), max(self.high, F(0))
        M = max(M, F(m + F(EPS * n)))
        pairs = list(self.symmetric(m, M, n) if sym else self.asymmetric(m, M, n))
        width = F(self.edges[1] - self.edges[0])
        filled = np.nonzero(self.counts)[0]
        middle = (F(self.edges[0] + width / F(2)) + width * filled.astype(F)).astype(F)
        costs = [self.cost(middle, self.counts[filled], d, o, n) for d, o in pairs]
        delta, offset = pairs[int(np.argmin(costs))]
        low = F(F(offset) * delta)
        return float(low), float(F(low + F(F(n) * delta))), float(delta), offset

    @staticmethod
    def symmetric(m, M, n):
        largest = F(F(2) * max(M, -m) / F(n))
        for k in range(1, 102):
            yield max(F(F(largest * F(k)) / F(100)), F(EPS)), (-n) // 2

    @staticmethod
    def asymmetric(m, M, n):
        whole = F(F(M - m) / F(n))
        seen = int(np.round(F(m / whole)))
        low = F(whole * F(seen))
        high = F(low + F(whole * F(n)))
        count = min(n + 2, 21)
        offsets = [int(np.round(F(-n + j * n / (count - 2)))) for j in range(count - 1)] + [seen]
        for k in range(1, 18):
            scale = F(F(whole * F(k)) / F(16))
            for o in offsets:
                tm = max(F(scale * F(o)), low)
                tM = min(F(F(scale * F(o)) + F(scale * F(n))), high)
                delta = max(F(F(tM - tm) / F(n)), F(EPS))
                yield delta, int(np.round(F(tm / delta)))

    @staticmethod
    def cost(middle, counts, delta, offset, n):
        code = np.round(middle / delta - F(offset))
        q = np.clip(code, F(0), F(n))
        error = middle - (q + F(offset)) * delta
        return float(np.sum(error * error * counts * np.where(code == q, F(1), F(GAMMA)), dtype=np.float64))


def analyzer(generation, scheme, percent=100.0):
    if generation == "v2":
        return V2MinMax() if scheme == "tf" else V2Sqnr()
    return {"tf": Tf, "tf_enhanced": TfEnhanced, "mse": Mse, "percentile": lambda: Percentile(percent)}[scheme]()
