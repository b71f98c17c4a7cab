#!/usr/bin/env python3
"""Writes tests/training/losses/expected/losses.cpp: every loss and its gradients in double, from PyTorch, or from
the closed forms below where PyTorch has none.

Usage (needs torch 2.x):
    python tools/oracle/losses.py > tests/training/losses/expected/losses.cpp
    python tools/oracle/losses.py weighted > tests/training/losses/expected/weighted_losses.cpp
The second are losses with a weight for each sample.
"""
import sys

import torch
import torch.nn.functional as F

G = torch.Generator().manual_seed(11)


def normal(*size, scale=1.0):
    """Multiples of 1/64: exact in float32 and short in print."""
    return (torch.randn(size, generator=G) * scale * 64).round().double() / 64


def uniform(*size):
    return ((torch.rand(size, generator=G) * 62).round().double() + 1) / 64


def labels(classes, *size):
    return torch.randint(classes, size, generator=G)


def signs(*size):
    return labels(2, *size).double() * 2 - 1


def reduced(elements, reduction="mean"):
    return elements.sum() if reduction == "sum" else elements.mean()


def rmse(x, t):
    return (x - t).pow(2).mean().sqrt()


def msle(x, t, reduction="mean"):
    return reduced((torch.log1p(x.clamp(min=0)) - torch.log1p(t)).pow(2), reduction)


def focal(x, t, reduction="mean", alpha=0.25, gamma=2.0, ignore_index=-100, weight=None):
    if t.dtype == torch.int64:
        counted = t != ignore_index
        safe = t.where(counted, torch.zeros(()).long())
        log_p = F.log_softmax(x, 1).gather(1, safe.unsqueeze(1)).squeeze(1)
        w = torch.ones(x.shape[1]).double() if weight is None else weight
        elements = -(alpha if alpha >= 0 else 1) * (1 - log_p.exp()) ** gamma * log_p * w[safe] * counted
        return elements.sum() if reduction == "sum" else elements.sum() / counted.sum()
    p = torch.sigmoid(x)
    ce = F.binary_cross_entropy_with_logits(x, t, reduction="none")
    elements = ce * (1 - (p * t + (1 - p) * (1 - t))) ** gamma
    if alpha >= 0:
        elements = elements * (alpha * t + (1 - alpha) * (1 - t))
    return reduced(elements, reduction)


def overlap(x, t, per, activation, ignore_index):
    index = t.dtype == torch.int64
    if activation == "auto":
        activation = "softmax" if index else "sigmoid"
    p = {"softmax": lambda: x.softmax(1), "sigmoid": x.sigmoid, "none": lambda: x}[activation]()
    g = t
    if index:
        counted = (t != ignore_index).unsqueeze(1)
        g = F.one_hot(t.where(t != ignore_index, torch.zeros(()).long()), x.shape[1]).movedim(-1, 1) * counted
        p = p * counted
    axes = [a for a in range(x.dim()) if a != 1 or per == "global"]
    return (p * g).sum(axes), (p + g).sum(axes)


def dice(x, t, smooth=1.0, per="class", activation="auto", ignore_index=-100, reduction="mean"):
    both, total = overlap(x, t, per, activation, ignore_index)
    return reduced(1 - (2 * both + smooth) / (total + smooth), reduction)


def jaccard(x, t, smooth=1.0, per="class", activation="auto", ignore_index=-100, reduction="mean"):
    both, total = overlap(x, t, per, activation, ignore_index)
    return reduced(1 - (both + smooth) / (total - both + smooth), reduction)


def hinge(x, t, reduction="mean"):
    return reduced(F.relu(1 - t * x), reduction)


def gaussian(x, v, t, **options):
    return F.gaussian_nll_loss(x, t, v, **options)


def ctc(x, t, normalised=False, batch_first=True, input_lengths=None, reduction="mean", **options):
    """`normalised`: x are log probabilities, else logits."""
    scores = x.transpose(0, 1) if batch_first else x
    frames = torch.full((t.shape[0],), scores.shape[0]) if input_lengths is None else input_lengths
    log_p = scores if normalised else scores.log_softmax(2)
    return F.ctc_loss(log_p, t.clamp(min=0), frames, (t >= 0).sum(1), reduction=reduction, **options)


def ctc_by_label(x, t, reduction="none"):
    """As the mean counts each sample."""
    losses = ctc(x, t, reduction="none")
    return losses / (t >= 0).sum(1)


def cases():
    """(loss, function, outputs, target or None, options)"""
    both = ({}, {"reduction": "sum"})
    x, t = normal(3, 4, scale=2), normal(3, 4, scale=2)
    x[0, 0] = t[0, 0]  # a kink
    x[0, 1] = t[0, 1] + 1  # where huber changes
    for o in both:
        yield "mse", F.mse_loss, [x], t, o
        yield "l1", F.l1_loss, [x], t, o
    for o in (*both, {"beta": 0.5}, {"beta": 0.0}):
        yield "smooth_l1", F.smooth_l1_loss, [x], t, o
    for o in (*both, {"delta": 0.5}, {"delta": 3.0, "reduction": "sum"}):
        yield "huber", F.huber_loss, [x], t, o
    yield "mse", F.mse_loss, [normal(5)], normal(5), {}
    yield "rmse", rmse, [x], t, {}
    for o in both:
        yield "msle", msle, [normal(3, 4, scale=5)], normal(3, 4, scale=5).abs(), o
    p, y = uniform(3, 4), labels(2, 3, 4).double()
    p[0, 0], y[0, 0], p[1, 1], y[1, 1], p[2, 2], y[2, 2], p[2, 3], y[2, 3] = 0, 1, 1, 0, 1, 1, 0, 0
    w4 = uniform(4) + 0.5
    for o in (*both, {"weight": w4}):
        yield "bce", F.binary_cross_entropy, [p], y, o
    yield "bce", F.binary_cross_entropy, [uniform(2, 3)], uniform(2, 3), {}
    z = normal(3, 4, scale=3)
    z[0, 0], z[1, 1] = 1e4, -1e4
    for o in (*both, {"pos_weight": w4}, {"weight": w4, "pos_weight": w4, "reduction": "sum"}):
        yield "bce_with_logits", F.binary_cross_entropy_with_logits, [z], y, o
    yield "bce_with_logits", F.binary_cross_entropy_with_logits, [normal(2, 3)], uniform(2, 3), {}
    for o in (*both, {"weight": w4}):
        yield "multi_label", F.multilabel_soft_margin_loss, [z], y, o
    for o in both:
        yield "soft_margin", F.soft_margin_loss, [normal(3, 4, scale=3)], signs(3, 4), o
        yield "hinge", hinge, [normal(3, 4, scale=2)], signs(3, 4), o
    for o in (*both, {"margin": 2.5}):
        yield "hinge_embedding", F.hinge_embedding_loss, [normal(3, 4, scale=2)], signs(3, 4), o
    w3 = uniform(3) + 0.5
    c, k = normal(5, 3, scale=2), torch.tensor([2, 0, -100, 1, 1])
    n, m = normal(2, 3, 2, 2, scale=2), labels(3, 2, 2, 2)
    m[0, 0, 0] = 255
    plain = torch.tensor([2, 0, 1, 1, -1])
    for o in (*both, {"label_smoothing": 0.1}, {"weight": w3}, {"weight": w3, "label_smoothing": 0.2}):
        yield "cross_entropy", F.cross_entropy, [c], k, o
    yield "cross_entropy", F.cross_entropy, [n], m, {"ignore_index": 255, "weight": w3}
    yield "cross_entropy", F.cross_entropy, [c], plain, {"ignore_index": -1}
    q = normal(5, 3).softmax(1)
    for o in (*both, {"label_smoothing": 0.1}, {"weight": w3}, {"weight": w3, "label_smoothing": 0.2}):
        yield "cross_entropy", F.cross_entropy, [c], q, o
    yield "cross_entropy", F.cross_entropy, [n], normal(2, 3, 2, 2).softmax(1), {"weight": w3}
    for o in (*both, {"weight": w3}, {"weight": w3, "reduction": "sum"}):
        yield "nll", F.nll_loss, [c.log_softmax(1)], k, o
    yield "nll", F.nll_loss, [n.log_softmax(1)], m, {"ignore_index": 255, "weight": w3}
    yield "nll", F.nll_loss, [c], plain, {"ignore_index": -1}
    for o in (*both, {"p": 2}, {"margin": 0.5, "weight": w3}):
        yield "multi_margin", F.multi_margin_loss, [c], plain.abs(), o
    for o in (*both, {"gamma": 0.0}, {"alpha": -1.0, "gamma": 0.5}, {"weight": w3}):
        yield "focal", focal, [c], k, o
    yield "focal", focal, [n], m, {"ignore_index": 255}
    for o in (*both, {"gamma": 1.5, "alpha": 0.75}, {"alpha": -1.0}):
        yield "focal", focal, [normal(3, 4, scale=2)], y, o
    masks = labels(2, 2, 3, 2, 2).double()
    for name, f in (("dice", dice), ("jaccard", jaccard)):
        for o in (*both, {"per": "global"}, {"smooth": 0.0}):
            yield name, f, [n], m, {"ignore_index": 255, **o}
            yield name, f, [n], masks, o
        yield name, f, [uniform(2, 3, 2, 2)], masks, {"activation": "none"}
        yield name, f, [c], plain, {"ignore_index": -1, "activation": "sigmoid"}
    for o in (*both, {"reduction": "batchmean"}):
        zero = q.clone()
        zero[0] = torch.tensor([0.0, 0.25, 0.75])
        yield "kl_div", F.kl_div, [c.log_softmax(1)], zero, o
        yield "kl_div", F.kl_div, [c.log_softmax(1)], q.log(), {"log_target": True, **o}
    counts = labels(6, 3, 4).double()
    for o in (*both, {"full": True}):
        yield "poisson_nll", F.poisson_nll_loss, [normal(3, 4)], counts, o
    yield "poisson_nll", F.poisson_nll_loss, [uniform(3, 4)], counts, {"log_input": False, "eps": 1e-4, "full": True}
    v = uniform(3, 4)
    v[0, 0] = 0
    for o in (*both, {"full": True}, {"eps": 0.25}):
        yield "gaussian_nll", gaussian, [normal(3, 4), v.clamp(min=1 / 64)], t, o
    yield "gaussian_nll", gaussian, [normal(3, 4), v], t, {"eps": 0.25}
    yield "gaussian_nll", gaussian, [normal(3, 4), uniform(3, 1)], t, {}
    a, b, d = normal(4, 5), normal(4, 5), normal(4, 5)
    for o in (*both, {"margin": -0.5}):
        yield "cosine_embedding", F.cosine_embedding_loss, [a, b], torch.tensor([1.0, -1, -1, 1]).double(), o
    for o in (*both, {"p": 1.0}, {"p": 3.0}, {"swap": True, "margin": 2.0}):
        yield "triplet_margin", F.triplet_margin_loss, [a, b, d], None, o
    for o in (*both, {"margin": 0.5}):
        yield "margin_ranking", F.margin_ranking_loss, [normal(6), normal(6)], signs(6), o
    z, k = normal(3, 6, 4, scale=2), torch.tensor([[1, 2, 2], [3, -1, -1], [3, 1, -1]])
    frames = torch.tensor([5, 2, 4])
    for o in (*both, {"input_lengths": frames}, {"input_lengths": frames, "reduction": "sum"}):
        yield "ctc", ctc, [z], k, o
    yield "ctc", ctc, [z.transpose(0, 1).contiguous()], k, {"batch_first": False, "input_lengths": frames}
    yield "ctc", ctc, [z], torch.tensor([[0, 2, 1], [1, -1, -1], [-1, -1, -1]]), {"blank": 3}
    impossible = torch.tensor([[1, 2, 2], [1, 1, 1], [3, 1, -5]])
    for o in both:
        yield "ctc", ctc, [normal(3, 4, 4)], impossible, {"zero_infinity": True, **o}
    yield "ctc", lambda *a, **o: ctc(*a, normalised=True, **o), [z.log_softmax(2)], k, {"input_lengths": frames}


def weigh(elements, weight):
    return elements * weight.reshape(-1, *[1] * (elements.dim() - 1))


def elementwise(function):
    """The weighted mean or sum of a loss that PyTorch gives by element; the mean is over all of them."""
    def weighted(*args, weights, reduction="mean", **options):
        return reduced(weigh(function(*args, reduction="none", **options), weights), reduction)
    return weighted


def by_class(function):
    """The same where the mean divides by the class weights of the targets that count."""
    def weighted(x, t, weights, reduction="mean", ignore_index=-100, weight=None, **options):
        elements = function(x, t, reduction="none", ignore_index=ignore_index, weight=weight, **options)
        counted = t != ignore_index
        w = torch.ones(x.shape[1]).double() if weight is None else weight
        total = weigh(elements, weights).sum()
        return total if reduction == "sum" else total / w[t.where(counted, torch.zeros(()).long())][counted].sum()
    return weighted


def weighted_dice(x, t, weights):
    p = x.sigmoid()
    both, total = (weigh(v, weights).sum((0, 2, 3)) for v in (p * t, p + t))
    return (1 - (2 * both + 1) / (total + 1)).mean()


def weighted_cases():
    """(loss, function, outputs, target or None, options, weights)"""
    both = ({}, {"reduction": "sum"})
    w4 = torch.tensor([0.5, 0.0, 2.0, 1.25]).double()
    x, t = normal(4, 3, scale=2), normal(4, 3, scale=2)
    y = labels(2, 4, 3).double()
    k, m = torch.tensor([2, 0, -100, 1]), labels(3, 4, 2, 2)
    m[0, 0, 0] = -100
    w3, n = uniform(3) + 0.5, normal(4, 3, 2, 2)
    q = normal(4, 3).softmax(1)
    for o in both:
        for name, f, target in (("mse", F.mse_loss, t), ("l1", F.l1_loss, t), ("huber", F.huber_loss, t),
                                ("smooth_l1", F.smooth_l1_loss, t),
                                ("bce_with_logits", F.binary_cross_entropy_with_logits, y),
                                ("multi_label", F.multilabel_soft_margin_loss, y),
                                ("poisson_nll", F.poisson_nll_loss, labels(6, 4, 3).double()),
                                ("kl_div", F.kl_div, q), ("cross_entropy", F.cross_entropy, q)):
            yield name, elementwise(f), [x], target, o, w4
        yield "bce", elementwise(F.binary_cross_entropy), [uniform(4, 3)], y, o, w4
        yield "gaussian_nll", elementwise(gaussian), [x, uniform(4, 3)], t, o, w4
        yield "triplet_margin", elementwise(F.triplet_margin_loss), [x, t, normal(4, 3)], None, o, w4
        yield "cosine_embedding", elementwise(F.cosine_embedding_loss), [x, t], signs(4), o, w4
        for more in ({}, {"weight": w3}):
            yield "cross_entropy", by_class(F.cross_entropy), [x], k, {**o, **more}, w4
            yield "cross_entropy", by_class(F.cross_entropy), [n], m, {**o, **more}, w4
            yield "nll", by_class(F.nll_loss), [x.log_softmax(1)], k, {**o, **more}, w4
    yield "rmse", lambda a, b, weights: weigh((a - b) ** 2, weights).mean().sqrt(), [x], t, {}, w4
    yield "dice", weighted_dice, [n], labels(2, 4, 3, 2, 2).double(), {}, w4
    frames, targets = normal(4, 5, 3), torch.tensor([[1, 2], [2, -1], [1, 1], [2, 1]])
    for o in both:
        yield "ctc", elementwise(ctc if o else ctc_by_label), [frames], targets, o, w4


def number(value):
    value = float(value)
    return repr(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value)


def numbers(tensor):
    return "{" + ", ".join(number(value) for value in tensor.detach().flatten()) + "}"


def tensor(value):
    return f"{{Shape{{{', '.join(str(size) for size in value.shape)}}}, {numbers(value)}}}"


def attribute(value):
    if isinstance(value, bool) or isinstance(value, int):
        return f"std::int64_t{{{int(value)}}}"
    if isinstance(value, str):
        return f'std::string("{value}")'
    if isinstance(value, torch.Tensor):
        return f"std::vector<double>{numbers(value)}"
    return repr(value)


def main():
    weighted = sys.argv[1:] == ["weighted"]
    print(f"// Made by tools/oracle/losses.py with torch {torch.__version__.split('+')[0]}. Do not edit.")
    print('#include "tests/training/losses/expected/losses.h"\n')
    print("namespace temper::training {\n\n// clang-format off")
    print(f"std::vector<ExpectedLoss> expected_{'weighted_' if weighted else ''}losses() {{")
    print("  return {")
    for name, function, outputs, target, options, *weights in weighted_cases() if weighted else cases():
        xs = [x.detach().clone().requires_grad_() for x in outputs]
        more = {"weights": weights[0]} if weighted else {}
        loss = function(*xs, *([] if target is None else [target]), **options, **more)
        loss.backward()
        lengths = options.pop("input_lengths", None)
        shown = {**options, **({} if lengths is None else {"input_lengths": "lengths"})}
        attrs = ", ".join(f'{{"{key}", {attribute(value)}}}' for key, value in shown.items())
        integer = target is not None and target.dtype == torch.int64
        print(f'    {{"{name}", {{{attrs}}},')
        print(f"     {{{', '.join(tensor(x) for x in xs)}}},")
        print(f"     {tensor(target) if target is not None else '{}'}, {'true' if integer else 'false'},")
        end = f", {numbers(weights[0])}" if weighted else ""
        end += "" if lengths is None else f"{'' if weighted else ', {}'}, {numbers(lengths)}"
        print(f"     {number(loss.detach())}, {{{', '.join(numbers(x.grad) for x in xs)}}}{end}}},")
    print("  };\n}\n// clang-format on\n\n}  // namespace temper::training")


if __name__ == "__main__":
    main()
