#!/bin/sh
# Builds the kernels of the emulated device with the address and undefined-behaviour sanitizers, and with the thread sanitizer, and runs
# the op suite on them, every case under each. First the broken kernels of tests/cuda_rules: what is not found there would not be found
# elsewhere. The thread sanitizer watches the first launches of each kernel: those that no case launches are listed in
# tools/checks/unwatched_kernels.txt.
set -eu
cd "$(dirname "$0")/.."
tools/install_packages.sh
cmake --preset release -DTEMPER_WERROR="${CI:+ON}"
cmake --build --preset release --target test_cuda_rules_address test_cuda_rules_thread test_ops_address test_ops_thread

# Only the kernels' code is compiled for them, so containers that are not wholly theirs are let be; broken kernels leave stacks behind.
export ASAN_OPTIONS=detect_leaks=0:detect_container_overflow=0
export UBSAN_OPTIONS=print_stacktrace=1
export TSAN_OPTIONS="halt_on_error=1 suppressions=$PWD/tools/checks/threads.txt"
# The thread sanitizer's memory map does not fit the random addresses of newer kernels.
fixed="setarch $(uname -m) -R"
$fixed build/test_cuda_rules_address --gtest_brief=1
$fixed build/test_cuda_rules_thread --gtest_brief=1

export TEMPER_TEST_DEVICE=cuda-emulated
cases='Ops/BackendResult.*:Ops/BackendGradient.*'
rm -f build/launched_kernels.txt
TEMPER_LAUNCHED_KERNELS=build/launched_kernels.txt $fixed build/test_ops_thread --gtest_brief=1 \
  --gtest_filter="$cases" > build/test_ops_thread.log 2>&1 &
threads=$!
$fixed build/test_ops_address --gtest_brief=1 \
  --gtest_filter="$cases" > build/test_ops_address.log 2>&1 &
addresses=$!
status=0
wait $threads || status=1
wait $addresses || status=1
for log in build/test_ops_thread.log build/test_ops_address.log; do
  grep -E -A 30 'Sanitizer|runtime error|FAILED' $log || tail -n 4 $log
done
[ $status = 0 ] || exit 1
python3 tools/checks/launched_kernels.py build/test_ops_thread build/launched_kernels.txt
