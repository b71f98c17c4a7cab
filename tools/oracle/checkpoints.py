#!/usr/bin/env python3
"""Writes tests/training/fixtures/checkpoints: one small state dict in every form that `temper convert` reads, what it holds as
an .npz, and a module exported by both of PyTorch's exporters with the outputs it gives with other weights.

Usage: checkpoints.py OUT_FOLDER. Needs torch, onnx, onnxscript, safetensors, numpy.
"""
import argparse
import json
import os
import pathlib
import struct
import sys
import types

import numpy as np
import torch
import torch.nn as nn
from safetensors.torch import save_file


class Net(nn.Module):
    """What exporters change: a folded BatchNorm, a Linear that becomes a MatMul, equal and zero tensors, a table's rows."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(8, eps=1e-3)
        self.ln = nn.LayerNorm(8)
        self.fc = nn.Linear(8, 8)
        self.ln2 = nn.LayerNorm(8)
        self.positions = nn.Embedding(40, 8)
        self.out = nn.Linear(8, 4)

    def forward(self, x):
        h = torch.relu(self.bn1(self.conv1(x))).flatten(2).transpose(1, 2)
        h = self.ln2(self.fc(self.ln(h)) + self.positions(torch.arange(h.shape[1])))
        return self.out(h.mean(1))


def trained(module, seed):
    """Values as training leaves them: none is all zeros or ones."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, tensor in module.state_dict().items():
            if tensor.is_floating_point():
                tensor.copy_(torch.randn(tensor.shape, generator=generator) * .3 + (1 if 'var' in name else 0))
                if 'var' in name:
                    tensor.abs_()
    return module.eval()


def small_state():
    base = torch.arange(24, dtype=torch.float32).reshape(4, 6) / 7
    shared = torch.arange(10, dtype=torch.float32)
    return {
        'a.weight': base.clone(),
        'a.turned': base.t(),
        'a.every_other': base[::2, 1::2],
        'a.bias': torch.tensor([1.5, -2.25]),
        'b.first': shared[:4],
        'b.last': shared[4:],
        'b.repeated': torch.tensor([[3.], [4.]]).expand(2, 3),
        'half': base[0].half(),
        'brain': base[1].bfloat16(),
        'double': base[2].double() / 3,
        'whole': torch.tensor([-5, 2 ** 40]),
        'short': torch.tensor([-3, 7], dtype=torch.int16),
        'byte': torch.tensor([0, 255], dtype=torch.uint8),
        'yes': torch.tensor([True, False]),
        'scalar': torch.tensor(2.5),
        'empty': torch.zeros(0, 3),
    }


def arrays_of(state):
    return {k: v.detach().float().numpy() if v.dtype in (torch.float16, torch.bfloat16) else v.detach().numpy()
            for k, v in state.items()}


class Harmful:
    def __reduce__(self):
        return os.system, ('echo harm',)


def gguf(path, tensors):
    """tensors: name -> (type code, dims as GGUF has them, bytes)."""
    def text(value):
        return struct.pack('<Q', len(value)) + value.encode()
    head = b'GGUF' + struct.pack('<IQQ', 3, len(tensors), 3)
    head += text('general.architecture') + struct.pack('<I', 8) + text('llama')
    head += text('general.alignment') + struct.pack('<II', 4, 64)
    head += text('tokens') + struct.pack('<IIQ', 9, 8, 2) + text('a') + text('bc')
    body = b''
    for name, (code, dims, data) in tensors.items():
        body += b'\0' * (-len(body) % 64)
        head += text(name) + struct.pack('<I', len(dims)) + struct.pack(f'<{len(dims)}Q', *dims)
        head += struct.pack('<IQ', code, len(body))
        body += data
    head += b'\0' * (-len(head) % 64)
    with open(path, 'wb') as file:
        file.write(head + body)


def write_gguf(out):
    generator = np.random.default_rng(5)
    plain = generator.standard_normal((3, 4)).astype('f4')
    scale = np.float16([.5, .25])
    eight = generator.integers(-127, 128, (2, 32)).astype('i1')
    four = generator.integers(0, 16, (2, 32)).astype('u1')
    brain = torch.tensor(plain[0]).bfloat16()
    gguf(f'{out}/small.gguf', {
        'f32': (0, [4, 3], plain.tobytes()),
        'f16': (1, [4], plain[1].astype('f2').tobytes()),
        'bf16': (30, [4], brain.view(torch.int16).numpy().tobytes()),
        'q8': (8, [32, 2], b''.join(s.tobytes() + row.tobytes() for s, row in zip(scale, eight))),
        'q4': (2, [32, 2], b''.join(s.tobytes() + (row[:16] | row[16:] << 4).astype('u1').tobytes()
                                    for s, row in zip(scale, four))),
    })
    np.savez(f'{out}/small_gguf.npz', f32=plain, f16=plain[1].astype('f2').astype('f4'), bf16=brain.float().numpy(),
             q8=eight.astype('f4') * scale.astype('f4')[:, None], q4=(four.astype('f4') - 8) * scale.astype('f4')[:, None])


def write_forms(out):
    state = small_state()
    np.savez(f'{out}/small.npz', **arrays_of(state))
    torch.save(state, f'{out}/small.pt')
    torch.save(state, f'{out}/legacy.pt', _use_new_zipfile_serialization=False)
    floats = {k: v.contiguous().clone() for k, v in state.items()}
    save_file(floats, f'{out}/small.safetensors')
    names = sorted(floats)
    for i, part in enumerate([names[:7], names[7:]]):
        save_file({k: floats[k] for k in part}, f'{out}/part-{i}.safetensors')
    with open(f'{out}/small.safetensors.index.json', 'w') as file:
        json.dump({'metadata': {}, 'weight_map': {k: f'part-{int(k in names[7:])}.safetensors' for k in names}}, file)
    torch.save(Harmful(), f'{out}/harmful.pt')
    torch.save({'weights': {'a': torch.ones(2)}, 'then': Harmful()}, f'{out}/harmful_legacy.pt',
               _use_new_zipfile_serialization=False)
    layer = trained(nn.Sequential(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2, eps=.003)), 3)
    torch.save({'epoch': 3, 'model': layer, 'names': ['a', 'b']}, f'{out}/module.pt')
    np.savez(f'{out}/module.npz', **arrays_of(layer.state_dict()))
    write_gguf(out)


def write_exports(out):
    x = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    torch.manual_seed(0)
    fresh = Net().eval()
    torch.onnx.export(fresh, (x,), f'{out}/net.onnx', dynamo=True, external_data=False, input_names=['x'],
                      output_names=['y'])
    torch.onnx.export(fresh, (x,), f'{out}/net_torchscript.onnx', dynamo=False, input_names=['x'], output_names=['y'])
    other, average = trained(Net(), 7), trained(Net(), 8)
    weights = other.state_dict()
    torch.save(weights, f'{out}/net.pt')
    torch.save({'epoch': 1, 'state_dict': {'net.' + k: v for k, v in weights.items()},
                'optimizer_states': [{'state': {0: {'exp_avg': torch.zeros(8)}}, 'param_groups': [{'lr': .1}]}],
                'ema_state_dict': {'net.' + k: v for k, v in average.state_dict().items()}}, f'{out}/net.ckpt')
    torch.save({'module._orig_mod.' + k: v for k, v in weights.items()}, f'{out}/net_wrapped.pt')
    np.savez(f'{out}/net_outputs.npz', x=x.numpy(), y=other(x).detach().numpy(), ema=average(x).detach().numpy())


def write_whole_module(out):
    """As Ultralytics saves a run: two modules of a project's own classes in half precision, the average behind the weights."""
    project = types.ModuleType('project.nn.tasks')
    sys.modules.update({'project': types.ModuleType('project'), 'project.nn': types.ModuleType('project.nn'), project.__name__: project})
    Net.__module__, Net.__qualname__, project.Net = project.__name__, 'Net', Net
    model, average = trained(Net(), 7).half(), trained(Net(), 8).half()
    model.names, model.stride, model.yaml = {0: 'cat', 1: 'dog'}, torch.tensor([8., 16.]), {'nc': 2, 'head': [[-1, 1, 'Net', [2]]]}
    model.args = argparse.Namespace(lr0=.01, device=None)
    torch.save({'epoch': -1, 'best_fitness': None, 'model': model, 'ema': average, 'updates': 12, 'optimizer': None,
                'train_args': {'data': pathlib.PurePosixPath('coco/data.yaml'), 'imgsz': 640}, 'date': '2026-11-30'}, f'{out}/project.pt')
    x = torch.from_numpy(np.load(f'{out}/net_outputs.npz')['x'])
    np.savez(f'{out}/project_outputs.npz', x=x.numpy(), y=model.float()(x).detach().numpy(), ema=average.float()(x).detach().numpy())


class Tied(nn.Module):
    """A head that is its embedding once more: the exporter writes the one turned, under the head's name the other."""

    def __init__(self):
        super().__init__()
        self.wte = nn.Embedding(11, 6)
        self.norm = nn.LayerNorm(6)
        self.lm_head = nn.Linear(6, 11, bias=False)
        self.lm_head.weight = self.wte.weight

    def forward(self, ids):
        return self.lm_head(torch.tanh(self.norm(self.wte(ids))))


def write_tied(out):
    ids = torch.tensor([[3, 0, 10], [7, 7, 1]])
    torch.manual_seed(0)
    torch.onnx.export(Tied().eval(), (ids,), f'{out}/tied.onnx', dynamo=True, external_data=False, input_names=['x'], output_names=['y'])
    other = trained(Tied(), 9)
    # As transformers does: each tensor once.
    save_file({k: v for k, v in other.state_dict().items() if k != 'lm_head.weight'}, f'{out}/tied.safetensors')
    np.savez(f'{out}/tied_outputs.npz', x=ids.numpy(), y=other(ids).detach().numpy())


def main():
    out = sys.argv[1]
    os.makedirs(out, exist_ok=True)
    write_forms(out)
    write_exports(out)
    write_tied(out)
    write_whole_module(out)


main()
