"""AIMET's accuracy on a real network: ResNet-20 with 4-bit weights, calibrated under --compat aimet."""
import os

import program

SHARED = os.path.abspath(os.environ.get("REFOLD_SHARED", "../shared"))
MODEL = os.path.join(SHARED, "models/resnet20_cifar10.onnx")
TRAIN, TEST = (os.path.join(SHARED, f"data/cifar10-{name}.tar") for name in ("train-12800", "test-1000"))
NORMALIZE = ("--mean", "0.485,0.456,0.406", "--std", "0.229,0.224,0.225")
# AIMET v1 (c51b284b, torch 1.13), range learning with tf init, per channel, 1,000 calibration images; top-1 in percent
AIMET_TOP1, AIMET_LOSS = 90.4, 0.465
NEAR_TOP1 = 0.3 + 1e-6  # three of 1,000 images
NEAR_LOSS = 0.005


class Accuracy(program.ProgramTest):
    def setUp(self):
        super().setUp()
        if not os.path.exists(MODEL):
            self.skipTest("no reference files; set REFOLD_SHARED to run this")

    def check(self, *options):
        self.succeed("quantize", MODEL, "-o", "sim.onnx", "--force", "--data", TRAIN, "--compat", "aimet", "--param-bw", "4",
                     *NORMALIZE, *options)
        found = self.document("evaluate", "sim.onnx", "--data", TEST, *NORMALIZE)
        self.assertEqual(found["samples"], 1000)
        self.assertLessEqual(abs(found["top1"] - AIMET_TOP1), NEAR_TOP1)
        self.assertLessEqual(abs(found["loss"] - AIMET_LOSS), NEAR_LOSS)

    def test_a_thousand_images_calibrate_to_aimets_accuracy(self):
        self.check("--calibration-samples", "1000")

    def test_so_they_do_with_aimets_own_configuration(self):
        self.check("--config", os.path.join(SHARED, "golden/config_per_channel.json"))


program.main()
