"""Models for `busy.py`: those of ../oracle/peer_models.py, the digits sample, MobileNetV2 and a network of many small nodes,
each with one batch.

    python busy_models.py OUT_DIR     writes NAME.onnx and NAME.npz (`input`, `target`)

MobileNetV2 is written out here after Sandler and others, arXiv:1801.04381, width 1, 1000 classes, batch 8 of 3x96x96; `chain` is 200
Linear layers of width 32 with Tanh between them, batch 16. Weights are fresh, seed 0. Needs torch, onnx, onnxscript, numpy.
"""
import pathlib
import sys

import numpy as np
import torch
import torch.nn as nn

HERE = pathlib.Path(__file__).resolve().parent
SAMPLES = HERE.parent.parent / 'models'
sys.path.insert(0, str(HERE.parent / 'oracle'))
# expansion, channels, repeats, stride
STAGES = [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)]


def conv(inputs, outputs, kernel=1, stride=1, groups=1, relu=True):
    layers = [nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False), nn.BatchNorm2d(outputs)]
    return nn.Sequential(*layers, *([nn.ReLU6()] if relu else []))


class Inverted(nn.Module):
    def __init__(self, inputs, outputs, stride, expansion):
        super().__init__()
        wide = inputs * expansion
        self.same = stride == 1 and inputs == outputs
        self.body = nn.Sequential(*([conv(inputs, wide)] if expansion > 1 else []), conv(wide, wide, 3, stride, wide),
                                  conv(wide, outputs, relu=False))

    def forward(self, x):
        return x + self.body(x) if self.same else self.body(x)


def mobilenet_v2():
    layers, width = [conv(3, 32, 3, 2)], 32
    for expansion, outputs, repeats, stride in STAGES:
        for i in range(repeats):
            layers.append(Inverted(width, outputs, stride if i == 0 else 1, expansion))
            width = outputs
    return nn.Sequential(*layers, conv(width, 1280), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1280, 1000))


def chain():
    return nn.Sequential(*[layer for _ in range(200) for layer in (nn.Linear(32, 32), nn.Tanh())])


MADE = {'mobilenet_v2': (mobilenet_v2, (8, 3, 96, 96), 1000), 'chain': (chain, (16, 32), 32)}
NAMES = ['digits', 'tiny_mlp', 'mlp', 'cifar_cnn', *MADE]


def write(name, out):
    """(model, batch, rows) of one name, below the folder `out`."""
    batch = out / f'{name}.npz'
    generator = np.random.default_rng(1)
    if name == 'digits':
        data = np.load(SAMPLES / 'digits/digits.npz')
        np.savez(batch, input=data[data.files[0]][:32], target=data['target'][:32])
        return SAMPLES / 'digits/digits.onnx', batch, 32
    if name not in MADE:
        import peer_models
        peer_models.export(name, out)
        return out / f'{name}.raw.onnx', batch, peer_models.case_of(name).input_shape[0]
    make, shape, classes = MADE[name]
    torch.manual_seed(0)
    x = torch.randn(*shape)
    np.savez(batch, input=x.numpy(), target=generator.integers(0, classes, shape[0]))
    torch.onnx.export(make().eval(), (x,), str(out / f'{name}.onnx'), input_names=['input'], output_names=['output'],
                      optimize=False, verbose=False, dynamic_shapes=({0: torch.export.Dim('batch')},))
    return out / f'{name}.onnx', batch, shape[0]


if __name__ == '__main__':
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for each in NAMES:
        print(*write(each, folder))
