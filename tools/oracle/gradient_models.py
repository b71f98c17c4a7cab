#!/usr/bin/env python3
"""Gradients that `temper convert --gradient` writes, run by onnxruntime, against torch.autograd.

    gradient_models.py build/temper [FOLDER]
"""
import os
import subprocess
import sys

import numpy as np
import onnx
import onnxruntime
import torch

BATCH = 3


class Pictures(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = torch.nn.Conv2d(3, 6, 3, stride=2, padding=1)
        self.norm = torch.nn.BatchNorm2d(6)
        self.depthwise = torch.nn.Conv2d(6, 6, 3, padding=2, dilation=2, groups=6)
        self.up = torch.nn.ConvTranspose2d(6, 4, 3, stride=2, padding=1)
        self.fc = torch.nn.Linear(4, 5)

    def forward(self, x):
        y = torch.nn.functional.max_pool2d(torch.relu(self.norm(self.conv1(x))), 2)
        y = torch.nn.functional.avg_pool2d(torch.nn.functional.gelu(self.depthwise(y)), 3, 2, 1)
        return self.fc(self.up(y).mean((2, 3)))


class Tokens(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = torch.nn.Embedding(11, 8)
        self.block = torch.nn.TransformerEncoderLayer(8, 2, 16, dropout=0, batch_first=True, activation="gelu")
        self.out = torch.nn.Linear(8, 11)

    def forward(self, x):
        return torch.log_softmax(self.out(self.block(self.embed(x))), -1)


def main():
    temper = os.path.abspath(sys.argv[1])
    folder = sys.argv[2] if len(sys.argv) > 2 else "/tmp/gradient_models"
    os.makedirs(folder, exist_ok=True)
    torch.manual_seed(0)
    worst = 0
    for name, module, x in (("pictures", Pictures(), torch.randn(BATCH, 3, 17, 17)),
                            ("tokens", Tokens(), torch.randint(0, 11, (BATCH, 6)))):
        module.eval()
        # No two tensors alike: the exporter makes one of equal ones, whose gradient is their sum.
        for tensor in [*module.parameters(), *(b for b in module.buffers() if b.is_floating_point())]:
            tensor.data += 0.1 * torch.rand_like(tensor)
        path, out = f"{folder}/{name}.onnx", f"{folder}/{name}_gradient.onnx"
        torch.onnx.export(module, (x,), path, input_names=["x"], output_names=["y"], dynamo=False,
                          do_constant_folding=False, training=torch.onnx.TrainingMode.PRESERVE)
        words = [temper, "convert", path, out, "--gradient", "--batch", str(BATCH), "--wrt", "**"]
        words += ["--inputs"] if x.is_floating_point() else []
        done = subprocess.run(words, capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"{name}: {done.stdout}{done.stderr}")
        onnx.checker.check_model(out, full_check=True)
        session = onnxruntime.InferenceSession(out, providers=["CPUExecutionProvider"])
        # What torch rounds is not what a longer type does: gradients of the module in double.
        wide = module.double()
        given = x.double().requires_grad_() if x.is_floating_point() else x
        y = wide(given)
        cotangent = torch.randn(y.shape)
        y.backward(cotangent.double())
        names = [o.name for o in session.get_outputs()]
        got = dict(zip(names, session.run(None, {"x": x.numpy(), "cotangent.y": cotangent.numpy()})))
        expected = {f"gradient.{n}": p.grad.numpy() for n, p in wide.named_parameters()}
        if x.is_floating_point():
            expected["gradient.input:x"] = given.grad.numpy()
        compared = 0
        for key, value in expected.items():
            if key not in got or got[key].shape != value.shape:
                continue  # an exporter's other name or layout
            compared += 1
            worst = max(worst, np.abs(got[key] - value).max() / max(1, np.abs(value).max()))
        print(f"{name:9} {compared:2} of {len(expected)} gradients compared, largest difference so far {worst:.1e}",
              flush=True)


if __name__ == "__main__":
    main()
