"""usage: embed.py NAME FILE: a C file that holds FILE as the text NAME."""
import os
import sys

name, path = sys.argv[1:]
with open(path, "rb") as file:
    data = list(file.read()) + [0]
print(f"/* {os.path.basename(path)} as a text, made by tools/embed.py. */")
print(f"extern const char {name}[];\nconst char {name}[] = {{")
for i in range(0, len(data), 24):
    print("    " + ", ".join(map(str, data[i:i + 24])) + ",")
print("};")
