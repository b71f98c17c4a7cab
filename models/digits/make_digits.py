"""Makes the digits sample: the data set, and a network pre-trained on the digits 0 to 4 as PyTorch's exporter writes it.

    python make_digits.py           writes digits.npz, digits.onnx and digits.onnx.data beside this script
    python make_digits.py --check   runs the recipe of digits.toml on the written files in PyTorch, for three splits
Needs torch 2.15, onnx, onnxscript, scikit-learn, numpy.
"""
import pathlib
import sys
import tomllib

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

HERE = pathlib.Path(__file__).resolve().parent
PRETRAINING_IMAGES_PER_CLASS = 40


def digits_arrays():
    """Returns (images float32 [1797, 1, 8, 8] in 0..1, labels int64 [1797]) in scikit-learn's order."""
    from sklearn.datasets import load_digits
    bunch = load_digits()
    images = (bunch.images / 16.0).astype(np.float32).reshape(-1, 1, 8, 8)
    return images, bunch.target.astype(np.int64)


def network():
    """Two convolutions and two linear layers, 38,378 parameters; ten outputs."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(),
        nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(512, 64), nn.ReLU(), nn.Linear(64, 10))


def pretraining_indices(labels):
    """The first images of each of the classes 0 to 4."""
    return np.concatenate([np.flatnonzero(labels == c)[:PRETRAINING_IMAGES_PER_CLASS] for c in range(5)])


def pretrain(module, images, labels, epochs=30, batch=20):
    x, t = torch.from_numpy(images), torch.from_numpy(labels)
    optimizer = torch.optim.AdamW(module.parameters(), lr=2e-3)
    generator = torch.Generator().manual_seed(2)
    module.train()
    for _ in range(epochs):
        for rows in torch.randperm(len(x), generator=generator).split(batch):
            optimizer.zero_grad()
            F.cross_entropy(module(x[rows]), t[rows]).backward()
            optimizer.step()
    return module.eval()


def make():
    images, labels = digits_arrays()
    np.savez_compressed(HERE / 'digits.npz', input=images, target=labels)
    torch.manual_seed(0)
    seen = pretraining_indices(labels)
    module = pretrain(network(), images[seen], labels[seen])
    with torch.no_grad():
        correct = (module(torch.from_numpy(images)).argmax(1).numpy() == labels)
    print(f'parameters {sum(p.numel() for p in module.parameters())}, right before fine-tuning: all {correct.mean():.4f}, '
          f'digits 0 to 4 {correct[labels < 5].mean():.4f}, 5 to 9 {correct[labels >= 5].mean():.4f}')
    torch.onnx.export(module, (torch.from_numpy(images[:2]),), str(HERE / 'digits.onnx'), input_names=['input'],
                      output_names=['output'], dynamic_shapes=({0: torch.export.Dim('batch')},))


def stratified_split(labels, share, generator):
    """Returns (training rows, held-out rows) with `share` of each class held out."""
    held = []
    for c in np.unique(labels):
        rows = generator.permutation(np.flatnonzero(labels == c))
        held.append(rows[:round(len(rows) * share)])
    held = np.concatenate(held)
    return np.setdiff1d(np.arange(len(labels)), held), held


def learning_rate(step, steps, warmup, peak):
    """Linear warm-up, then a cosine to zero."""
    if step < warmup:
        return peak * (step + 1) / warmup
    return peak * 0.5 * (1 + np.cos(np.pi * (step - warmup) / (steps - warmup)))


def fine_tune(recipe, images, labels, seed):
    sys.path.insert(0, str(HERE.parents[1] / 'tools' / 'oracle'))
    from onnx_in_torch import OnnxInTorch
    model = OnnxInTorch(HERE / recipe['model']['path'])
    x, t = torch.from_numpy(images), torch.from_numpy(labels)
    generator = np.random.default_rng(seed)
    training, held = stratified_split(labels, recipe['data']['val_split'], generator)
    unseen = np.setdiff1d(held, pretraining_indices(labels))
    batch, epochs = recipe['data']['batch_size'], recipe['train']['epochs']
    options = {key: value for key, value in recipe['optimizer'].items() if key not in ('name', 'group')}
    optimizer = torch.optim.AdamW(model.leaves.values(), **options)
    per_epoch = -(-len(training) // batch)
    steps = per_epoch * epochs
    warmup = round(steps * float(recipe['schedule']['warmup'].rstrip('%')) / 100)

    def accuracy(rows):
        with torch.no_grad():
            output = model.forward({'input': x[rows]}, update_statistics=False)['output']
        return (output.argmax(1) == t[rows]).float().mean().item()

    before, step = accuracy(held), 0
    for _ in range(epochs):
        for rows in np.array_split(generator.permutation(training), range(batch, len(training), batch)):
            for group in optimizer.param_groups:
                group['lr'] = learning_rate(step, steps, warmup, options['lr'])
            optimizer.zero_grad()
            F.cross_entropy(model.forward({'input': x[rows]})['output'], t[rows],
                            label_smoothing=recipe['loss'].get('label_smoothing', 0.0)).backward()
            optimizer.step()
            step += 1
    return before, accuracy(held), accuracy(unseen)


def check():
    recipe = tomllib.loads((HERE / 'digits.toml').read_text())
    with np.load(HERE / recipe['data']['train']) as arrays:
        images, labels = arrays['input'], arrays['target']
    worst = 1.0
    for seed in range(3):
        torch.manual_seed(seed)
        before, after, unseen = fine_tune(recipe, images, labels, seed)
        print(f'split {seed}: held out before {before:.4f}, after {after:.4f}; images the pre-training never saw {unseen:.4f}')
        worst = min(worst, after)
    return 0 if worst >= 0.98 else 1


if __name__ == '__main__':
    sys.exit(check() if sys.argv[1:] == ['--check'] else make())
