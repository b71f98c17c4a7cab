#!/bin/sh
# Builds the commands for devices that are named (amd64 unless any is) and trains the digits with each, arm64's under qemu: a few minutes, it
# is fifty times as slow. The accuracy must be that of the ordinary build, which the README states, up to what the order of sums makes of it.
set -eu
cd "$(dirname "$0")/.."
expected=0.9861  # val/accuracy; 0.0028 are one of the 359 digits
runs=$(mktemp -d)
trap 'rm -rf "$runs"' EXIT

# digits NAME COMMAND...
digits() {
  name=$1
  shift
  "$@" --version --json >"$runs/$name.version"
  "$@" train models/digits/digits.toml "train.out=$runs/$name" --json >"$runs/$name.json"
  python3 - "$name" "$runs/$name" "$expected" <<'PYTHON'
import json
import sys

name, stem, expected = sys.argv[1], sys.argv[2], float(sys.argv[3])
facts = json.load(open(stem + ".version", encoding="utf-8"))
wanted = {"linking": "static", "onednn": "none", "charts": "none"}
wrong = {key: facts.get(key) for key in wanted if facts.get(key) != wanted[key]}
if wrong:
    sys.exit(f"{name}: --version --json says {wrong}, expected {wanted}")
lines = open(stem + ".json", encoding="utf-8").read().splitlines()
accuracy = json.loads(lines[-1])["val/accuracy"]
print(f"{name}: {facts['kernels']}, digits' accuracy {accuracy:.4f}")
if not accuracy > 0.97 or abs(accuracy - expected) > 0.009:
    sys.exit(f"{name}: accuracy {accuracy:.4f}, expected {expected} within 0.009 and more than 0.97")
PYTHON
}

for target in ${*:-amd64}; do
  tools/build_device.sh "$target"
  if [ "$target" = arm64 ]; then
    readelf -h build-device-arm64/temper | grep AArch64
    digits arm64 qemu-aarch64-static build-device-arm64/temper
    continue
  fi
  digits "$target" build-device/temper
  # What cannot be drawn is refused where it was asked for, and left out with a word where it was not.
  if build-device/temper plot schedule models/digits/digits.toml --steps-per-epoch 45 --out "$runs/schedule" 2>"$runs/refused"; then
    echo "temper plot did not fail in a build without charts" >&2
    exit 1
  fi
  grep "built without charts" "$runs/refused"
  build-device/temper train models/digits/digits.toml train.epochs=1 "train.out=$runs/short" | grep "^charts *none: .*without charts"
done
