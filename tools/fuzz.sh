#!/bin/sh
# Mutates files and gives them to the readers (tests/fuzz), with the address and undefined-behaviour sanitizers.
# Usage: tools/fuzz.sh [RUNS] [READER...]; a million runs of every reader when left out.
# An input that fails stays in build-fuzz/found/: mend the cause, and keep the input in tests/fuzz/corpus/READER/.
set -eu
cd "$(dirname "$0")/.."
tools/install_packages.sh
tools/install_packages.sh tools/fuzz_packages.txt
runs=${1:-1000000}
[ $# -eq 0 ] || shift
jobs=${TEMPER_FUZZ_JOBS:-2}
cmake -S . -B build-fuzz -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo -DCMAKE_CXX_COMPILER=clang++-19 -DTEMPER_FUZZ=ON \
  -DTEMPER_SANITIZE=address,undefined,fuzzer-no-link -DTEMPER_TESTS=OFF -DTEMPER_TOOLS=OFF -DCMAKE_DISABLE_PRECOMPILE_HEADERS=ON
cmake --build build-fuzz -j "$jobs" --target fuzz_format fuzz_model
# Three times as fast as with the sanitizer's own settings.
export ASAN_OPTIONS=allocator_may_return_null=1:malloc_context_size=2:quarantine_size_mb=8:detect_stack_use_after_return=0
mkdir -p build-fuzz/found
for program in fuzz_format fuzz_model; do
  for reader in $(build-fuzz/$program); do
    case " $* " in
      "  " | *" $reader "*) ;;
      *) continue ;;
    esac
    mkdir -p "build-fuzz/corpus/$reader"
    # What is found beside the committed corpus is kept for the next run.
    TEMPER_FUZZ_READER=$reader build-fuzz/$program -runs="$runs" -seed=1 -timeout=10 -rss_limit_mb=4096 -max_len=16384 \
      -print_final_stats=1 -artifact_prefix="build-fuzz/found/$reader-" \
      "build-fuzz/corpus/$reader" "tests/fuzz/corpus/$reader" > "build-fuzz/$reader.log" 2>&1 ||
      { tail -40 "build-fuzz/$reader.log"; echo "$reader: failed; build-fuzz/$reader.log"; exit 1; }
    echo "$reader: $(sed -n 's/stat::number_of_executed_units: *//p' "build-fuzz/$reader.log") inputs," \
      "$(sed -n 's/.*cov: \([0-9]*\).*/\1/p' "build-fuzz/$reader.log" | tail -1) edges, $(sed -n 's/stat::average_exec_per_sec: *//p' "build-fuzz/$reader.log")/s"
  done
done
