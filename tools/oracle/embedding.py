#!/usr/bin/env python3
"""Writes tests/training/fixtures/embed: models whose data were prepared, what Pillow, numpy and PyTorch make of pictures and tables for
them, parts of a model by onnx's extractor, and BatchNorm statistics by torch.optim.swa_utils.update_bn, weights by torch.nn.utils.prune. With TEMPER, checks in onnxruntime
what `temper convert` makes of these models.

Usage: embedding.py OUT_FOLDER                  (writes the files; needs numpy, onnx, onnxruntime, torch, pillow)
       embedding.py FOLDER TEMPER               (converts them, runs them in onnxruntime, prints a line each)
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import onnx
import onnxruntime as ort
import torch
import torch.nn.utils.prune
from onnx import TensorProto as T
from onnx import helper as h
from onnx import numpy_helper
from PIL import Image

HERE = pathlib.Path(__file__).resolve().parents[2] / "tests/training/fixtures"
FILTERS = {"bilinear": Image.BILINEAR, "bicubic": Image.BICUBIC, "nearest": Image.NEAREST}
HEIGHT, WIDTH = 6, 8
MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
WAYS = {  # name: resize, interpolation
    "cover_bilinear": ([], "bilinear"),
    "short_bicubic": ([11], "bicubic"),
    "both_bilinear": ([9, 12], "bilinear"),
    "cover_nearest": ([], "nearest"),
    "short_nearest": ([10], "nearest"),
}
SIZES = [(13, 17), (29, 12), (6, 8), (5, 7), (40, 64)]


def picture(height, width, seed):
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    waves = np.stack([128 + 50 * np.sin(x / 3 + y / 5 + c) for c in range(3)], -1)
    return np.clip(waves + rng.normal(0, 12, waves.shape), 0, 255).astype("uint8")


def prepared(pixels, resize, how, scale=True, mean=MEAN, std=STD):
    """As torchvision's Resize and CenterCrop, ToTensor, Normalize."""
    image = Image.fromarray(pixels)
    width, height = image.size
    if len(resize) == 2:
        size = resize
    elif resize:
        side = resize[0]
        size = (side, int(side * width / height)) if height <= width else (int(side * height / width), side)
    elif HEIGHT * width >= WIDTH * height:
        size = HEIGHT, max(WIDTH, int(HEIGHT * width / height))
    else:
        size = max(HEIGHT, int(WIDTH * height / width)), WIDTH
    # Pillow 12 goes along rows first, always; so does this, whatever the version.
    image = image.resize((size[1], height), FILTERS[how]).resize((size[1], size[0]), FILTERS[how])
    top, left = round((size[0] - HEIGHT) / 2), round((size[1] - WIDTH) / 2)
    values = np.asarray(image.crop((left, top, left + WIDTH, top + HEIGHT)), "float32")
    if scale:
        values = values / np.float32(255)
    return ((values - np.float32(mean)) / np.float32(std)).transpose(2, 0, 1)[None]


def save(path, nodes, inputs, outputs, tensors=(), metadata=None, opset=18, docs=False):
    graph = h.make_graph(nodes, "graph", inputs, outputs, [numpy_helper.from_array(v, k) for k, v in tensors])
    model = h.make_model(graph, opset_imports=[h.make_opsetid("", opset)], ir_version=8, producer_name="embedding.py")
    for key, value in (metadata or {}).items():
        entry = model.metadata_props.add()
        entry.key, entry.value = key, value
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)


def value(name, shape, kind=T.FLOAT):
    return h.make_tensor_value_info(name, kind, shape)


def images_json(resize, how, classes=(), crop=True):
    images = {"resize": resize, "crop": [HEIGHT, WIDTH], "interpolation": how, "exif_orientation": False,
              "classes": list(classes)} if crop else {}
    images.update(scale=True, mean=MEAN, std=STD, bytes=True)
    return json.dumps({"images": images})


def fronts(out):
    arrays = {}
    image = value("image", ["batch", 3, HEIGHT, WIDTH])
    for name, (resize, how) in WAYS.items():
        save(f"{out}/{name}.onnx", [h.make_node("Identity", ["image"], ["y"])], [image], [value("y", ["batch", 3, HEIGHT, WIDTH])],
             metadata={"temper.preprocessing": images_json(resize, how)})
        for i, size in enumerate(SIZES):
            if resize == [9, 12] or min(prepared_size(size, resize)) >= 0:
                pixels = picture(*size, seed=i)
                arrays[f"{name}.{i}"] = pixels[None]
                arrays[f"{name}.{i}.want"] = prepared(pixels, resize, how)
    save(f"{out}/as_they_are.onnx", [h.make_node("Identity", ["image"], ["y"])], [image], [value("y", ["batch", 3, HEIGHT, WIDTH])],
         metadata={"temper.preprocessing": images_json([], "bilinear", crop=False)}, opset=9)
    pixels = picture(HEIGHT, WIDTH, seed=9)
    arrays["as_they_are.0"] = pixels[None]
    arrays["as_they_are.0.want"] = prepared(pixels, [HEIGHT, WIDTH], "bilinear")
    return arrays


def prepared_size(size, resize):
    if not resize:
        return 0, 0
    side = resize[0]
    height, width = (side, int(side * size[1] / size[0])) if size[0] <= size[1] else (int(side * size[0] / size[1]), side)
    return height - HEIGHT, width - WIDTH


class Classifier(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = torch.nn.Conv2d(3, 4, 3, padding=1)
        self.fc = torch.nn.Linear(4, 2)

    def features(self, x):
        return torch.relu(self.conv(x)).mean((2, 3))

    def forward(self, x):
        return self.fc(self.features(x))


def classifier(out):
    torch.manual_seed(3)
    net = Classifier()
    files = sorted(str(p.relative_to(HERE / "classes")) for p in (HERE / "classes").glob("*/*"))
    rows = np.concatenate([prepared(np.asarray(Image.open(HERE / "classes" / f).convert("RGB")), [], "bilinear") for f in files])
    with torch.no_grad():  # weights that tell blue from red
        net.fc.weight.mul_(-8)
        net.fc.bias.zero_()
        net.fc.bias.copy_(-net(torch.from_numpy(rows)).mean(0))
    tensors = [(k, v.numpy()) for k, v in net.state_dict().items()]
    nodes = [h.make_node("Conv", ["image", "conv.weight", "conv.bias"], ["c"], pads=[1, 1, 1, 1], doc_string="File /home/ann/secret.py"),
             h.make_node("Relu", ["c"], ["r"]), h.make_node("GlobalAveragePool", ["r"], ["g"]), h.make_node("Flatten", ["g"], ["features"]),
             h.make_node("Gemm", ["features", "fc.weight", "fc.bias"], ["logits"], transB=1)]
    kept = {"temper.preprocessing": images_json([], "bilinear", ["blue", "red"]), "temper.classes": json.dumps(["blue", "red"]),
            "temper.loss": "cross_entropy", "temper.version": "1", "author": "ann"}
    save(f"{out}/classifier.onnx", nodes, [value("image", ["batch", 3, HEIGHT, WIDTH])], [value("logits", ["batch", 2])], tensors, kept)
    binary = dict(kept, **{"temper.loss": "bce_with_logits", "temper.metric_settings": json.dumps({"average": "macro", "threshold": 0.4, "top_k": 5})})
    save(f"{out}/labels.onnx", nodes, [value("image", ["batch", 3, HEIGHT, WIDTH])], [value("logits", ["batch", 2])], tensors, binary)
    with torch.no_grad():
        logits = net(torch.from_numpy(rows))
        features = net.features(torch.from_numpy(rows))
    return {"classifier.logits": logits.numpy(), "classifier.probabilities": torch.softmax(logits, 1).numpy(),
            "classifier.class": logits.argmax(1).numpy(), "classifier.sigmoid": torch.sigmoid(logits).numpy(),
            "classifier.labels": (torch.sigmoid(logits) >= 0.4).long().numpy(), "classifier.rows": rows, "classifier.features": features.numpy()}


def table(out):
    rng = np.random.default_rng(1)
    mean, deviation = [1e5, -3.0, 0.25], [2.0, 7.5, 0.01]
    columns = [{"name": n, "target": False, "integer": False, "mean": m, "deviation": d} for n, m, d in zip("abc", mean, deviation)]
    columns.append({"name": "target", "target": True, "integer": False, "mean": 0.0, "deviation": 1.0})
    kept = {"kind": "table", "one_hot": False, "standardize": True, "fill_missing": True, "columns": columns}
    weight = rng.standard_normal((3, 1)).astype("float32")
    save(f"{out}/table.onnx", [h.make_node("MatMul", ["x", "w"], ["y"])], [value("x", ["batch", 3])], [value("y", ["batch", 1])],
         [("w", weight)], {"temper.preprocessing": json.dumps(kept), "temper.loss": "mse"}, opset=9)
    rows = (np.array(mean) + np.array(deviation) * rng.standard_normal((5, 3))).astype("float32")
    rows[2, 1] = np.nan
    filled = np.where(np.isnan(rows), np.float64(mean), rows.astype("f8"))
    want = ((filled - np.array(mean)) / np.array(deviation)).astype("float32") @ weight
    lines = ["a,b,c,target"] + [",".join("" if np.isnan(v) else repr(float(v)) for v in row) + ",0" for row in rows]
    pathlib.Path(f"{out}/table.csv").write_text("\n".join(lines) + "\n")
    return {"table.rows": rows, "table.want": want}


class Normed(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = torch.nn.Conv2d(2, 3, 3, bias=False)
        self.bn = torch.nn.BatchNorm2d(3)
        self.fc = torch.nn.Linear(3, 2)

    def forward(self, x):
        return self.fc(torch.relu(self.bn(self.conv(x))).mean((2, 3)))


def statistics(out):
    nets = []
    nodes = [h.make_node("Conv", ["x", "conv.weight"], ["c"]),
             h.make_node("BatchNormalization", ["c", "bn.weight", "bn.bias", "bn.running_mean", "bn.running_var"], ["b"]),
             h.make_node("Relu", ["b"], ["r"]), h.make_node("GlobalAveragePool", ["r"], ["g"]), h.make_node("Flatten", ["g"], ["f"]),
             h.make_node("Gemm", ["f", "fc.weight", "fc.bias"], ["y"], transB=1)]
    for seed in (1, 2):
        torch.manual_seed(seed)
        net = Normed()
        net.bn.running_mean.normal_()
        net.bn.running_var.uniform_(0.5, 2)
        nets.append(net)
        tensors = [(k, v.numpy()) for k, v in net.state_dict().items() if v.ndim]
        save(f"{out}/normed{seed}.onnx", nodes, [value("x", ["batch", 2, 6, 6])], [value("y", ["batch", 2])], tensors)
    mean = Normed()
    a, b = (net.state_dict() for net in nets)
    mean.load_state_dict({k: (a[k].double() + b[k].double()).div(2).to(v.dtype) if v.is_floating_point() else v for k, v in a.items()})
    torch.manual_seed(5)
    x = torch.randn(14, 2, 6, 6)
    torch.optim.swa_utils.update_bn([x[i:i + 4] for i in range(0, 14, 4)], mean)
    mean.eval()
    np.savez(f"{out}/normed.npz", x=x.numpy())
    with torch.no_grad():
        return {"normed.mean": mean.bn.running_mean.numpy(), "normed.var": mean.bn.running_var.numpy(), "normed.y": mean(x).numpy()}


def dropouts(out):
    """Two Dropout in training form, one at the end, and BatchNormalization that gives statistics."""
    rng = np.random.default_rng(2)
    tensors = [("w", rng.standard_normal((4, 3)).astype("float32")), ("ratio", np.float32(0.5)), ("train", np.array(True)),
               ("scale", np.ones(3, "float32")), ("shift", np.zeros(3, "float32")), ("mean", rng.standard_normal(3).astype("float32")),
               ("var", rng.uniform(0.5, 2, 3).astype("float32"))]
    nodes = [h.make_node("Dropout", ["x", "ratio", "train"], ["d"]), h.make_node("MatMul", ["d", "w"], ["m"]),
             h.make_node("BatchNormalization", ["m", "scale", "shift", "mean", "var"], ["b", "new_mean", "new_var"], training_mode=1),
             h.make_node("Relu", ["b"], ["r"]), h.make_node("Dropout", ["r", "ratio", "train"], ["y"])]
    save(f"{out}/dropouts.onnx", nodes, [value("x", ["batch", 4])], [value("y", ["batch", 3])], tensors)
    x = rng.standard_normal((5, 4)).astype("float32")
    named = dict(tensors)
    y = np.maximum((x @ named["w"] - named["mean"]) / np.sqrt(named["var"] + np.float32(1e-5)), 0)
    return {"dropouts.x": x, "dropouts.y": y}


class Chain(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.bn, self.b = torch.nn.Conv2d(2, 6, 3), torch.nn.BatchNorm2d(6), torch.nn.Conv2d(6, 4, 3)
        self.c, self.d = torch.nn.Linear(4 * 4, 10), torch.nn.Linear(10, 3)

    def forward(self, x):
        x = torch.relu(self.bn(self.a(x)))
        x = torch.nn.functional.max_pool2d(torch.relu(self.b(x)), 2).flatten(1)
        return self.d(torch.relu(self.c(x)))


def pruned(out):
    """The nodes of Chain; what torch.nn.utils.prune leaves of its weights, and what the chain gives without the channels it chooses."""
    torch.manual_seed(7)
    net = Chain().eval()
    net.bn.running_mean.normal_()
    net.bn.running_var.uniform_(0.5, 2)
    nodes = [h.make_node("Conv", ["x", "a.weight", "a.bias"], ["1"]),
             h.make_node("BatchNormalization", ["1", "bn.weight", "bn.bias", "bn.running_mean", "bn.running_var"], ["2"]),
             h.make_node("Relu", ["2"], ["3"]), h.make_node("Conv", ["3", "b.weight", "b.bias"], ["4"]), h.make_node("Relu", ["4"], ["5"]),
             h.make_node("MaxPool", ["5"], ["6"], kernel_shape=[2, 2], strides=[2, 2]), h.make_node("Flatten", ["6"], ["7"]),
             h.make_node("Gemm", ["7", "c.weight", "c.bias"], ["8"], transB=1), h.make_node("Relu", ["8"], ["9"]),
             h.make_node("Gemm", ["9", "d.weight", "d.bias"], ["y"], transB=1)]
    tensors = [(k, v.numpy().copy()) for k, v in net.state_dict().items() if v.ndim]
    save(f"{out}/chain.onnx", nodes, [value("x", ["batch", 2, 8, 8])], [value("y", ["batch", 3])], tensors)
    arrays, x = {}, torch.randn(3, 2, 8, 8)
    for layer in "abcd":
        module = torch.nn.Linear(1, 1)
        module.weight = torch.nn.Parameter(getattr(net, layer).weight.detach().clone())
        torch.nn.utils.prune.l1_unstructured(module, "weight", 0.3)
        arrays[f"chain.{layer}.weight"] = (module.weight_orig * module.weight_mask).detach().numpy()
    state = {k: v.clone() for k, v in net.state_dict().items()}
    for layer, behind, run_of in (("a", "b", 1), ("b", "c", 4), ("c", "d", 1)):
        module = torch.nn.Linear(1, 1)
        module.weight = torch.nn.Parameter(state[f"{layer}.weight"].clone())
        torch.nn.utils.prune.ln_structured(module, "weight", 0.5, n=1, dim=0)
        keep = module.weight_mask.flatten(1).any(1)
        for name in [f"{layer}.weight", f"{layer}.bias"] + [f"bn.{n}" for n in ("weight", "bias", "running_mean", "running_var") if layer == "a"]:
            state[name] = state[name][keep]
        state[f"{behind}.weight"] = state[f"{behind}.weight"][:, keep.repeat_interleave(run_of)]
    f = torch.nn.functional
    y = f.batch_norm(f.conv2d(x, state["a.weight"], state["a.bias"]), state["bn.running_mean"], state["bn.running_var"],
                     state["bn.weight"], state["bn.bias"])
    y = f.max_pool2d(torch.relu(f.conv2d(torch.relu(y), state["b.weight"], state["b.bias"])), 2).flatten(1)
    y = f.linear(torch.relu(f.linear(y, state["c.weight"], state["c.bias"])), state["d.weight"], state["d.bias"])
    return dict(arrays, **{"chain.x": x.numpy(), "chain.y": y.detach().numpy()})


def run(path, feed):
    options = ort.SessionOptions()
    options.log_severity_level = 3
    session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return dict(zip([o.name for o in session.get_outputs()], session.run(None, feed)))


def convert(temper, model, out, *options):
    done = subprocess.run([temper, "convert", str(model), str(out), *options], capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{model} {options}: {done.stderr}")
    onnx.checker.check_model(str(out), full_check=True)
    return out


def check(folder, temper):
    arrays = np.load(f"{folder}/expected.npz")
    with tempfile.TemporaryDirectory() as scratch:
        out = pathlib.Path(scratch) / "out.onnx"
        for name in [*WAYS, "as_they_are"]:
            for layout in ([], ["--channels-first"]):
                convert(temper, f"{folder}/{name}.onnx", out, "--embed-preprocessing", *layout)
                worst = 0
                for i in range(len(SIZES)):
                    if f"{name}.{i}" in arrays:
                        raw = arrays[f"{name}.{i}"]
                        y = run(out, {"image": raw.transpose(0, 3, 1, 2) if layout else raw})["y"]
                        far = np.abs(y - arrays[f"{name}.{i}.want"]) * np.float32(STD)[:, None, None] * 255
                        worst = max(worst, far.max())
                print(f"{name} {' '.join(layout)}: onnxruntime is within {worst:.3f} of 255 of Pillow {Image.__version__}")
        convert(temper, f"{folder}/classifier.onnx", out, "--embed-preprocessing", "--embed-postprocessing", "--class-names")
        files = sorted((HERE / "classes").glob("*/*"))
        found = [run(out, {"image": np.asarray(Image.open(f).convert("RGB"))[None]}) for f in files]
        p = np.concatenate([one["probabilities"] for one in found])
        print(f"classifier: probabilities within {np.abs(p - arrays['classifier.probabilities']).max():.1e} of PyTorch's, "
              f"{int((np.concatenate([o['class'] for o in found]) == arrays['classifier.class']).sum())} of {len(files)} classes equal, "
              f"names {sorted({str(o['class_name'][0]) for o in found})}")
        predicted = pathlib.Path(scratch) / "p.npz"
        subprocess.run([temper, "predict", out, HERE / "classes", "--out", predicted], check=True, capture_output=True)
        mine = np.load(predicted)
        print(f"classifier: temper predict within {np.abs(p - mine['probabilities']).max():.1e} of onnxruntime on the pictures' bytes")
        convert(temper, f"{folder}/table.onnx", out, "--embed-preprocessing")
        y = run(out, {"x": arrays["table.rows"]})["y"]
        print(f"table: within {np.abs(y - arrays['table.want']).max():.1e}")
        rows = arrays["classifier.rows"]
        convert(temper, f"{folder}/classifier.onnx", out, "--outputs", "features,logits", "--rename", "features=embedding")
        y = run(out, {"image": rows})
        print(f"outputs: {np.abs(y['embedding'] - arrays['classifier.features']).max():.1e}, "
              f"{np.abs(y['logits'] - arrays['classifier.logits']).max():.1e}")
        convert(temper, f"{folder}/classifier.onnx", out, "--from", "features")
        print(f"inputs: {np.abs(run(out, {'features': arrays['classifier.features']})['logits'] - arrays['classifier.logits']).max():.1e}")
        convert(temper, f"{folder}/dropouts.onnx", out, "--inference", "--batch", "5")
        print(f"inference: {np.abs(run(out, {'x': arrays['dropouts.x']})['y'] - arrays['dropouts.y']).max():.1e}, "
              f"{[n.op_type for n in onnx.load(str(out)).graph.node]}, {onnx.load(str(out)).graph.input[0].type.tensor_type.shape.dim[0].dim_value}")


def main():
    if len(sys.argv) == 3:
        check(*sys.argv[1:])
        return
    out = sys.argv[1]
    os.makedirs(out, exist_ok=True)
    np.savez_compressed(f"{out}/expected.npz", **fronts(out), **classifier(out), **table(out), **statistics(out), **dropouts(out), **pruned(out))


if __name__ == "__main__":
    main()
