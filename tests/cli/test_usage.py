"""Words of the command line: help, wrong usage, exit codes, closed outputs."""
import os
import shlex
import shutil
import subprocess

import program

COMMANDS = ["run", "inspect", "quantize", "train", "reestimate", "fold", "export", "evaluate", "infer", "compare", "analyze",
            "encodings", "report", "convert", "zoo", "bench"]


class Usage(program.ProgramTest):
    def test_the_version_is_one_line(self):
        self.assertRegex(self.succeed("--version"), r"\Arefold \d+\.\d+\.\d+\n\Z")

    def test_help_lists_every_command(self):
        text = self.succeed("help")
        for command in COMMANDS:
            self.assertRegex(text, rf"(?m)^  {command} ")

    def test_help_of_a_command_comes_three_ways(self):
        for command in COMMANDS:
            text = self.succeed("help", command)
            self.assertTrue(text.startswith(f"usage: refold {command} "))
            self.assertEqual(text, self.succeed(command, "--help"))
            self.assertEqual(text, self.succeed(command, "--nonsense", "-h"))

    def test_every_example_passes_the_parser(self):
        for command in COMMANDS:
            words = shlex.split(self.succeed("help", command).split("\nExample\n")[1])
            self.assertEqual(words[:2], ["refold", command])
            self.assertIn(shlex.join(words).replace("-", "\\-"), self.succeed("help", "--man", command))
            if command == "zoo":
                self.succeed(*words[1:])
            else:  # nothing is wrong but that there is no such file
                self.fail_with(3, f"'{words[2]}'", *words[1:])

    def test_required_is_what_is_always_required(self):
        self.assertIn("(required)", self.succeed("evaluate", "--help").split("--preset")[0])
        self.assertNotIn("(required)", self.succeed("quantize", "--help").split("--data SPEC")[1])

    def test_every_default_in_the_tables_can_be_parsed(self):
        # Defaults are parsed before anything else is looked at: a bad one would be reported in place of MODEL.
        for command in COMMANDS:
            self.assertIn("is missing", self.run_program(command)[2])

    def test_man_pages_come_from_the_tables(self):
        for command in COMMANDS:
            page = self.succeed("help", "--man", command)
            self.assertTrue(page.startswith(f".TH REFOLD\\-{command} 1"))
            if shutil.which("groff"):
                done = subprocess.run(["groff", "-man", "-ww", "-z"], input=page, capture_output=True, text=True)
                self.assertEqual((done.returncode, done.stderr), (0, ""), command)

    def test_doctor_says_what_it_found(self):
        found = self.document("doctor", "--threads", "1")
        self.assertEqual(found["threads"], 1)
        self.assertIn(found["integer_weight_bits"], range(2, 9))
        self.assertTrue(any(name.startswith("libdnnl.so") for name in found["libraries"]))
        self.assertEqual(found["onnxruntime"] is None, any("onnxruntime-node" in what for what in found["missing"]))
        text = self.succeed("doctor")
        self.assertIn(found["instructions"], text)
        self.assertEqual([line for line in text.splitlines() if len(line) > 100], [])
        self.assertTrue(self.succeed("help", "doctor").startswith("usage: refold doctor [options]"))
        self.fail_with(2, "found 'x'", "doctor", "x")

    def test_an_unknown_command_gets_the_nearest_name(self):
        self.fail_with(2, "unknown command 'evalute'; did you mean 'evaluate'?", "evalute")
        self.fail_with(2, "unknown command 'xyzzy'", "xyzzy")

    def test_an_unknown_option_gets_the_nearest_name(self):
        self.fail_with(2, "unknown option '--dta'; did you mean '--data'?", "evaluate", "m", "--dta", "d")
        self.fail_with(2, "unknown option '-x'", "evaluate", "m", "-x")

    def test_what_is_missing_is_named(self):
        self.fail_with(2, "MODEL is missing", "evaluate", "--data", "d")
        self.fail_with(2, "--data SPEC is missing", "evaluate", "m")
        self.fail_with(2, "--output FILE is missing", "quantize", "m", "--data", "d")
        self.fail_with(2, "--data needs a value", "evaluate", "m", "--data")
        self.fail_with(2, "--data needs a value", "evaluate", "m", "--data", "--json")

    def test_numbers_are_checked_against_their_range(self):
        for option, value in (("--batch", "0"), ("--batch", "1.5"), ("--batch", "9999999999999999999999"),
                              ("--threads", "many"), ("--seed", "-1"), ("--mean", "1,x"), ("--std", "0"),
                              ("--mean", "1,2,3,4,5"), ("--min-top1", "101"), ("--scale", "nan")):
            self.fail_with(2, f"{option} '", "evaluate", "m", "--data", "d", option, value)
        self.fail_with(2, "--lr '-0.1'", "train", "m", "-o", "o", "--data", "d", "--lr", "-0.1")
        self.fail_with(2, "--momentum '1'", "train", "m", "-o", "o", "--data", "d", "--momentum", "1")
        self.fail_with(2, "--param-bw '17'", "quantize", "m", "-o", "o", "--data", "d", "--param-bw", "17")

    def test_choices_are_listed(self):
        self.fail_with(2, "sgd/adam", "train", "m", "-o", "o", "--data", "d", "--optimizer", "sdg")

    def test_options_that_need_each_other(self):
        self.fail_with(2, "--resume needs --checkpoint", "train", "m", "-o", "o", "--data", "d", "--resume")

    def test_one_operand_is_enough(self):
        self.fail_with(2, "found 'b' after MODEL 'a'", "inspect", "a", "b")

    def test_a_flag_takes_no_value(self):
        self.fail_with(2, "--json takes no value", "inspect", "a", "--json=yes")

    def test_the_last_of_two_values_wins(self):
        self.fail_with(3, "'missing'", "evaluate", "missing", "--batch", "7", "--batch=8", "--data", "x")
        self.fail_with(2, "--batch '0'", "evaluate", "missing", "--batch", "7", "--batch=0", "--data", "x")

    def test_results_that_cannot_be_written_are_a_failure(self):
        with open("/dev/full", "w") as full:
            done = subprocess.run([program.REFOLD, "help"], stdout=full, stderr=subprocess.PIPE, text=True)
        self.assertEqual(done.returncode, 1)
        self.assertEqual(len(done.stderr.splitlines()), 1)

    def test_a_closed_output_is_a_failure(self):
        done = subprocess.run([program.REFOLD, "--version"], stderr=subprocess.PIPE, text=True,
                              preexec_fn=lambda: os.close(1))
        self.assertEqual((done.returncode, len(done.stderr.splitlines())), (1, 1))

    def test_a_reader_that_has_gone_does_not_kill(self):
        read_end, write_end = os.pipe()
        os.close(read_end)
        done = subprocess.run([program.REFOLD, "help"], stdout=write_end, stderr=subprocess.PIPE, text=True)
        os.close(write_end)
        self.assertEqual(done.returncode, 1)


program.main()
