"""Folds BatchNorm into the convolutions before it, as exporters do, and tells which parameter of a module a tensor of a file
is: by values. Needs torch, numpy, onnx."""
import copy

import numpy as np
import onnx
import onnx.numpy_helper
import torch
import torch.nn as nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.ConvTranspose1d, nn.ConvTranspose2d)
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)


def folded(wrapped):
    """A copy of a zoo_models.OneOutput in inference mode with what can be folded; where fx cannot trace it, only what stands
    in a Sequential is."""
    made = copy.deepcopy(wrapped).eval()
    for part in made.modules():
        if isinstance(part, nn.Sequential):
            names = list(part._modules)
            for first, second in zip(names, names[1:]):
                if isinstance(part._modules[first], CONVOLUTIONS) and isinstance(part._modules[second], NORMS):
                    transposed = isinstance(part._modules[first], (nn.ConvTranspose1d, nn.ConvTranspose2d))
                    part._modules[first] = fuse_conv_bn_eval(part._modules[first], part._modules[second], transposed)
                    part._modules[second] = nn.Identity()
    try:
        from torch.fx.experimental.optimization import fuse
        made.module = fuse(made.module)
    except Exception:  # control flow that depends on values
        pass
    for parameter in made.parameters():
        parameter.requires_grad_(True)
    return made


def initializers(path):
    """All float tensors, those of Constant nodes too."""
    model = onnx.load(str(path))
    made = {i.name: onnx.numpy_helper.to_array(i) for i in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == 'Constant':
            made.update({node.output[0]: onnx.numpy_helper.to_array(a.t) for a in node.attribute if a.name == 'value'})
    return {k: v for k, v in made.items() if v.dtype in (np.float32, np.float64)}


def match(name, tensor, values):
    """The parameter that this tensor is, and the function from the tensor's gradient to the parameter's; or None. A tensor is
    a parameter as it is, transposed, reshaped, or times a factor per channel (a folded BatchNorm)."""
    stripped = name.removeprefix('module.')
    for key in sorted(values, key=lambda k: k.removeprefix('module.') != stripped):
        value = values[key]
        if value.size != tensor.size:
            continue
        if np.array_equal(value.ravel(), tensor.ravel()):
            return key, lambda g, s=value.shape: g.reshape(s)
        if value.ndim == 2 and np.array_equal(value.T.ravel(), tensor.ravel()):
            return key, lambda g, s=value.T.shape: g.reshape(s).T
        if value.shape == tensor.shape and value.ndim >= 3:
            for axis in (0, 1):
                ratio = (np.moveaxis(tensor, axis, 0) / np.moveaxis(value, axis, 0)).reshape(tensor.shape[axis], -1)
                middle = np.median(ratio, axis=1)
                if ratio.shape[1] > 1 and np.allclose(ratio, middle[:, None], rtol=1e-6):
                    shape = [1] * value.ndim
                    shape[axis] = -1
                    return key, lambda g, r=middle.reshape(shape): g * r
    return None


def pairing(module, tensors, used):
    """Which of the module's parameters `used` these tensors of a file (by name) are, one for one, perhaps rounded otherwise by
    folding: ({name: (parameter, whether transposed)}, ''), or (None, the reason why not)."""
    left = {k: p.detach().double().numpy() for k, p in module.named_parameters() if k in used}
    pairs = {}
    for name, tensor in tensors.items():
        for key, value in left.items():
            turned = [v.size == tensor.size and np.allclose(tensor.ravel(), v.ravel(), rtol=1e-4, atol=1e-7)
                      for v in (value, value.T)[:value.ndim]]
            if any(turned):
                pairs[name] = key, not turned[0]
                break
        else:
            return None, f'{name} is none of its parameters'
        del left[pairs[name][0]]
    return (None, f'{next(iter(left))} is not in the file') if left else (pairs, '')


def as_parameter(array, shape, transposed):
    return array.reshape(tuple(shape)[::-1]).T if transposed else array.reshape(tuple(shape))


def take(module, pairs, tensors):
    """Gives the parameters the file's values."""
    parameters = dict(module.named_parameters())
    with torch.no_grad():
        for name, (key, transposed) in pairs.items():
            value = as_parameter(tensors[name], parameters[key].shape, transposed)
            parameters[key].copy_(torch.from_numpy(np.ascontiguousarray(value)))
