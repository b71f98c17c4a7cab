"""PyTorch's side of real_vs_torch.py; same protocol as torch_side.py.

    python real_side.py MODEL.onnx FEEDS.npz OUTPUT THREADS GATE_STEPS

The file as a PyTorch module, by onnx2torch; MSE of OUTPUT against the array `target`, AdamW (lr 1e-4, fused), BatchNorm's statistics frozen.
Trains the float tensors of more than one number that the file stores.
"""
import json
import sys

import numpy as np
import onnx
import onnx2torch
import torch

from peer_side import milliseconds_since_process_start, serve


def with_parameters(module):
    """onnx2torch keeps the tensors that operators take as inputs as buffers: they train too."""
    for holder in [m for name, m in module.named_modules() if name.split('.')[-1] == 'initializers']:
        for name, value in list(holder.named_buffers(recurse=False)):
            if value.is_floating_point() and value.numel() > 1:
                delattr(holder, name)
                holder.register_parameter(name, torch.nn.Parameter(value.clone()))
    return module


def make_step(path, feeds, output):
    model = onnx.load(path)
    module = with_parameters(onnx2torch.convert(model)).eval()
    stored = {t.name for t in model.graph.initializer}
    with np.load(feeds) as arrays:
        inputs = [torch.from_numpy(arrays[i.name]) for i in model.graph.input if i.name not in stored]
        target = torch.from_numpy(arrays['target'])
    place = [o.name for o in model.graph.output].index(output)
    parameters = [p.requires_grad_() for p in module.parameters() if p.is_floating_point()]
    optimizer = torch.optim.AdamW(parameters, lr=1e-4, fused=True)

    def step():
        optimizer.zero_grad(set_to_none=True)
        results = module(*inputs)
        value = torch.nn.functional.mse_loss(results[place] if isinstance(results, (list, tuple)) else results, target)
        value.backward()
        optimizer.step()
        return value
    return step


def main(arguments):
    path, feeds, output, threads, gate_steps = arguments
    torch.set_num_threads(int(threads))
    step = make_step(path, feeds, output)
    losses = [step().item()]
    first_ms = milliseconds_since_process_start()
    losses += [step().item() for _ in range(int(gate_steps) - 1)]
    print(json.dumps({'first_ms': round(first_ms, 1), 'losses': losses}), flush=True)
    serve(step, lambda value: value.item())
    return 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
