# shellcheck shell=bash
# For tools/gpu-check.sh: what travels to the machine with the GPU, and how it is laid out there.

# The C and C++ libraries are the other machine's: Debian 12's or newer.
of_the_system='linux-vdso|ld-linux-x86-64|lib(c|m|pthread|dl|rt|stdc\+\+|gcc_s)\.so'

# Programs of a build folder with the libraries they need.
pack_programs() { # BUILD LEVEL_OF_XZ
  local program
  rm -rf .gpu
  mkdir -p .gpu/bin .gpu/lib
  for program in temper test_ops test_training test_models; do
    strip -o .gpu/bin/$program "$1/$program" || return
    ldd .gpu/bin/$program | awk '$3 ~ /^\//{print $3}' | grep -vE "/($of_the_system)" | xargs -I{} cp -Lu {} .gpu/lib/ || return
  done
  # A library that is missing there is seen here.
  for program in .gpu/bin/*; do
    if LD_LIBRARY_PATH=.gpu/lib ldd "$program" | grep -vE "$of_the_system|=> \.gpu/lib/"; then
      echo "tools/gpu-check.sh: $program needs what is not packed" >&2
      return 1
    fi
  done
  tar -C .gpu -cf - bin lib | xz -"$2" -T0 >"$packed"
  rm -rf .gpu/bin .gpu/lib
  local bytes
  bytes=$(stat -c %s $packed)
  echo "$packed: $((bytes / 1048576)) MiB, programs and libraries"
  [ "$bytes" -le $((44 << 20)) ] || { echo "with the tree it would not fit into 64 MiB" >&2 && return 1; }
}

pack() {
  set -e
  tools/test_cuda.sh  # the toolkit, and what needs no GPU
  tools/test_cudnn.sh # the headers of cuDNN, and its plans
  cmake -S . -B build-cuda -DTEMPER_TESTS=ON -DTEMPER_TEST_TREE="$tree"
  cmake --build build-cuda --target temper test_ops test_training test_models
  pack_programs build-cuda 6
}

# xz is not on every machine; Python reads its files too.
unpack() { # FOLDER
  if command -v xz >/dev/null; then
    tar -C "$1" -xJf $packed
  else
    python3 -c 'import sys, tarfile; tarfile.open(sys.argv[1]).extractall(sys.argv[2])' $packed "$1"
  fi
}

# Everything from a copy of the tree as it travels, without this shell's environment, on the emulated device.
try_steps() {
  local build status=0
  build=$(realpath "${chosen:-build}") || return
  copy=$(mktemp -d) # not local: the trap reads it
  trap 'rm -rf "$copy"' EXIT
  git ls-files -z --cached --others --exclude-standard | tar --null -T - --ignore-failed-read -cf - 2>/dev/null | tar -C "$copy" -xf -
  (cd "$copy" && pack_programs "$build" 0) || return
  gpu_check() { # SECONDS MODE
    (cd "$copy" && env -i PATH="$PATH" HOME="$copy" OUT="$copy/out" TEMPER_GPU_DEVICE=cuda-emulated TEMPER_GPU_SMALL=1 \
      TEMPER_GPU_TREE="$copy/tree" TEMPER_GPU_PATIENCE=10 TEMPER_GPU_SECONDS="$1" tools/gpu-check.sh "$2")
  }
  # The first call has time for the shortest steps, the second goes on.
  gpu_check 35 correct
  [ $? -eq 3 ] || { echo "tools/gpu-check.sh: a call that is too short leaves nothing for the next" >&2 && return 1; }
  gpu_check 570 correct && gpu_check 570 speed || status=$?
  [ -s "$copy/out/report.txt" ] || { echo "tools/gpu-check.sh: no report came out" >&2 && return 1; }
  return $status
}
