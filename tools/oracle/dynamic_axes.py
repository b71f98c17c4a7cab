"""Makes tests/graph/onnx/surgery/fixtures/axes: exports of one size, and what PyTorch gives at others. From the root.

Each NAME.onnx is PyTorch's default export at one length or picture size, NAME_plain.onnx one without the exporter's optimiser; NAME.npz has inputs x0, x1, ... of several sizes, the first
that of the file, and the module's outputs y0, y1, ...
"""
import pathlib
import sys
import tempfile

import numpy as np
import onnx
import torch
import torch.nn as nn
import torch.nn.functional as F

FOLDER = pathlib.Path('tests/graph/onnx/surgery/fixtures/axes')


class Block(nn.Module):
    def __init__(self, width, heads, causal=False, length=0):
        super().__init__()
        self.heads, self.qkv, self.out = heads, nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.fc1, self.fc2, self.causal = nn.Linear(width, 20), nn.Linear(20, width), causal
        if length:
            self.register_buffer('mask', torch.tril(torch.ones(length, length)).view(1, 1, length, length))
        self.length = length

    def forward(self, x, mask=None):
        b, t, d = x.shape
        q, k, v = self.qkv(self.norm1(x)).chunk(3, -1)
        q, k, v = (z.view(b, t, self.heads, d // self.heads).transpose(1, 2) for z in (q, k, v))
        if self.length:  # nanoGPT's slow path
            scores = (q @ k.transpose(-2, -1)) / (d // self.heads) ** .5
            scores = scores.masked_fill(self.mask[:, :, :t, :t] == 0, float('-inf'))
            y = scores.softmax(-1) @ v
        else:
            y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=self.causal)
        x = x + self.out(y.transpose(1, 2).contiguous().view(b, t, d))
        return x + self.fc2(F.gelu(self.fc1(self.norm2(x))))


class Encoder(nn.Module):
    """As BERT has it: positions are rows of a longer table, by a buffer of numbers that is cut."""
    def __init__(self):
        super().__init__()
        self.words, self.positions = nn.Embedding(11, 12), nn.Embedding(32, 12)
        self.register_buffer('ids', torch.arange(32).unsqueeze(0))
        self.blocks, self.head = nn.ModuleList(Block(12, 2) for _ in range(2)), nn.Linear(12, 3)

    def forward(self, x):
        h = self.words(x) + self.positions(self.ids[:, :x.shape[1]])
        for block in self.blocks:
            h = block(h)
        return self.head(h[:, 0])


class Decoder(nn.Module):
    """As GPT has it: positions are counted, the mask is causal."""
    def __init__(self, length=0):
        super().__init__()
        self.words, self.positions = nn.Embedding(11, 12), nn.Embedding(32, 12)
        self.blocks = nn.ModuleList(Block(12, 2, True, length) for _ in range(2))
        self.head = nn.Linear(12, 11, bias=False)

    def forward(self, x):
        h = self.words(x) + self.positions(torch.arange(x.shape[1], device=x.device))
        for block in self.blocks:
            h = block(h)
        return self.head(h)


class Table(nn.Module):
    """Positions are a parameter of the file's length, behind a class token."""
    def __init__(self):
        super().__init__()
        self.cls, self.position = nn.Parameter(torch.randn(1, 1, 8)), nn.Parameter(torch.randn(1, 13, 8))
        self.block, self.head = Block(8, 2), nn.Linear(8, 2)

    def forward(self, x):
        h = torch.cat([self.cls.expand(x.shape[0], -1, -1), x], 1)
        return self.head(self.block(h + self.position[:, :h.shape[1]])[:, 0])


class Unet(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 6, 3, 2, 1), nn.Conv2d(6, 8, 3, 2, 1)
        self.up, self.out = nn.Conv2d(14, 6, 3, padding=1), nn.Conv2d(10, 2, 1)

    def forward(self, x):
        a = F.relu(self.a(x))
        b = F.relu(self.b(a))
        c = F.relu(self.c(b))
        b = F.relu(self.up(torch.cat([F.interpolate(c, size=b.shape[-2:], mode='nearest'), b], 1)))
        return self.out(torch.cat([F.interpolate(b, size=a.shape[-2:], mode='bilinear', align_corners=False), a], 1))


class Pooled(nn.Module):
    """A non-local block over all places, then a mean."""
    def __init__(self):
        super().__init__()
        self.conv, self.bn, self.q = nn.Conv2d(3, 6, 3, 2, 1), nn.BatchNorm2d(6), nn.Conv2d(6, 6, 1)
        self.head = nn.Linear(6, 4)

    def forward(self, x):
        h = F.relu(self.bn(self.conv(x)))
        n, c, height, width = h.shape
        q = self.q(h).reshape(n, c, height * width)
        y = (q @ torch.softmax(q.transpose(1, 2) @ q / c, -1)).reshape(n, c, height, width)
        return self.head(F.adaptive_avg_pool2d(h + y, 1).flatten(1))


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru, self.head = nn.GRU(4, 6, batch_first=True, bidirectional=True), nn.Linear(12, 3)

    def forward(self, x):
        return self.head(self.gru(x)[0])


def tokens(length):
    return torch.randint(0, 11, (1, length))


def pictures(height, width):
    return torch.randn(1, 3, height, width)


MODELS = {
    'encoder': (Encoder, [tokens(n) for n in (8, 16, 5, 20)]),
    'decoder': (Decoder, [tokens(n) for n in (8, 16, 5, 20)]),
    'masked': (lambda: Decoder(32), [tokens(n) for n in (8, 4, 5, 20)]),
    'encoder_plain': (Encoder, [tokens(n) for n in (8, 16, 5, 20)]),
    'decoder_plain': (Decoder, [tokens(n) for n in (8, 16, 5, 20)]),
    'table': (Table, [torch.randn(1, n, 8) for n in (12, 6, 9, 3)]),
    'unet': (Unet, [pictures(*s) for s in ((16, 24), (32, 24), (8, 16), (24, 40))]),
    'pooled': (Pooled, [pictures(*s) for s in ((16, 12), (8, 12), (10, 20), (32, 30))]),
    'recurrent': (Recurrent, [torch.randn(1, n, 4) for n in (6, 12, 3, 9)]),
}


def write(name):
    torch.manual_seed(0)
    make, xs = MODELS[name]
    model = make().eval()
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / 'model.onnx'
        torch.onnx.export(model, (xs[0],), path, verbose=False, external_data=False, optimize=not name.endswith('_plain'))
        file = onnx.load(path)
    for node in file.graph.node:
        kept = [entry for entry in node.metadata_props if entry.key == 'pkg.torch.onnx.name_scopes']
        del node.metadata_props[:]
        node.metadata_props.extend(kept)
    for value in [*file.graph.value_info, *file.graph.input, *file.graph.output, *file.graph.initializer]:
        del value.metadata_props[:]
    onnx.save(file, FOLDER / f'{name}.onnx')
    with torch.no_grad():
        ys = [model(x) for x in xs]
    np.savez(FOLDER / f'{name}.npz', **{f'x{i}': x.numpy() for i, x in enumerate(xs)}, **{f'y{i}': y.numpy() for i, y in enumerate(ys)})


if __name__ == '__main__':
    FOLDER.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(1)
    for each in MODELS:
        if sys.argv[1:] in ([], [each]):
            write(each)
