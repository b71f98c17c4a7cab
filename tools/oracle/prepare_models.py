"""Makes the small exports of tests/graph/onnx/surgery/fixtures and what onnxruntime computes with them. From the root.

Each NAME.onnx is PyTorch's default export: batch 1, in the inputs and inside the graph. NAME.npz has 40 samples `x` and the
output `y` of each, run alone in the exported file. head.npz has what torch.nn.Linear of 16 and of 12 inputs holds after torch.manual_seed(3).
"""
import pathlib
import sys
import tempfile

import numpy as np
import onnx
import onnxruntime
import torch
import torch.nn as nn
import torch.nn.functional as F

FOLDER = pathlib.Path('tests/graph/onnx/surgery/fixtures')
SAMPLES = 40


class Pictures(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 6, 3, padding=1), nn.BatchNorm2d(6)
        self.conv2, self.bn2 = nn.Conv2d(6, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8)
        self.fc, self.head = nn.Linear(32, 16), nn.Linear(16, 5)

    def forward(self, x):
        h = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 2)
        h = F.max_pool2d(F.relu(self.bn2(self.conv2(h))), 2)
        h = h.reshape(x.shape[0], -1)
        return F.softmax(self.head(F.relu(self.fc(h))), dim=-1)


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads, self.qkv, self.out = heads, nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x):
        b, t, d = x.shape
        q, k, v = self.qkv(x).view(b, t, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v)
        return self.out(y.transpose(1, 2).reshape(b * t, d)).view(b, t, d)


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attn, self.fc1, self.fc2 = Attention(width, 2), nn.Linear(width, 24), nn.Linear(24, width)

    def forward(self, x):
        x = x + self.attn(self.norm1(x))
        return x + self.fc2(F.gelu(self.fc1(self.norm2(x))))


class Vit(nn.Module):
    def __init__(self):
        super().__init__()
        self.patch, self.norm, self.head = nn.Conv2d(3, 12, 4, 4), nn.LayerNorm(12), nn.Linear(12, 5)
        self.cls, self.position = nn.Parameter(torch.randn(1, 1, 12)), nn.Parameter(torch.randn(1, 5, 12))
        self.blocks = nn.ModuleList(Block(12) for _ in range(2))

    def forward(self, x):
        h = self.patch(x).flatten(2).transpose(1, 2)
        h = torch.cat([self.cls.expand(x.shape[0], -1, -1), h], 1) + self.position
        for block in self.blocks:
            h = block(h)
        return self.head(self.norm(h)[:, 0])


class Segment(nn.Module):
    def __init__(self):
        super().__init__()
        self.down, self.mid, self.up = nn.Conv2d(3, 4, 3, 2, 1), nn.Conv2d(4, 4, 3, padding=1), nn.Conv2d(7, 2, 3, padding=1)

    def forward(self, x):
        h = F.relu(self.mid(F.relu(self.down(x))))
        h = F.interpolate(h, size=x.shape[-2:], mode='bilinear', align_corners=False)
        return self.up(torch.cat([h, x], 1))


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm, self.head = nn.LSTM(4, 6, 2, batch_first=True), nn.Linear(6, 3)

    def forward(self, x):
        return self.head(self.lstm(x)[0][:, -1])


def write(name, model, shape):
    torch.manual_seed(0)
    model = model().eval()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):  # as after some training: not the identity
            module.running_mean.uniform_(-.5, .5)
            module.running_var.uniform_(.5, 2)
    x = torch.randn(SAMPLES, *shape)
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / 'model.onnx'
        torch.onnx.export(model, (x[:1],), path, verbose=False, external_data=False)
        file = onnx.load(path)
        for node in file.graph.node:  # stack traces are most of the file
            kept = [entry for entry in node.metadata_props if entry.key == 'pkg.torch.onnx.name_scopes']
            del node.metadata_props[:]
            node.metadata_props.extend(kept)
        for value in [*file.graph.value_info, *file.graph.input, *file.graph.output, *file.graph.initializer]:
            del value.metadata_props[:]
        onnx.save(file, FOLDER / f'{name}.onnx')
    session = onnxruntime.InferenceSession(FOLDER / f'{name}.onnx')
    rows = [session.run(None, {session.get_inputs()[0].name: x[i:i + 1].numpy()})[0] for i in range(SAMPLES)]
    np.savez(FOLDER / f'{name}.npz', x=x.numpy(), y=np.concatenate(rows))


def head():
    arrays = {}
    for inputs in (16, 12):
        torch.manual_seed(3)
        layer = nn.Linear(inputs, 7)
        arrays |= {f'weight{inputs}': layer.weight.detach().numpy(), f'bias{inputs}': layer.bias.detach().numpy()}
    np.savez(FOLDER / 'head.npz', **arrays)


if __name__ == '__main__':
    FOLDER.mkdir(parents=True, exist_ok=True)
    for one, model, shape in [('pictures', Pictures, (3, 8, 8)), ('vit', Vit, (3, 8, 8)), ('segment', Segment, (3, 8, 8)),
                              ('recurrent', Recurrent, (5, 4))]:
        if sys.argv[1:] in ([], [one]):
            write(one, model, shape)
    head()
