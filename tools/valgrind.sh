#!/bin/sh
# usage: valgrind.sh REFOLD: the workflow on a small network and random arrays; fails where memory is misused or lost.
set -eu
refold=$(realpath "$1")
command -v valgrind >/dev/null || { echo "valgrind: apt-get install valgrind" >&2; exit 1; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
# valgrind 3.19 knows no AVX-512; libraries keep what they made at start until the end, which counts as reachable.
export OMP_WAIT_POLICY=passive OMP_NUM_THREADS=1 ONEDNN_MAX_CPU_ISA=AVX2
step()
{
    echo "valgrind: refold $*"
    valgrind --quiet --error-exitcode=99 --leak-check=full --show-leak-kinds=definite --errors-for-leak-kinds=definite \
        "$refold" "$@" --threads 1 -q >/dev/null
}
python3 - <<'PYTHON'
import random, struct
draw = random.Random(1)
def npy(name, kind, shape, values, code):
    head = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    with open(name, "wb") as f:
        f.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode() + struct.pack(f"<{len(values)}{code}", *values))
npy("x.npy", "<f4", (16, 1, 8, 8), [draw.uniform(-1, 1) for _ in range(1024)], "f")
npy("y.npy", "<i8", (16,), [i % 3 for i in range(16)], "q")
PYTHON
step zoo resnet20 --width 0.25 --input 1x8x8 --classes 3 -o net.onnx
step inspect net.onnx
step quantize net.onnx --data npy:x.npy,y.npy -o q.onnx
step train q.onnx --data npy:x.npy,y.npy --epochs 1 --batch 8 -o t.onnx --checkpoint t.checkpoint
step reestimate t.onnx --data npy:x.npy,y.npy -o r.onnx
step fold r.onnx -o f.onnx
step encodings f.onnx
step evaluate f.onnx --data npy:x.npy,y.npy
step export f.onnx -o out --prefix net
step compare out/net_qdq.onnx f.onnx --data npy:x.npy,y.npy
step report f.onnx -o report.html
# The same in one.
step run net.onnx --data npy:x.npy,y.npy --epochs 1 --batch 8 -o run
echo "valgrind: clean"
