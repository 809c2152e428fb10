"""usage: report_page.py HTML CSS CHARTS LICENCE JS...: a C file that holds the report's page as the text rf_report_page.

The page names the scripts that it will run by their hashes, so that a browser runs nothing else, whatever the data holds.
"""
import base64
import hashlib
import sys

html, css, charts, licence, *parts = (open(path, encoding="utf-8").read() for path in sys.argv[1:])
js = "'use strict';\n(() => {\n" + "\n".join(parts) + "})();\n"
charts = f"/*\n{licence.strip()}\n*/\n{charts.strip()}\n"
scripts = {"CHARTS": charts, "SCRIPT": js}
hashes = " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" for text in scripts.values())
parts = dict(scripts, STYLE=css, HASHES=hashes)
for name, text in parts.items():
    if "</script" in text.lower() or "<!--" in text:
        sys.exit(f"report_page: {name} would end its element")
    if html.count(f"@@{name}@@") != 1:
        sys.exit(f"report_page: the page does not have one place for {name}")
pieces = html
for name, text in parts.items():
    pieces = pieces.replace(f"@@{name}@@", text)
if pieces.count("@@REFOLD_DOCUMENT@@") != 1:
    sys.exit("report_page: the page does not have one place for the document")
data = list(pieces.encode()) + [0]
print("/* The report's page as a text, made by tools/report_page.py. */")
print("extern const char rf_report_page[];\nconst char rf_report_page[] = {")
for i in range(0, len(data), 24):
    # UTF-8 beyond ASCII is negative in a char that has a sign.
    print("    " + ", ".join(str(b - 256 if b > 127 else b) for b in data[i:i + 24]) + ",")
print("};")
