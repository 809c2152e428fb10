"""Completion as bash, zsh and fish do it: a line and Tab; each shell that is not here is skipped."""
import os
import pty
import shutil
import subprocess
import unittest

import program

# A line with its Tab at the end, and the line that a shell makes of it.
LINES = {
    "refold ree": "refold reestimate",
    "refold reestimate --est": "refold reestimate --estimator",
    "refold reestimate m.onnx --estimator p": "refold reestimate m.onnx --estimator pooled",
    "refold zoo ds": "refold zoo ds_cnn",
    "refold evaluate mod": "refold evaluate model.onnx",
    "refold evaluate model.onnx --data fold": "refold evaluate model.onnx --data folder",
    "refold export model.onnx -o fo": "refold export model.onnx -o folder",
    "refold help rep": "refold help report",
}
# What zsh shall do with a line: Tab, and then the key that tells it.
ZSH = """
fpath=({functions} $fpath)
autoload -Uz compinit && compinit -u -d {folder}/.zcompdump
tell() {{ print -r -- "$BUFFER" >>{folder}/.lines; BUFFER= }}
zle -N tell
bindkey '^I' complete-word
bindkey '^T' tell
PROMPT=ready
"""


def until(terminal, text=None):
    """Read until `text` comes, or to the end."""
    seen = b""
    while text is None or text not in seen:
        try:
            read = os.read(terminal, 4096)
        except OSError:  # the other side has left
            break
        seen += read
        if not read:
            break



class Completion(program.ProgramTest):
    def setUp(self):
        super().setUp()
        with open(self.path("model.onnx"), "wb"):
            pass
        os.mkdir(self.path("folder"))

    def script(self, shell, name):
        with open(self.path(name), "w") as file:
            file.write(self.succeed("help", "--completion", shell))
        return self.path(name)

    def offered_by_bash(self, *words):
        """What the function offers for the last of `words`; where it offers nothing, bash goes on with files."""
        line = " ".join(f"'{word}'" for word in words)
        done = subprocess.run(["bash"], input=f'{self.succeed("help", "--completion", "bash")}\nCOMP_WORDS=({line})\n'
                              f'COMP_CWORD={len(words) - 1}\n_refold\nprintf "%s\\n" "${{COMPREPLY[@]}}"', text=True,
                              capture_output=True, cwd=self.folder)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout.split()

    def test_bash(self):
        for line, whole in LINES.items():
            offered = self.offered_by_bash(*line.split(" "))
            self.assertEqual(offered, [] if "model.onnx" == whole.split()[-1] or "--data" in line else [whole.split(" ")[-1]], line)
        self.assertEqual(self.offered_by_bash("refold", "zoo", "resn"), ["resnet20", "resnet18"])
        self.assertEqual(self.offered_by_bash("refold", "reestimate", "m.onnx", "--estimator", ""), ["mean-of-batches", "pooled"])
        self.assertEqual(self.offered_by_bash("refold", "train", "m.onnx", "--data", ""), [])
        self.assertEqual(self.offered_by_bash("refold", "evaluate", ""), [])
        self.assertIn("zoo", self.offered_by_bash("refold", ""))

    @unittest.skipUnless(shutil.which("fish"), "no fish here (Debian package fish)")
    def test_fish(self):
        script = self.script("fish", "refold.fish")
        for line, whole in LINES.items():
            done = subprocess.run(["fish", "--no-config", "-c", f"source {script}; complete -C '{line}'"], capture_output=True,
                                  text=True, cwd=self.folder, env={**os.environ, "HOME": self.folder})
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            offered = [row.split("\t")[0].rstrip("/") for row in done.stdout.splitlines()]
            self.assertEqual(offered, [whole.split(" ")[-1]], line)

    @unittest.skipUnless(shutil.which("zsh"), "no zsh here (Debian package zsh)")
    def test_zsh(self):
        os.mkdir(self.path("functions"))
        self.script("zsh", "functions/_refold")
        with open(self.path(".zshrc"), "w") as file:
            file.write(ZSH.format(functions=self.path("functions"), folder=self.folder))
        keys = "".join(f"{line}\t\x14" for line in LINES)
        child, terminal = pty.fork()
        if child == 0:
            os.chdir(self.folder)
            os.execvpe("zsh", ["zsh", "-i"], {**os.environ, "ZDOTDIR": self.folder, "TERM": "dumb", "HOME": self.folder})
        until(terminal, b"ready")
        os.write(terminal, f"{keys}exit\n".encode())
        until(terminal)
        os.close(terminal)
        os.waitpid(child, 0)
        with open(self.path(".lines")) as file:
            lines = [line.rstrip().rstrip("/") for line in file]
        self.assertEqual(lines, list(LINES.values()))

    def test_another_shell_has_none(self):
        self.fail_with(2, "no completion for 'tcsh'", "help", "--completion", "tcsh")


program.main()
