#!/usr/bin/env python3
"""Gradients that `temper convert --gradient` writes, run by onnxruntime, against torch.autograd: products with cotangents, and
those of a loss (--data, --loss), which are also compared with `temper grad`.

    gradient_models.py build/temper [FOLDER]
"""
import copy
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


class Sequences(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = torch.nn.LSTM(5, 7, bidirectional=True)
        self.gru = torch.nn.GRU(14, 6)
        self.out = torch.nn.Linear(6, 4)

    def forward(self, x):
        return self.out(self.gru(self.lstm(x.transpose(0, 1))[0])[0][-1])


class Tokens(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = torch.nn.Embedding(11, 8)
        self.block = torch.nn.TransformerEncoderLayer(8, 2, 16, dropout=0, batch_first=True, activation="gelu")
        self.out = torch.nn.Linear(8, 11)

    def forward(self, x):
        return torch.log_softmax(self.out(self.block(self.embed(x))), -1)


def run(*words):
    done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(words)}\n{done.stdout}{done.stderr}")


def outputs_of(path, inputs):
    onnx.checker.check_model(path, full_check=True)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return dict(zip([o.name for o in session.get_outputs()], session.run(None, inputs)))


def apart(got, expected):
    """How many gradients both have, and their largest difference relative to a tensor's largest number, or 1."""
    shared = [k for k in expected if k in got and got[k].shape == expected[k].shape]
    return len(shared), max(np.abs(got[k] - expected[k]).max() / max(1, np.abs(expected[k]).max()) for k in shared)


def report(name, what, got, expected, least=2):
    """`least`: exporters give some tensors other names and layouts, those of recurrent layers above all."""
    count, most = apart(got, expected)
    print(f"{name:9} {what:34} {count:2} of {len(expected)} gradients, largest difference {most:.1e}", flush=True)
    if most > 1e-5 or count < least:
        sys.exit(f"{name}, {what}: too far apart, or too few")


def gradients_of(module, x=None):
    expected = {f"gradient.{n}": p.grad.numpy() for n, p in module.named_parameters()}
    if x is not None and x.grad is not None:
        expected["gradient.input:x"] = x.grad.numpy()
    return expected


def product(temper, path, out, name, module, x):
    run(temper, "convert", path, out, "--gradient", "--batch", str(BATCH), "--wrt", "**",
        *(["--inputs"] if x.is_floating_point() else []))
    # What torch rounds is not what a longer type does: gradients of the module in double.
    wide = copy.deepcopy(module).double()
    given = x.double().requires_grad_() if x.is_floating_point() else x
    y = wide(given)
    cotangent = torch.randn(y.shape)
    y.backward(cotangent.double())
    got = outputs_of(out, {"x": x.numpy(), "cotangent.y": cotangent.numpy()})
    report(name, "product with a cotangent", got, gradients_of(wide, given))


def of_loss(temper, folder, path, out, name, module, x, loss, target):
    data, grad = f"{folder}/{name}.npz", f"{folder}/{name}_grad.npz"
    np.savez(data, x=x.numpy(), target=target.numpy())
    run(temper, "convert", path, out, "--gradient", "--data", data, "--loss", loss, "--batch", str(BATCH), "--wrt", "**")
    run(temper, "grad", path, data, "--loss", loss, "--wrt", "**", "--out", grad)
    got = outputs_of(out, {"x": x.numpy(), "target": target.numpy()})
    of_grad = {k if k == "loss" else f"gradient.{k}": v for k, v in np.load(grad).items()}
    report(name, f"{loss}, temper grad", got, of_grad, len(of_grad))
    wide = copy.deepcopy(module).double().train()
    y = wide(x.double() if x.is_floating_point() else x)
    functions = {"cross_entropy": lambda: torch.nn.functional.cross_entropy(y, target),
                 "mse": lambda: torch.nn.functional.mse_loss(y, target.double()),
                 "smooth_l1": lambda: torch.nn.functional.smooth_l1_loss(y, target.double())}
    value = functions[loss]()
    value.backward()
    report(name, f"{loss}, torch", got, {**gradients_of(wide), "loss": value.detach().numpy()})


def main():
    temper = os.path.abspath(sys.argv[1])
    folder = sys.argv[2] if len(sys.argv) > 2 else "/tmp/gradient_models"
    os.makedirs(folder, exist_ok=True)
    torch.manual_seed(0)
    for name, module, x in (("pictures", Pictures(), torch.randn(BATCH, 3, 17, 17)),
                            ("sequences", Sequences(), torch.randn(BATCH, 6, 5)),
                            ("tokens", Tokens(), torch.randint(0, 11, (BATCH, 6)))):
        module.eval()
        # No two tensors alike: the exporter makes one of equal ones, whose gradient is their sum.
        for tensor in [*module.parameters(), *(b for b in module.buffers() if b.is_floating_point())]:
            tensor.data += 0.1 * torch.rand_like(tensor)
        path, out = f"{folder}/{name}.onnx", f"{folder}/{name}_gradient.onnx"
        torch.onnx.export(module, (x,), path, input_names=["x"], output_names=["y"], dynamo=False, dynamic_axes={"x": {0: "batch"}},
                          do_constant_folding=False, training=torch.onnx.TrainingMode.PRESERVE)
        product(temper, path, out, name, module, x)
        if name == "pictures":
            of_loss(temper, folder, path, out, name, module, x, "cross_entropy", torch.randint(0, 5, (BATCH,)))
        shape = module(x).shape
        of_loss(temper, folder, path, out, name, module, x, "mse", torch.randn(shape))
        of_loss(temper, folder, path, out, name, module, x, "smooth_l1", torch.randn(shape))


if __name__ == "__main__":
    main()
