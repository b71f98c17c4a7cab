#!/bin/sh
# Builds `temper` with the CUDA backend by nvcc and checks what can be checked without a GPU: every kernel is there for every architecture
# of the list and as PTX, none spills registers, neither do those that NVRTC makes of models' elementwise chains, the program needs no library of CUDA to start, says what is missing and exits 8. nvcc comes
# from PyPI into the build folder; nothing of CUDA has to be installed, and nothing here runs on a GPU (that is tools/gpu-check.sh).
set -eu
cd "$(dirname "$0")/.."
tools/install_packages.sh
build=build-cuda
venv=$PWD/$build/venv
stamp=$venv/cuda_requirements.txt
problem() {
  echo "tools/test_cuda.sh: $*" >&2
  exit 1
}
[ "$(uname -m)" = x86_64 ] || problem "for x86-64 only, as the emulated device is: nothing was built on $(uname -m)"

if ! cmp -s tools/cuda_requirements.txt "$stamp"; then
  mkdir -p "$build"
  [ -x "$venv/bin/pip" ] || python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --no-input --disable-pip-version-check --no-deps --only-binary=:all: \
    -r tools/cuda_requirements.txt ||
    problem "nvcc 13.0 could not be installed from PyPI for $(uname -m): the CUDA backend was not built"
  cp tools/cuda_requirements.txt "$stamp"
fi
toolkit=$(echo "$venv"/lib/python3*/site-packages/nvidia/cu13)
[ -x "$toolkit/bin/nvcc" ] || problem "there is no nvcc in $toolkit"
ln -sfn lib "$toolkit/lib64"  # where nvcc looks

cmake -S . -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DTEMPER_TESTS=OFF -DTEMPER_WERROR="${CI:+ON}" \
  -DTEMPER_CUDA=ON -DTEMPER_DEVICE_EMULATED=ON -DCMAKE_CUDA_COMPILER="$toolkit/bin/nvcc" -DCUDAToolkit_ROOT="$toolkit"
cmake --build "$build" --target temper
temper=$PWD/$build/temper

echo "-- registers"
python3 tools/checks/check_spills.py "$build"

echo "-- architectures"
files=$(find backends/cuda -name '*.cu' | wc -l)
listed=$("$toolkit/bin/cuobjdump" --list-elf --list-ptx "$temper" | sed -nE 's/.*\.(sm_[0-9]+)\.(cubin|ptx)$/\1 \2/p' | sort | uniq -c)
echo "$listed"
for kind in "sm_75 cubin" "sm_80 cubin" "sm_90 cubin" "sm_90 ptx"; do
  echo "$listed" | grep -qE "^ *$files $kind$" || problem "not all of the $files kernel files are in temper as $kind"
done

echo "-- what it needs to start"
needed=$(readelf -d "$temper" | grep NEEDED)
if echo "$needed" | grep -iE 'cuda|cublas|cudnn|nvrtc|nccl'; then
  problem "temper is linked to a library of CUDA"
fi

echo "-- what it says where there is no GPU"
doctor=$("$temper" doctor)
echo "$doctor" | grep -E '^(device cuda|CUDA|cu)' || true
for part in "CUDA build" "CUDA driver" "CUDA devices" cuBLASLt cuDNN NVRTC; do
  echo "$doctor" | grep -qE "^$part +[^ ]" || problem "temper doctor does not speak of $part"
done
echo "$doctor" | grep -qE '^device cuda +not available' || problem "there is a GPU here: what is said without one was not checked"
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
for device in cuda cuda:1; do
  status=0
  "$temper" train models/digits/digits.toml train.device=$device train.out="$out/$device" 2>"$out/said" || status=$?
  cat "$out/said"
  [ $status -eq 8 ] || problem "train.device=$device ended with $status, not with 8"
  grep -qi 'nvidia' "$out/said" || problem "train.device=$device does not say what is missing"
done
"$temper" train models/digits/digits.toml train.device=cuda-emulated train.epochs=1 train.out="$out/emulated" ||
  problem "the emulated device does not train in a build with both"

echo "-- elementwise chains by NVRTC"
cmake --build "$build" --target nvrtc_programs
# program_of ARCHITECTURE SIZE OPTION...: what the emulated device keeps of the model's step has the text of the kernels.
program_of() {
  name=$1
  size=$2
  shift 2
  "$temper" new "$name" "$out/$name.onnx" "$@" >/dev/null
  XDG_CACHE_HOME="$out/$name" TEMPER_NVRTC=on "$temper" inspect "$out/$name.onnx" ${size:+"$size"} --kernels --batch-size 4 \
    --device cuda-emulated >/dev/null
}
program_of gpt sequence=64 --vocabulary 512 --layers 4 --width 256 --heads 4
program_of vit ""
program_of unet ""
program_of lstm sequence=64
LD_LIBRARY_PATH=$toolkit/lib "$build/nvrtc_programs" "$out"/*/temper/*.program || problem "NVRTC does not take all programs"
