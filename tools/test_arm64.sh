#!/bin/sh
# Builds what the op suite needs for arm64 with Debian's cross compiler, and runs a part of the suite under qemu: code that names x86 must
# not be in the way, and the kernels must agree with the reference there too. Libraries for arm64 are unpacked into the build folder;
# nothing of arm64 is installed. Arguments go to the test program.
set -eu
cd "$(dirname "$0")/.."
tools/install_packages.sh
tools/install_packages.sh tools/packages_arm64.txt
build=$PWD/build-arm64
root=$PWD/build-sysroot-arm64/root
libraries=$root/usr/lib/aarch64-linux-gnu

tools/arm64_sysroot.sh "$root"

PKG_CONFIG_LIBDIR="$libraries/pkgconfig:$root/usr/share/pkgconfig" PKG_CONFIG_SYSROOT_DIR="$root" \
  cmake -S . -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_TOOLCHAIN_FILE=tools/cmake/arm64.cmake \
  -DTEMPER_SYSROOT="$root" -DTEMPER_TOOLS=OFF -DTEMPER_WERROR="${CI:+ON}"
cmake --build "$build" --target test_ops

readelf -h "$build/test_ops" | grep AArch64
# Under qemu a case takes fifty times as long: every tenth of them.
GTEST_TOTAL_SHARDS=${SHARDS:-10} GTEST_SHARD_INDEX=${SHARD:-0} qemu-aarch64-static -L /usr/aarch64-linux-gnu \
  -E LD_LIBRARY_PATH="$libraries:/usr/aarch64-linux-gnu/lib" "$build/test_ops" --gtest_brief=1 "$@"
