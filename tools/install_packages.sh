#!/bin/sh
# Installs the Debian packages of tools/packages.txt, or of another list; does nothing when all are there. As root or through sudo.
set -eu
list=${1:-"$(dirname "$0")/packages.txt"}
missing=""
for package in $(sed 's/#.*//' "$list"); do
  status=$(dpkg-query -W -f='${Status}' "$package" 2>/dev/null || true)
  if [ "$status" != "install ok installed" ]; then
    missing="$missing $package"
  fi
done
if [ -z "$missing" ]; then
  exit 0
fi
echo "Installing:$missing"
root=""
if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo >/dev/null; then
    echo "These packages are missing, and neither root nor sudo is there to install them:$missing" >&2
    exit 1
  fi
  root="sudo"
fi
$root apt-get -o Acquire::Retries=3 -q update
# shellcheck disable=SC2086  # one word per package
$root env DEBIAN_FRONTEND=noninteractive apt-get -o Acquire::Retries=3 -q -y install --no-install-recommends $missing
