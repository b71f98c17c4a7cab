#!/bin/sh
# Builds the tests of the data sets and loaders with the thread sanitizer and runs them. Arguments go to the test program.
set -eu
cd "$(dirname "$0")/.."
tools/install_packages.sh
cmake --preset thread
cmake --build --preset thread
# Its memory map does not fit the random addresses of newer kernels.
TSAN_OPTIONS="halt_on_error=1 suppressions=$PWD/tools/checks/threads.txt" \
  setarch "$(uname -m)" -R build-thread/test_loaders --gtest_brief=1 "$@"
