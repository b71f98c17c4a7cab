#!/bin/sh
# Builds the examples of the C API against an installed library, and runs them: they check their own results.
# Usage: tools/run_examples.sh WHERE_IT_IS FOLDER [COMPILER_FLAG...]; the models are made by build/temper. RUN_UNDER is what the programs
# are run under, such as valgrind with its options.
set -eu
cd "$(dirname "$0")/.."
from=$(realpath "$1")
into=$2
shift 2
rm -rf "$into"
cmake -S examples -B "$into" -G Ninja -DCMAKE_PREFIX_PATH="$from" -DCMAKE_C_FLAGS="$*"
cmake --build "$into"
build/temper new mlp "$into/moons.onnx" --inputs 2 --hidden 32,32 --outputs 2
build/temper new mlp "$into/sensor.onnx" --inputs 2 --hidden 16 --outputs 1
# shellcheck disable=SC2086  # RUN_UNDER is one word per argument
run() { ${RUN_UNDER-} "$@"; }
run "$into/fine_tune" "$into/moons.onnx" "$into/trained.onnx"
run "$into/online" "$into/sensor.onnx" "$into/checkpoints"
run "$into/federated" "$into/sensor.onnx" "$into/a.onnx" "$into/b.onnx" "$into/mean.onnx"
