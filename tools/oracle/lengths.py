"""Samples of different lengths: small models, data for them, and what PyTorch makes of them.

Writes tests/training/fixtures/lengths: a transformer that tags tokens, with an attention mask
(records, AdamW), and a bidirectional LSTM with sequence_lens (arrays with lengths, SGD, steps of three
batches). Both learn without shuffling, in batches of 3 of the samples of a bucket: whole batches of
each bucket, then what is left of each. A step's loss is the mean over the steps that are there. Of a regression of each step and of a
convolution with half as many frames and CTC: loss and gradient of the set.

    /opt/oracle/bin/python tools/oracle/lengths.py
"""

import json
import pathlib

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

OUT = pathlib.Path(__file__).parents[2] / "tests/training/fixtures/lengths"
BUCKETS = (4, 8)
BATCH = 3
LENGTHS = [3, 8, 1, 4, 6, 2, 5, 4, 7, 3, 8]
TOKENS, WIDTH, HEADS, TAGS = 11, 8, 2, 5
FEATURES, HIDDEN = 3, 4


class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        make = lambda *shape: nn.Parameter(torch.randn(*shape) * 0.4)
        self.embedding = make(TOKENS, WIDTH)
        self.query, self.key, self.value = make(WIDTH, WIDTH), make(WIDTH, WIDTH), make(WIDTH, WIDTH)
        self.out, self.out_bias = make(WIDTH, WIDTH), make(WIDTH)
        self.scale, self.shift = nn.Parameter(torch.ones(WIDTH)), nn.Parameter(torch.zeros(WIDTH))
        self.head, self.head_bias = make(WIDTH, TAGS), make(TAGS)

    def forward(self, input_ids, attention_mask):
        x = F.embedding(input_ids, self.embedding)
        batch, steps, _ = x.shape
        heads = lambda y: y.reshape(batch, steps, HEADS, WIDTH // HEADS).transpose(1, 2)
        scores = heads(x @ self.query) @ heads(x @ self.key).transpose(2, 3) / (WIDTH // HEADS) ** 0.5
        scores = scores + (1.0 - attention_mask[:, None, None, :].to(x.dtype)) * -1e9
        seen = scores.softmax(-1) @ heads(x @ self.value)
        x = x + seen.transpose(1, 2).reshape(batch, steps, WIDTH) @ self.out + self.out_bias
        x = F.layer_norm(x, (WIDTH,), self.scale, self.shift)
        return x @ self.head + self.head_bias


def batches():
    """Rows of each batch of an epoch, with the bucket's length."""
    of_bucket = [[i for i, n in enumerate(LENGTHS) if n <= b and (k == 0 or n > BUCKETS[k - 1])]
                 for k, b in enumerate(BUCKETS)]
    whole, rests = [], []
    for rows, length in zip(of_bucket, BUCKETS):
        cut = len(rows) // BATCH * BATCH
        whole += [(rows[i:i + BATCH], length) for i in range(0, cut, BATCH)]
        rests += [(rows[cut:], length)] if cut < len(rows) else []
    return whole + rests


def token_loss(logits, target):
    return F.cross_entropy(logits.flatten(0, 1), target.flatten(), ignore_index=-100, reduction="sum")


def padded(rows, values, length, pad):
    out = np.full((len(rows), length) + values[0].shape[1:], pad, values[0].dtype)
    for i, row in enumerate(rows):
        out[i, :LENGTHS[row]] = values[row]
    return torch.from_numpy(out)


def tagger():
    torch.manual_seed(1)
    random = np.random.default_rng(2)
    model = Tagger()
    ids = [random.integers(1, TOKENS, n) for n in LENGTHS]
    tags = [(x * 3 + np.arange(len(x))) % TAGS for x in ids]
    with open(OUT / "tagger.jsonl", "w") as file:
        for x, y in zip(ids, tags):
            file.write(json.dumps({"input_ids": x.tolist(), "target": y.tolist()}) + "\n")
    example = (torch.ones(2, 5, dtype=torch.int64), torch.ones(2, 5, dtype=torch.int64))
    dims = {0: "batch", 1: "sequence"}
    torch.onnx.export(model, example, OUT / "tagger.onnx", dynamo=False, opset_version=17,
                      input_names=["input_ids", "attention_mask"], output_names=["logits"],
                      dynamic_axes={"input_ids": dims, "attention_mask": dims, "logits": dims})
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    losses = []
    for _ in range(2):
        for rows, length in batches():
            x, y = padded(rows, ids, length, 0), padded(rows, tags, length, -100)
            mask = torch.tensor([[int(t < LENGTHS[row]) for t in range(length)] for row in rows])
            loss = token_loss(model(x, mask), y) / (y >= 0).sum()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    names = dict(model.named_parameters())
    # The trained model sees each sample alone and unpadded.
    alone = [model(torch.from_numpy(x)[None], torch.ones(1, len(x), dtype=torch.int64))[0] for x in ids]
    total = sum(token_loss(a[None], torch.from_numpy(y)[None]) for a, y in zip(alone, tags))
    np.savez(OUT / "tagger_trained.npz", losses=np.array(losses),
             set_loss=np.array([total.item() / sum(LENGTHS)]),
             logits=torch.cat(alone).detach().numpy(),
             **{f"weight:{name}": value.detach().numpy() for name, value in names.items()})


def onnx_gates(weight):
    """PyTorch's i, f, g, o as ONNX's i, o, f, c."""
    i, f, g, o = weight.chunk(4)
    return torch.cat([i, o, f, g])


def onnx_lstm(lstm):
    both = lambda name: torch.stack([onnx_gates(getattr(lstm, name + end)) for end in ("", "_reverse")])
    bias = torch.stack([torch.cat([onnx_gates(getattr(lstm, "bias_ih_l0" + end)),
                                   onnx_gates(getattr(lstm, "bias_hh_l0" + end))])
                        for end in ("", "_reverse")])
    return {"w": both("weight_ih_l0"), "r": both("weight_hh_l0"), "b": bias}


def lstm():
    torch.manual_seed(3)
    random = np.random.default_rng(4)
    net, head = nn.LSTM(FEATURES, HIDDEN, bidirectional=True), nn.Linear(2 * HIDDEN, TAGS, bias=False)
    x = [random.standard_normal((n, FEATURES)).astype(np.float32) for n in LENGTHS]
    tags = [(a[:, 0] > 0).astype(np.int64) + 2 * (a.sum(1) > 0) for a in x]
    np.savez(OUT / "lstm.npz", **{"x": np.concatenate(x), "x.lengths": np.array(LENGTHS),
                                  "target": np.concatenate(tags),
                                  "target.offsets": np.cumsum([0] + LENGTHS)})
    weights = lambda: {**onnx_lstm(net), "head": head.weight.t()}
    named = lambda: [numpy_helper.from_array(v.detach().contiguous().numpy(), k) for k, v in weights().items()]
    nodes = [helper.make_node("LSTM", ["x", "w", "r", "b", "lengths"], ["y"], "lstm",
                              direction="bidirectional", hidden_size=HIDDEN),
             helper.make_node("Transpose", ["y"], ["turned"], "turn", perm=[2, 0, 1, 3]),
             helper.make_node("Reshape", ["turned", "shape"], ["flat"], "flatten"),
             helper.make_node("MatMul", ["flat", "head"], ["scores"], "scores")]
    shape = numpy_helper.from_array(np.array([0, 0, 2 * HIDDEN], np.int64), "shape")
    graph = helper.make_graph(
        nodes, "lstm",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["time", "batch", FEATURES]),
         helper.make_tensor_value_info("lengths", TensorProto.INT32, ["batch"])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["batch", "time", TAGS])],
        named() + [shape])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, OUT / "lstm.onnx")
    optimizer = torch.optim.SGD([*net.parameters(), *head.parameters()], lr=0.2, momentum=0.9)

    def forward(rows, length):
        packed = pack_padded_sequence(padded(rows, x, length, 0).transpose(0, 1),
                                      torch.tensor([LENGTHS[row] for row in rows]),
                                      enforce_sorted=False)
        y, _ = pad_packed_sequence(net(packed)[0], batch_first=True, total_length=length)
        return head(y)

    losses = []
    for _ in range(3):
        epoch = batches()
        for first in range(0, len(epoch), 3):  # steps of three batches, of both lengths
            group = epoch[first:first + 3]
            count = sum(LENGTHS[row] for rows, _ in group for row in rows)
            loss = sum(token_loss(forward(rows, length), padded(rows, tags, length, -100))
                       for rows, length in group) / count
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    alone = [forward([row], n)[0] for row, n in enumerate(LENGTHS)]
    total = sum(token_loss(a[None], torch.from_numpy(y)[None]) for a, y in zip(alone, tags))
    np.savez(OUT / "lstm_trained.npz", losses=np.array(losses),
             set_loss=np.array([total.item() / sum(LENGTHS)]),
             logits=torch.cat(alone).detach().numpy(),
             **{f"weight:{k}": v.detach().numpy() for k, v in weights().items()})


def save(name, nodes, outputs, weights):
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", "time", FEATURES])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", None, outputs])
    graph = helper.make_graph(nodes, name, [x], [y], [
        numpy_helper.from_array(v.detach().numpy(), k) for k, v in weights.items()])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, OUT / f"{name}.onnx")


def regression():
    random = np.random.default_rng(5)
    w = torch.tensor(random.standard_normal((FEATURES, 2)), dtype=torch.float32, requires_grad=True)
    x = [random.standard_normal((n, FEATURES)).round(3) for n in LENGTHS]
    y = [random.standard_normal((n, 2)).round(3) for n in LENGTHS]
    with open(OUT / "steps.jsonl", "w") as file:
        for a, b in zip(x, y):
            file.write(json.dumps({"x": a.tolist(), "target": b.tolist()}) + "\n")
    save("steps", [helper.make_node("MatMul", ["x", "w"], ["y"], "steps")], 2, {"w": w})
    wanted = torch.tensor(np.concatenate(y), dtype=torch.float32)
    made = torch.tensor(np.concatenate(x), dtype=torch.float32) @ w
    loss = F.mse_loss(made, wanted)
    loss.backward()
    np.savez(OUT / "steps_expected.npz", loss=[loss.item()], mae=[(made - wanted).abs().mean().item()],
             gradient=w.grad.numpy())


def frames():
    random = np.random.default_rng(6)
    make = lambda *shape: torch.tensor(random.standard_normal(shape), dtype=torch.float32, requires_grad=True)
    kernel, bias = make(4, FEATURES, 3), make(4)
    x = [random.standard_normal((n, FEATURES)).round(3) for n in LENGTHS]
    labels = [random.permutation(3)[:max(1, n // 3)] + 1 for n in LENGTHS]
    with open(OUT / "frames.jsonl", "w") as file:
        for a, b in zip(x, labels):
            file.write(json.dumps({"x": a.tolist(), "target": b.tolist()}) + "\n")
    save("frames", [helper.make_node("Transpose", ["x"], ["t"], "first", perm=[0, 2, 1]),
                    helper.make_node("Conv", ["t", "kernel", "bias"], ["c"], "conv",
                                     strides=[2], pads=[1, 1]),
                    helper.make_node("Transpose", ["c"], ["y"], "last", perm=[0, 2, 1])],
         4, {"kernel": kernel, "bias": bias})
    losses = []
    for a, b in zip(x, labels):
        scores = F.conv1d(torch.tensor(a.T[None], dtype=torch.float32), kernel, bias, stride=2, padding=1)
        log = scores.permute(2, 0, 1).log_softmax(2)
        losses.append(F.ctc_loss(log, torch.from_numpy(b)[None], [len(log)], [len(b)], reduction="mean"))
    loss = torch.stack(losses).mean()
    loss.backward()
    np.savez(OUT / "frames_expected.npz", loss=[loss.item()], gradient=kernel.grad.numpy())


if __name__ == "__main__":
    OUT.mkdir(parents=True, exist_ok=True)
    tagger()
    lstm()
    regression()
    frames()
