#!/usr/bin/env python3
"""What onnxruntime.quantization makes of a small network and of histograms: the expected values of
tests/graph/onnx/deploy. Writes fixtures/quantize.onnx, fixtures/normed.onnx (of opset 11),
fixtures/matrices.onnx (of opset 21) with .npz, fixtures/quantize.npz (inputs) and expected/quantization.h there.

Run from the repository root: /opt/oracle/bin/python tools/oracle/quantization.py
"""
import pathlib
import tempfile

import numpy as np
import onnx
import onnxruntime.quantization as ortq
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization.calibrate import HistogramCollector
from onnxruntime.quantization.quant_utils import compute_scale_zp

HERE = pathlib.Path("tests/graph/onnx/deploy")
SAMPLES = 16


def network():
    """Conv, Relu, MaxPool, Conv, Add, Relu, GlobalAveragePool, Flatten, Gemm."""
    rng = np.random.default_rng(7)

    def weight(name, *shape, scale=0.4):
        return numpy_helper.from_array((rng.standard_normal(shape) * scale).astype(np.float32), name)

    stored = [weight("conv1.weight", 6, 2, 3, 3), weight("conv1.bias", 6), weight("conv2.weight", 6, 6, 3, 3),
              weight("conv2.bias", 6), weight("fc.weight", 4, 6, scale=0.8), weight("fc.bias", 4)]
    node = helper.make_node
    nodes = [node("Conv", ["x", "conv1.weight", "conv1.bias"], ["c1"], "conv1", pads=[1, 1, 1, 1]),
             node("Relu", ["c1"], ["r1"], "relu1"),
             node("MaxPool", ["r1"], ["p1"], "pool1", kernel_shape=[2, 2], strides=[2, 2]),
             node("Conv", ["p1", "conv2.weight", "conv2.bias"], ["c2"], "conv2", pads=[1, 1, 1, 1]),
             node("Add", ["c2", "p1"], ["a2"], "add2"),
             node("Relu", ["a2"], ["r2"], "relu2"),
             node("GlobalAveragePool", ["r2"], ["g2"], "pool2"),
             node("Flatten", ["g2"], ["f2"], "flat"),
             node("Gemm", ["f2", "fc.weight", "fc.bias"], ["y"], "fc", transB=1)]
    info = helper.make_tensor_value_info
    graph = helper.make_graph(nodes, "quantize", [info("x", TensorProto.FLOAT, ["n", 2, 8, 8])],
                              [info("y", TensorProto.FLOAT, ["n", 4])], stored)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


def normed():
    """BatchNormalization behind a Conv without a bias, a ConvTranspose with one and a Gemm; one that stays."""
    rng = np.random.default_rng(11)
    stored = []

    def weight(name, *shape):
        stored.append(numpy_helper.from_array(rng.standard_normal(shape).astype(np.float32), name))
        return name

    def norm(name, x, y, channels):
        positive = numpy_helper.from_array(rng.uniform(0.5, 2, channels).astype(np.float32), name + ".var")
        stored.append(positive)
        return helper.make_node("BatchNormalization", [x, weight(name + ".w", channels), weight(name + ".b", channels),
                                                       weight(name + ".mean", channels), name + ".var"], [y], name)

    node = helper.make_node
    nodes = [node("Conv", ["x", weight("conv.weight", 4, 2, 3, 3)], ["c"], "conv"), norm("n1", "c", "cn", 4),
             node("Relu", ["cn"], ["r"], "relu"),
             node("ConvTranspose", ["r", weight("up.weight", 4, 3, 2, 2), weight("up.bias", 3)], ["u"], "up"),
             norm("n2", "u", "un", 3), node("GlobalAveragePool", ["un"], ["g"], "pool"),
             node("Flatten", ["g"], ["f"], "flat"), norm("n3", "f", "fn", 3),
             node("Gemm", ["fn", weight("fc.weight", 5, 3), weight("fc.bias", 5)], ["h"], "fc", transB=1),
             norm("n4", "h", "y", 5)]
    info = helper.make_tensor_value_info
    graph = helper.make_graph(nodes, "normed", [info("x", TensorProto.FLOAT, ["n", 2, 8, 8])],
                              [info("y", TensorProto.FLOAT, ["n", 5])], stored)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)], ir_version=6)


def matrices():
    """MatMul, Relu, Gemm of opset 21; their weights in 4 bits, symmetric, by hand; what onnxruntime gives for those."""
    import onnxruntime

    rng = np.random.default_rng(5)
    first = rng.standard_normal((40, 24)).astype(np.float32)
    second = rng.standard_normal((5, 24)).astype(np.float32)
    node = helper.make_node
    nodes = [node("MatMul", ["x", "first.weight"], ["h"], "first"), node("Relu", ["h"], ["r"], "relu"),
             node("Gemm", ["r", "second.weight"], ["y"], "second", transB=1)]
    info = helper.make_tensor_value_info

    def made(a, b):
        stored = [numpy_helper.from_array(a, "first.weight"), numpy_helper.from_array(b, "second.weight")]
        graph = helper.make_graph(nodes, "matrices", [info("x", TensorProto.FLOAT, ["n", 40])],
                                  [info("y", TensorProto.FLOAT, ["n", 5])], stored)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)

    def rounded(weight, axis, block=16):
        out = weight.copy()
        view = np.moveaxis(out, axis, 0)
        for begin in range(0, view.shape[0], block):
            part = view[begin:begin + block]
            scale = (np.abs(part).max(axis=0) / 7).astype(np.float32)
            part[:] = np.clip(np.rint(part / scale), -8, 7) * scale
        return out

    onnx.save(made(first, second), str(HERE / "fixtures/matrices.onnx"))
    x = rng.standard_normal((6, 40)).astype(np.float32)
    session = onnxruntime.InferenceSession(made(rounded(first, 0), rounded(second, 1)).SerializeToString())
    np.savez(HERE / "fixtures/matrices.npz", x=x, y=session.run(None, {"x": x})[0])


class Reader(ortq.CalibrationDataReader):
    def __init__(self, x):
        self.batches = iter([{"x": x[i:i + 4]} for i in range(0, len(x), 4)])

    def get_next(self):
        return next(self.batches, None)


def cpp(values):
    return "{" + ", ".join(repr(float(v)) if isinstance(v, (float, np.floating)) else str(int(v)) for v in values) + "}"


def quantised(path, x):
    """Scales, zero points and integers of what quantize_static wrote, by the float tensor's name."""
    with tempfile.TemporaryDirectory() as folder:
        out = f"{folder}/q.onnx"
        ortq.quantize_static(path, out, Reader(x), quant_format=ortq.QuantFormat.QDQ, per_channel=True,
                             activation_type=ortq.QuantType.QInt8, weight_type=ortq.QuantType.QInt8)
        stored = {t.name: numpy_helper.to_array(t) for t in onnx.load(out).graph.initializer}
    lines = ["struct Rounded {\n  const char* value;\n  float scale;\n  int zero;\n};",
             "inline const std::vector<Rounded> kRounded = {"]
    for name in ("x", "r1", "c2", "r2", "g2"):
        lines.append(f'    {{"{name}", {float(stored[name + "_scale"])!r}f, {int(stored[name + "_zero_point"])}}},')
    lines.append("};")
    for name, label in (("conv1.weight", "Conv1Weight"), ("conv1.bias", "Conv1Bias"), ("fc.weight", "FcWeight")):
        lines.append(f"inline const std::vector<int> k{label} = {cpp(stored[name + '_quantized'].ravel())};")
    return lines


def ranges():
    lines = ["struct Scale {\n  double low, high;\n  bool is_signed, symmetric;\n  float scale;\n  int zero;\n};",
             "inline const std::vector<Scale> kScales = {"]
    for low, high in ((-1.5, 3.25), (0.25, 6), (-7, -1), (0, 0), (-0.001, 1000), (-2.5, 2.5)):
        for signed in (True, False):
            for symmetric in (False, True) if signed else (False,):
                least, most = ((-127, 127) if symmetric else (-128, 127)) if signed else (0, 255)
                kind = np.int8 if signed else np.uint8
                zero, scale = compute_scale_zp(np.float32(low), np.float32(high), np.array(least, kind),
                                               np.array(most, kind), symmetric)
                lines.append(f"    {{{low}, {high}, {str(signed).lower()}, {str(symmetric).lower()}, "
                             f"{float(np.float32(scale))!r}f, {int(zero)}}},")
    return lines + ["};"]


def histograms():
    rng = np.random.default_rng(3)
    cases = {"normal": rng.standard_normal(20000), "relu": np.maximum(rng.standard_normal(20000), 0),
             "outliers": np.concatenate([rng.standard_normal(20000), [9.0, -30.0, 25.0]])}
    bins, levels, percentile = 512, 64, 99.9
    lines = ["struct Spread {\n  const char* name;\n  double low, high;\n  std::vector<std::int64_t> counts;\n"
             "  double percentile_low, percentile_high, entropy_low, entropy_high;\n};",
             f"inline constexpr double kPercentile = {percentile};",
             f"inline constexpr std::int64_t kLevels = {levels};",
             "inline const std::vector<Spread> kSpreads = {"]
    for name, data in cases.items():
        data = data.astype(np.float32)
        found = {}
        for method in ("percentile", "entropy"):
            collector = HistogramCollector(method, False, bins, levels, percentile, "same")
            collector.collect({"v": data})
            found[method] = [float(v) for v in collector.compute_collection_result()["v"][:2]]
            counts = collector.get_histogram_dict()["v"][0]
        lines.append(f'    {{"{name}", {float(data.min())!r}, {float(data.max())!r},\n     {cpp(counts)},\n     '
                     f"{found['percentile'][0]!r}, {found['percentile'][1]!r}, {found['entropy'][0]!r}, "
                     f"{found['entropy'][1]!r}}},")
    return lines + ["};"]


def main():
    for name in ("fixtures", "expected"):
        (HERE / name).mkdir(parents=True, exist_ok=True)
    model = network()
    onnx.checker.check_model(model)
    path = str(HERE / "fixtures/quantize.onnx")
    onnx.save(model, path)
    matrices()
    onnx.checker.check_model(normed())
    onnx.save(normed(), str(HERE / "fixtures/normed.onnx"))
    x = np.random.default_rng(1).uniform(-1, 1, (SAMPLES, 2, 8, 8)).astype(np.float32)
    np.savez(HERE / "fixtures/quantize.npz", x=x)
    lines = ["// Written by tools/oracle/quantization.py from onnxruntime.quantization.", "#pragma once", "",
             "#include <cstdint>", "#include <vector>", "", "namespace temper::test::expected {", ""]
    lines += quantised(path, x) + [""] + ranges() + [""] + histograms()
    lines += ["", "}  // namespace temper::test::expected", ""]
    (HERE / "expected/quantization.h").write_text("\n".join(lines))


if __name__ == "__main__":
    main()
