#!/bin/sh
# usage: pictures.sh
# Draw docs/pictures/*.svg from the measured runs in docs/results/*.json with gnuplot: summaries of `refold run`, what
# tools/drift.py makes of `refold reestimate --json`, and `refold analyze --json`. docs/METHOD.md has the commands.
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

# drift NAME TITLE: how far the mean of each BN moved, by layer in graph order.
drift()
{
    data=$(mktemp)
    python3 -c '
import json, sys
for i, layer in enumerate(json.load(open(sys.argv[1]))["layers"]):
    print(i, *layer["mean_shift"], *layer["var_ratio"])' "docs/results/$1.json" >"$data"
    gnuplot <<PLOT
set terminal svg size 640,300 font "DejaVu Sans,12" background rgb "white"
set output "docs/pictures/$1.svg"
set title "$2" font ",13"
set xlabel "BN layer, in the order of the network"
set ylabel "new mean - old, in old deviations"
set style fill solid 0.9 noborder
set boxwidth 0.7
set xrange [-1:*]
set yrange [0:0.7]
set grid ytics lc rgb "#dddddd"
set border 3
set xtics nomirror scale 0
set ytics nomirror
set key top right
plot "$data" using 1:3 with boxes lc rgb "#a9c8e8" title "largest of the channels", \
     "" using 1:2 with boxes lc rgb "#2a6fbb" title "median"
PLOT
    rm -f "$data"
}

# sensitivity NAME TITLE: SQNR with one layer's parameters quantized, worst 20.
sensitivity()
{
    data=$(mktemp)
    python3 -c '
import json, sys
rows = [row for row in json.load(open(sys.argv[1]))["layers"] if row["kind"] == "param"][:20]
for i, row in enumerate(rows):
    print(-i, row["only"]["sqnr_db"], row["layer"])' "docs/results/$1.json" >"$data"
    gnuplot <<PLOT
set terminal svg size 640,420 font "DejaVu Sans,12" background rgb "white"
set output "docs/pictures/$1.svg"
set title "$2" font ",13"
set xlabel "SQNR of the output, dB: less is worse"
set xrange [0:*]
set grid xtics lc rgb "#dddddd"
set border 3
set ytics nomirror scale 0 font ",10"
set xtics nomirror
set style fill solid 0.9 noborder
unset key
plot "$data" using (\$2/2):1:(\$2/2):(0.35):ytic(3) with boxxyerror lc rgb "#2a6fbb" title "SQNR"
PLOT
    rm -f "$data"
}

drift drift "Re-estimation after 3-bit quantization, MobileNet v2, Fashion-MNIST"
sensitivity sensitivity "4-bit weights of one layer alone, MobileNet v2, Fashion-MNIST"
