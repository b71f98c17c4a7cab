"""PyTorch's side of real_vs_torch.py; same protocol as torch_side.py.

    python real_side.py MODEL.onnx FEEDS.npz OUTPUT THREADS GATE_STEPS TRAINED.json

The file as onnx_eager.py writes it; MSE of OUTPUT against the array `target`, AdamW (lr 1e-4, fused), BatchNorm's statistics frozen.
Trains the tensors that TRAINED.json names. Where there are weights of four dimensions, contiguous and channels_last are both tried, and the
faster one stays; `layout` says which.
"""
import json
import sys
import time

import numpy as np
import onnx
import torch

from onnx_eager import Program
from peer_side import milliseconds_since_process_start, serve


def make_step(program, inputs, target):
    optimizer = torch.optim.AdamW(program.parameters, lr=1e-4, fused=True)

    def step():
        optimizer.zero_grad(set_to_none=True)
        value = torch.nn.functional.mse_loss(program.run(inputs), target)
        value.backward()
        optimizer.step()
        return value
    return step


def main(arguments):
    path, feeds, output, threads, gate_steps, trained = arguments
    torch.set_num_threads(int(threads))
    model = onnx.load(path)
    with open(trained, encoding='utf-8') as names, np.load(feeds) as arrays:
        names, batch = json.load(names), {name: torch.from_numpy(arrays[name]) for name in arrays.files}
    target, sides, first_ms = batch.pop('target'), [], None
    for layout in ('contiguous', 'channels_last'):
        program, inputs = Program(model, batch, names, output), batch
        if layout == 'channels_last':
            if not any(p.dim() == 4 for p in program.parameters):
                break
            program.to_channels_last()
            inputs = {k: v.contiguous(memory_format=torch.channels_last) if v.dim() == 4 else v for k, v in batch.items()}
        step, losses, times = make_step(program, inputs, target), [], []
        for _ in range(int(gate_steps)):
            began = time.perf_counter()
            losses.append(step().item())
            times.append(time.perf_counter() - began)
            first_ms = first_ms or milliseconds_since_process_start()
        sides.append((sorted(times)[len(times) // 4], layout, step, losses))
    curves = [side[3] for side in sides]
    _, layout, step, losses = min(sides, key=lambda side: side[0])
    sides.clear()
    print(json.dumps({'first_ms': round(first_ms, 1), 'losses': losses, 'layout': layout, 'all_losses': curves}), flush=True)
    serve(step, lambda value: value.item())
    return 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
