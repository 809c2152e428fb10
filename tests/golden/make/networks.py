"""The networks of the further golden cases: what AIMET's own five lack. All inputs are [2, 6, 6] images, [2, 12] lines or 12 numbers."""
import torch
from torch import nn

from placement import Add, Concat, Mul


class Residual(nn.Module):
    """Add -> Relu, a shortcut with its own BN, a BN without activation, max and global pooling."""
    shape, seed = (2, 6, 6), 11

    def __init__(self):
        super().__init__()
        self.conv1, self.bn1, self.relu1 = nn.Conv2d(2, 6, 3, padding=1, bias=False), nn.BatchNorm2d(6), nn.ReLU()
        self.conv2, self.bn2 = nn.Conv2d(6, 8, 3, padding=1, stride=2), nn.BatchNorm2d(8)
        self.short, self.bn3 = nn.Conv2d(6, 8, 1, stride=2, bias=False), nn.BatchNorm2d(8)
        self.add, self.relu2 = Add(), nn.ReLU()
        self.pool, self.gap, self.flatten = nn.MaxPool2d(2, stride=1), nn.AdaptiveAvgPool2d(1), nn.Flatten()
        self.fc = nn.Linear(8, 5)

    def forward(self, x):
        x = self.relu1(self.bn1(self.conv1(x)))
        x = self.relu2(self.add(self.bn2(self.conv2(x)), self.bn3(self.short(x))))
        return self.fc(self.flatten(self.gap(self.pool(x))))


class Branches(nn.Module):
    """Depthwise with multiplier 2 and hard swish (two ONNX nodes), PRelu, Concat, a BN in front of a padded convolution."""
    shape, seed = (2, 6, 6), 22

    def __init__(self):
        super().__init__()
        self.conv1, self.bn1, self.act1 = nn.Conv2d(2, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4), nn.ReLU6()
        self.dw, self.bn2, self.act2 = nn.Conv2d(4, 8, 3, padding=1, groups=4, bias=False), nn.BatchNorm2d(8), nn.Hardswish()
        self.pw, self.act3 = nn.Conv2d(4, 4, 1), nn.PReLU(4)
        self.cat, self.bn4 = Concat(), nn.BatchNorm2d(12)
        self.conv2, self.relu = nn.Conv2d(12, 6, 3, stride=2, padding=1), nn.ReLU()
        self.pool, self.flatten, self.fc = nn.AvgPool2d(3), nn.Flatten(), nn.Linear(6, 5, bias=False)

    def forward(self, x):
        x = self.act1(self.bn1(self.conv1(x)))
        x = self.cat(self.act2(self.bn2(self.dw(x))), self.act3(self.pw(x)))
        return self.fc(self.flatten(self.pool(self.relu(self.conv2(self.bn4(x))))))


class Lines(nn.Module):
    """Conv1d, one of them in groups, Sigmoid and SiLU, average pooling, a bias-less Linear in front of a BN1d."""
    shape, seed = (2, 12), 13

    def __init__(self):
        super().__init__()
        self.conv1, self.bn1, self.relu1 = nn.Conv1d(2, 6, 3, bias=False), nn.BatchNorm1d(6), nn.ReLU()
        self.conv2, self.bn2, self.act2 = nn.Conv1d(6, 6, 3, groups=2), nn.BatchNorm1d(6), nn.Sigmoid()
        self.pool = nn.AvgPool1d(2)
        self.conv3, self.bn3, self.act3 = nn.Conv1d(6, 4, 1), nn.BatchNorm1d(4), nn.SiLU()
        self.flatten = nn.Flatten()
        self.fc1, self.bn4, self.relu4 = nn.Linear(16, 10, bias=False), nn.BatchNorm1d(10), nn.ReLU()
        self.fc2 = nn.Linear(10, 5)

    def forward(self, x):
        x = self.pool(self.act2(self.bn2(self.conv2(self.relu1(self.bn1(self.conv1(x)))))))
        x = self.flatten(self.act3(self.bn3(self.conv3(x))))
        return self.fc2(self.relu4(self.bn4(self.fc1(x))))


class Deconvolutions(nn.Module):
    """Transposed convolutions: plain, in groups, depthwise. The last two keep their BN, with quantizers of its own."""
    shape, seed = (2, 6, 6), 14

    def __init__(self):
        super().__init__()
        self.conv, self.bn0, self.relu0 = nn.Conv2d(2, 4, 3, stride=2, bias=False), nn.BatchNorm2d(4), nn.ReLU()
        self.up1, self.bn1, self.relu1 = nn.ConvTranspose2d(4, 4, 2, stride=2), nn.BatchNorm2d(4), nn.LeakyReLU(0.1)
        self.up2, self.bn2, self.relu2 = nn.ConvTranspose2d(4, 6, 3, groups=2, padding=1), nn.BatchNorm2d(6), nn.ReLU()
        self.up3, self.bn3 = nn.ConvTranspose2d(6, 6, 2, groups=6, bias=False), nn.BatchNorm2d(6)
        self.pool, self.flatten, self.fc = nn.MaxPool2d(2), nn.Flatten(), nn.Linear(24, 5)

    def forward(self, x):
        x = self.relu0(self.bn0(self.conv(x)))
        x = self.relu1(self.bn1(self.up1(x)))
        x = self.bn3(self.up3(self.relu2(self.bn2(self.up2(x)))))
        return self.fc(self.flatten(self.pool(x)))


class Nested(nn.Module):
    """Modules in modules, the arithmetic between them written as functions: +, split, cat, flatten."""
    shape, seed = (2, 6, 6), 15

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(2, 6, 3, padding=1, bias=False), nn.BatchNorm2d(6), nn.ReLU())
        self.block = nn.Sequential(nn.Conv2d(6, 6, 3, padding=1, bias=False), nn.BatchNorm2d(6))
        self.conv = nn.Conv2d(6, 4, 1)
        self.squeeze, self.mul = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(4, 4, 1), nn.Sigmoid()), Mul()
        self.left, self.right = nn.Conv2d(2, 3, 3), nn.Conv2d(2, 3, 3)
        self.head = nn.Sequential(nn.Conv2d(6, 4, 3, stride=2), nn.BatchNorm2d(4), nn.ReLU())
        self.fc = nn.Linear(4, 5)

    def forward(self, x):
        x = self.stem(x)
        x = self.conv(self.block(x) + x)
        x = self.mul(x, self.squeeze(x))
        halves = torch.split(x, 2, 1)
        x = self.head(torch.cat([self.left(halves[0]), self.right(halves[1])], 1))
        return self.fc(torch.flatten(x, 1))


class BnBeforeLinear(nn.Module):
    """The fold to scale raises: a BN stands in front of a linear layer."""
    shape, seed = (12,), 16

    def __init__(self):
        super().__init__()
        self.fc1, self.bn1, self.act = nn.Linear(12, 10), nn.BatchNorm1d(10), nn.Tanh()
        self.bn2, self.fc2 = nn.BatchNorm1d(10), nn.Linear(10, 5, bias=False)

    def forward(self, x):
        return self.fc2(self.bn2(self.act(self.bn1(self.fc1(x)))))


class Gated(nn.Module):
    """Squeeze and excitation by modules, a Relu without BN, pixels shuffled and enlarged."""
    shape, seed = (2, 6, 6), 17

    def __init__(self):
        super().__init__()
        self.conv1, self.bn1, self.act1 = nn.Conv2d(2, 8, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU6()
        self.gap, self.down, self.relu = nn.AdaptiveAvgPool2d(1), nn.Conv2d(8, 4, 1), nn.ReLU()
        self.up, self.gate, self.mul = nn.Conv2d(4, 8, 1), nn.Sigmoid(), Mul()
        self.shuffle, self.grow = nn.PixelShuffle(2), nn.Upsample(scale_factor=2)
        self.conv2, self.bn2, self.act2 = nn.Conv2d(2, 4, 3, stride=2), nn.BatchNorm2d(4), nn.ELU()
        self.flatten, self.fc = nn.Flatten(), nn.Linear(100, 5, bias=False)

    def forward(self, x):
        x = self.act1(self.bn1(self.conv1(x)))
        x = self.mul(x, self.gate(self.up(self.relu(self.down(self.gap(x))))))
        return self.fc(self.flatten(self.act2(self.bn2(self.conv2(self.grow(self.shuffle(x)))))))
