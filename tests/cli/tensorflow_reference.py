"""What TensorFlow computes, naively, in its own order of dims. Written from its documentation, apart from refold's code."""
import itertools
import math
import random


class Array:
    def __init__(self, shape, data):
        self.shape, self.data = tuple(shape), list(data)
        assert math.prod(self.shape) == len(self.data), (shape, len(self.data))

    def __getitem__(self, index):
        return self.data[self.at(index)]

    def at(self, index):
        place = 0
        for i, size in zip(index, self.shape):
            place = place * size + i
        return place

    def indices(self):
        return itertools.product(*(range(d) for d in self.shape))


def make(shape, function):
    """The array whose element at an index is function(index)."""
    return Array(shape, [function(i) for i in itertools.product(*(range(d) for d in shape))])


def noise(shape, seed=1, low=-1.0, high=1.0):
    rng = random.Random(seed)
    return Array(shape, [rng.uniform(low, high) for _ in range(math.prod(shape))])


def broadcast(a, b, f):
    rank = max(len(a.shape), len(b.shape))
    sa = (1,) * (rank - len(a.shape)) + a.shape
    sb = (1,) * (rank - len(b.shape)) + b.shape
    shape = [max(x, y) if 0 not in (x, y) else 0 for x, y in zip(sa, sb)]
    pick = lambda x, s, i: Array(s, x.data)[[0 if d == 1 else k for k, d in zip(i, s)]]
    return make(shape, lambda i: f(pick(a, sa, i), pick(b, sb, i)))


def each(x, f):
    return Array(x.shape, [f(v) for v in x.data])


def same_pads(size, kernel, stride, dilation):
    extent = (kernel - 1) * dilation + 1
    total = max(0, (-(-size // stride) - 1) * stride + extent - size)
    return total // 2, total - total // 2


def windows(x, kernel, stride, padding, dilation):
    """Output sizes, and a function that lists (kernel index, source index) inside for an output position."""
    pads = []
    for d in range(2):
        pads.append(same_pads(x.shape[1 + d], kernel[d], stride, dilation) if padding == "SAME" else
                    (0, 0) if padding == "VALID" else padding[d])
    sizes = [(x.shape[1 + d] + sum(pads[d]) - (kernel[d] - 1) * dilation - 1) // stride + 1 for d in range(2)]

    def inside(y):
        for k in itertools.product(range(kernel[0]), range(kernel[1])):
            i = [y[d] * stride + k[d] * dilation - pads[d][0] for d in range(2)]
            if all(0 <= i[d] < x.shape[1 + d] for d in range(2)):
                yield k, i
    return sizes, inside


def conv(x, w, stride=1, padding="SAME", dilation=1):
    sizes, inside = windows(x, w.shape, stride, padding, dilation)
    channels = range(w.shape[2])
    return make([x.shape[0], *sizes, w.shape[3]],
                lambda o: sum(x[(o[0], *i, c)] * w[(*k, c, o[3])] for k, i in inside(o[1:3]) for c in channels))


def depthwise(x, w, stride=1, padding="SAME", dilation=1):
    sizes, inside = windows(x, w.shape, stride, padding, dilation)
    m = w.shape[3]
    return make([x.shape[0], *sizes, w.shape[2] * m],
                lambda o: sum(x[(o[0], *i, o[3] // m)] * w[(*k, o[3] // m, o[3] % m)] for k, i in inside(o[1:3])))


def conv_transpose(x, w, shape, stride, padding):
    """The gradient of a convolution from `shape` to x.shape, with weights [kh, kw, out, in]."""
    big = make(shape, lambda i: 0.0)
    sizes, inside = windows(big, w.shape, stride, padding, 1)
    assert tuple(sizes) == x.shape[1:3]
    for n, y, z in itertools.product(range(x.shape[0]), range(sizes[0]), range(sizes[1])):
        for k, i in inside((y, z)):
            for o, c in itertools.product(range(w.shape[2]), range(w.shape[3])):
                big.data[big.at((n, *i, o))] += x[(n, y, z, c)] * w[(*k, o, c)]
    return big


def pool(x, kernel, stride, padding, average):
    sizes, inside = windows(x, (kernel, kernel), stride, padding, 1)

    def value(o):
        found = [x[(o[0], *i, o[3])] for _, i in inside(o[1:3])]
        return sum(found) / len(found) if average else max(found)
    return make([x.shape[0], *sizes, x.shape[3]], value)


def batch_norm(x, gamma, beta, mean, variance, epsilon):
    return make(x.shape, lambda i: gamma[i[-1:]] * (x[i] - mean[i[-1:]]) /
                math.sqrt(variance[i[-1:]] + epsilon) + beta[i[-1:]])


def matmul(a, b):
    return make((a.shape[0], b.shape[1]), lambda i: sum(a[(i[0], k)] * b[(k, i[1])] for k in range(a.shape[1])))


def transpose(x, perm):
    def value(i):
        source = [0] * len(perm)
        for k, p in enumerate(perm):
            source[p] = i[k]
        return x[source]
    return make([x.shape[p] for p in perm], value)


def reduce(x, axes, f, keep=False):
    groups = {}
    for i in x.indices():
        key = tuple((0 if d in axes else k) for d, k in enumerate(i) if keep or d not in axes)
        groups.setdefault(key, []).append(x[i])
    shape = [1 if d in axes else s for d, s in enumerate(x.shape) if keep or d not in axes]
    return make(shape, lambda i: f(groups[i]))


def softmax(x):
    def value(i):
        row = [x[(*i[:-1], k)] for k in range(x.shape[-1])]
        return math.exp(x[i] - max(row)) / sum(math.exp(v - max(row)) for v in row)
    return make(x.shape, value)


def take(x, slices):
    ranges = [range(*s.indices(d)) for s, d in zip(slices, x.shape)]
    return make([len(r) for r in ranges], lambda i: x[[r[k] for r, k in zip(ranges, i)]])


def pad(x, pads, value=0.0, reflect=False):
    def source(i):
        out = []
        for k, (before, _), size in zip(i, pads, x.shape):
            k -= before
            if reflect:
                k = -k if k < 0 else 2 * (size - 1) - k if k >= size else k
            out.append(k)
        return out
    inside = lambda s: all(0 <= k < d for k, d in zip(s, x.shape))
    return make([d + a + b for d, (a, b) in zip(x.shape, pads)],
                lambda i: x[source(i)] if inside(source(i)) else value)


def concat(parts, axis):
    offsets = [0]
    for p in parts:
        offsets.append(offsets[-1] + p.shape[axis])

    def value(i):
        part = max(k for k in range(len(parts)) if offsets[k] <= i[axis])
        return parts[part][[k - offsets[part] if d == axis else k for d, k in enumerate(i)]]
    shape = list(parts[0].shape)
    shape[axis] = offsets[-1]
    return make(shape, value)


def resize(x, size, bilinear, align_corners=False, half_pixel=False):
    def place(i, d):
        n, m = x.shape[1 + d], size[d]
        scale = (n - 1) / (m - 1) if align_corners and m > 1 else n / m
        return (i + 0.5) * scale - 0.5 if half_pixel and bilinear else \
            (i + 0.5) * scale if half_pixel else i * scale

    def nearest(o):
        i = [min(x.shape[1 + d] - 1, int(math.floor(place(o[1 + d], d) + (0.5 if align_corners else 0))))
             for d in range(2)]
        return x[(o[0], *i, o[3])]

    def linear(o):
        total, spots = 0.0, []
        for d in range(2):
            p = place(o[1 + d], d)
            low = math.floor(p)
            spots.append([(min(max(k, 0), x.shape[1 + d] - 1), w) for k, w in ((low, low + 1 - p), (low + 1, p - low))])
        for (i, a), (j, b) in itertools.product(*spots):
            total += a * b * x[(o[0], i, j, o[3])]
        return total
    return make([x.shape[0], *size, x.shape[3]], linear if bilinear else nearest)
