"""usage: readme_tables.py [--check]: the figures of README.md's tables from docs/results, in as many digits as stand there.

A table follows the line <!-- from docs/results/NAME.json -->. Rows that are called after a step of that run get its top-1, loss and
seconds; the row of ONNX Runtime gets what demo.sh left in NAME_target.json, if it is there. Other rows and columns stay.
"""
import json
import os
import re
import sys

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
README = os.path.join(ROOT, "README.md")
TABLE = re.compile(r"(<!-- from docs/results/(\w+)\.json -->\n+)((?:\|.*\n)+)")
COLUMNS = {"top-1 %": "top1", "loss": "loss", "seconds": "seconds"}


def result(name):
    path = os.path.join(ROOT, "docs", "results", name)
    if not os.path.exists(path):
        return None
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def like(shown, value):
    """`value` with the decimals of the number that is shown; what shows none stays."""
    number = re.fullmatch(r"\d+(?:\.(\d+))?", shown)
    return f"{value:.{len(number[1] or '')}f}" if number else shown


def renewed(table, steps, target):
    head, rule, *rows = [[cell.strip() for cell in line.strip("|\n").split("|")] for line in table.splitlines()]
    for row in rows:
        for i, title in enumerate(head):
            if row[0] in steps and title in COLUMNS:
                row[i] = like(row[i], steps[row[0]][COLUMNS[title]])
            elif row[0].startswith("ONNX Runtime") and target:
                row[i] = like(row[i], target["top1"]) if title == "top-1 %" else \
                    re.sub(r"[\d.]+(?= %)", lambda found: like(found[0], target["agreement"]), row[i])
    lines = ["| " + " | ".join(row) + " |" for row in (head, *rows)]
    lines = [re.sub(r"(?<=\|) +(?=\|)", " ", line) for line in lines]
    return "\n".join([lines[0], "|" + "|".join(rule) + "|", *lines[1:]]) + "\n"


def renew(match):
    run = result(f"{match[2]}.json")
    return match[1] + renewed(match[3], {step["step"]: step for step in run["steps"]}, result(f"{match[2]}_target.json"))


with open(README, encoding="utf-8") as file:
    before = file.read()
after, count = TABLE.subn(renew, before)
if not count:
    sys.exit("readme_tables: README.md has no table from docs/results")
if "--check" in sys.argv:
    wrong = [line for line in after.splitlines() if line not in before.splitlines()]
    if after != before:
        print("README.md does not show what was measured; tools/readme_tables.py makes this of it:", *wrong, sep="\n")
    sys.exit(after != before)
with open(README, "w", encoding="utf-8") as file:
    file.write(after)
