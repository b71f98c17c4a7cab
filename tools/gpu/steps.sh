# shellcheck shell=bash
# For tools/gpu-check.sh: runs steps, each within its limit, remembers which have passed, and writes the report. What was found lies in
# $found: records (a line per step: name, status, seconds, last word; separated by tabs) and a log per step.

failed=0
left=0
steps=()
patience=${TEMPER_GPU_PATIENCE:-1} # the limits times so many
# What a call of the machine may take.
end=$((SECONDS + ${TEMPER_GPU_SECONDS:-570} * patience))

# Unpacks, and finds what the machine has of CUDA as Python packages.
begin() {
  if [ ! -f $packed ]; then
    echo "tools/gpu-check.sh: $packed is not there: run tools/gpu-check.sh pack where the project is built" >&2
    exit 1
  fi
  mkdir -p "$found/logs"
  # What other programs have found is of no use.
  local id
  id="$(sha256sum <$packed | cut -c 1-16) on $device"
  if [ "$(cat "$found/of" 2>/dev/null)" != "$id" ]; then
    rm -f "$found/records" "$found"/logs/*
    echo "$id" >"$found/of"
  fi
  touch "$found/records"
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  unpack "$work" || { echo "tools/gpu-check.sh: $packed is broken" >&2 && exit 1; }
  ln -sfn "$PWD" "$tree"
  local libraries=$work/lib site
  for site in $(python3 -c 'import site; print(*site.getsitepackages())' 2>/dev/null); do
    libraries+=:$site/nvidia/cu13/lib:$site/nvidia/cudnn/lib
  done
  export LD_LIBRARY_PATH=$libraries${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
  export TEMPER_TEST_DEVICE=$device
  export TEMPER_REQUIRE_CUDA=1
  [ "$device" = cuda ] || TEMPER_REQUIRE_CUDA=$device
  temper=$work/bin/temper
  # The steps' commands are small functions, run from the root of the tree.
  export -f gradients training language_model same_weights resumed_as_whole twice_the_same figure_of with_torch run_tests
  export temper work device small
}

record_of() { # NAME: its last one
  awk -F '\t' -v name="$1" '$1 == name {line = $0} END {print line}' "$found/records"
}
has_passed() { [ "$(record_of "$1" | cut -f 2)" = 0 ]; }

# The line that says most: of a failure its message, else the last one.
last_word() { # FILE STATUS
  local line=""
  [ "$2" -eq 0 ] || line=$(grep -E 'no GPU|REQUIRE_CUDA|FAILED TEST|^temper: |^Error|"message"' "$1" | tail -n 1)
  [ -n "$line" ] && echo "$line" || grep -v '^ *$' "$1" | tail -n 1
}

# Passed ones are not done again, unless they are chosen by name.
step() { # NAME LIMIT_SECONDS COMMAND...
  local name=$1 limit=$(($2 * patience)) began=$SECONDS status log
  shift 2
  steps+=("$name")
  if [ -n "$chosen" ]; then
    grep -qE "$chosen" <<<"$name" || return 0
  elif has_passed "$name"; then
    return 0
  fi
  if [ $((end - SECONDS)) -lt "$limit" ]; then
    left=$((left + 1))
    return 0
  fi
  log=$found/logs/$(tr -c 'a-z0-9\n' _ <<<"$name").txt
  echo "=== $name: $*" >"$log"
  timeout "$limit" "$@" >>"$log" 2>&1
  status=$?
  [ $status -eq 0 ] || failed=$((failed + 1))
  printf '%s\t%s\t%s\t%s\n' "$name" "$status" $((SECONDS - began)) \
    "$(last_word "$log" $status | tr '\t' ' ' | cut -c 1-160)" >>"$found/records"
  report # now: whoever ends this call finds what was done until then
}

# Cases of a test program, in so many pieces, each a step.
tests() { # NAME LIMIT_SECONDS PIECES PROGRAM FILTER FILTER_WHEN_TRIED
  local name=$1 pieces=$3 filter=$5 i
  [ -z "$small" ] || { filter=$6 && pieces=1; }
  for ((i = 0; i < pieces; i++)); do
    [ "$pieces" = 1 ] || name="$1 $((i + 1))/$pieces"
    step "$name" "$2" env GTEST_TOTAL_SHARDS=$pieces GTEST_SHARD_INDEX=$i bash -c "run_tests '$4' '$filter'"
  done
}

table() {
  echo "tools/gpu-check.sh on $device, $(date -u +%FT%H:%MZ), $(git describe --always --dirty 2>/dev/null || echo 'no git')"
  awk -F '\t' '!($1 in line) {names[++n] = $1} {line[$1] = sprintf("%-32s %-5s %4d s  %s", $1, $2 == 0 ? "ok" : $2 "!", $3, $4)}
    END {for (i = 1; i <= n; i++) print line[names[i]]}' "$found/records"
}

report() {
  {
    table
    local log
    for log in "$found"/logs/*; do
      [ ! -f "$log" ] || { echo && head -n 1 "$log" && tail -n +2 "$log" | tail -n 400; }
    done
  } >"$found/report.txt"
  [ -z "${OUT:-}" ] || { mkdir -p "$OUT" && cp "$found/report.txt" "$found/records" "$found/of" "$OUT"; }
}

# Passed, of all steps that `correct` had.
all_correct() {
  [ -f "$found/correct" ] && ! grep -qv '^0$' "$found/correct"
}

finish() {
  report
  table
  local name
  for name in "${steps[@]}"; do
    if [ -n "$(record_of "$name")" ]; then
      has_passed "$name" && echo 0 || echo 1
    else
      echo 1
    fi
  done >"$found/$mode"
  echo "$failed failed, $left left for the next call; what each said: $found/report.txt"
  [ $failed -eq 0 ] || return 1
  [ $left -eq 0 ] || return 3
}
