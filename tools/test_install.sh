#!/bin/sh
# Installs the library twice, as static libraries and as one shared library, and builds programs against each: one of the C++ library, and
# the examples of the C API, which check their own results; also under the address sanitizer and under valgrind. What the shared libraries
# export is looked at.
set -eu
cd "$(dirname "$0")/.."

# use BUILD: installs what is built there and runs programs made with it.
use() {
  rm -rf "$1/install" "$1/consumer"
  cmake --install "$1" --prefix "$PWD/$1/install" >"$1/install.log"
  cmake -S tests/install -B "$1/consumer" -G Ninja -DCMAKE_PREFIX_PATH="$PWD/$1/install"
  cmake --build "$1/consumer"
  "$1/consumer/consumer"
}

# exports_only LIBRARY PATTERN: no other symbols than those that match.
exports_only() {
  others=$(nm -D --defined-only --format=just-symbols "$1" | grep -vE "$2" || true)
  if [ -n "$others" ]; then
    printf '%s exports what is not its own:\n%s\n' "$1" "$others" >&2
    exit 1
  fi
}

# needs_only PROGRAM PATTERN: of Temper and what it is built on, the program needs no other library.
needs_only() {
  needed=$(readelf -d "$1" | grep NEEDED)
  if ! echo "$needed" | grep -q "$2" || echo "$needed" | grep -qE 'protobuf|dnnl|zip|jpeg|png'; then
    printf '%s needs other libraries than %s:\n%s\n' "$1" "$2" "$needed" >&2
    exit 1
  fi
}

echo "-- static"
cmake --preset release -DTEMPER_WERROR="${CI:+ON}"
cmake --build --preset release
use build
library=build/install/lib/libtemper_c.so
[ -e "$library" ] || library=$(find build/install -name libtemper_c.so)
exports_only "$library" '^(temper_get_api|TEMPER_1)(@@TEMPER_1)?$'
readelf -d "$library" | grep -q 'SONAME.*\[libtemper_c\.so\.0\]'

echo "-- the C API"
tools/run_examples.sh build/install build/examples
needs_only build/examples/fine_tune 'libtemper_c\.so\.0'
echo "-- the examples under the address sanitizer"
tools/run_examples.sh build/install build/examples-asan -g -fsanitize=address,undefined -fno-sanitize-recover=all
echo "-- the examples under valgrind, which sees into the library, as the sanitizer does not"
RUN_UNDER="valgrind -q --leak-check=full --errors-for-leak-kinds=definite,indirect,possible --error-exitcode=1" \
  tools/run_examples.sh build/install build/examples-valgrind -g
echo "-- by pkg-config"
PKG_CONFIG_PATH=$(dirname "$(find build/install -name temper.pc)")
export PKG_CONFIG_PATH
# shellcheck disable=SC2046  # one word per flag
cc -std=c11 -Wall -Wextra -Werror examples/fine_tune.c $(pkg-config --cflags --libs temper) -lm -o build/examples/by_pkg_config
LD_LIBRARY_PATH=$(dirname "$library") build/examples/by_pkg_config build/examples/moons.onnx build/examples/trained.onnx

echo "-- shared, without what only the command and the tests need"
cmake -S . -B build-shared -G Ninja -DCMAKE_BUILD_TYPE=Release -DBUILD_SHARED_LIBS=ON \
  -DTEMPER_TOOLS=OFF -DCMAKE_DISABLE_FIND_PACKAGE_CLI11=ON \
  -DTEMPER_TESTS=OFF -DCMAKE_DISABLE_FIND_PACKAGE_GTest=ON -DTEMPER_WERROR="${CI:+ON}"
cmake --build build-shared --target temper_library temper_c
use build-shared
exports_only build-shared/libtemper.so 6temper
if nm -D --defined-only --format=just-symbols build-shared/libtemper.so | grep 6temper4wire; then
  echo "build-shared/libtemper.so exports the classes of ONNX's files" >&2
  exit 1
fi
needs_only build-shared/consumer/consumer libtemper
