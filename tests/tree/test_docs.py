"""Documents tell the truth: links lead somewhere, commands and options exist, named tests exist, README shows what was measured."""
import os
import re
import shlex
import subprocess
import sys

import tree

LINK = re.compile(r"\]\((?!https?:|mailto:)([^)#\s]*)(?:#([^)\s]*))?\)")
BLOCK = re.compile(r"^```console\n(.*?)^```", re.M | re.S)
TEST_NAME = re.compile(r"`(test_\w+)(?:: (\w+))?`")

refold = sys.argv[2]
faults = []
helps = {}


def help_of(command):
    if command not in helps:
        done = subprocess.run([refold, command, "--help"], capture_output=True, text=True)
        helps[command] = done.stdout if done.returncode == 0 else None
    return helps[command]


def check_refold(name, words):
    if not words or words[0] in ("--version", "--help", "help"):
        return
    text = help_of(words[0])
    if text is None:
        faults.append(f"{name}: 'refold {words[0]}' is no command")
        return
    for word in words[1:]:
        option = word.split("=")[0]
        if re.fullmatch(r"--[a-z][a-z0-9-]*|-[a-z]", option) and not re.search(rf"(^|\s|,){re.escape(option)}\b", text, re.M):
            faults.append(f"{name}: 'refold {words[0]}' has no option {option}")


def check_command(name, line, targets):
    words = shlex.split(line, comments=True)
    while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
        words = words[1:]
    if words and os.path.basename(words[0]) == "refold":
        check_refold(name, words[1:])
    elif words and words[0] == "make":
        for target in words[1:]:
            if "=" not in target and target not in targets:
                faults.append(f"{name}: the Makefile has no target '{target}'")


def anchors_of(name):
    """What the headings of a page are called in links: small letters, spaces as dashes, no other signs."""
    headings = re.findall(r"^#+ (.*)$", re.sub(r"^```.*?^```", "", tree.read(name), flags=re.M | re.S), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def check_links(name, text):
    for link, anchor in LINK.findall(text):
        target = os.path.normpath(os.path.join(os.path.dirname(name), link)) if link else name
        if not os.path.exists(os.path.join(tree.ROOT, target)):
            faults.append(f"{name}: the link {link} leads nowhere")
        elif anchor and target.endswith(".md") and anchor not in anchors_of(target):
            faults.append(f"{name}: {target} has no heading #{anchor}")


def check_index():
    """Who starts at docs/README.md finds every page."""
    linked = {link for link, _ in LINK.findall(tree.read("docs/README.md"))}
    for name in documents:
        if name.startswith("docs/") and name != "docs/README.md" and os.path.basename(name) not in linked:
            faults.append(f"docs/README.md does not lead to {name}")


def check_tests(name, text, sources):
    for file, function in TEST_NAME.findall(text):
        found = [source for path, source in sources.items() if os.path.splitext(os.path.basename(path))[0] == file]
        if not found:
            faults.append(f"{name}: there is no test file {file}")
        elif function and not any(re.search(rf"\b{function}\b", source) for source in found):
            faults.append(f"{name}: {file} has no test {function}")


def check_readme():
    """README's tables are those of docs/results."""
    done = subprocess.run([sys.executable, os.path.join(tree.ROOT, "tools", "readme_tables.py"), "--check"], capture_output=True,
                          text=True)
    if done.returncode:
        faults.append(done.stdout + done.stderr)


documents = [name for name in tree.tracked(".md")]
targets = set(re.findall(r"^([a-z-]+):", tree.read("Makefile"), re.M))
sources = {path: tree.read(path) for path in tree.tracked(".c", ".py") if path.startswith(("tests/", "fuzz/"))}
commands = 0
for name in documents:
    text = tree.read(name)
    check_links(name, text)
    check_tests(name, text, sources)
    for block in BLOCK.findall(text):
        joined = re.sub(r"\\\n", " ", block)
        for line in joined.splitlines():
            if line.startswith("$ "):
                commands += 1
                check_command(name, line[2:], targets)
check_index()
check_readme()
tree.finish(faults, commands)
