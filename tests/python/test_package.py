"""The Python package: steps, data in every form, undo, sessions, errors and lifetimes."""
import gc
import itertools
import os
import signal
import sys
import tempfile
import threading
import unittest

try:
    import numpy as np
except ImportError:
    print("skipped: no NumPy for this Python (Debian package python3-numpy)")
    sys.exit(77)

import refold

CLASSES = 3


def network(context=None):
    return refold.zoo("resnet20", context, width=0.25, channels=1, height=8, width_px=8, classes=CLASSES)


def images(count=48, seed=0):
    rng = np.random.default_rng(seed)
    y = np.arange(count) % CLASSES
    return (rng.normal(size=(count, 1, 8, 8)) + y[:, None, None, None]).astype(np.float32), y


def batches_of(x, y, size):
    return [(x[i:i + size], y[i:i + size]) for i in range(0, len(x), size)]


class Sampled:
    """What a PyTorch DataLoader looks like from outside."""

    def __init__(self, x, y, batch_size):
        self.batches, self.batch_size = batches_of(x, y, batch_size), batch_size
        self.sampler, self.drop_last, self.passes = range(len(x)), False, 0

    def __iter__(self):
        self.passes += 1
        return iter([list(batch) for batch in self.batches])


class Package(unittest.TestCase):
    def setUp(self):
        self.context = refold.Context(threads=1)
        self.x, self.y = images()
        self.model = network(self.context)

    def simulation(self):
        return self.model.quantize((self.x, self.y), param_bw=4)

    def statistics(self, net):
        return {name: p.values for name, p in net.parameters().items() if p.role in ("bn_mean", "bn_var")}

    def assert_same(self, a, b):
        self.assertEqual(a.keys(), b.keys())
        for name, values in a.items():
            np.testing.assert_array_equal(values, b[name], name)

    def test_the_whole_workflow(self):
        sim = refold.quantize(self.model, (self.x, self.y), param_bw=4)
        self.assertEqual(sim.state, "calibrated")
        trained = sim.train((self.x, self.y), (self.x, self.y), epochs=8, batch=16, learning_rate=0.02)
        self.assertEqual((trained.epochs, trained.steps, trained.validation.samples), (8, 24, 48))
        self.assertLess(trained.last_loss, 0.7 * trained.first_loss)
        done = refold.reestimate_bn_stats(sim, batches_of(self.x, self.y, 16))
        self.assertEqual((done.batches, sim.state), (3, "bn_reestimated"))
        report = refold.fold_all_batch_norms_to_scale(sim)
        self.assertTrue(report.folded and all(f.max_code_difference == 0 for f in report.folded))
        self.assertEqual(sim.state, "folded")
        with self.assertRaisesRegex(refold.RefoldError, "folded since"):
            done.undo()
        with tempfile.TemporaryDirectory() as folder:
            files = refold.export(sim, folder)
            self.assertEqual([os.path.basename(f) for f in files], ["model.onnx", "model.encodings", "model_qdq.onnx"])
            qdq = refold.load(files[2], self.context)
            self.assertAlmostEqual(refold.evaluate(qdq, (self.x, self.y)).top1, sim.evaluate((self.x, self.y)).top1, delta=5)

    def test_statistics_are_means_over_batches_and_come_back(self):
        sim, before = self.simulation(), None
        before = self.statistics(sim)
        with refold.reestimate_bn_stats(sim, batches_of(self.x, self.y, 12), batches=2) as done:
            self.assertEqual(done.batches, 2)
            layer = done.layers[0]
            np.testing.assert_array_equal(layer.mean_after, self.statistics(sim)[layer.mean])
            np.testing.assert_array_equal(layer.var_before, before[layer.var])
            self.assertFalse(np.array_equal(layer.mean_before, layer.mean_after))
        self.assert_same(before, self.statistics(sim))
        self.assertEqual(sim.state, "calibrated")

    def test_every_form_of_data_gives_the_same(self):
        x, y = self.x, self.y
        found = []
        with tempfile.TemporaryDirectory() as folder:
            np.save(f"{folder}/x.npy", x)
            np.save(f"{folder}/y.npy", y)
            for data in ((x, y), batches_of(x, y, 48), batches_of(x, y, 20), Sampled(x, y, 16), iter(batches_of(x, y, 16)),
                         f"npy:{folder}/x.npy,{folder}/y.npy", (x.astype(np.float64), y.astype(np.int32)[:, None])):
                found.append(self.model.evaluate(data, batch=16).loss)
        self.assertEqual(len(set(found)), 1, found)

    def test_a_loader_is_passed_over_once_an_epoch(self):
        loader = Sampled(self.x, self.y, 16)
        sim = self.simulation()
        passes = loader.passes
        self.assertEqual(sim.train(loader, epochs=3, learning_rate=0.01).steps, 9)
        self.assertEqual(loader.passes - passes, 3 + 1)  # and once to see what a batch is

    def test_training_is_that_of_the_program_when_the_order_is(self):
        sims = [self.simulation(), self.simulation()]
        with tempfile.TemporaryDirectory() as folder:
            np.save(f"{folder}/x.npy", self.x)
            np.save(f"{folder}/y.npy", self.y)
            sims[0].train(f"npy:{folder}/x.npy,{folder}/y.npy", epochs=2, batch=16, no_shuffle=True)
        sims[1].train(batches_of(self.x, self.y, 16), epochs=2)
        self.assert_same(*({name: p.values for name, p in sim.parameters().items()} for sim in sims))

    def test_a_session_takes_the_steps_of_the_trainer(self):
        for learn in ("sgd", "adam"):
            trained, own = self.simulation(), self.simulation()
            trained.train(batches_of(self.x, self.y, 16), optimizer=learn, learning_rate=0.01)
            with refold.Session(own, optimizer=learn, learning_rate=0.01) as session:
                for x, y in batches_of(self.x, self.y, 16):
                    _, gradient = refold.cross_entropy(session.forward(x), y)
                    session.backward(gradient.astype(np.float32))
                    self.assertTrue(all(np.isfinite(g).all() for g in session.gradients().values()))
                    session.step()
            self.assertEqual(own.state, "trained")
            theirs = trained.parameters()
            for name, parameter in own.parameters().items():
                # Two ways of computing the softmax differ in the last bits, which Adam divides by small numbers.
                np.testing.assert_allclose(parameter.values, theirs[name].values, rtol=2e-2, atol=2e-3, err_msg=name)

    def test_gradients_of_a_session_are_those_of_the_loss(self):
        x, rng = self.x[:8], np.random.default_rng(1)
        weights = rng.normal(size=(8, CLASSES)).astype(np.float32)  # loss = sum(weights * output)
        session = refold.Session(self.model)
        session.forward(x)
        session.backward(weights)
        gradients = session.gradients()
        name, parameter = next((n, p) for n, p in self.model.parameters().items() if p.role == "bias")
        np.testing.assert_allclose(gradients[name], weights.sum(axis=0), rtol=1e-4)
        self.assertEqual(gradients[name].shape, parameter.values.shape)

    def test_a_session_says_what_is_missing(self):
        session = refold.Session(self.simulation())
        with self.assertRaisesRegex(refold.RefoldError, "forward and backward come first"):
            session.step()
        with self.assertRaisesRegex(refold.RefoldError, "backward needs a forward pass"):
            session.backward(np.zeros((4, CLASSES), np.float32))
        session.forward(self.x[:4])
        with self.assertRaisesRegex(refold.RefoldError, r"expected float32 \[4, 3\]"):
            session.backward(np.zeros((5, CLASSES), np.float32))
        session.forward(self.x[:6])  # another size of batch
        with self.assertRaisesRegex(refold.RefoldError, "model takes"):
            session.forward(np.zeros((4, 3, 8, 8), np.float32))

    def test_files_keep_the_simulation(self):
        sim = self.simulation()
        with tempfile.TemporaryDirectory() as folder:
            sim.save(f"{folder}/sim.onnx")
            again = refold.load(f"{folder}/sim.onnx", self.context)
            self.assertIsInstance(again, refold.Simulation)
            np.testing.assert_array_equal(again.infer(self.x), sim.infer(self.x))
            with self.assertRaisesRegex(refold.RefoldError, "exists"):
                sim.save(f"{folder}/sim.onnx")
        weight = next(q for q in sim.quantizers if q.kind == "param")
        self.assertEqual((weight.bitwidth, weight.axis, weight.scale.dtype), (4, 0, np.float64))
        self.assertTrue((weight.min < weight.max).all() and (weight.scale > 0).all() and (weight.offset == -8).all())

    def test_outputs_do_not_depend_on_the_batch(self):
        np.testing.assert_allclose(self.model.infer(self.x, batch=7), self.model.infer(self.x), atol=1e-5)
        self.assertEqual(self.model.infer(self.x).shape, (48, CLASSES))

    def test_errors_are_exceptions_with_one_line(self):
        with self.assertRaises(refold.RefoldError) as caught:
            refold.load("no such file.onnx", self.context)
        self.assertEqual(caught.exception.status, "EIO")
        self.assertIn("no such file.onnx", str(caught.exception))
        self.assertNotIn("\n", str(caught.exception))
        for call, kind, text in (
                (lambda: self.model.evaluate((self.x[:, :, :5], self.y)), refold.RefoldError, "gives samples of shape"),
                (lambda: self.model.evaluate(self.x), refold.RefoldError, "no labels"),
                (lambda: self.model.evaluate((np.zeros((4, 1, 8, 8), np.uint8), self.y[:4])), TypeError, "normalize"),
                (lambda: self.model.evaluate((self.x, self.y[:5])), ValueError, "same number"),
                (lambda: self.model.evaluate((self.x, self.y.astype(float))), TypeError, "labels are float64"),
                (lambda: self.model.evaluate([]), ValueError, "no batch"),
                (lambda: self.model.train((self.x, self.y), epoch=1), TypeError, "'epoch' is no option"),
                (lambda: refold.Context(compute="fast"), ValueError, "'fast'"),
                (lambda: self.model.quantize(param_bw=1), refold.RefoldError, "1")):
            with self.assertRaisesRegex(kind, text):
                call()

    def test_what_a_loader_raises_comes_out(self):
        def broken():
            yield self.x[:16], self.y[:16]
            raise KeyError("the disk is gone")

        class Broken(Sampled):
            def __iter__(self):
                self.passes += 1
                return broken() if self.passes > 1 else iter(self.batches)

        with self.assertRaisesRegex(KeyError, "the disk is gone"):
            self.model.evaluate(Broken(self.x, self.y, 16))
        self.assertEqual(self.model.evaluate((self.x, self.y)).samples, 48)

    def test_a_generator_that_never_ends_gives_as_many_batches_as_asked_for(self):
        endless = ((self.x[:16], self.y[:16]) for _ in itertools.count())
        self.assertEqual(refold.reestimate_bn_stats(self.simulation(), endless, batches=5).batches, 5)

    def test_objects_may_be_dropped_in_any_order(self):
        for _ in range(3):
            context = refold.Context(threads=1)
            sim = network(context).quantize((self.x, self.y))
            done = refold.reestimate_bn_stats(sim, (self.x, self.y), batch=16)
            session = refold.Session(sim)
            del context, sim
            gc.collect()
            done.undo()
            session.forward(self.x[:4])
            del done
            gc.collect()
            del session
            gc.collect()

    def test_ctrl_c_ends_a_step_and_the_next_one_runs(self):
        context = refold.Context(threads=1, progress=lambda event: None)
        model = network(context)
        timer = threading.Timer(1.0, lambda: os.kill(os.getpid(), signal.SIGINT))
        timer.start()
        with self.assertRaises(KeyboardInterrupt):
            model.train((self.x, self.y), epochs=10 ** 7, batch=16)
        timer.join()
        self.assertEqual(model.evaluate((self.x, self.y)).samples, 48)

    def test_progress_and_messages_reach_python(self):
        seen, lines = [], []
        context = refold.Context(threads=1, progress=seen.append, log=lines.append)
        network(context).train((self.x, self.y), epochs=2, batch=16)
        self.assertEqual({event["task"] for event in seen}, {"train"})
        self.assertTrue(any(line.startswith("epoch 2/2") for line in lines), lines)


unittest.main(argv=sys.argv[:1], verbosity=2)
