# shellcheck shell=bash
# For tools/gpu-check.sh: the steps that are more than one program. Run by a shell of their own, with $temper, $device, $work (a folder to
# write to) and $small from tools/gpu/steps.sh.

# A filter that chooses nothing is a mistake.
run_tests() { # PROGRAM FILTER
  "$work/bin/$1" --gtest_brief=1 --gtest_filter="$2" >"$work/said" 2>&1
  local status=$?
  cat "$work/said"
  ! grep -qE '^\[=+\] 0 tests ' "$work/said" || { echo "no test was chosen" && return 1; }
  return $status
}

# Python with PyTorch.
with_torch() { # SCRIPT ARGUMENT...
  python3 -c 'import torch, numpy, onnx, onnxscript' || { echo "no Python with torch, numpy, onnx and onnxscript here" && return 1; }
  python3 "$@"
}

# Of the size that is timed. Where the steps are only tried, none without PyTorch.
timed_models() {
  if [ -z "$small" ]; then
    echo mlp cifar_cnn gpt lstm resnet18
  elif python3 -c 'import torch, onnxscript' 2>/dev/null; then
    echo mlp
  else
    echo "there is no PyTorch: what needs it is not tried" >&2
  fi
}

# Loss and all gradients of a model on the GPU and on the CPU.
gradients() { # MODEL KEY=VALUE...
  local model=$work/models/$1 where
  shift
  for where in cpu "$device"; do
    "$temper" grad "$model.raw.onnx" --data "$model.npz" --loss cross_entropy --device "$where" --out "$work/$where.npz" "$@" >/dev/null ||
      return
  done
  python3 tools/bench/gpu_compare.py "$work/cpu.npz" "$work/$device.npz" 1e-3
}

# A number of the last line of `temper train --json`; what the model given had comes first there.
figure_of() { # FILE KEY
  tail -n 1 "$1" | grep -oE "\"$2\": ?[-+0-9.e]+" | tail -n 1 | sed 's/.*: *//'
}

# The same recipe on the CPU in f32 and on the GPU in one precision: the validation set's accuracy, or its loss, to 0.03.
training() { # RECIPE PRECISION KEY=VALUE...
  local recipe=$1 precision=$2 key=val/accuracy cpu gpu
  shift 2
  rm -rf "$work/t-cpu-$precision" "$work/t-gpu-$precision" # of another recipe
  "$temper" train "$recipe" --quiet --json train.device=cpu train.out="$work/t-cpu-$precision" "$@" >"$work/cpu.json" || return
  "$temper" train "$recipe" --quiet --json train.device="$device" train.precision="$precision" train.out="$work/t-gpu-$precision" "$@" \
    >"$work/gpu.json" || return
  grep -q "\"$key\"" "$work/cpu.json" || key=val/loss
  cpu=$(figure_of "$work/cpu.json" $key)
  gpu=$(figure_of "$work/gpu.json" $key)
  echo "$key on the CPU in f32 $cpu, on $device in $precision $gpu, allowed 0.03 apart; $(figure_of "$work/gpu.json" skipped) steps skipped"
  awk -v a="$cpu" -v b="$gpu" 'BEGIN {exit !(a != "" && b != "" && a - b <= 0.03 && b - a <= 0.03)}'
}

same_weights() { # RUN RUN
  local one two
  one=$(cat "$1"/last.onnx "$1"/last-*.data 2>/dev/null | sha256sum | cut -c 1-16)
  two=$(cat "$2"/last.onnx "$2"/last-*.data 2>/dev/null | sha256sum | cut -c 1-16)
  echo "last.onnx: $one / $two"
  [ -f "$1/last.onnx" ] && [ "$one" = "$two" ]
}

# A run's first step is queued kernel by kernel, all others are one captured graph. Six steps with a stop after each are six first steps.
resumed_as_whole() {
  local keys="train.device=$device train.eval_every=0 schedule.name=constant" i resume=""
  "$temper" train models/digits/digits.toml --quiet $keys train.steps=6 train.out="$work/whole" || return
  for i in 1 2 3 4 5 6; do
    "$temper" train models/digits/digits.toml --quiet $resume $keys train.steps=$i train.out="$work/parts" || return
    resume=--resume
  done
  same_weights "$work/whole" "$work/parts"
}

language_model() {
  "$temper" new gpt "$work/gpt.onnx" --context 64 --layers 2 --heads 4 --width 64 || return
  training models/language/gpt.toml bf16 model.path="$work/gpt.onnx" "$([ -n "$small" ] && echo train.steps=3 || echo train.epochs=3)"
}

twice_the_same() {
  local i
  for i in 1 2; do
    "$temper" train models/cifar/cifar.toml --quiet train.device="$device" train.steps="$([ -n "$small" ] && echo 3 || echo 30)" \
      train.out="$work/twice$i" || return
  done
  same_weights "$work/twice1" "$work/twice2"
}
