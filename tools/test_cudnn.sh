#!/bin/sh
# Which convolutions of the models have a plan of cuDNN on four GPUs, asked without a GPU: fails when one that docs/cudnn_plans.md has is
# refused. cuDNN and its headers come from PyPI into the build folder (0.5 GB), nvcc as for tools/test_cuda.sh, whose build this is.
#   tools/test_cudnn.sh [write]     write: docs/cudnn_plans.md anew
set -eu
cd "$(dirname "$0")/.."
build=build-cuda
venv=$PWD/$build/venv
[ -x "$venv/bin/pip" ] || { echo "tools/test_cudnn.sh: first tools/test_cuda.sh" >&2; exit 1; }
"$venv/bin/pip" install --quiet --no-input --disable-pip-version-check --no-deps --only-binary=:all: \
  nvidia-cudnn-cu13==9.19.0.56 nvidia-cudnn-frontend==1.32.0
cmake "$build"
cmake --build "$build" --target cudnn_plans
packages=$(echo "$venv"/lib/python3*/site-packages)
LD_LIBRARY_PATH=$packages/nvidia/cudnn/lib "$build/cudnn_plans" tests/models/expected/conv_queries.txt docs/cudnn_plans.md "$@"
