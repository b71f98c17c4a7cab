"""PyTorch's side of vs_torch.py: trains one model in blocks of seconds, as asked on stdin.

    python torch_side.py MODEL MODE LAYOUT OPTIMIZER_KIND THREADS [GATE_STEPS [DEVICE [PRECISION]]]
MODE is eager or compile, LAYOUT contiguous or channels_last, OPTIMIZER_KIND fused or default (AdamW, lr 1e-4),
DEVICE cpu or cuda, where f32 is f32 (no TF32), PRECISION f32 or bf16 (autocast). First line out:
{"first_ms", "losses"}: milliseconds from process start to the end of the first step, and the first losses. Then for every
line read (a number of seconds) {"steps", "min_ms", "median_ms", "loss"}. Ends with its input.
"""
import json
import pathlib
import sys

import torch

from peer_side import milliseconds_since_process_start, serve

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / 'oracle'))
import peer_models  # noqa: E402


def make_step(name, mode, layout, kind, device, precision):
    module, x, target, loss = peer_models.build(name)
    module, x, target = module.to(device), x.to(device), target.to(device)
    torch.backends.cudnn.allow_tf32 = False
    if layout == 'channels_last':
        module, x = module.to(memory_format=torch.channels_last), x.to(memory_format=torch.channels_last)
    module.train()
    head = peer_models.case_of(name).head
    parameters = peer_models.freeze(module, head) if head else list(module.parameters())
    for layer in module.modules():
        if isinstance(layer, torch.nn.Dropout):
            layer.p = 0.0  # an export for inference has none
    optimizer = torch.optim.AdamW(parameters, lr=1e-4, fused=True if kind == 'fused' else None)
    forward = torch.compile(module) if mode == 'compile' else module

    def step():
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast(device, dtype=torch.bfloat16, enabled=precision == 'bf16'):
            output = forward(x)
        value = loss(output.float(), target)
        value.backward()
        optimizer.step()
        if device == 'cuda':
            torch.cuda.synchronize()  # a step is over when its work is
        return value
    return step


def main(arguments):
    name, mode, layout, kind, threads = arguments[:5]
    torch.set_num_threads(int(threads))
    device, precision = (*arguments[6:8], *('cpu', 'f32')[len(arguments[6:8]):])
    step = make_step(name, mode, layout, kind, device, precision)
    losses = [step().item()]
    first_ms = milliseconds_since_process_start()
    losses += [step().item() for _ in range(int(arguments[5]) - 1 if len(arguments) > 5 else 19)]
    print(json.dumps({'first_ms': round(first_ms, 1), 'losses': losses}), flush=True)
    serve(step, lambda value: value.item())
    return 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
