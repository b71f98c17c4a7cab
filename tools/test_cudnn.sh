#!/bin/sh
# Which convolutions of the models have a plan of cuDNN on four GPUs, asked without a GPU: fails when one that docs/cudnn_plans.md has is
# refused, or when one is not on the page. nvcc and cuDNN are those that tools/test_cuda.sh installed, whose build this is.
#   tools/test_cudnn.sh [write]     write: docs/cudnn_plans.md anew
set -eu
cd "$(dirname "$0")/.."
build=build-cuda
[ -f "$build/CMakeCache.txt" ] || { echo "tools/test_cudnn.sh: first tools/test_cuda.sh" >&2; exit 1; }
cmake --build "$build" --target cudnn_plans
packages=$(echo "$PWD/$build"/venv/lib/python3*/site-packages)
LD_LIBRARY_PATH=$packages/nvidia/cudnn/lib "$build/cudnn_plans" tests/models/expected/conv_queries.txt docs/cudnn_plans.md "$@"
