"""Bad input: one clear line, the promised exit code, and nothing left behind."""
import json
import os
import resource

import program


class BadInput(program.ProgramTest):
    def quantize_fails(self, code, text, data, model=None):
        model = model or self.tiny_model()
        return self.fail_with(code, text, "quantize", model, "-o", "sim.onnx", "--data", data)

    def test_a_model_that_is_not_there(self):
        self.fail_with(3, "missing.onnx", "inspect", "missing.onnx")
        self.fail_with(3, "missing.onnx", "run", "missing.onnx", "-o", "out", "--data", "npy:x.npy")

    def test_a_text_file_is_no_model(self):
        with open(self.path("notes.txt"), "w") as file:
            file.write("Dear diary, today no network was trained.\n" * 20)
        self.fail_with(3, "notes.txt", "inspect", "notes.txt")

    def test_data_that_is_no_number_is_told(self):
        model, data = self.tiny_model(), self.tiny_data()
        program.write_npy(self.path("x.npy"), [48, 1, 8, 8], [float("nan")] + program.images(48)[1:])
        self.fail_with(1, "'input'", "quantize", model, "-o", "q.onnx", "--data", data)
        self.fail_with(1, "not finite", "train", model, "-o", "t.onnx", "--data", data)
        self.fail_with(1, "not finite", "reestimate", model, "-o", "r.onnx", "--data", data)
        self.fail_with(1, "not finite", "evaluate", model, "--data", data)

    def test_an_empty_file_is_no_model(self):
        open(self.path("empty.onnx"), "w").close()
        self.fail_with(3, "empty.onnx", "inspect", "empty.onnx")

    def test_a_truncated_model(self):
        self.tiny_model()
        with open(self.path("model.onnx"), "rb") as file:
            raw = file.read()
        # The operator sets stand last, and a file that ends before them is read with a warning.
        for part in [1, 2, 7, 40, 200, *range(len(raw) // 8, len(raw) - 16, len(raw) // 8), len(raw) - 1]:
            with open(self.path("cut.onnx"), "wb") as file:
                file.write(raw[:part])
            self.fail_with(3, "cut.onnx", "inspect", "cut.onnx")

    def test_an_unknown_operator_is_named_with_its_node(self):
        program.write_model(self.path("odd.onnx"), "Frobnicate")
        program.write_npy(self.path("a.npy"), [1, 3], [1, 2, 3])
        line = self.fail_with(3, "Frobnicate", "infer", "odd.onnx", "--input", "a.npy", "--output", "b.npy")
        self.assertIn("the_node", line)
        self.assertIn("Frobnicate", self.document("inspect", "odd.onnx")["unsupported"][0])

    def test_a_data_folder_that_is_not_there(self):
        self.quantize_fails(4, "nowhere", "nowhere")

    def test_labels_of_another_length(self):
        program.write_idx(self.path("images"), [4, 8, 8], [0] * 256)
        program.write_idx(self.path("labels"), [3], [0, 1, 2])
        self.quantize_fails(4, "labels", "idx:images,labels")
        program.write_npy(self.path("x.npy"), [4, 1, 8, 8], [0.0] * 256)
        program.write_npy(self.path("y.npy"), [3], [0, 1, 2], "<i8")
        self.quantize_fails(4, "y.npy", "npy:x.npy,y.npy", "model.onnx")

    def test_an_image_that_does_not_decode(self):
        for name in ("cats", "dogs", "owls"):
            os.makedirs(self.path(f"pets/{name}"))
            program.write_png(self.path(f"pets/{name}/a.png"), 8, 8, [100] * 64)
        with open(self.path("pets/dogs/a.png"), "rb") as file:
            raw = file.read()
        with open(self.path("pets/dogs/b.png"), "wb") as file:
            file.write(raw[:len(raw) // 2])
        self.quantize_fails(4, "dogs/b.png", "pets")

    def test_data_of_another_shape(self):
        program.write_npy(self.path("x.npy"), [4, 1, 9, 9], [0.0] * 324)
        model = self.tiny_model()
        code, out, err = self.run_program("quantize", model, "-o", "s.onnx", "--data", "npy:x.npy", "-q")
        self.assertIn(code, (3, 4))
        self.assertEqual((out, len(err.splitlines())), ("", 1))

    def test_a_label_outside_the_classes(self):
        program.write_npy(self.path("x.npy"), [4, 1, 8, 8], [0.5] * 256)
        program.write_npy(self.path("y.npy"), [4], [0, 1, 2, 9], "<i8")
        self.fail_with(4, "9", "evaluate", self.tiny_model(), "--data", "npy:x.npy,y.npy")

    def test_a_disk_that_is_full(self):
        model, data = self.tiny_model(), self.tiny_data()
        limit = {"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))}
        self.fail_with(1, "sim.onnx", "quantize", model, "-o", "sim.onnx", "--data", data, **limit)
        self.fail_with(1, "quantized.onnx", "run", model, "-o", "out", "--data", data, "--epochs", "0", **limit)
        self.succeed("quantize", model, "-o", "sim.onnx", "--data", data)
        self.fail_with(1, "", "export", "sim.onnx", "-o", "exported", **limit)

    def test_an_output_that_exists(self):
        model, data = self.tiny_model(), self.tiny_data()
        open(self.path("taken"), "w").close()
        self.fail_with(1, "'taken' exists; --force overwrites it", "quantize", model, "-o", "taken", "--data", data)
        self.fail_with(1, "'taken' exists", "zoo", "resnet20", "-o", "taken")
        self.fail_with(1, "'taken' is a file", "run", model, "-o", "taken", "--data", data)
        os.makedirs(self.path("full"))
        open(self.path("full/file"), "w").close()
        self.fail_with(1, "'full' is not empty", "run", model, "-o", "full", "--data", data)
        self.succeed("quantize", model, "-o", "taken", "--data", data, "--force")

    def test_an_output_is_never_the_input(self):
        model, data = self.tiny_model(), self.tiny_data()
        self.fail_with(1, "never modified", "quantize", model, "-o", f"./{model}", "--data", data, "--force")

    def test_no_output_lands_on_an_input(self):
        model, data = self.tiny_model(), self.tiny_data()
        os.symlink("x.npy", self.path("link.npy"))
        for taken in ("x.npy", "y.npy", "link.npy"):
            self.fail_with(1, "never modified", "train", model, "-o", taken, "--data", data, "--force")
        for given in ("x.npy", "input=x.npy"):
            self.fail_with(1, "never modified", "infer", model, "--input", given, "--output", "x.npy", "--force")
        train = ["train", model, "-o", "out.onnx", "--data", data]
        self.fail_with(1, "never modified", *train, "--log", model)
        self.fail_with(1, "never modified", *train, "--checkpoint", "x.npy", "--force")
        self.fail_with(1, "never modified", "run", model, "-o", ".", "--data", data, "--force")
        self.succeed("quantize", model, "-o", "sim.onnx", "--data", data)
        self.fail_with(1, "never modified", "export", "sim.onnx", "-o", ".", "--prefix", "sim", "--force")

    def test_two_outputs_have_two_names(self):
        train = ["train", self.tiny_model(), "-o", "out", "--data", self.tiny_data()]
        self.fail_with(2, "--checkpoint and --output are both 'out'", *train, "--checkpoint", "out")
        self.fail_with(2, "--log and --output are both 'out'", *train, "--log", "out")

    def test_an_output_that_is_no_file(self):
        model, data = self.tiny_model(), self.tiny_data()
        os.mkfifo(self.path("pipe"))
        self.fail_with(1, "'pipe' is a device or a pipe", "quantize", model, "-o", "pipe", "--data", data, "--force")
        self.fail_with(1, "'new/' is a folder", "train", model, "-o", "new/", "--data", data)

    def test_a_folder_in_the_place_of_an_output(self):
        model, data = self.tiny_model(), self.tiny_data()
        os.makedirs(self.path("out/folded.onnx"))
        self.fail_with(1, "'out/folded.onnx' is a folder", "run", model, "-o", "out", "--data", data, "--force")

    def test_a_checkpoint_in_a_folder_that_is_not_there(self):
        self.fail_with(1, "'no/c'", "train", self.tiny_model(), "-o", "t.onnx", "--data", self.tiny_data(),
                       "--checkpoint", "no/c")

    def test_a_model_that_is_quantized_already(self):
        model, data = self.tiny_model(), self.tiny_data()
        self.succeed("quantize", model, "-o", "sim.onnx", "--data", data)
        self.succeed("export", "sim.onnx", "-o", "out", "--formats", "qdq")
        for step in ("quantize", "train"):
            self.fail_with(1, "quantized already", step, "out/model_qdq.onnx", "-o", "n.onnx", "--data", data)

    def test_another_batch_than_the_model_has(self):
        program.write_model(self.path("fixed.onnx"), "Relu", shape=(2, 3))
        program.write_npy(self.path("a.npy"), [5, 3], list(range(15)))
        program.write_npy(self.path("b.npy"), [5], [0, 1, 2, 0, 1], "<i8")
        text = "the model fixes its batch to 2, and --batch asks for 4"
        self.fail_with(2, text, "infer", "fixed.onnx", "--input", "a.npy", "-o", "y.npy", "--batch", "4")
        self.fail_with(2, text, "evaluate", "fixed.onnx", "--data", "npy:a.npy,b.npy", "--batch", "4")
        self.assertIn("[5, 3]", self.succeed("infer", "fixed.onnx", "--input", "a.npy", "-o", "y.npy"))
        self.assertEqual(self.document("evaluate", "fixed.onnx", "--data", "npy:a.npy,b.npy")["samples"], 5)

    def test_an_array_that_does_not_fit_the_input(self):
        model = self.tiny_model()
        program.write_npy(self.path("wide.npy"), [2, 1, 9, 8], [0.0] * 144)
        program.write_npy(self.path("flat.npy"), [2, 64], [0.0] * 128)
        program.write_npy(self.path("codes.npy"), [2, 1, 8, 8], [1] * 128, "<i8")
        for name, found in (("wide", "[2, 1, 9, 8]"), ("flat", "[2, 64]"), ("codes", "int64")):
            line = self.fail_with(4, "input 'input'", "infer", model, "--input", f"{name}.npy", "--output", "y.npy")
            self.assertIn(found, line)

    def test_data_without_labels_has_no_accuracy(self):
        program.write_npy(self.path("x.npy"), [4, 1, 8, 8], [0.5] * 256)
        self.fail_with(4, "no labels", "evaluate", self.tiny_model(), "--data", "npy:x.npy")
        self.fail_with(4, "no labels", "train", "model.onnx", "-o", "t.onnx", "--data", "npy:x.npy")

    def test_an_output_folder_that_is_not_there(self):
        self.fail_with(1, "No such file or directory", "zoo", "resnet20", "-o", "nowhere/model.onnx")

    def test_the_missing_step_is_named(self):
        model, data = self.tiny_model(), self.tiny_data()
        self.fail_with(1, "refold quantize", "fold", model, "-o", "folded.onnx")
        self.fail_with(1, "refold quantize", "encodings", model)
        self.succeed("quantize", model, "-o", "sim.onnx", "--data", data)
        self.fail_with(1, "is a simulation already", "quantize", "sim.onnx", "-o", "again.onnx", "--data", data)

    def test_training_needs_labels(self):
        model = self.tiny_model()
        program.write_npy(self.path("x.npy"), [4, 1, 8, 8], [0.5] * 256)
        self.fail_with(4, "no labels", "run", model, "-o", "out", "--data", "npy:x.npy")


program.main()
