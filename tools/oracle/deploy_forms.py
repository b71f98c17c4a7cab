#!/usr/bin/env python3
"""Small models of opset 20 whose nodes older opsets do not have or have otherwise, inputs with NaN and infinities, and what
onnxruntime, or onnx's reference, makes of them: tests/training/analysis/fixtures/forms/NAME.onnx and .npz (inputs, and outputs as out.NAME).

Run from the repository root: /opt/oracle/bin/python tools/oracle/deploy_forms.py
With TEMPER as an argument it also converts each to the opsets of its line, and compares in onnxruntime.
"""
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import onnx
import onnx.reference
import onnxruntime
from onnx import TensorProto as T
from onnx import helper as h
from onnx import numpy_helper

HERE = pathlib.Path("tests/training/analysis/fixtures/forms")
NODE = h.make_node


def stored(name, values, dtype="float32"):
    return numpy_helper.from_array(np.array(values, dtype), name)


def model(name, nodes, inputs, outputs, tensors=(), opset=20, **more):
    graph = h.make_graph(nodes, name, [h.make_tensor_value_info(*one) for one in inputs],
                         [h.make_tensor_value_info(*one) for one in outputs], list(tensors), **more)
    made = h.make_model(graph, opset_imports=[h.make_opsetid("", opset)], ir_version=9 if opset < 21 else 11)
    inferred = onnx.shape_inference.infer_shapes(made)
    for output, known in zip(made.graph.output, inferred.graph.output):
        output.CopyFrom(known)
    return made


def numbers():
    """Comparisons, choices and repeats: x has NaN, infinities and ties, n numbers that float64 does not hold."""
    x = np.array([[np.nan, np.inf, -np.inf, 0.5], [-0.5, 1.5, 2.5, -2.5], [3, -3, 0, 1e-3]], "float32")
    y = np.array([[np.nan], [1.5], [3]], "float32")
    big = 2**53
    n = np.array([[big, big + 1, -big - 1, 5], [-(2**62), 2**62, 0, -1]], "int64")
    m = np.array([big + 1, big, -big, 5], "int64")
    feeds = {"x": x, "y": y, "n": n, "m": m, "c": np.array([[True, False, True, False]]),
             "t": np.array([-np.inf, np.inf, 0.3, 2], "float32")}
    s = [stored("low", -np.inf), stored("zero", 0), stored("seven", 7, "int64"), stored("shape", [2, 3, 4], "int64"),
         stored("starts", [-1, 0], "int64"), stored("ends", [-100, 4], "int64"), stored("axes", [0, 1], "int64"),
         stored("steps", [-1, 2], "int64"), stored("rows", [[1.0], [np.inf], [2.0]])]
    lines = [("equal", "Equal", "x y", {}), ("at_most", "LessOrEqual", "x y", {}), ("at_least", "GreaterOrEqual", "x y", {}),
             ("whole_less", "Less", "n m", {}), ("whole_greater", "Greater", "n m", {}), ("whole_most", "LessOrEqual", "n m", {}),
             ("nan", "IsNaN", "x", {}), ("infinite", "IsInf", "x", {}), ("low_only", "IsInf", "x", {"detect_positive": 0}),
             ("mask", "Where", "c low zero", {}), ("chosen", "Where", "c x y", {}), ("whole", "Where", "c n m", {}),
             ("logic", "Where", "c equal nan", {}), ("stored_rows", "Where", "c rows x", {}), ("expanded", "Expand", "x shape", {}),
             ("flipped", "Slice", "x starts ends axes steps", {}), ("most", "Max", "x rows", {}), ("sum", "Sum", "x rows y", {}),
             ("round", "Round", "x", {}), ("celu", "Celu", "x", {"alpha": 0.7}), ("threshold", "ThresholdedRelu", "t", {"alpha": 0.4}),
             ("sevens", "Where", "c n seven", {})]
    nodes = [NODE(op, names.split(), [out], out, **attributes) for out, op, names, attributes in lines]
    inputs = [("x", T.FLOAT, [3, 4]), ("y", T.FLOAT, [3, 1]), ("n", T.INT64, [2, 4]), ("m", T.INT64, [4]), ("c", T.BOOL, [1, 4]),
              ("t", T.FLOAT, [4])]
    whole, floats = {"whole", "sevens"}, {"mask", "chosen", "stored_rows", "expanded", "flipped", "most", "sum", "round", "celu", "threshold"}
    outputs = [(out, T.INT64 if out in whole else T.FLOAT if out in floats else T.BOOL, None) for out, *_ in lines]
    return model("numbers", nodes, inputs, outputs, s), feeds


def layers():
    """Normalisations, activations, a picture made larger; the batch is symbolic."""
    rng = np.random.default_rng(3)
    s = [stored("scale", rng.standard_normal(8)), stored("bias", rng.standard_normal(8)), stored("scale4", rng.standard_normal(4)),
         stored("bias4", rng.standard_normal(4)), stored("roi", []), stored("twice", [1, 1, 2, 3]), stored("sizes", [2, 4, 12, 16], "int64"),
         stored("pads", [1, 2, 3, 4], "int64"), stored("pad_axes", [-1, 1], "int64"), stored("head", rng.standard_normal((1, 1, 8, 8))),
         stored("ones", [1, 1, 1], "int64"), stored("last", [-1], "int64")]
    nodes = [NODE("LayerNormalization", ["x", "scale", "bias"], ["ln"]),
             NODE("Gelu", ["ln"], ["gelu"]), NODE("Gelu", ["ln"], ["gelu_tanh"], approximate="tanh"),
             NODE("Mish", ["ln"], ["mish"]), NODE("HardSwish", ["ln"], ["hard_swish"]),
             NODE("Erf", ["x"], ["erf"]), NODE("Sign", ["x"], ["sign"]),
             NODE("Resize", ["x", "roi", "twice"], ["nearest"], mode="nearest"),
             NODE("Split", ["x"], ["part1", "part2", "part3"], axis=-1, num_outputs=3),
             NODE("Pad", ["x", "pads", "", "pad_axes"], ["padded"]),
             NODE("Shape", ["x"], ["batch"], end=1), NODE("Concat", ["batch", "ones"], ["head_shape"], axis=0),
             NODE("Expand", ["head", "head_shape"], ["heads"]), NODE("Concat", ["heads", "x"], ["joined"], axis=1),
             NODE("ReduceMean", ["x", "last"], ["means"], keepdims=0), NODE("Softmax", ["x"], ["soft"], axis=1)]
    outputs = ["gelu", "gelu_tanh", "mish", "hard_swish", "erf", "sign", "nearest", "part1", "part3", "padded", "joined", "means", "soft"]
    made = model("layers", nodes, [("x", T.FLOAT, ["batch", 4, 8, 8])], [(one, T.FLOAT, None) for one in outputs], s)
    return made, {"x": rng.standard_normal((2, 4, 8, 8)).astype("float32")}


def bodies():
    """Operators of another form, Constants and initializers inside of If in If and of Loop."""
    info = h.make_tensor_value_info
    inner_then = h.make_graph([NODE("Constant", [], ["axis"], value=stored("", [-1], "int64")),
                               NODE("ReduceMean", ["x", "axis"], ["mean"], keepdims=1), NODE("Sub", ["x", "mean"], ["deep"])], "deep_then", [], [info("deep", T.FLOAT, None)])
    inner_else = h.make_graph([NODE("Gelu", ["x"], ["deep_else"])], "deep_else", [], [info("deep_else", T.FLOAT, None)])
    then_branch = h.make_graph([NODE("If", ["d"], ["nested"], "inner", then_branch=inner_then, else_branch=inner_else),
                                NODE("Add", ["nested", "offset"], ["then_out"])], "then", [], [info("then_out", T.FLOAT, None)],
                               [stored("offset", [1, 2, 3, 4])])
    else_branch = h.make_graph([NODE("Constant", [], ["axes"], value_ints=[0]), NODE("Unsqueeze", ["x", "axes"], ["up"]),
                                NODE("Squeeze", ["up", "axes"], ["flat"]), NODE("HardSwish", ["flat"], ["else_out"])],
                               "else", [], [info("else_out", T.FLOAT, None)])
    step = h.make_graph([NODE("Constant", [], ["axis2"], value=stored("", [1], "int64")),
                         NODE("ReduceSum", ["state", "axis2"], ["sum"], keepdims=1), NODE("Mul", ["sum", "share"], ["part"]),
                         NODE("Add", ["state", "part"], ["next"]), NODE("Identity", ["on"], ["stays"])], "step",
                        [info("i", T.INT64, []), info("on", T.BOOL, []), info("state", T.FLOAT, [2, 4])],
                        [info("stays", T.BOOL, []), info("next", T.FLOAT, [2, 4])], [stored("share", 0.1)])
    nodes = [NODE("If", ["c"], ["y"], "outer", then_branch=then_branch, else_branch=else_branch),
             NODE("Loop", ["steps", "", "y"], ["z"], "loop", body=step)]
    made = model("bodies", nodes, [("x", T.FLOAT, [2, 4]), ("c", T.BOOL, []), ("d", T.BOOL, [])], [("z", T.FLOAT, [2, 4])],
                 [stored("steps", 3, "int64")])
    rng = np.random.default_rng(5)
    return made, {"x": rng.standard_normal((2, 4)).astype("float32"), "c": np.array(True), "d": np.array(True)}


def constants():
    """As unoptimised exports have it: axes, bounds and biases computed by nodes, a BatchNormalization of each kind, nodes that do
    nothing, and a tensor that nothing reads."""
    rng = np.random.default_rng(9)
    s, nodes = [], []

    def weight(name, *shape):
        s.append(stored(name, rng.standard_normal(shape) * 0.5))
        return name

    def norm(name, x, y, channels):
        s.append(stored(name + ".var", rng.uniform(0.5, 2, channels)))
        nodes.append(NODE("BatchNormalization", [x, weight(name + ".w", channels), weight(name + ".b", channels),
                                                 weight(name + ".mean", channels), name + ".var"], [y], name))

    nodes += [NODE("Shape", [weight("conv.weight", 6, 4, 3, 3)], ["rows"], start=0, end=1), NODE("Constant", [], ["nought"], value_float=0.0),
              NODE("CastLike", ["nought", "x"], ["nought_like"]), NODE("Expand", ["nought_like", "rows"], ["no_bias"]),
              NODE("Conv", ["x", "conv.weight", "no_bias"], ["c1"], pads=[1, 1, 1, 1]), NODE("Dropout", ["c1"], ["d1"])]
    norm("bn1", "d1", "n1", 6)
    nodes.append(NODE("ConvTranspose", ["n1", weight("up.weight", 6, 2, 2, 2)], ["u1"], group=3, strides=[2, 2]))
    norm("bn2", "u1", "n2", 6)
    s.append(stored("bounds", [0.25], "float32"))
    nodes += [NODE("Sqrt", ["bounds"], ["most"]), NODE("Constant", [], ["least"], value_float=-1.0), NODE("Squeeze", ["most"], ["most0"]),
              NODE("Clip", ["n2", "least", "most0"], ["k1"]), NODE("Identity", ["k1"], ["k2"]), NODE("Cast", ["k2"], ["k3"], to=T.FLOAT),
              NODE("Transpose", ["k3"], ["k4"], perm=[0, 1, 2, 3]), NODE("Constant", [], ["minus"], value_ints=[-1]),
              NODE("Constant", [], ["places"], value=stored("", [-1, -2], "int64")), NODE("Reshape", ["places", "minus"], ["axes"]),
              NODE("ReduceMean", ["k4", "axes"], ["mean"], keepdims=1), NODE("Shape", ["mean"], ["sizes"]),
              NODE("Gather", ["sizes", "minus"], ["wide"]), NODE("Shape", ["x"], ["batch"], end=1), NODE("Constant", [], ["six"], value_ints=[6]),
              NODE("Mul", ["wide", "six"], ["columns"]), NODE("Concat", ["batch", "columns"], ["flat"], axis=0),
              NODE("Reshape", ["mean", "flat"], ["f1"]), NODE("Gemm", ["f1", weight("fc.weight", 5, 6), weight("fc.bias", 5)], ["g1"],
                                                             transB=1, alpha=0.5, beta=2.0)]
    norm("bn3", "g1", "y", 5)
    s.append(stored("unread", [1, 2, 3]))
    info = [h.make_tensor_value_info("mean", T.FLOAT, ["batch", 6, 1, 1])]
    made = model("constants", nodes, [("x", T.FLOAT, ["batch", 4, 6, 6])], [("y", T.FLOAT, ["batch", 5])], s, value_info=info)
    return made, {"x": rng.standard_normal((3, 4, 6, 6)).astype("float32")}


def attention():
    """Attention of opset 23: heads apart and side by side, a mask of bools and of numbers, the past alone."""
    rng = np.random.default_rng(13)
    nodes = [NODE("Attention", ["q", "k", "v"], ["plain"]), NODE("Attention", ["q", "k", "v", "allowed"], ["masked"], scale=0.3),
             NODE("Attention", ["q", "q", "q"], ["causal"], is_causal=1),
             NODE("Attention", ["f", "f", "f", "added"], ["flat"], q_num_heads=2, kv_num_heads=2),
             NODE("RMSNormalization", ["f", "scale"], ["rms"])]
    info = [("q", T.FLOAT, ["batch", 2, 3, 4]), ("k", T.FLOAT, ["batch", 2, 5, 4]), ("v", T.FLOAT, ["batch", 2, 5, 4]),
            ("f", T.FLOAT, ["batch", 3, 8]), ("allowed", T.BOOL, [3, 5]), ("added", T.FLOAT, [3, 3])]
    made = model("attention", nodes, info, [(one, T.FLOAT, None) for one in ("plain", "masked", "causal", "flat", "rms")],
                 [stored("scale", rng.standard_normal(8))], opset=23)
    feeds = {name: rng.standard_normal([2 if d == "batch" else d for d in shape]).astype("float32") for name, kind, shape in info
             if kind == T.FLOAT}
    feeds["allowed"] = rng.random((3, 5)) > 0.4
    feeds["allowed"][:, 0] = True
    return made, feeds


def open_sizes():
    """What opset 7 cannot say while the batch is open, for two nodes, and of fixed sizes can."""
    nodes = [NODE("Greater", ["x", "y"], ["c"]), NODE("Where", ["c", "x", "y"], ["larger"]), NODE("Where", ["c", "y", "x"], ["smaller"]),
             NODE("Shape", ["x"], ["sizes"]), NODE("Gather", ["sizes", "zero"], ["batch"]),
             NODE("Range", ["zero", "batch", "one"], ["order"])]
    info = [(name, T.FLOAT, ["batch", 3]) for name in "xy"]
    made = model("open_sizes", nodes, info, [("larger", T.FLOAT, None), ("smaller", T.FLOAT, None), ("order", T.INT64, None)],
                 [stored("zero", 0, "int64"), stored("one", 1, "int64")])
    return made, {name: np.arange(6, dtype="float32").reshape(2, 3) % (3 + k) for k, name in enumerate("xy")}


def run(path, feeds):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return dict(zip([one.name for one in session.get_outputs()], session.run(None, feeds)))


def reference(made, feeds):
    with np.errstate(all="ignore"):
        return dict(zip([one.name for one in made.graph.output], onnx.reference.ReferenceEvaluator(made).run(None, feeds)))


def convert(temper, path, feeds, expected):
    with tempfile.TemporaryDirectory() as folder:
        for options in [f"--opset {n}" for n in (7, 8, 9, 10, 11, 12, 13, 15, 17, 19, 21, 23, 24, 28)] + ["--fold", "--fold --opset 7"]:
            out = pathlib.Path(folder) / "out.onnx"
            done = subprocess.run([temper, "convert", path, out, *options.split()], capture_output=True, text=True)
            if done.returncode:
                print(path.name, options, "refused:", done.stderr.strip())
                continue
            onnx.checker.check_model(str(out), full_check=True)
            try:
                actual = run(out, feeds)
            except Exception as error:  # noqa: BLE001 what onnxruntime throws has no common class
                print(path.name, options, "not run by onnxruntime:", str(error)[:200])
                continue
            bad = [name for name, value in expected.items()
                   if not np.allclose(value.astype("float64"), actual[name].astype("float64"), rtol=3e-6, atol=3e-6, equal_nan=True)]
            print(path.name, options, "equal" if not bad else f"DIFFERENT: {bad}")


def main():
    HERE.mkdir(parents=True, exist_ok=True)
    for make in (numbers, layers, bodies, constants, attention, open_sizes):
        made, feeds = make()
        path = HERE / f"{make.__name__}.onnx"
        onnx.checker.check_model(made, full_check=True)
        onnx.save(made, path)
        # onnxruntime chooses between bools only in the older opsets' operators.
        expected = reference(made, feeds) if make is numbers else run(path, feeds)
        np.savez(HERE / f"{make.__name__}.npz", **feeds, **{"out." + name: value for name, value in expected.items()})
        if len(sys.argv) > 1:
            convert(sys.argv[1], path, feeds, expected)


if __name__ == "__main__":
    main()
