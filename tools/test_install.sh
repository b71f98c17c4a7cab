#!/bin/sh
# Installs the library twice, as static libraries and as one shared library, and builds a program against each.
set -eu
cd "$(dirname "$0")/.."

# use BUILD: installs what is built there and runs a program made with it.
use() {
  rm -rf "$1/install" "$1/consumer"
  cmake --install "$1" --prefix "$PWD/$1/install" >"$1/install.log"
  cmake -S tests/install -B "$1/consumer" -G Ninja -DCMAKE_PREFIX_PATH="$PWD/$1/install"
  cmake --build "$1/consumer"
  "$1/consumer/consumer"
}

echo "-- static"
cmake --preset release
cmake --build --preset release
use build

echo "-- shared, without what only the command and the tests need"
cmake -S . -B build-shared -G Ninja -DCMAKE_BUILD_TYPE=Release -DBUILD_SHARED_LIBS=ON \
  -DTEMPER_TOOLS=OFF -DCMAKE_DISABLE_FIND_PACKAGE_CLI11=ON \
  -DTEMPER_TESTS=OFF -DCMAKE_DISABLE_FIND_PACKAGE_GTest=ON
cmake --build build-shared --target temper_library
use build-shared
library=build-shared/libtemper.so
others=$(nm -D --defined-only --format=just-symbols "$library" | grep -v 6temper || true)
wire=$(nm -D --defined-only --format=just-symbols "$library" | grep 6temper4wire || true)
if [ -n "$others$wire" ]; then
  printf '%s exports what is not its own:\n%s\n%s\n' "$library" "$others" "$wire" >&2
  exit 1
fi
needed=$(readelf -d build-shared/consumer/consumer | grep NEEDED)
if ! echo "$needed" | grep -q libtemper || echo "$needed" | grep -qE 'protobuf|dnnl|zip|jpeg|png'; then
  printf 'the program needs other libraries than libtemper:\n%s\n' "$needed" >&2
  exit 1
fi
