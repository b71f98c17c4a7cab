#!/bin/sh
# Installs the release build into build/install and builds a program against it.
set -eu
cd "$(dirname "$0")/.."
cmake --preset release
cmake --build --preset release
rm -rf build/install build/consumer
cmake --install build --prefix "$PWD/build/install" >build/install.log
cmake -S tests/install -B build/consumer -G Ninja -DCMAKE_PREFIX_PATH="$PWD/build/install"
cmake --build build/consumer
build/consumer/consumer
