#!/bin/sh
# Makes build/venv with the Python packages the tests use as oracles (tests/requirements.txt), if they have changed.
set -eu
cd "$(dirname "$0")/.."
venv=build/venv
stamp=$venv/tests_requirements.txt
if cmp -s tests/requirements.txt "$stamp"; then
  exit 0
fi
mkdir -p build
[ -x "$venv/bin/pip" ] || python3 -m venv "$venv"
"$venv/bin/pip" install --quiet --no-input --disable-pip-version-check -r tests/requirements.txt
cp tests/requirements.txt "$stamp"
