#!/bin/sh
# Builds the command for devices: linked to nothing at run time, stripped, without oneDNN, GPUs and charts; prints its path and size.
#   tools/build_device.sh [amd64|arm64]      the machine's own kind unless named; arm64 is cross-compiled elsewhere
# Debian has libzip as a shared library only: it is built from Debian's source package.
set -eu
cd "$(dirname "$0")/.."
own=$(dpkg --print-architecture)
target=${1:-$own}
case $target in
  amd64 | arm64) ;;
  *) echo "usage: $0 [amd64|arm64], not '$target'" >&2 && exit 1 ;;
esac
export CMAKE_BUILD_PARALLEL_LEVEL="${CMAKE_BUILD_PARALLEL_LEVEL:-$(nproc)}"
tools/install_packages.sh
if [ "$target" = "$own" ]; then
  build=$PWD/build-device
  set --
else
  if [ "$target" != arm64 ]; then
    echo "$0: $target is built on $target only, this machine is $own" >&2
    exit 1
  fi
  tools/install_packages.sh tools/packages_arm64.txt
  build=$PWD/build-device-arm64
  root=$PWD/build-sysroot-arm64/root
  tools/arm64_sysroot.sh "$root"
  export PKG_CONFIG_LIBDIR="$root/usr/lib/aarch64-linux-gnu/pkgconfig:$root/usr/share/pkgconfig" PKG_CONFIG_SYSROOT_DIR="$root"
  set -- "-DCMAKE_TOOLCHAIN_FILE=$PWD/tools/cmake/arm64.cmake" "-DTEMPER_SYSROOT=$root"
fi

# The source package's folder, the same for all.
sources=$PWD/build-device-sources
if [ ! -e "$sources/complete" ]; then
  apt=$sources/apt
  rm -rf "$sources"
  mkdir -p "$apt/lists/partial" "$apt/archives/partial"
  # Where this machine gets its packages, it gets their sources too.
  # shellcheck disable=SC2016  # the fields are apt's
  apt-get indextargets --format 'deb-src $(REPO_URI) $(RELEASE) $(COMPONENT)' "Created-By: Packages" |
    grep -E '/debian/? bookworm main$' >"$apt/sources.list"
  apt_sources() {
    apt-get -q -o Acquire::Retries=3 -o Dir::Cache="$apt" -o Dir::State::lists="$apt/lists" -o Dir::Etc::sourcelist="$apt/sources.list" \
      -o Dir::Etc::sourceparts=/dev/null -o APT::Sandbox::User=root "$@"
  }
  apt_sources update
  (cd "$sources" && apt_sources source --download-only libzip && tar -xf libzip_*.orig.tar.*)
  mv "$sources"/libzip-* "$sources/libzip"
  touch "$sources/complete"
fi

zip=$build/libzip
if [ ! -e "$zip/lib/libzip.a" ]; then
  cmake -S "$sources/libzip" -B "$build/libzip-build" -G Ninja -DCMAKE_BUILD_TYPE=MinSizeRel "$@" -DCMAKE_INSTALL_PREFIX="$zip" \
    -DCMAKE_INSTALL_LIBDIR=lib -DBUILD_SHARED_LIBS=OFF -DENABLE_BZIP2=OFF -DENABLE_LZMA=OFF -DENABLE_ZSTD=OFF -DENABLE_COMMONCRYPTO=OFF \
    -DENABLE_GNUTLS=OFF -DENABLE_MBEDTLS=OFF -DENABLE_OPENSSL=OFF -DBUILD_TOOLS=OFF -DBUILD_REGRESS=OFF -DBUILD_EXAMPLES=OFF -DBUILD_DOC=OFF
  cmake --build "$build/libzip-build" --target install
fi

# libzip.pc lies outside the sysroot that the others are in.
cmake --preset device -B "$build" "$@" -DTEMPER_LIBZIP="$zip" -DTEMPER_WERROR="${CI:+ON}"
cmake --build "$build" --target temper

command=$build/temper
if readelf -d "$command" | grep -q NEEDED || readelf -l "$command" | grep -q INTERP; then
  echo "$command needs libraries or a loader when it runs:" >&2
  readelf -d "$command" >&2
  exit 1
fi
if readelf -S "$command" | grep -q '\.symtab'; then
  echo "$command is not stripped" >&2
  exit 1
fi
bytes=$(stat -c %s "$command")
limit=25000000
if [ "$bytes" -ge "$limit" ]; then
  echo "$command is $bytes bytes long, expected less than $limit" >&2
  exit 1
fi
echo "$command: $bytes bytes"
