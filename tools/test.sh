#!/bin/sh
# Installs what is missing, builds everything, runs all tests; ends with the number of cases. Arguments go to ctest.
set -eu
cd "$(dirname "$0")/.."
tools/install_packages.sh
# In CI, whose compiler is known, warnings are errors.
cmake --preset release -DTEMPER_TESTS=ON -DTEMPER_WERROR="${CI:+ON}"
cmake --build --preset release
tools/test_venv.sh
status=0
ctest --test-dir build -j2 --output-on-failure --no-tests=error "$@" || status=$?
# ctest counts programs and shards; their cases, and why any was skipped, are in its log.
log=build/Testing/Temporary/LastTest.log
cases() { grep -cE "^\[ +$1 \] .+ \([0-9]+ ms\)" "$log" || true; }
# A reason is the lines behind the place; the same one is said once.
grep -A 2 -E '^[^ ].*: Skipped$' "$log" | grep -v -E '(: Skipped|^--|^no row takes it)$' | sort | uniq -c | sort -rn | head -40 || true
echo "$(cases OK) passed, $(cases FAILED) failed, $(cases SKIPPED) skipped"
exit $status
