#!/usr/bin/env bash
# usage: demo.sh [build/refold]
# The whole workflow on the shipped FP32 network and Debian's Fashion-MNIST, then the exported file on its target.
# NO_TARGET=1 leaves the target out; STEPS and THREADS change the length of training and the threads.
set -euo pipefail
cd "$(dirname "$0")/.."

refold=${1:-build/refold}
model=demo/fashion_mobilenet_v2.onnx
out=demo/out
images=/usr/share/datasets/fashion-mnist/t10k-images-idx3-ubyte.gz
labels=/usr/share/datasets/fashion-mnist/t10k-labels-idx1-ubyte.gz
start=$SECONDS

fail()
{
    echo "demo: $*" >&2
    exit 1
}

# ONNX Runtime from the npm registry, once; its install script is not needed on the CPU.
install_target()
{
    [ -d demo/node_modules/onnxruntime-node ] && return
    command -v npm >/dev/null || fail "npm is missing; install it, or leave the target out with NO_TARGET=1"
    echo "demo: installing ONNX Runtime (npm ci --ignore-scripts)" >&2
    (cd demo && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2) ||
        fail "npm could not install ONNX Runtime; NO_TARGET=1 leaves the target out"
}

ort()
{
    node demo/ort_evaluate.mjs "$out/model_qdq.onnx" --labels "$labels" --threads "${THREADS:-2}" "$@"
}

# One number of a line of JSON.
number()
{
    python3 -c 'import json, sys; print("%.2f" % json.load(sys.stdin)[sys.argv[1]])' "$1"
}

# The target sees the test images; the simulation sees the very same numbers; their predictions are compared.
run_target()
{
    ort --images "$images" --mean 0.2860 --std 0.3530 --save-input "$out/test_images.npy" >/dev/null
    "$refold" infer "$out/folded.onnx" --input "$out/test_images.npy" --output "$out/simulation.npy" -q >/dev/null
    ort --input "$out/test_images.npy" --reference "$out/simulation.npy" >"$out/target.json"
    rm "$out/test_images.npy" "$out/simulation.npy"
    echo
    echo "ONNX Runtime on $out/model_qdq.onnx, 10,000 test images:"
    echo "  top-1                          $(number top1 <"$out/target.json") %"
    echo "  same class as the simulation   $(number agreement <"$out/target.json") %"
}

[ -x "$refold" ] || fail "$refold is not there: run make"
[ -f "$model" ] || fail "$model is not there"
rm -rf "$out"
[ -n "${NO_TARGET:-}" ] || install_target # before the run, whose report has a look at it as well

echo "demo: 4-bit weights, 8-bit activations, on Fashion-MNIST"
"$refold" run "$model" -o "$out" --data fashion-mnist:train --val fashion-mnist:test --preset fashion-mnist \
    --augment flip,crop:2 --param-bw 4 --output-bw 8 --steps "${STEPS:-150}" --lr 0.005 --schedule cosine \
    ${THREADS:+--threads "$THREADS"}

if [ -n "${NO_TARGET:-}" ]; then
    echo "demo: NO_TARGET is set: the exported model was not run in ONNX Runtime"
else
    run_target
fi

echo
echo "exported: $out/model.onnx, $out/model.encodings, $out/model_qdq.onnx; all numbers: $out/summary.json"
echo "demo: $((SECONDS - start)) seconds"
