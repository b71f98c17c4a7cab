#!/bin/sh
# Builds against oneDNN 3.x (from PyPI) instead of Debian's 2.6 and runs the op suite: the adapter must take both.
set -eu
cd "$(dirname "$0")/.."
tools/install_packages.sh
build=build-onednn3
venv=$PWD/$build/venv
if [ ! -e "$venv/complete" ]; then
  mkdir -p "$build"
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --no-input --disable-pip-version-check \
    onednn-cpu-gomp==2023.2.0 onednn-devel-cpu-gomp==2023.2.0
  touch "$venv/complete"
fi
cmake -S . -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_PREFIX_PATH="$venv" \
  -DCMAKE_BUILD_RPATH="$venv/lib" -DTEMPER_WERROR="${CI:+ON}"
cmake --build "$build" --target test_ops
ldd "$build/test_ops" | grep -F libdnnl.so.3
exec "$build/test_ops" --gtest_brief=1 "$@"
