"""An ONNX file as a person would write it in eager PyTorch, for real_side.py: the graph walked once on one batch, and a list of
functions left, which a step calls. Shapes and what follows from them are numbers then, branches and loops are unrolled, MatMul and
Add are one linear layer, LSTM and GRU those of PyTorch with weights in its order.
"""
import numpy as np
import onnx
import onnx.numpy_helper
import torch
import torch.nn.functional as F

import onnx_eager_ops
from onnx_in_torch import _attributes

GATES = {'LSTM': (0, 2, 3, 1), 'GRU': (1, 0, 2)}  # PyTorch's i, f, g, o and r, z, n among ONNX's i, o, f, c and z, r, h
ENDLESS = 10 ** 6


def reordered(kind, tensor, size):
    """Rows of the gates in PyTorch's order."""
    return torch.cat([tensor[g * size:(g + 1) * size] for g in GATES[kind]])


def flat_weights(kind, w, r, b, size):
    """Those of torch.nn.LSTM or GRU."""
    found = []
    for d in range(w.shape[0]):
        found += [reordered(kind, w[d], size), reordered(kind, r[d], size)]
        if b is not None:
            found += [reordered(kind, half, size) for half in b[d].chunk(2)]
    return found


def gru_by_hand(x, w, r, b, h):
    """Where the reset gate comes before the product (linear_before_reset = 0), which PyTorch has not; one direction."""
    size = h.shape[-1]
    bias_w, bias_r = b.chunk(2) if b is not None else (None, x.new_zeros(3 * size))
    inputs, states = F.linear(x, w, bias_w), []
    for at in inputs.unbind(0):
        gates = torch.sigmoid(at[:, :2 * size] + F.linear(h, r[:2 * size], bias_r[:2 * size]))
        z, reset = gates.chunk(2, -1)
        new = torch.tanh(at[:, 2 * size:] + F.linear(reset * h, r[2 * size:], bias_r[2 * size:]))
        h = torch.lerp(new, h, z)
        states.append(h)
    return torch.stack(states)


class Program:
    """`parameters` train; run(inputs by name) gives the output `wanted`."""

    def __init__(self, model, feeds, trained, wanted):
        self.trained, self.opset = set(trained), next(o.version for o in model.opset_import if o.domain in ('', 'ai.onnx'))
        self.values, self.live, self.leaves, self.steps = [None], [False], {}, []
        self.readers = {}
        self._count(model.graph)
        scope, self.inputs = {'': 0}, {}
        stored = {t.name for t in model.graph.initializer}
        for declared in model.graph.input:
            if declared.name not in stored:
                scope[declared.name] = self.inputs[declared.name] = self._slot(feeds[declared.name], True)
        with torch.no_grad():
            self._walk(model.graph, scope)
        self.wanted = scope[wanted]
        self._drop_unread()
        self._join_linear()
        self.parameters = list(self.leaves.values())
        self.start = [None if live and i not in self.leaves else v for i, (v, live) in enumerate(zip(self.values, self.live))]

    def _count(self, graph):
        for node in graph.node:
            for name in node.input:
                self.readers[name] = self.readers.get(name, 0) + 1
            for attribute in node.attribute:
                if attribute.type == onnx.AttributeProto.GRAPH:
                    self._count(attribute.g)

    def _slot(self, value, live):
        self.values.append(value)
        self.live.append(live)
        return len(self.values) - 1

    def _stored(self, name, value):
        tensor = torch.from_numpy(np.array(value)) if not isinstance(value, torch.Tensor) else value
        if name not in self.trained:
            return self._slot(tensor, False)
        slot = self._slot(torch.nn.Parameter(tensor.float()), True)
        self.leaves[slot] = self.values[slot]
        return slot

    def _walk(self, graph, scope):
        for tensor in graph.initializer:
            scope[tensor.name] = self._stored(tensor.name, onnx.numpy_helper.to_array(tensor))
        for node in graph.node:
            a = {at.name: at.g for at in node.attribute if at.type == onnx.AttributeProto.GRAPH} or _attributes(node)
            inputs = [scope[name] for name in node.input]
            if node.op_type == 'If':
                body = a['then_branch'] if bool(self.values[inputs[0]]) else a['else_branch']
                results = self._body(body, scope, [])
            elif node.op_type == 'Loop':
                results = self._loop(a['body'], scope, inputs)
            elif node.op_type == 'Scan':
                results = self._scan(a['body'], scope, inputs, len(inputs) - _attributes(node)['num_scan_inputs'])
            elif node.op_type in GATES:
                results = self._recurrent(node, a, inputs)
            elif node.op_type == 'Constant':
                results = [self._stored(node.output[0], onnx_eager_ops.MAKERS['Constant'](a, [])[0]())]
            else:
                a.update(opset=self.opset, known=[not self.live[i] for i in inputs], outputs=len(node.output))
                results = self._step(node.op_type, a, inputs)
            scope.update(zip(node.output, results))

    def _add(self, kind, function, inputs):
        """The slots of what the function gives; a step where that is not known yet."""
        given = function(*(self.values[i] for i in inputs))
        live = any(self.live[i] for i in inputs) and kind not in onnx_eager_ops.KNOWN_WHEN_PREPARED
        slots = [self._slot(v, live) for v in (given if isinstance(given, (tuple, list)) else (given,))]
        if live:
            self.steps.append([kind, function, inputs, slots if isinstance(given, (tuple, list)) else slots[0]])
        return slots

    def _step(self, kind, a, inputs):
        function, read = onnx_eager_ops.make(kind, a, [self.values[i] for i in inputs])
        return self._add(kind, function, [inputs[i] for i in read if i < len(inputs)])

    def _body(self, graph, scope, given):
        inner = {**scope, **dict(zip([i.name for i in graph.input], given))}
        self._walk(graph, inner)
        return [inner[o.name] for o in graph.output]

    def _loop(self, body, scope, inputs):
        rounds = int(self.values[inputs[0]]) if inputs[0] else ENDLESS
        going, carried, rows = inputs[1], list(inputs[2:]), []
        for i in range(rounds):
            if going and not bool(self.values[going]):
                break
            going, *rest = self._body(body, scope, [self._slot(torch.tensor(i), False), going or self._slot(torch.tensor(True), False), *carried])
            carried = rest[:len(carried)]
            rows.append(rest[len(carried):])
        return carried + [self._add('stack', lambda *x: torch.stack(x), list(column))[0] for column in zip(*rows)]

    def _scan(self, body, scope, inputs, states):
        carried, scanned, rows = list(inputs[:states]), inputs[states:], []
        for i in range(self.values[scanned[0]].shape[0]):
            rest = self._body(body, scope, carried + [self._add('select', lambda x, i=i: x[i], [s])[0] for s in scanned])
            carried = rest[:states]
            rows.append(rest[states:])
        return carried + [self._add('stack', lambda *x: torch.stack(x), list(column))[0] for column in zip(*rows)]

    def _recurrent(self, node, a, inputs):
        inputs = list(inputs) + [0] * (8 - len(inputs))
        kind, size, direction = node.op_type, a['hidden_size'], a.get('direction', 'forward')
        x, w, r, b = (self.values[i] for i in inputs[:4])
        usual = {'LSTM': ['Sigmoid', 'Tanh', 'Tanh'], 'GRU': ['Sigmoid', 'Tanh']}[kind]
        names = [n.decode() if isinstance(n, bytes) else n for n in a.get('activations', usual)]
        lengths = self.values[inputs[4]]
        if a.get('layout', 0) or 'clip' in a or inputs[7] or names != usual * (len(names) // len(usual)) or (
                lengths is not None and not bool((lengths == x.shape[0]).all())):
            raise NotImplementedError(f'{kind} of another form')
        directions, batch, back = w.shape[0], x.shape[1], direction == 'reverse'
        zeros = torch.zeros(directions, batch, size)
        states = [i if i else self._slot(zeros, False) for i in inputs[5:7 if kind == 'LSTM' else 6]]
        by_hand = kind == 'GRU' and not a.get('linear_before_reset', 0)
        weights = inputs[1:4] if b is not None else inputs[1:3]
        own = None
        if not by_hand and all(i in self.leaves for i in weights) and all(self.readers[n] == 1 for n in node.input[1:1 + len(weights)]):
            own = [torch.nn.Parameter(p.clone()) for p in flat_weights(kind, w, r, b, size)]
            for i in weights:
                del self.leaves[i]
            self.leaves.update({self._slot(p, True): p for p in own})
        bias = b is not None

        def function(x, *rest):
            h = rest[:len(states)]
            x = x.flip(0) if back else x
            if by_hand:
                w, r, b = rest[len(states):] if bias else (*rest[len(states):], [None] * directions)
                runs = [gru_by_hand(x if d == 0 else x.flip(0), w[d], r[d], b[d], h[0][d]) for d in range(directions)]
                last = (torch.stack([run[-1] for run in runs]),)
                y = torch.stack([run if d == 0 else run.flip(0) for d, run in enumerate(runs)], 1)
            else:
                flat = own or flat_weights(kind, *(rest[len(states):] if bias else (*rest[len(states):], None)), size)
                y, *last = (torch.lstm(x, h, flat, bias, 1, 0., True, directions == 2, False) if kind == 'LSTM' else
                            torch.gru(x, h[0], flat, bias, 1, 0., True, directions == 2, False))
                y = y.reshape(*y.shape[:2], directions, size).transpose(1, 2)
            return (y.flip(0) if back else y, *last)
        return self._add(kind, function, [inputs[0], *states, *([] if own else weights)])

    def _drop_unread(self):
        read, kept = {self.wanted}, []
        for step in reversed(self.steps):
            if read & set(step[3] if isinstance(step[3], list) else [step[3]]):
                read |= set(step[2])
                kept.append(step)
        self.steps = kept[::-1]

    def _join_linear(self):
        """x @ w + b by one call, where nothing else reads the product."""
        reads = {}
        for step in self.steps:
            for i in step[2]:
                reads[i] = reads.get(i, 0) + 1
        made = {step[3]: step for step in self.steps if step[0] == 'MatMul'}
        for step in self.steps:
            if step[0] != 'Add':
                continue
            for product, bias in (step[2], step[2][::-1]):
                before = made.get(product)
                if before and reads[product] == 1 and product != self.wanted and self.values[bias].dim() == 1 and \
                        self.values[before[2][1]].dim() == 2 and self.values[before[2][0]].dim() >= 2 and \
                        self.values[bias].shape[0] == self.values[before[2][1]].shape[1]:
                    step[:3] = ['Linear', lambda x, w, b: F.linear(x, w.t(), b), [*before[2], bias]]
                    before[0] = None
                    break
        self.steps = [step for step in self.steps if step[0] is not None]

    def to_channels_last(self):
        for p in self.parameters:
            if p.dim() == 4:
                p.data = p.data.contiguous(memory_format=torch.channels_last)

    def run(self, inputs):
        values = self.start.copy()
        for name, slot in self.inputs.items():
            values[slot] = inputs[name]
        for _, function, read, write in self.steps:
            result = function(*[values[i] for i in read])
            if type(write) is int:
                values[write] = result
            else:
                for slot, value in zip(write, result):
                    values[slot] = value
        return values[self.wanted]
