#!/bin/sh
# From a fresh clone to a fine-tuned model: installs the packages, builds, fine-tunes the digits sample, says what came out.
set -eu
cd "$(dirname "$0")/.."
tools/install_packages.sh
cmake --preset release -DTEMPER_TESTS=OFF
cmake --build --preset release --target temper
build/temper train models/digits/digits.toml

run=$(ls -dt runs/*/ | head -n 1)
run=${run%/}
for file in "$run/best.onnx" "$run/metrics.jsonl"; do
  if [ ! -s "$file" ]; then
    echo "quickstart: the run left no $file" >&2
    exit 1
  fi
done
python3 - "$run" <<'PYTHON'
import json
import sys

with open(sys.argv[1] + "/metrics.jsonl", encoding="utf-8") as file:
    rows = [json.loads(line) for line in file]
accuracies = [row["val/accuracy"] for row in rows if "val/accuracy" in row]
print()
print(f"Validation accuracy  {max(accuracies):.4f} (best), {accuracies[-1]:.4f} (last)")
PYTHON
echo "Best model           $run/best.onnx"
for chart in "$run"/charts/*.png; do
  echo "Chart                $chart"
done
events=$(find "$run" -name '*tfevents*' | head -n 1)
echo "TensorBoard          tensorboard --logdir $run    (events: ${events:-none written})"
