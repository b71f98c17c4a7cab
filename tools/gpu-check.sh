#!/bin/bash
# What a machine with a GPU is asked, in three calls; docs/gpu-runs.md says how a run is done.
#   tools/gpu-check.sh pack        here: builds, and puts programs and libraries into .gpu/pack.tar.xz, ignored by git
#   tools/gpu-check.sh correct     there, from the root of the tree with .gpu: are the results right?
#   tools/gpu-check.sh speed       there: step times, beside PyTorch's
# A second argument chooses steps by a regular expression of their names: tools/gpu-check.sh correct 'gradients|digits'.
# Each step has its own time limit, and one that fails stops no other. $OUT (or gpu-out) gets MODE.log, with what each said, and MODE.txt,
# the table, which is also printed. Exits 1 if any step failed. A step that could not run has failed.
set -u
cd "$(dirname "$0")/.."
out=${OUT:-$PWD/gpu-out}
packed=.gpu/pack.tar.xz
device=${TEMPER_GPU_DEVICE:-cuda} # cuda-emulated tries the steps without a GPU
patience=${TEMPER_GPU_PATIENCE:-1} # the limits times so many
mode=${1:-}
chosen=${2:-.}

pack() {
  set -e
  tools/test_cuda.sh  # the toolkit, and what needs no GPU
  tools/test_cudnn.sh # the headers of cuDNN, and its plans
  cmake -S . -B build-cuda -DTEMPER_TESTS=ON
  cmake --build build-cuda --target temper test_ops
  rm -rf .gpu
  mkdir -p .gpu/bin .gpu/lib
  for program in temper test_ops; do
    strip -o .gpu/bin/$program build-cuda/$program
    # The C and C++ libraries of the other machine are newer than the ones here, and fit.
    ldd build-cuda/$program | awk '$3 ~ /^\//{print $3}' | grep -vE '/(libc|libm|libstdc\+\+|libgcc_s)\.so' |
      xargs -I{} cp -Lu {} .gpu/lib/
  done
  tar -C .gpu -cf - bin lib | xz -6 -T0 >$packed
  rm -rf .gpu/bin .gpu/lib
  bytes=$(stat -c %s $packed)
  echo "$packed: $((bytes / 1048576)) MiB, programs and libraries"
  [ "$bytes" -le $((40 << 20)) ] || { echo "with the tree it would not fit into 64 MiB" >&2 && exit 1; }
}

# The line that says most: of a failure its message, else the last one.
last_word() { # FILE STATUS
  local line=""
  [ "$2" -eq 0 ] || line=$(grep -E 'no GPU|REQUIRE_CUDA|FAILED TEST|^temper: |^Error|"message"' "$1" | tail -n 1)
  [ -n "$line" ] && echo "$line" || grep -v '^ *$' "$1" | tail -n 1
}

table=""
steps=0
failed=0
# What a call of the machine may take; each step gets its limit or what is left.
end=$((SECONDS + ${TEMPER_GPU_SECONDS:-570} * patience))
step() { # NAME LIMIT_SECONDS COMMAND...
  local name=$1 limit=$(($2 * patience)) began=$SECONDS status said
  shift 2
  grep -qE "$chosen" <<<"$name" || return 0
  steps=$((steps + 1))
  echo "=== $name: $*" >>"$log"
  said=$(mktemp)
  [ $((end - SECONDS)) -ge "$limit" ] || limit=$((end - SECONDS > 1 ? end - SECONDS : 1))
  timeout "$limit" "$@" >"$said" 2>&1
  status=$?
  cat "$said" >>"$log"
  [ $status -eq 0 ] || failed=$((failed + 1))
  table+=$(printf '%-32s %-4s %3d s  %s' "$name" "$([ $status -eq 0 ] && echo ok || echo "$status!")" $((SECONDS - began)) \
    "$(last_word "$said" $status | cut -c 1-160)")$'\n'
  rm "$said"
}

# Unpacks, and finds what the machine has of CUDA as Python packages.
begin() {
  mkdir -p "$out"
  log=$out/$mode.log
  : >"$log"
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  if [ ! -f $packed ] || ! tar -C "$work" -xJf $packed; then
    echo "tools/gpu-check.sh: $packed is not there or broken: run tools/gpu-check.sh pack where the project is built" >&2
    exit 1
  fi
  local site
  for site in $(python3 -c 'import site; print(*site.getsitepackages())'); do
    export LD_LIBRARY_PATH=${LD_LIBRARY_PATH:-}:$site/nvidia/cu13/lib:$site/nvidia/cudnn/lib
  done
  export LD_LIBRARY_PATH=$work/lib${LD_LIBRARY_PATH:-}
  export TEMPER_TEST_DEVICE=$device
  [ "$device" = cuda-emulated ] || export TEMPER_REQUIRE_CUDA=1
  temper=$work/bin/temper
  test_ops=$work/bin/test_ops
  # The steps' commands are small scripts, run from the root of the tree.
  export -f gradients training language_model same_weights resumed_as_whole twice_the_same
  export temper work device
}

finish() {
  printf '%s\n%s' "$mode on $device, $(date -u +%FT%H:%MZ), $(git describe --always --dirty 2>/dev/null || echo 'no git')" "$table" |
    tee "$out/$mode.txt"
  echo
  echo "$failed of $steps steps failed; what each said: $out/$mode.log"
  [ $failed -eq 0 ] && [ $steps -gt 0 ]
}

# Loss and all gradients of a model on the GPU and on the CPU.
gradients() { # MODEL KEY=VALUE...
  local model=$work/models/$1
  shift
  "$temper" grad "$model.raw.onnx" --data "$model.npz" --loss cross_entropy --device cpu --out "$work/cpu.npz" "$@" >/dev/null &&
    "$temper" grad "$model.raw.onnx" --data "$model.npz" --loss cross_entropy --device "$device" --out "$work/gpu.npz" "$@" >/dev/null &&
    python3 tools/bench/gpu_compare.py gradients "$work/cpu.npz" "$work/gpu.npz" 1e-3
}

# The same recipe on the CPU in f32 and on the GPU in one precision: accuracies of the validation set.
training() { # RECIPE PRECISION KEY=VALUE...
  local recipe=$1 precision=$2
  shift 2
  "$temper" train "$recipe" --quiet --json train.device=cpu train.out="$work/t-cpu-$precision" "$@" >"$work/cpu.json" &&
    "$temper" train "$recipe" --quiet --json train.device="$device" train.precision="$precision" \
      train.out="$work/t-gpu-$precision" "$@" >"$work/gpu.json" &&
    python3 tools/bench/gpu_compare.py accuracy "$work/cpu.json" "$work/gpu.json" 0.03
}

same_weights() { # RUN RUN
  local one two
  one=$(cat "$1"/last.onnx "$1"/last-*.data 2>/dev/null | sha256sum | cut -c 1-16)
  two=$(cat "$2"/last.onnx "$2"/last-*.data 2>/dev/null | sha256sum | cut -c 1-16)
  echo "last.onnx: $one / $two"
  [ "$one" = "$two" ]
}

# A run's first step is queued kernel by kernel, all others are one captured graph. Six steps with a stop after each are six first steps.
resumed_as_whole() {
  local keys="train.device=$device train.eval_every=0 schedule.name=constant"
  "$temper" train models/digits/digits.toml --quiet $keys train.steps=6 train.out="$work/whole" || return
  local i resume=""
  for i in 1 2 3 4 5 6; do
    "$temper" train models/digits/digits.toml --quiet $resume $keys train.steps=$i train.out="$work/parts" || return
    resume=--resume
  done
  same_weights "$work/whole" "$work/parts"
}

language_model() {
  "$temper" new gpt "$work/gpt.onnx" --context 64 --layers 2 --heads 4 --width 64 &&
    training models/language/gpt.toml bf16 train.epochs=3 model.path="$work/gpt.onnx"
}

twice_the_same() {
  local i
  for i in 1 2; do
    "$temper" train models/cifar/cifar.toml --quiet train.device="$device" train.steps=30 train.out="$work/twice$i" || return
  done
  same_weights "$work/twice1" "$work/twice2"
}

correct() {
  begin
  local small
  small='*Softmax*_f32:*LayerNormalization*_f32:*MaxPool*_f32:*Attention*_f32:*Gather*_f32:*ReduceSum*_f32'
  step "facts" 20 bash -c "nvidia-smi; uname -a; $temper doctor; $temper doctor | grep '^CUDA devices'; nvidia-smi >/dev/null"
  step "smallest kernels" 30 "$test_ops" --gtest_brief=1 --gtest_filter='Ops/BackendResult.*/Add_*_f32:Ops/BackendResult.*/Softmax_*_f32'
  step "matrix products" 30 "$test_ops" --gtest_brief=1 --gtest_filter='Ops/BackendResult.*/MatMul_*:Ops/BackendResult.*/Gemm_*'
  step "convolutions" 40 "$test_ops" --gtest_brief=1 --gtest_filter='Ops/BackendResult.*/Conv*'
  step "op suite" 120 "$test_ops" --gtest_brief=1 --gtest_filter='Ops/BackendResult.*'
  for name in mlp cifar_cnn lstm gpt resnet18; do
    step "exported: $name" 40 python3 tools/oracle/peer_models.py "$work/models" $name
  done
  step "gradients: mlp" 20 bash -c "gradients mlp"
  step "gradients: cifar_cnn" 20 bash -c "gradients cifar_cnn"
  step "gradients: resnet18" 40 bash -c "gradients resnet18"
  step "gradients: gpt" 40 bash -c "gradients gpt loss.class_axis=-1"
  step "gradients: lstm" 20 bash -c "gradients lstm"
  step "captured = not captured" 30 bash -c resumed_as_whole
  step "twice, the same bits" 30 bash -c twice_the_same
  for precision in f32 bf16 fp16; do
    step "digits, $precision" 30 bash -c "training models/digits/digits.toml $precision"
  done
  step "language model, bf16" 45 bash -c language_model
  for tool in memcheck racecheck initcheck; do
    step "compute-sanitizer $tool" 40 compute-sanitizer --tool $tool --error-exitcode 3 "$test_ops" --gtest_brief=1 \
      --gtest_filter="Ops/BackendResult.*/${small//:/:Ops\/BackendResult.*\/}"
  done
  finish
}

speed() {
  begin
  step "facts" 20 bash -c "nvidia-smi -q -d CLOCK; nvidia-smi --query-gpu=name,driver_version,clocks.sm,clocks.mem --format=csv,noheader"
  for name in mlp cifar_cnn gpt lstm resnet18; do
    step "$name beside PyTorch" 100 python3 tools/bench/vs_torch.py "$temper" --device "$device" --models $name --blocks 3 --seconds 1
  done
  finish
}

case $mode in
pack) pack ;;
correct) correct ;;
speed) speed ;;
*)
  sed -n '2,9s/^# \{0,1\}//p' "$0" >&2
  exit 2
  ;;
esac
