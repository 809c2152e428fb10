"""Every #include obeys src/LAYERS; cli/ and examples/ see the public header alone."""
import os
import re

import tree

INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]', re.M)
faults = []


def read_layers():
    layers = {}
    for line in tree.read("src/LAYERS").splitlines():
        line = line.split("#")[0].strip()
        if not line:
            continue
        room, below = line.split(":")
        for name in below.split():
            if name not in layers:
                faults.append(f"src/LAYERS: '{room.strip()}' uses '{name}', which does not stand above it")
        layers[room.strip()] = set(below.split())
    return layers


def check_room(name, room, allowed):
    for bracket, target in INCLUDE.findall(tree.read(name)):
        first = target.split("/")[0]
        if bracket == "<":
            if target.startswith("refold/") and target != "refold/refold.h":
                faults.append(f"{name}: <{target}> is not how the public interface is included: <refold/refold.h>")
            if "dnnl" in target and room != "dnn":
                faults.append(f"{name}: <{target}> belongs into src/dnn alone")
            if target.endswith(".pb-c.h") and room != "formats":
                faults.append(f"{name}: <{target}> belongs into src/formats alone")
        elif "/" not in target:
            faults.append(f"{name}: \"{target}\" is not written as a path from src/")
        elif first != room and first not in allowed:
            faults.append(f"{name}: {room} may not include \"{target}\" (src/LAYERS)")


def check_outside(name):
    folder = os.path.dirname(name)
    for bracket, target in INCLUDE.findall(tree.read(name)):
        if bracket == '"' and not os.path.isfile(os.path.join(tree.ROOT, folder, target)):
            faults.append(f"{name}: \"{target}\" is none of its own headers")
        if bracket == "<" and target.startswith("refold/") and target != "refold/refold.h":
            faults.append(f"{name}: <{target}> is not how the public interface is included: <refold/refold.h>")


layers = read_layers()
checked = 0
for name in tree.tracked(".c", ".h"):
    parts = name.split("/")
    if parts[0] == "src":
        checked += 1
        if parts[1] not in layers:
            faults.append(f"{name}: src/LAYERS does not know the room '{parts[1]}'")
        else:
            check_room(name, parts[1], layers[parts[1]])
    elif parts[0] in ("cli", "examples"):
        checked += 1
        check_outside(name)
tree.finish(faults, checked)
