#!/bin/sh
# Makes build/venv with the Python packages the tests use as oracles (tests/requirements.txt), if they have changed, and
# build/onnx_node with ONNX's node tests, which the onnx package keeps as code.
set -eu
cd "$(dirname "$0")/.."
venv=build/venv
stamp=$venv/tests_requirements.txt
if ! cmp -s tests/requirements.txt "$stamp"; then
  mkdir -p build
  [ -x "$venv/bin/pip" ] || python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --no-input --disable-pip-version-check -r tests/requirements.txt
  cp tests/requirements.txt "$stamp"
fi
index=build/onnx_node/index.txt
writer=tests/onnx_node/write_cases.py
if [ ! "$index" -nt "$stamp" ] || [ ! "$index" -nt "$writer" ]; then
  "$venv/bin/python" "$writer" build/onnx_node
fi
