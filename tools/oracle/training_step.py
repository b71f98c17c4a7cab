#!/usr/bin/env python3
"""Training steps as ONNX files, run by onnxruntime: 20 steps of each model and optimizer, the same
that `temper train` does, from the same weights and batches. Losses and weights are compared.

    training_step.py build/temper [FOLDER]
"""
import json
import os
import subprocess
import sys

import numpy as np
import onnx
import onnxruntime

STEPS, BATCH = 20, 8

# Of `temper new`: options, and the shape of a sample.
MODELS = {
    "mlp": ("--inputs 12 --hidden 16,8 --outputs 4 --dropout 0.2", (12,)),
    "lenet": ("--image-size 20 --classes 4", (1, 20, 20)),
    "convnet": ("--image-size 16 --classes 4", (3, 16, 16)),
    "vit": ("--image-size 16 --patch 8 --width 16 --layers 1 --heads 2 --mlp 32 --classes 4", (3, 16, 16)),
}
CLASSES, ROWS = 4, STEPS * BATCH
OPTIMIZERS = {
    "sgd": ("sgd", "optimizer.lr=0.05"),
    "momentum": ("sgd", "optimizer.lr=0.02", "optimizer.momentum=0.9", "optimizer.nesterov=true",
                 "optimizer.weight_decay=0.01"),
    "adam": ("adam", "optimizer.lr=0.003", "optimizer.weight_decay=0.01"),
    "adamw": ("adamw", "optimizer.lr=0.003", "schedule.name=cosine", "schedule.warmup=5 steps"),
}


def run(*words):
    done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(words)}\n{done.stdout}{done.stderr}")
    return done.stdout


def combined(model):
    """The graph that the standard says a training step is: the model's and the algorithm's."""
    info = model.training_info[0]
    whole = onnx.ModelProto()
    whole.CopyFrom(model)
    del whole.training_info[:]
    whole.graph.node.extend(info.algorithm.node)
    whole.graph.initializer.extend(info.algorithm.initializer)
    whole.graph.input.extend(info.algorithm.input)
    whole.graph.output.extend(info.algorithm.output)
    bound = {entry.key: entry.value for entry in info.update_binding}
    known = {tensor.name: tensor for tensor in whole.graph.initializer}
    for name in bound:
        tensor = known[name]
        whole.graph.input.append(onnx.helper.make_tensor_value_info(name, tensor.data_type, tensor.dims))
    return whole, bound


def steps(session, next_of, inputs, state):
    losses = []
    names = [o.name for o in session.get_outputs()]
    for step in range(STEPS):
        rows = slice(step * BATCH, (step + 1) * BATCH)
        feeds = {name: values[rows] for name, values in inputs.items()}
        got = dict(zip(names, session.run(None, {**feeds, **state})))
        losses.append(float(got["loss"]))
        state = {name: got[new] for name, new in next_of.items()}
    return np.array(losses), state


def main():
    temper = os.path.abspath(sys.argv[1])
    folder = sys.argv[2] if len(sys.argv) > 2 else "/tmp/training_step"
    os.makedirs(folder, exist_ok=True)
    worst = 0
    only = os.environ.get("ONLY", "").split(",") if os.environ.get("ONLY") else list(MODELS)
    for name in only:
        words, shape = MODELS[name]
        random = np.random.default_rng(1)
        model = f"{folder}/{name}.onnx"
        run(temper, "new", name, model, *words.split(), "--seed", "3")
        data = f"{folder}/{name}.npz"
        graph = onnx.load(model)
        arrays = {graph.graph.input[0].name: random.normal(size=(ROWS, *shape)).astype(np.float32),
                  "target": random.integers(0, CLASSES, ROWS)}
        np.savez(data, **arrays)
        for label, (optimizer, *keys) in OPTIMIZERS.items():
            recipe = f"{folder}/{name}_{label}.toml"
            with open(recipe, "w", encoding="utf-8") as out:
                out.write(f'[model]\npath = "{name}.onnx"\n[data]\ntrain = "{name}.npz"\nbatch_size = {BATCH}\n'
                          f'shuffle = false\nval_split = 0\n[loss]\nname = "cross_entropy"\nlabel_smoothing = 0.1\n'
                          f'[optimizer]\nname = "{optimizer}"\n[clip]\nnorm = 0.5\n[train]\nsteps = {STEPS}\n'
                          '[log]\nevery = 1\n')
            trained = f"{folder}/run_{name}_{label}"
            subprocess.run(["rm", "-rf", trained], check=True)
            run(temper, "train", recipe, f"train.out={trained}", *keys)
            lines = [json.loads(line) for line in open(f"{trained}/metrics.jsonl", encoding="utf-8")]
            expected = np.array([line["train/loss"] for line in lines if "train/loss" in line])[:STEPS - 1]
            # The last line has the mean of the epoch.
            last = {t.name: onnx.numpy_helper.to_array(t) for t in onnx.load(f"{trained}/last.onnx").graph.initializer}
            for form in ("flat", "training_info"):
                path = f"{folder}/{name}_{label}_{form}.onnx"
                run(temper, "convert", "--training", recipe, path, *keys, *(["--flat"] if form == "flat" else []))
                step = onnx.load(path)
                onnx.checker.check_model(step, full_check=True)
                if form == "flat":
                    next_of = {i.name: i.name + ".next" for i in step.graph.input
                               if i.name + ".next" in {o.name for o in step.graph.output}}
                else:
                    step, next_of = combined(step)
                    onnx.checker.check_model(step, full_check=True)
                options = onnxruntime.SessionOptions()
                options.intra_op_num_threads = 1
                options.log_severity_level = 3
                session = onnxruntime.InferenceSession(step.SerializeToString(), options, ["CPUExecutionProvider"])
                losses, state = steps(session, next_of, arrays, {})
                by_loss = np.abs(losses[:STEPS - 1] - expected).max()
                by_weight = max(np.abs(state[n] - last[n]).max() for n in next_of if n in last)
                worst = max(worst, by_loss, by_weight)
                print(f"{name:8} {label:9} {form:13} {len(step.graph.node):5} nodes  "
                      f"loss {by_loss:.1e}  weights {by_weight:.1e}", flush=True)
    print(f"largest difference {worst:.1e}")


if __name__ == "__main__":
    main()
