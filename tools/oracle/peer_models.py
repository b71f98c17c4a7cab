"""The equality and benchmark models in PyTorch: definition, batch, loss, and export to ONNX in three forms.

    python peer_models.py OUT_DIR [NAME ...]    writes NAME.onnx (exporter defaults, symbolic batch), NAME.raw.onnx (no graph
                                                optimisation: tensor names equal the state_dict's), NAME.fixed.onnx (no
                                                option at all: batch fixed at 1) and NAME.npz (one batch: `input`, `target`)
Weights are freshly initialised with seed 0, the batch with seed 1, so every run gives the same files.
Needs torch, onnx, onnxscript, numpy; torchvision for three of BENCHMARKS.
"""
import dataclasses
import pathlib
import sys

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

import peer_networks

FORMS = ('', '.raw', '.fixed')


def tiny_mlp():
    return nn.Sequential(nn.Linear(10, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))


def mlp():
    return nn.Sequential(nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 256), nn.ReLU(), nn.Linear(256, 10))


def lenet():
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10))


def cifar_cnn():
    def block(inputs, outputs):
        return [nn.Conv2d(inputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*block(3, 32), *block(32, 64), *block(64, 128), nn.Flatten(), nn.Linear(2048, 256), nn.ReLU(),
                         nn.Linear(256, 10))


def of_torchvision(name):
    def make():
        import torchvision
        return getattr(torchvision.models, name)(num_classes=10)
    return make


@dataclasses.dataclass(frozen=True)
class Case:
    """A model with its batch, its loss and the learning rates of the loss curves.

    The rates are such that PyTorch in float agrees with PyTorch in double over 100 steps: fitting one batch of random
    labels faster makes the curve itself ill-conditioned, and then no two correct programs agree to 1e-3.
    """
    make: object
    input_shape: tuple
    classes: int  # 0: regression on one value; of a `tokens` case also how many tokens there are
    loss: str
    sgd_lr: float = 0.0
    adamw_lr: float = 0.0
    kind: str = 'numbers'  # 'tokens': each place of a sequence has a class; 'mask': each pixel is one or zero; 'labels': each row is; 'pictures': one per row
    head: str = ''  # what the names of the parameters that train begin with; the rest is frozen, BatchNorm in eval()


CASES = {
    'tiny_mlp': Case(tiny_mlp, (32, 10), 0, 'mse', 1e-2, 1e-3),
    'mlp': Case(mlp, (64, 784), 10, 'cross_entropy', 1e-2, 1e-4),
    'lenet': Case(lenet, (64, 1, 28, 28), 10, 'cross_entropy', 1e-2, 1e-4),
    'cifar_cnn': Case(cifar_cnn, (64, 3, 32, 32), 10, 'cross_entropy', 1e-3, 3e-5),
}

# Timed, beside those above.
BENCHMARKS = {
    'gpt': Case(peer_networks.Gpt, (8, 128), 1024, 'cross_entropy', kind='tokens'),
    'vit': Case(peer_networks.Vit, (32, 3, 32, 32), 10, 'cross_entropy'),
    'lstm': Case(lambda: peer_networks.Recurrent(nn.LSTM), (32, 50, 32), 10, 'cross_entropy'),
    'gru': Case(lambda: peer_networks.Recurrent(nn.GRU, bidirectional=True), (32, 50, 32), 10, 'cross_entropy'),
    'unet': Case(peer_networks.Unet, (4, 3, 128, 128), 0, 'bce_with_logits', kind='mask'),
    'discriminator': Case(peer_networks.discriminator, (64, 1, 16, 16), 0, 'bce_with_logits', kind='labels'),
    'generator': Case(peer_networks.generator, (64, 32, 1, 1), 0, 'mse', kind='pictures'),
    'resnet18': Case(of_torchvision('resnet18'), (32, 3, 64, 64), 10, 'cross_entropy'),
    'resnet18_frozen': Case(of_torchvision('resnet18'), (32, 3, 64, 64), 10, 'cross_entropy', head='fc.'),
    'resnet50': Case(of_torchvision('resnet50'), (8, 3, 224, 224), 10, 'cross_entropy'),
    'mobilenet_v2': Case(of_torchvision('mobilenet_v2'), (8, 3, 224, 224), 10, 'cross_entropy'),
}


def cross_entropy(y, target):
    """Classes lie along the last axis of the output."""
    return F.cross_entropy(y.flatten(0, -2), target.flatten())


LOSSES = {'mse': F.mse_loss, 'cross_entropy': cross_entropy, 'bce_with_logits': F.binary_cross_entropy_with_logits}


def case_of(name):
    return CASES.get(name) or BENCHMARKS[name]


def make_input(case, generator):
    if case.kind == 'tokens':
        return torch.randint(0, case.classes, case.input_shape, generator=generator)
    return torch.randn(*case.input_shape, generator=generator)


def build(name):
    """Returns (module, input, target, loss function) of one case, always the same bits."""
    case = case_of(name)
    torch.manual_seed(0)
    module = case.make()
    generator = torch.Generator().manual_seed(1)
    x = make_input(case, generator)
    rows = case.input_shape[0]
    if case.kind == 'tokens':
        target = torch.randint(0, case.classes, case.input_shape, generator=generator)
    elif case.kind == 'mask':
        target = (torch.rand(rows, 1, *case.input_shape[2:], generator=generator) > 0.5).float()
    elif case.kind == 'labels':
        target = (torch.rand(rows, 1, generator=generator) > 0.5).float()
    elif case.kind == 'pictures':
        target = torch.randn(rows, 1, 16, 16, generator=generator)
    elif case.classes:
        target = torch.randint(0, case.classes, (rows,), generator=generator)
    else:
        target = torch.randn(rows, 1, generator=generator)
    return module, x, target, LOSSES[case.loss]


def freeze(module, head):
    """As fine-tuning a head does: the rest without gradients, its BatchNorm by the running statistics. Returns what trains."""
    module.eval()
    for name, parameter in module.named_parameters():
        parameter.requires_grad_(name.startswith(head))
    return [p for p in module.parameters() if p.requires_grad]


def freeze_keys(name):
    """The same as keys of a recipe."""
    head = case_of(name).head
    if not head:
        return []
    frozen = sorted({n.split('.')[0] for n, _ in build(name)[0].named_parameters() if not n.startswith(head)})
    patterns = ', '.join(f'"{n}.**"' for n in frozen)
    return [f'model.freeze=[{patterns}]', 'model.batchnorm=frozen']


def optimizer_options(name, optimizer):
    """The hyper-parameters of a case's loss curve, by PyTorch's names."""
    case = CASES[name]
    return {'lr': case.sgd_lr, 'momentum': 0.9} if optimizer == 'sgd' else {'lr': case.adamw_lr}


def export(name, folder, forms=FORMS):
    """Writes the forms and the batch of one case into `folder`."""
    folder = pathlib.Path(folder)
    module, x, target, _ = build(name)
    module.eval()
    batch = {'dynamic_shapes': ({0: torch.export.Dim('batch')},)}
    settings = {'': (x, batch), '.raw': (x, {'optimize': False, **batch}), '.fixed': (x[:1], {})}
    for form in forms:
        sample, options = settings[form]
        torch.onnx.export(module, (sample,), str(folder / f'{name}{form}.onnx'), input_names=['input'],
                          output_names=['output'], verbose=False, **options)
    np.savez(folder / f'{name}.npz', input=x.numpy(), target=target.numpy())


def main(arguments):
    if not arguments:
        print(__doc__, file=sys.stderr)
        return 2
    folder = pathlib.Path(arguments[0])
    folder.mkdir(parents=True, exist_ok=True)
    for name in arguments[1:] or CASES:
        export(name, folder)
        print(name, flush=True)
    return 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
