"""How far PyTorch in float32 is from itself: the same module and batch in other layouts, with another number of threads, and
with inputs that differ in their last bit. Where an element lies next to a kink (ReLU, max-pooling), any of these moves it to
the other side, and a deep network with BatchNorm carries that to every gradient before it. What two of PyTorch's own
runs differ by, no other program can undercut. Needs torch.
"""
import copy

import torch

DRAWS = 4


def variants(module, inputs):
    """Yields functions that return (module, inputs), the threads already set; the caller sets them back."""
    pictures = any(x.dim() == 4 for x in inputs.values())
    for threads, layout in ((2, torch.contiguous_format), (1, torch.channels_last), (2, torch.channels_last)):
        if layout is torch.channels_last and not pictures:
            continue

        def other(threads=threads, layout=layout):
            torch.set_num_threads(threads)
            made = copy.deepcopy(module)
            if layout is torch.contiguous_format:
                return made, inputs
            return made.to(memory_format=layout), {k: x.to(memory_format=layout) if x.dim() == 4 else x for k, x in inputs.items()}
        yield other
    if not any(x.is_floating_point() for x in inputs.values()):
        return
    for draw in range(DRAWS):
        def moved(draw=draw):
            generator = torch.Generator().manual_seed(draw)
            def nudge(x):
                up = torch.rand(x.shape, generator=generator) < .5
                return torch.nextafter(x, torch.where(up, torch.inf, -torch.inf).to(x.dtype))
            return copy.deepcopy(module), {k: nudge(x) if x.is_floating_point() else x for k, x in inputs.items()}
        yield moved


def each(module, inputs, measure):
    """[measure(module, inputs)] of all variants."""
    threads, made = torch.get_num_threads(), []
    for variant in variants(module, inputs):
        made.append(measure(*variant()))
        torch.set_num_threads(threads)
    return made


def curve(module, inputs, target, steps, loss=torch.nn.functional.mse_loss, lr=.001):
    """The losses of `steps` steps of SGD with momentum. Trains `module`."""
    parameters = [p for p in module.parameters() if p.requires_grad]
    optimizer = torch.optim.SGD(parameters, lr=lr, momentum=.9)
    losses = []
    for _ in range(steps):
        optimizer.zero_grad(set_to_none=True)
        value = loss(module(*inputs.values()), target)
        value.backward()
        optimizer.step()
        losses.append(value.item())
    return losses


def difference(losses, others):
    """Largest relative difference of two curves."""
    return max(abs(a - b) / abs(b) for a, b in zip(losses, others))
