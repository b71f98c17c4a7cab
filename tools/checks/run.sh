#!/bin/sh
# All checks of the tree's form: layers, rules, formatting, headers. The first step of CI; run it before committing.
set -u
cd "$(dirname "$0")/../.."
failed=""
step() {
  name=$1
  shift
  if "$@"; then
    echo "ok      $name"
  else
    echo "FAILED  $name"
    failed="$failed $name"
  fi
}
step layers python3 tools/checks/check_layers.py
step rules python3 tools/checks/check_rules.py
step edits python3 tools/checks/check_edits.py
step includes python3 tools/checks/check_includes.py
step format sh tools/checks/check_format.sh
step performance python3 tools/bench/performance_page.py --check
step headers python3 tools/checks/check_headers.py
if [ -n "$failed" ]; then
  echo "Failed:$failed. Formatting is repaired by: tools/checks/check_format.sh --fix"
  exit 1
fi
echo "All checks passed."
