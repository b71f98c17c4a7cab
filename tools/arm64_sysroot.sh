#!/bin/sh
# Unpacks the libraries that Temper is built on, of Debian 12 for arm64, into the folder that is named: nothing of arm64 is installed.
# For tools/test_arm64.sh and tools/build_device.sh, which share one.
set -eu
root=$1
packages="libdnnl-dev libdnnl2 ocl-icd-opencl-dev ocl-icd-libopencl1 opencl-c-headers
  libprotobuf-dev libprotobuf32 libprotobuf-lite32 nlohmann-json3-dev libtomlplusplus-dev libtomlplusplus3 libcli11-dev
  zlib1g-dev zlib1g libzip-dev libzip4 libjpeg62-turbo-dev libjpeg62-turbo libpng-dev libpng16-16
  libgtest-dev libgmock-dev"
if [ "$(cat "$root/complete" 2>/dev/null)" = "$packages" ]; then
  exit 0
fi
apt=$root/../apt
rm -rf "$root" "$apt"
mkdir -p "$root" "$apt/lists/partial" "$apt/archives/partial" "$apt/packages"
touch "$apt/status"
apt_arm64() {
  apt-get -q -o APT::Architecture=arm64 -o APT::Architectures=arm64 -o Acquire::Retries=3 -o Dir::Cache="$apt" \
    -o Dir::State::lists="$apt/lists" -o Dir::State::status="$apt/status" -o APT::Sandbox::User=root "$@"
}
apt_arm64 update
# shellcheck disable=SC2086  # one word per package
(cd "$apt/packages" && apt_arm64 download $packages)
for package in "$apt"/packages/*.deb; do
  dpkg-deb -x "$package" "$root"
done
printf '%s' "$packages" >"$root/complete"
