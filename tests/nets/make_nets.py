"""torchvision's networks as ONNX files with BN kept, each with an input and what PyTorch makes of it.

usage: make_nets.py FOLDER [--nets NAME,...] [--opsets N,...] [--forms NAME,...] [--size PIXELS]

Weights are random but seeded; BN statistics come from a few batches, so that activations stay in range, and a few of
the BN scales are negative. Writes FOLDER/NAME.input.npy, NAME-FORM-OPSET.onnx and NAME-FORM-OPSET.output.npy.
"""
import argparse
import copy
import os
import warnings

import numpy
import torch
import torchvision
from torch import nn

warnings.filterwarnings("ignore")

SAMPLES = 4
STATISTICS_BATCHES = 2
OPSETS = [9, 11, 13, 17]
# name: (TrainingMode, model.train())
FORMS = {
    "eval": (torch.onnx.TrainingMode.PRESERVE, False),
    "train": (torch.onnx.TrainingMode.TRAINING, True),
}


# Operator set 9 has only asymmetric Upsample: PyTorch warns that the file computes something else, and it does.
INEXACT = [("deeplabv3_mobilenet_v3_large", 9)]


class UNet(nn.Module):
    """Two levels down and up, with ConvTranspose between them."""

    def __init__(self, width=16, classes=3):
        super().__init__()
        self.down1, self.down2, self.bottom = (self.block(3, width), self.block(width, 2 * width),
                                               self.block(2 * width, 4 * width))
        self.pool = nn.MaxPool2d(2)
        self.up2, self.up1 = self.up(4 * width, 2 * width), self.up(2 * width, width)
        self.join2, self.join1 = self.block(4 * width, 2 * width), self.block(2 * width, width)
        self.head = nn.Conv2d(width, classes, 1)

    @staticmethod
    def block(c_in, c_out):
        layers = []
        for c in (c_in, c_out):
            layers += [nn.Conv2d(c, c_out, 3, padding=1, bias=False), nn.BatchNorm2d(c_out), nn.ReLU()]
        return nn.Sequential(*layers)

    @staticmethod
    def up(c_in, c_out):
        return nn.Sequential(nn.ConvTranspose2d(c_in, c_out, 2, stride=2), nn.BatchNorm2d(c_out))

    def forward(self, x):
        fine = self.down1(x)
        coarse = self.down2(self.pool(fine))
        y = self.bottom(self.pool(coarse))
        y = self.join2(torch.cat([self.up2(y), coarse], 1))
        return self.head(self.join1(torch.cat([self.up1(y), fine], 1)))


class FirstOutput(nn.Module):
    """Of networks that return a dictionary or, in training, outputs of auxiliary classifiers."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, x):
        y = self.net(x)
        if isinstance(y, dict):
            return y["out"]
        return y[0] if isinstance(y, tuple) else y


def torchvision_net(name, **options):
    return FirstOutput(getattr(torchvision.models, name)(weights=None, **options))


def segmentation_net(name):
    return FirstOutput(getattr(torchvision.models.segmentation, name)(weights=None, weights_backbone=None))


NETS = {name: (lambda name=name: torchvision_net(name)) for name in (
    "mobilenet_v2", "mobilenet_v3_small", "resnet18", "efficientnet_b0", "shufflenet_v2_x0_5", "regnet_y_400mf",
    "densenet121", "squeezenet1_1", "vgg11_bn", "mnasnet0_5")}
NETS["googlenet"] = lambda: torchvision_net("googlenet", init_weights=False)
NETS["deeplabv3_mobilenet_v3_large"] = lambda: segmentation_net("deeplabv3_mobilenet_v3_large")
NETS["unet"] = UNet


def images(count, size, seed):
    """Smooth patches with some noise, normalized: closer to photographs than noise alone."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.randn(count, 3, size // 16, size // 16, generator=generator)
    smooth = nn.functional.interpolate(coarse, size=(size, size), mode="bilinear", align_corners=False)
    return smooth + 0.3 * torch.randn(count, 3, size, size, generator=generator)


def settle(net, size):
    """Scales and shifts as after training, statistics of real batches."""
    norms = [m for m in net.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    for m in norms:
        nn.init.uniform_(m.weight, 0.6, 1.4)
        m.weight.data[::17] *= -0.5
        nn.init.normal_(m.bias, 0.0, 0.1)
        m.momentum_kept, m.momentum = m.momentum, None
    net.train()
    with torch.no_grad():
        for batch in range(STATISTICS_BATCHES):
            net(images(4, size, 100 + batch))
    for m in norms:
        m.momentum = m.momentum_kept


def build(name, size):
    torch.manual_seed(7)
    net = NETS[name]()
    settle(net, size)
    return net


def export(net, form, opset, x, path):
    """With a free batch or, where PyTorch cannot write the network so, one that is fixed to the samples'."""
    mode, training = FORMS[form]
    net.train(training)
    options = dict(opset_version=opset, training=mode, do_constant_folding=False, input_names=["input"],
                   output_names=["output"])
    try:
        torch.onnx.export(net, x, path, dynamic_axes={"input": {0: "batch"}, "output": {0: "batch"}}, **options)
    except torch.onnx.errors.OnnxExporterError:
        torch.onnx.export(net, x, path, **options)


def outputs(net, x):
    net.eval()
    with torch.no_grad():
        return net(x).numpy()


class Sample:
    """Where the files of one exported network lie."""

    def __init__(self, folder, name, form, opset):
        self.name, self.form, self.opset = name, form, opset
        stem = os.path.join(folder, f"{name}-{form}-{opset}")
        self.model, self.output = stem + ".onnx", stem + ".output.npy"
        self.input = os.path.join(folder, name + ".input.npy")
        self.refusal = None  # of PyTorch to write this network in this form

    def is_made(self):
        return all(map(os.path.exists, (self.model, self.output, self.input)))


def make(folder, name, opsets, forms, size):
    """Samples of one network; files that are there already stay."""
    samples = [Sample(folder, name, form, opset) for form in forms for opset in opsets if (name, opset) not in INEXACT]
    missing = [s for s in samples if not s.is_made()]
    if missing:
        net, x = build(name, size), images(SAMPLES, size, 1)
        numpy.save(missing[0].input, x.numpy())
        statistics = copy.deepcopy(net.state_dict())
        for s in missing:
            try:
                export(net, s.form, s.opset, x, s.model)
            except torch.onnx.errors.OnnxExporterError as error:
                s.refusal = str(error).split(". Please")[0]
                continue
            numpy.save(s.output, outputs(net, x))  # tracing in training form has moved the statistics
            net.load_state_dict(statistics)
    return samples


def add_arguments(parser):
    listed = lambda known: lambda text: [check(known, v) for v in text.split(",")]

    def check(known, value):
        if value not in known:
            raise argparse.ArgumentTypeError(f"'{value}' is none of {', '.join(known)}")
        return value

    parser.add_argument("--nets", type=listed(list(NETS)), default=list(NETS))
    parser.add_argument("--opsets", type=lambda t: [int(v) for v in t.split(",")], default=OPSETS)
    parser.add_argument("--forms", type=listed(list(FORMS)), default=list(FORMS))
    parser.add_argument("--size", type=int, default=224)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    add_arguments(parser)
    args = parser.parse_args()
    torch.set_num_threads(1)
    os.makedirs(args.folder, exist_ok=True)
    for name in args.nets:
        for sample in make(args.folder, name, args.opsets, args.forms, args.size):
            print(sample.model, f"not written: {sample.refusal}" if sample.refusal else "")


if __name__ == "__main__":
    main()
