#!/bin/sh
# Builds the Debian packages and installs them on a bare Debian 12, a folder that debootstrap fills: the command trains the digits there with
# nothing else, and a program in C is compiled against the library. Needs root (chroot) and debootstrap. The first argument: where the bare
# system is kept between runs.
set -eu
cd "$(dirname "$0")/.."
bare=${1:-$PWD/build/bare-debian}
cmake --preset release
cmake --build --preset release --target temper temper_c
rm -rf build/packages
(cd build && cpack -B packages >packages.log)
ls -l build/packages/*.deb

if [ ! -e "$bare/complete" ]; then
  rm -rf "$bare"
  debootstrap --variant=minbase bookworm "$bare"
  touch "$bare/complete"
fi
used=$PWD/build/bare-used
rm -rf "$used"
cp -a "$bare" "$used"
mkdir "$used/work"
cp build/packages/*.deb "$used/work"
cp -r models/digits examples "$used/work"
inside() { chroot "$used" sh -euc "$1"; }
inside 'apt-get -qq update && cd /work && apt-get -qq install --no-install-recommends ./temper_*.deb >/dev/null'
inside 'cd /work && temper --version --json && temper train digits/digits.toml train.out=run --json'
inside 'test -s /usr/share/man/man1/temper-train.1 && test -s /usr/share/bash-completion/completions/temper'
inside 'cd /work && apt-get -qq install --no-install-recommends ./libtemper*.deb gcc libc6-dev pkg-config >/dev/null &&
  gcc -std=c11 -Wall -Wextra -Werror examples/fine_tune.c $(pkg-config --cflags --libs temper) -lm -o fine_tune &&
  temper new mlp moons.onnx --inputs 2 --hidden 32,32 --outputs 2 && ./fine_tune moons.onnx trained.onnx'
rm -rf "$used"
