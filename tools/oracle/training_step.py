#!/usr/bin/env python3
"""Training steps as ONNX files, run by onnxruntime, beside `temper train` from the same weights and batches: one step, whose
weights must agree to 1e-6, and 20 steps. Prints the tables of docs/training_step.md.

    training_step.py build/temper [FOLDER] [MODEL,...] [OPTIMIZER,...]
"""
import json
import os
import subprocess
import sys

import numpy as np
import onnx
import onnxruntime

STEPS, BATCH = 20, 8
CLASSES, ROWS = 4, STEPS * BATCH
# Of the largest gradient of a model: below it is what was rounded, which an optimizer that divides a gradient by its own size
# makes whole steps of.
SMALL = 1e-4

# Of `temper new`: options, and the shape of a sample; "tokens": classes of each position.
MODELS = {
    "mlp": ("--inputs 12 --hidden 16,8 --outputs 4 --dropout 0.2", (12,)),
    "lenet": ("--image-size 20 --classes 4", (1, 20, 20)),
    "convnet": ("--image-size 16 --classes 4", (3, 16, 16)),
    "vit": ("--image-size 16 --patch 8 --width 16 --layers 1 --heads 2 --mlp 32 --classes 4", (3, 16, 16)),
    "gpt": ("--vocabulary 12 --context 10 --layers 1 --heads 2 --width 16", "tokens"),
    "lstm": ("--features 5 --hidden 8 --layers 2 --bidirectional --outputs 4", (7, 5)),
    "gru": ("--features 5 --hidden 8 --outputs 4", (7, 5)),
}
OPTIMIZERS = {
    "sgd": ("sgd", "optimizer.lr=0.05"),
    "momentum": ("sgd", "optimizer.lr=0.02", "optimizer.momentum=0.9", "optimizer.nesterov=true",
                 "optimizer.weight_decay=0.01"),
    "adam": ("adam", "optimizer.lr=0.003"),
    "adamw": ("adamw", "optimizer.lr=0.003", "schedule.name=cosine", "schedule.warmup=5 steps"),
    "rmsprop": ("rmsprop", "optimizer.lr=0.001", "optimizer.momentum=0.5", "optimizer.centered=true"),
    "radam": ("radam", "optimizer.lr=0.003"),
    "nadam": ("nadam", "optimizer.lr=0.003"),
    "adamax": ("adamax", "optimizer.lr=0.003"),
    "adagrad": ("adagrad", "optimizer.lr=0.01"),
    "adadelta": ("adadelta", "optimizer.lr=0.5"),
    "lion": ("lion", "optimizer.lr=0.0003", "optimizer.weight_decay=0.1"),
    "lamb": ("lamb", "optimizer.lr=0.003", "optimizer.weight_decay=0.01"),
    "lars": ("lars", "optimizer.lr=0.5", "optimizer.weight_decay=0.01"),
    "adafactor": ("adafactor", "optimizer.lr=0.01"),
    "muon": ("muon", "optimizer.lr=0.01"),
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


def weights_of(path):
    return {t.name: onnx.numpy_helper.to_array(t) for t in onnx.load(path).graph.initializer}


def trained(temper, folder, recipe, keys, steps):
    """Losses, and the weights after so many steps of `temper train`."""
    out = f"{folder}/run"
    subprocess.run(["rm", "-rf", out], check=True)
    run(temper, "train", recipe, f"train.out={out}", f"train.steps={steps}", *keys)
    lines = [json.loads(line) for line in open(f"{out}/metrics.jsonl", encoding="utf-8")]
    losses = [line["train/loss"] for line in lines if "train/loss" in line]
    return np.array(losses[:steps]), weights_of(f"{out}/last.onnx")


def stepped(session, next_of, inputs, steps):
    losses, state = [], {}
    names = [o.name for o in session.get_outputs()]
    for step in range(steps):
        rows = slice(step * BATCH, (step + 1) * BATCH)
        feeds = {name: values[rows] for name, values in inputs.items()}
        got = dict(zip(names, session.run(None, {**feeds, **state})))
        losses.append(float(got["loss"]))
        state = {name: got[new] for name, new in next_of.items()}
    return np.array(losses), state


def opened(path, form):
    step = onnx.load(path)
    onnx.checker.check_model(step, full_check=True)
    if form == "flat":
        outputs = {o.name for o in step.graph.output}
        next_of = {i.name: i.name + ".next" for i in step.graph.input if i.name + ".next" in outputs}
    else:
        step, next_of = combined(step)
        onnx.checker.check_model(step, full_check=True)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(step.SerializeToString(), options, ["CPUExecutionProvider"]), next_of, len(step.graph.node)


def difference(state, weights, chosen=None):
    """The largest of all elements, or of the chosen ones."""
    most = 0.0
    for name in state.keys() & weights.keys():
        apart = np.abs(state[name].astype(np.float64) - weights[name])
        apart = apart if chosen is None or name not in chosen else apart[chosen[name]]
        most = max(most, apart.max(initial=0.0))
    return most


def write_recipe(folder, name, arrays, optimizer):
    np.savez(f"{folder}/{name}.npz", **arrays)
    recipe = f"{folder}/{name}.toml"
    with open(recipe, "w", encoding="utf-8") as out:
        out.write(f'[model]\npath = "{name}.onnx"\n[data]\ntrain = "{name}.npz"\nbatch_size = {BATCH}\nshuffle = false\n'
                  f'val_split = 0\n[loss]\nname = "cross_entropy"\nlabel_smoothing = 0.1\n[optimizer]\nname = "{optimizer}"\n'
                  f'[clip]\nnorm = 0.5\n[train]\nsteps = {STEPS}\nthreads = 1\n[log]\nevery = 1\n')
    return recipe


def without_zeros(path, random):
    """A fresh layer that begins at 0 keeps the gradients of all before it at 0. Gives the input's name."""
    model = onnx.load(path)
    for tensor in model.graph.initializer:
        if tensor.data_type == onnx.TensorProto.FLOAT and len(tensor.dims) > 1:
            values = onnx.numpy_helper.to_array(tensor)
            values = values + (0.1 * random.normal(size=values.shape)).astype(np.float32)
            tensor.CopyFrom(onnx.numpy_helper.from_array(values, tensor.name))
    onnx.save(model, path)
    return model.graph.input[0].name


def table(title, cells):
    """`cells`: per model and optimizer."""
    print(f"\n{title}\n\n| optimizer | {' | '.join(cells)} |\n|---|{'---|' * len(cells)}")
    for optimizer in next(iter(cells.values())):
        print(f"| {optimizer} | {' | '.join(of_model[optimizer] for of_model in cells.values())} |")


def main():
    temper = os.path.abspath(sys.argv[1])
    folder = sys.argv[2] if len(sys.argv) > 2 else "/tmp/training_step"
    models = sys.argv[3].split(",") if len(sys.argv) > 3 else list(MODELS)
    optimizers = sys.argv[4].split(",") if len(sys.argv) > 4 else list(OPTIMIZERS)
    os.makedirs(folder, exist_ok=True)
    one, many, failed = {}, {}, []
    for name in models:
        words, shape = MODELS[name]
        random = np.random.default_rng(1)
        model = f"{folder}/{name}.onnx"
        run(temper, "new", name, model, *words.split(), "--seed", "3")
        input_name = without_zeros(model, random)
        if shape == "tokens":
            arrays = {input_name: random.integers(0, 12, (ROWS, 10)), "target": random.integers(0, 12, (ROWS, 10))}
        else:
            arrays = {input_name: random.normal(size=(ROWS, *shape)).astype(np.float32),
                      "target": random.integers(0, CLASSES, ROWS)}
        one[name], many[name] = {}, {}
        for label in optimizers:
            optimizer, *keys = OPTIMIZERS[label]
            recipe = write_recipe(folder, name, arrays, optimizer)
            gradient = f"{folder}/{name}_gradient.npz"
            np.savez(f"{folder}/first.npz", **{k: v[:BATCH] for k, v in arrays.items()})
            run(temper, "grad", model, f"{folder}/first.npz", "--loss", "cross_entropy", "label_smoothing=0.1", "--out", gradient)
            # Other elements move by what was rounded.
            true = {k: np.abs(v) for k, v in np.load(gradient).items() if k != "loss"}
            most = max(v.max(initial=0.0) for v in true.values())
            true = {k: v > SMALL * most for k, v in true.items()}
            share = sum(v.sum() for v in true.values()) / sum(v.size for v in true.values())
            for steps, cells in ((1, one), (STEPS, many)):
                # A schedule depends on the number of steps.
                words = [k for k in keys if steps > 1 or not k.startswith("schedule.")]
                losses, weights = trained(temper, folder, recipe, words, steps)
                for form in ("flat", "training_info"):
                    path = f"{folder}/{name}_{form}.onnx"
                    run(temper, "convert", "--training", recipe, path, f"train.steps={steps}", *words,
                        *(["--flat"] if form == "flat" else []))
                    session, next_of, nodes = opened(path, form)
                    got, state = stepped(session, next_of, arrays, steps)
                    # The last line of a longer run has the mean of the epoch.
                    by_loss = np.abs(got - losses)[:max(1, steps - 1)].max()
                    by_weight, everywhere = difference(state, weights, true), difference(state, weights)
                    if steps == 1 and max(by_loss, by_weight) > 1e-6:
                        failed.append(f"{name} {label} {form}")
                    cells[name][label] = (f"{by_loss:.0e}, {by_weight:.0e}" +
                                          (f" ({everywhere:.0e})" if everywhere > 1e-6 and everywhere > by_weight else ""))
                    print(f"{name:8} {label:9} {form:13} {nodes:5} nodes {steps:3} steps: loss {by_loss:.1e} "
                          f"weights {by_weight:.1e} ({share:.0%} of them), of all {everywhere:.1e}", flush=True)
    table("one step", one)
    table(f"{STEPS} steps", many)
    if failed:
        sys.exit(f"more than 1e-6 apart after one step: {', '.join(failed)}")


if __name__ == "__main__":
    main()
