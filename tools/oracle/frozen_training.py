"""Writes tests/models/expected/cifar_cnn.frozen.json: the loss curve of cifar_cnn with only its linear layers trained.

    python frozen_training.py [OUT_FILE]

The convolutions and norms have requires_grad_(False), the norms in eval(): by their running statistics, which stay. Weights
and batch are those of cifar_cnn.raw.json, whose table says how each is generated; everything is in double. The learning rate
is such that the curve moves. Needs torch, numpy, and what expected_training.py needs.
"""
import json
import pathlib
import sys

import torch

import peer_models
from expected_training import DATA_FILE, compact, generate, make_batch, require

EXPECTED = pathlib.Path(__file__).resolve().parents[2] / 'tests/models/expected'
FREEZE = [f'{layer}.**' for layer in (0, 1, 4, 5, 8, 9)]
STEPS, LR, MOMENTUM = 20, 1e-2, 0.9


def train(dtype):
    table = json.loads((EXPECTED / 'cifar_cnn.raw.json').read_text())['weights']['tensors']
    module = peer_models.cifar_cnn().to(dtype)
    state = {row['name']: torch.from_numpy(generate(row['name'], row['shape'], row['shift'], row['scale'])).to(dtype) for row in table}
    missing = module.load_state_dict(state, strict=False).missing_keys
    require(all(name.endswith('num_batches_tracked') for name in missing), f'not in {DATA_FILE}: {missing}')
    module.eval()
    for layer in module:
        frozen = not isinstance(layer, torch.nn.Linear)
        for parameter in layer.parameters():
            parameter.requires_grad_(not frozen)
    batch, _ = make_batch('cifar_cnn')
    stepper = torch.optim.SGD([p for p in module.parameters() if p.requires_grad], lr=LR, momentum=MOMENTUM)
    losses = []
    for _ in range(STEPS):
        stepper.zero_grad()
        value = peer_models.cross_entropy(module(batch['input'].to(dtype)), batch['target'])
        value.backward()
        stepper.step()
        losses.append(value.item())
    return losses


def main(arguments):
    losses = train(torch.float64)
    worst = max(abs(a - b) / b for a, b in zip(train(torch.float32), losses))
    require(worst <= 1e-5, f'in float the curve differs by {worst:.3g}')
    require(losses[-1] < 0.7 * losses[0], f'the loss goes from {losses[0]} to {losses[-1]} only')
    out = pathlib.Path(arguments[0]) if arguments else EXPECTED / 'cifar_cnn.frozen.json'
    out.write_text(compact(json.dumps({'freeze': FREEZE, 'lr': LR, 'momentum': MOMENTUM, 'losses': losses}, indent=1)) + '\n')
    return 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
