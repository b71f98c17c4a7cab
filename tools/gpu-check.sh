#!/bin/bash
# What a machine with a GPU is asked; docs/gpu-runs.md says how a run is done.
#   tools/gpu-check.sh pack        here: builds, and puts programs and libraries into .gpu/pack.tar.xz, ignored by git
#   tools/gpu-check.sh correct     there, from the root of the tree with .gpu: are the results right?
#   tools/gpu-check.sh speed       there, when they are: step times, beside PyTorch's
#   tools/gpu-check.sh try BUILD   here: all of it from BUILD's programs, each step small, on the emulated device
# A second argument chooses steps by a regular expression of their names: tools/gpu-check.sh correct 'networks|digits'.
# A call takes at most TEMPER_GPU_SECONDS (570) and ends with 0 when all steps have passed, 1 when any failed, 3 when some are left: the same
# call again goes on with those that have not passed. Each step has its own time limit; one that fails stops no other, and one that could not
# run has failed. gpu-out/ keeps what was found; gpu-out/report.txt is all of it, and goes to $OUT too.
set -u
cd "$(dirname "$0")/.."
packed=.gpu/pack.tar.xz
device=${TEMPER_GPU_DEVICE:-cuda}
mode=${1:-}
chosen=${2:-}
found="gpu-out"
tree=${TEMPER_GPU_TREE:-/tmp/temper-gpu} # where the packed tests look for the tree's files
small=${TEMPER_GPU_SMALL:-} # 1: each step is tried only
. tools/gpu/pack.sh
. tools/gpu/steps.sh
. tools/gpu/checks.sh

correct() {
  begin
  step "facts" 20 bash -c "nvidia-smi; uname -a; '$temper' doctor; '$temper' doctor | grep '^CUDA devices'; [ $device != cuda ] || nvidia-smi >/dev/null"
  local result='Ops/BackendResult.*'
  tests "smallest kernels" 30 1 test_ops "$result/Add_*_f32:$result/Softmax_*_f32" "$result/Softmax_*_f32"
  tests "matrix products" 30 1 test_ops "$result/MatMul_*:$result/Gemm_*" "$result/Gemm_*_f32"
  tests "convolutions" 40 1 test_ops "$result/Conv*" "$result/Conv_*1x1*_f32"
  # NVRTC would take minutes for a program of each elementwise case: it gets all of them in one.
  TEMPER_NVRTC=off tests "op suite" 60 4 test_ops "$result" "$result/ReduceSum_*_f32"
  TEMPER_NVRTC=off tests "gradients of ops" 60 2 test_ops 'Ops/BackendGradient.*_f32' 'Ops/BackendGradient.*/Softmax_*_f32'
  tests "elementwise chains" 120 1 test_ops 'PrintedChains.*' 'PrintedChains.*'
  tests "models as PyTorch" 40 1 test_models "*On${device//[-:]/}" "*tinymlp*On${device//[-:]/}"
  tests "losses as PyTorch" 30 1 test_training 'EmulatedLossValues.*' 'EmulatedLossValues.*'
  tests "gradients of networks" 40 1 test_training '*EmulatedGradients*' '*EmulatedGradients*/digits'
  tests "steps of training" 60 2 test_training 'EmulatedPrograms*:*EmulatedFeature*:*EmulatedTinyRuns*:*EmulatedOptimizer*:*EmulatedRecipes*:*EmulatedAnalysis*:EmulatedDigits*' \
    'EmulatedAnalysis.Eval*'
  tests "samples" 60 3 test_training '*EmulatedSamples*:*EmulatedGan*' '*EmulatedSamples*/digits'
  tests "mixed precision" 40 1 test_training '*EmulatedMixedPrecisionRuns*' '*EmulatedMixedPrecisionRuns*digits_bf16'
  step "captured = not captured" 30 bash -c resumed_as_whole
  step "twice, the same bits" 30 bash -c twice_the_same
  local precision
  for precision in f32 bf16 fp16; do
    step "digits, $precision" 30 bash -c "training models/digits/digits.toml $precision ${small:+train.epochs=2}"
  done
  step "language model, bf16" 45 bash -c language_model
  local tool few='Softmax LayerNormalization MaxPool Attention Gather ReduceSum'
  few=$(printf "$result/%s_*_f32:" $few)
  for tool in memcheck racecheck initcheck; do
    [ -n "$small" ] || step "compute-sanitizer $tool" 40 compute-sanitizer --tool $tool --error-exitcode 3 \
      "$work/bin/test_ops" --gtest_brief=1 --gtest_filter="$few"
  done
  # Of the size that is timed; these need PyTorch.
  local name
  for name in $(timed_models); do
    step "exported: $name" 40 bash -c "with_torch tools/oracle/peer_models.py '$work/models' $name"
    step "gradients: $name" 40 bash -c "gradients $name $([ "$name" != gpt ] || echo loss.class_axis=-1)"
  done
  finish
}

speed() {
  begin
  local name
  if [ -z "$chosen" ] && ! all_correct; then
    echo "tools/gpu-check.sh: first every step of tools/gpu-check.sh correct: times of wrong results are none" >&2
    return 1
  fi
  [ -n "$small" ] || step "clocks" 20 bash -c "nvidia-smi -q -d CLOCK; nvidia-smi --query-gpu=name,driver_version,clocks.sm,clocks.mem --format=csv,noheader"
  local blocks=3
  [ -z "$small" ] || blocks=1
  for name in $(timed_models); do
    step "$name beside PyTorch" 110 bash -c "with_torch tools/bench/vs_torch.py '$temper' --device $device --models $name --blocks $blocks"
  done
  finish
}

case $mode in
pack) pack ;;
correct) correct ;;
speed) speed ;;
try) try_steps ;;
*)
  sed -n '2,10s/^# \{0,1\}//p' "$0" >&2
  exit 2
  ;;
esac
