#!/bin/sh
# Installs what is missing, builds everything, runs all tests; ends with ctest's summary. Arguments go to ctest.
set -eu
cd "$(dirname "$0")/.."
tools/install_packages.sh
cmake --preset release -DTEMPER_TESTS=ON
cmake --build --preset release
tools/test_venv.sh
exec ctest --test-dir build -j2 --output-on-failure --no-tests=error "$@"
