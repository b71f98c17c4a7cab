#!/bin/sh
# Checks the formatting of all C++ files with the pinned clang-format; with --fix it formats them.
set -eu
cd "$(dirname "$0")/../.."
venv=build/venv
wanted=$(sed -n 's/^clang-format==//p' tools/checks/requirements.txt)
if ! "$venv/bin/clang-format" --version 2>/dev/null | grep -qF "$wanted"; then
  mkdir -p build
  [ -x "$venv/bin/pip" ] || python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --no-input --disable-pip-version-check -r tools/checks/requirements.txt
fi
mode="--dry-run -Werror"
if [ "${1:-}" = "--fix" ]; then
  mode="-i"
fi
if [ -d .git ]; then
  git ls-files -z --cached --others --exclude-standard '*.h' '*.cpp' '*.cuh' '*.cu'
else
  find . -path './build*' -prune -o \( -name '*.h' -o -name '*.cpp' -o -name '*.cuh' -o -name '*.cu' \) -print0
fi | xargs -0 "$venv/bin/clang-format" $mode
