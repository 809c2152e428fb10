#!/bin/sh
# usage: pictures.sh
# Draw docs/pictures/*.svg from the measured runs in docs/results/*.json (summary.json of `refold run`), with gnuplot.
set -eu
cd "$(dirname "$0")/.."
command -v gnuplot >/dev/null || {
    echo "pictures: gnuplot is missing; install Debian's gnuplot-nox" >&2
    exit 1
}

# One line a step: number, name, top-1, loss.
steps()
{
    python3 -c '
import json, sys
for i, s in enumerate(json.load(open(sys.argv[1]))["steps"]):
    print(i, s["step"], s["top1"], s["loss"])' "$1"
}

# accuracy NAME TITLE LOW HIGH: top-1 after each step, as bars on a cut axis that says so.
accuracy()
{
    data=$(mktemp)
    steps "docs/results/$1.json" >"$data"
    gnuplot <<PLOT
set terminal svg size 640,300 font "DejaVu Sans,12" background rgb "white"
set output "docs/pictures/$1.svg"
set title "$2" font ",13"
set ylabel "top-1, percent (axis from $3)"
set yrange [$3:$4]
set style fill solid 0.9 noborder
set boxwidth 0.6
set grid ytics lc rgb "#dddddd"
set border 3
set xtics nomirror scale 0
set ytics nomirror
unset key
plot "$data" using 1:3:xtic(2) with boxes lc rgb "#2a6fbb" title "top-1", \
     "" using 1:3:(sprintf("%.2f", \$3)) with labels offset 0,0.7 font ",11" title "top-1"
PLOT
    rm -f "$data"
}

accuracy demo "Fashion-MNIST, MobileNet v2, 4-bit weights, 8-bit activations" 89.5 93
accuracy resnet20 "CIFAR-10 (1,000 images), ResNet-20, 4-bit weights, 8-bit activations" 89 93
