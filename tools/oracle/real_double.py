"""A file of float32 in double, for real_files.py: whether what is off there is rounding, and gradients that are zero but for it."""
import copy

import numpy as np
import onnx
import onnx.numpy_helper

FLOAT, DOUBLE = onnx.TensorProto.FLOAT, onnx.TensorProto.DOUBLE
PARTS = (1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-3)  # of the loss, by which a step along the gradient moves it
ENOUGH = 1e-4
ALWAYS_FLOAT = {'Resize': 2, 'Upsample': 1}  # operators whose input of this index the standard has in float32 only


class NotInDouble(Exception):
    """The file holds what has no double form."""


def _graphs(graph):
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                yield from _graphs(attribute.g)


def _widen(tensor):
    if tensor.data_type == FLOAT:
        tensor.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(tensor).astype(np.float64), tensor.name))


def _widen_node(node, kept):
    attributes = {a.name: a for a in node.attribute}
    if node.op_type == 'Constant' and node.output[0] not in kept:
        for name in ('value_float', 'value_floats'):
            if name in attributes:
                numbers = np.array(onnx.helper.get_attribute_value(attributes[name]), np.float64)
                node.attribute.remove(attributes[name])
                node.attribute.append(onnx.helper.make_attribute('value', onnx.numpy_helper.from_array(numbers)))
        if 'value' in attributes:
            _widen(attributes['value'].t)
    elif node.op_type == 'ConstantOfShape':
        if 'value' not in attributes:
            node.attribute.append(onnx.helper.make_attribute('value', onnx.numpy_helper.from_array(np.zeros(1, np.float64))))
        else:
            _widen(attributes['value'].t)
    for name in ('to', 'dtype'):
        if name in attributes and attributes[name].i == FLOAT:
            attributes[name].i = DOUBLE


def widened(model):
    """The model with double in place of float32."""
    model = copy.deepcopy(model)
    graphs = list(_graphs(model.graph))
    nodes = [n for g in graphs for n in g.node]
    if model.functions or any(n.domain not in ('', 'ai.onnx') for n in nodes):
        raise NotInDouble('it has functions or operators of another domain')
    kept = {n.input[ALWAYS_FLOAT[n.op_type]] for n in nodes if len(n.input) > ALWAYS_FLOAT.get(n.op_type, 99)}
    stored = {t.name for g in graphs for t in g.initializer} | {n.output[0] for n in nodes if n.op_type == 'Constant'}
    if not kept <= stored | {''}:
        raise NotInDouble('it computes the scales of a Resize')
    for graph in graphs:
        for tensor in graph.initializer:
            if tensor.name not in kept:
                _widen(tensor)
        for node in graph.node:
            _widen_node(node, kept)
        for value in (*graph.input, *graph.output):
            if value.type.tensor_type.elem_type == FLOAT and value.name not in kept:
                value.type.tensor_type.elem_type = DOUBLE
        del graph.value_info[:]
    return model


def slope_error(gradient_of, model, constants_of, loss, gradients):
    """How far the change of the loss along the gradient is from what the gradient says, both in double, at the best distance."""
    stored = dict(constants_of(model.graph))
    before = {name: onnx.numpy_helper.to_array(stored[name]) for name in gradients}
    norm = sum(float((g ** 2).sum()) for g in gradients.values())

    def loss_at(step):
        for name, g in gradients.items():
            moved = before[name] + step * g.reshape(before[name].shape)
            stored[name].CopyFrom(onnx.numpy_helper.from_array(moved, name))
        return gradient_of(model)[0]

    errors = []
    for part in PARTS:
        step = part * loss / norm
        errors.append(abs((loss_at(step) - loss_at(-step)) / (2 * part * loss) - 1))
        if errors[-1] < ENOUGH:
            break
    for name, array in before.items():
        stored[name].CopyFrom(onnx.numpy_helper.from_array(array, name))
    return min(errors)
