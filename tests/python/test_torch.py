"""PyTorch's own models: exported with BN kept, re-estimated, and the statistics loaded back."""
import os
import sys
import tempfile
import unittest
import warnings

try:
    import numpy as np
    import torch
    from torch import nn
except ImportError as error:
    print(f"skipped: {error} (Debian packages python3-numpy, python3-torch)")
    sys.exit(77)

import refold

# float32 through two engines: sums of up to 72 terms
TOLERANCE = 1e-4


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU(),
                                  nn.Conv2d(8, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU())
        self.head = nn.Linear(8, 3)

    def forward(self, x):
        return self.head(self.body(x).mean((2, 3)))


def export(net, folder):
    path = os.path.join(folder, "net.onnx")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(net.eval(), torch.zeros(2, 1, 8, 8), path, training=torch.onnx.TrainingMode.PRESERVE,
                          do_constant_folding=False, dynamic_axes={"input": {0: "n"}}, input_names=["input"])
    return path


class Torch(unittest.TestCase):
    def setUp(self):
        torch.manual_seed(3)
        self.net = Net()
        with torch.no_grad():
            self.net.body[1].weight[2] = -0.7  # a negative gamma, whose channel the simulation mirrors
            self.net.body[1].running_mean.normal_()
        self.x = torch.randn(40, 1, 8, 8)
        self.y = torch.arange(40) % 3
        self.loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(self.x, self.y), batch_size=10)
        self.folder = tempfile.TemporaryDirectory()
        self.model = refold.load(export(self.net, self.folder.name))

    def tearDown(self):
        self.folder.cleanup()

    def torchs_statistics(self):
        """Mean over batches of the batch statistics, as AIMET takes them from hooks."""
        bn, found = self.net.body[1], []
        bn.momentum = 1.0
        self.net.train()
        with torch.no_grad():
            for x, _ in self.loader:
                self.net(x)
                found.append((bn.running_mean.clone(), bn.running_var.clone()))
        self.net.eval()
        return [torch.stack(part).mean(0).numpy() for part in zip(*found)]

    def test_outputs_are_pytorchs(self):
        with torch.no_grad():
            np.testing.assert_allclose(self.model.infer(self.x.numpy()), self.net(self.x).numpy(), atol=TOLERANCE)

    def test_statistics_of_the_float_network_are_pytorchs(self):
        refold.reestimate_bn_stats(self.model, self.loader)
        names = refold.load_batch_norm_stats(self.net, self.model)
        self.assertEqual(names, [f"body.{i}.running_{what}" for i in (1, 4) for what in ("mean", "var")])
        with torch.no_grad():
            np.testing.assert_allclose(self.model.infer(self.x.numpy()), self.net(self.x).numpy(), atol=TOLERANCE)
        loaded = [self.net.body[1].running_mean.numpy().copy(), self.net.body[1].running_var.numpy().copy()]
        for own, theirs in zip(loaded, self.torchs_statistics()):
            np.testing.assert_allclose(own, theirs, rtol=TOLERANCE, atol=TOLERANCE)

    def test_a_mirrored_channel_gets_its_sign_back(self):
        sim = refold.quantize(self.model, self.loader, param_bw=16, output_bw=16)
        self.assertGreater(sim.parameters()["body.1.weight"].values[2], 0)
        refold.reestimate_bn_stats(sim, self.loader)
        refold.load_batch_norm_stats(self.net, sim)
        mean = self.net.body[1].running_mean.numpy().copy()
        # 16 bits are next to no quantization, so the float network's statistics come out.
        np.testing.assert_allclose(mean, self.torchs_statistics()[0], atol=1e-2)

    def test_what_was_learned_comes_back(self):
        sim = refold.quantize(self.model, self.loader, param_bw=16, output_bw=16)
        sim.train(self.loader, epochs=2, learning_rate=0.05)
        before = self.net.head.weight.detach().clone()
        names = refold.load_parameters(self.net, sim)
        self.assertEqual(len(names), 13)  # two convolutions and a bias, two BN of four, two of the linear layer
        self.assertFalse(torch.equal(before, self.net.head.weight))
        learned = sim.parameters()
        for name in names:
            np.testing.assert_array_equal(self.net.state_dict()[name].numpy(), learned[name].values, name)

    def test_a_module_without_the_bn_is_told(self):
        with self.assertRaisesRegex(KeyError, "body.1.running_mean"):
            refold.load_batch_norm_stats(nn.Linear(2, 2), self.model)


unittest.main(argv=sys.argv[:1], verbosity=2)
