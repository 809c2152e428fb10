"""refold.h as Python: every struct, function and constant of the public headers as ctypes sees them.

    python3 abi.py refold.h VERSION > refold/_abi.py

The headers keep to few forms (typedefs, X-macro lists, RF_API functions), and what is written otherwise is an error here.
"""
import os
import re
import sys

SCALARS = {"int": "c_int", "bool": "c_bool", "char": "c_char", "float": "c_float", "double": "c_double", "size_t": "c_size_t",
           "int64_t": "c_int64", "uint64_t": "c_uint64", "int32_t": "c_int32", "uint8_t": "c_uint8", "void": "None"}
DECLARATOR = re.compile(r"^(?P<stars>(?:\*|\s|const\b)*)(?P<name>\w+)?(?:\[(?P<size>\w+)\])?$")
FUNCTION_POINTER = re.compile(r"^(?P<result>.*?)\(\*(?P<name>\w+)\)\s*\((?P<arguments>.*)\)$", re.S)


class Header:
    def __init__(self, text):
        text = re.sub(r"/\*.*?\*/", " ", text, flags=re.S)
        text = text.replace("\\\n", " ")
        self.macros = dict(re.findall(r"^#define (RF_\w+)(?:\(X\))?[ \t]+(.+)$", text, re.M))
        self.text = re.sub(r"^\s*#.*$", "", text, flags=re.M)
        self.enums, self.structs, self.opaque, self.lines = set(), set(), set(), []

    def pointer(self, base, stars):
        if base in self.opaque or base == "void":
            inner, stars = "c_void_p", stars - 1
        elif base == "char":
            inner, stars = "c_char_p", stars - 1
        else:
            inner = self.value(base)
        return "POINTER(" * stars + inner + ")" * stars

    def value(self, base):
        if base in SCALARS:
            return SCALARS[base]
        if base in self.enums:
            return "c_int"
        if base in self.structs:
            return base
        raise SyntaxError(f"refold.h: the type '{base}' is not known here")

    def type_of(self, base, stars):
        return self.pointer(base, stars) if stars else self.value(base)

    def declare(self, text):
        """[(name, ctype)] of 'const char *a, *b[4]'."""
        text = " ".join(text.split())
        pointer = FUNCTION_POINTER.match(text)
        if pointer:
            return [(pointer["name"], self.prototype(pointer["result"], pointer["arguments"]))]
        base, rest = re.match(r"^(?:const )?(?:struct )?(\w+)\s*(.*)$", text).groups()
        found = []
        for part in rest.split(",") if rest else [""]:
            match = DECLARATOR.match(part.strip())
            if not match:
                raise SyntaxError(f"refold.h: '{text}' is of no form that is known here")
            ctype = self.type_of(base, match["stars"].count("*"))
            size = match["size"]
            found.append((match["name"], f"{ctype} * {self.macros.get(size, size)}" if size else ctype))
        return found

    def arguments(self, text):
        return [] if text.strip() in ("void", "") else [self.declare(part)[0][1] for part in text.split(",")]

    def prototype(self, result, arguments):
        return f"CFUNCTYPE({', '.join([self.declare(result)[0][1], *self.arguments(arguments)])})"

    def add_enum(self, name, body):
        self.enums.add(name)
        constants = [word for word in re.findall(r"\w+", body)]
        self.lines += [f"{constant} = {number}" for number, constant in enumerate(constants)]

    def add_struct(self, name, body):
        self.structs.add(name)
        fields = []
        for field in body.split(";"):
            if field.strip():
                fields += self.declare(field.strip())
        rows = "".join(f'        ("{field}", {ctype}),\n' for field, ctype in fields)
        self.lines.append(f"class {name}(Structure):\n    _fields_ = [\n{rows}    ]\n")

    def add_typedef(self, text):
        enum = re.match(r"enum (\w+)\s*\{(.*)\}", text, re.S)
        struct = re.match(r"struct (\w+)\s*\{(.*)\}", text, re.S)
        opaque = re.match(r"struct (\w+) (\w+)$", text)
        pointer = FUNCTION_POINTER.match(" ".join(text.split()))
        if enum:
            self.add_enum(*enum.groups())
        elif struct:
            self.add_struct(*struct.groups())
        elif opaque:
            self.opaque.add(opaque[1])
        elif pointer:
            self.structs.add(pointer["name"])
            self.lines.append(f"{pointer['name']} = {self.prototype(pointer['result'], pointer['arguments'])}")
        else:
            raise SyntaxError(f"refold.h: 'typedef {text}' is of no form that is known here")

    def add_function(self, text):
        text = " ".join(text.replace("RF_MUST_USE", "").split())
        head, arguments = re.match(r"^(.*?)\((.*)\)$", text).groups()
        (name, result), = self.declare(head)
        self.lines.append(f'FUNCTIONS["{name}"] = ({result}, [{", ".join(self.arguments(arguments))}])')

    def add_lists(self):
        for name, body in self.macros.items():
            if name.endswith("_MAP"):
                rows = re.findall(r"X\((\w+), (\d+)", body)
                self.lines += [f"RF_{'' if name == 'RF_STATUS_MAP' else name[3:-3]}{word} = {number}" for word, number in rows]
                self.lines.append(f"{name[3:-4]}_NAMES = {{{', '.join(f'{number}: {word!r}' for word, number in rows)}}}")
            elif name.endswith("_INIT"):
                values = dict(re.findall(r"\.(\w+) = ([-\w.]+)", body))
                numbers = ", ".join(f"{key!r}: {value.capitalize() if value in ('true', 'false') else value}"
                                    for key, value in values.items())
                self.lines.append(f"INIT[{name[:-5].lower()!r}] = {{{numbers}}}")

    def write(self, version):
        self.add_lists()
        for form in re.finditer(r"\btypedef\s+((?:[^{};]|\{[^{}]*\})*);|\bRF_API\b([^;]*);", self.text):
            self.add_typedef(form[1].strip()) if form[1] else self.add_function(form[2])
        return ('"""refold.h for ctypes, made by abi.py: not to be edited."""\nfrom ctypes import *\n\n'
                f"VERSION = {version!r}\nFUNCTIONS = {{}}\nINIT = {{}}\n") + "\n".join(self.lines) + "\n"


def with_its_headers(path):
    """The text of refold.h, each header that it names put in its place."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    names = re.findall(r"^#include <refold/(\w+\.h)>", text, re.M)
    folder = os.path.dirname(path)
    return "".join(open(os.path.join(folder, name), encoding="utf-8").read() for name in names)


def generate(path, version):
    return Header(with_its_headers(path)).write(version)


if __name__ == "__main__":
    sys.stdout.write(generate(sys.argv[1], sys.argv[2]))
