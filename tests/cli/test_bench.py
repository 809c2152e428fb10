"""refold bench: the document that scripts read, the table, and what is refused."""
import program

PARTS = ["conv_forward", "conv_backward_data", "conv_backward_weights", "matrix_products", "fused_kernels",
         "quantize_weights", "optimizer", "data", "all_reduce", "other"]
QUICK = ("--batch", "4", "--threads", "1", "--repeat", "2")


class Bench(program.ProgramTest):
    def test_every_mode_has_its_numbers(self):
        found = self.document("bench", self.tiny_model(), *QUICK)
        self.assertEqual((found["model"], found["batch"], found["threads"]), ("model.onnx", 4, 1))
        self.assertEqual([one["mode"] for one in found["modes"]], ["infer", "train", "qat", "reestimate"])
        for one in found["modes"]:
            self.assertEqual(list(one["seconds"]), PARTS)
            self.assertEqual(one["steps"], 2)
            self.assertAlmostEqual(one["img_per_s"] * one["step_seconds"], 4, places=5)
            self.assertGreater(one["seconds"]["conv_forward"], 0)
            self.assertEqual(one["seconds"]["conv_backward_data"] > 0, one["mode"] in ("train", "qat"))
            self.assertEqual(one["seconds"]["quantize_weights"] > 0, one["mode"] in ("qat", "reestimate"))
            self.assertGreater(one["limit_ratio"], 0)
            self.assertTrue(1 < one["peak_rss_mib"] < 1000)
            self.assertTrue(0 <= one["data_share"] <= 1)

    def test_data_and_simulations_are_timed_too(self):
        data = self.tiny_data()
        self.succeed("quantize", self.tiny_model(), "-o", "sim.onnx", "--data", data, "--param-bw", "4", "-q")
        found = self.document("bench", "sim.onnx", "--data", data, "--modes", "reestimate,infer", *QUICK)
        self.assertEqual([one["mode"] for one in found["modes"]], ["reestimate", "infer"])
        self.assertEqual(found["data"], data)

    def test_the_table_is_for_people(self):
        text = self.succeed("bench", self.tiny_model(), *QUICK, "--modes", "infer,qat", "-q")
        self.assertRegex(text, r"\n +infer +qat\nimages a second +[\d.]+ +[\d.]+\n")
        self.assertRegex(text, r"\n  convolution, forward +[\d.]+ +\d+ % +[\d.]+ +\d+ %\n")
        self.assertRegex(text, r"\nlimit / step +[\d.]+ +[\d.]+\npeak memory, MiB +\d+ +\d+\n")
        self.assertEqual([line for line in text.splitlines() if len(line) > 100], [])

    def test_verbose_names_the_layers_that_compute_in_float(self):
        words = ("bench", self.tiny_model(), *QUICK, "--modes", "reestimate", "-v", "--compute", "float")
        self.assertIn("Conv 'conv1' computes in float32: the float engine was asked for", self.run_program(*words)[2])

    def test_wrong_words_are_refused(self):
        model = self.tiny_model()
        self.fail_with(2, "expected a list of infer, train, qat, reestimate", "bench", model, "--modes", "infer,learn")
        self.fail_with(2, "expected LIST", "bench", model, "--modes", "")
        self.fail_with(3, "'none.onnx'", "bench", "none.onnx")
        self.fail_with(4, "at least 4", "bench", model, "--data", self.tiny_data(8), "--modes", "reestimate", *QUICK)


program.main()
