#!/usr/bin/env python3
"""Writes the inputs that fuzzing begins from: tests/fuzz/corpus/READER/, small valid files of each format.

Usage: fuzz_corpus.py TREE. What fuzzing found stands beside them and stays. Needs torch, onnx, numpy, pillow.
"""
import gzip
import io
import json
import os
import struct
import sys
import zipfile

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper
from PIL import Image


def torch_bytes(what, **options):
    out = io.BytesIO()
    torch.save(what, out, **options)
    return out.getvalue()


def states():
    base = torch.arange(12, dtype=torch.float32).reshape(3, 4)
    yield 'plain', {'a.weight': base.clone(), 'a.bias': torch.ones(3)}
    yield 'views', {'state_dict': {'t': base.t(), 'e': torch.ones(1).expand(2, 3), 's': base[::2, 1:]}, 'epoch': 3,
                    'lr': .1, 'names': ['a', ('b', None)], 'ids': {1, 2}}
    module = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2))
    yield 'module', {'ema': None, 'model': module.half(), 'flag': True, 'big': 2 ** 70}


def safetensors(tensors, metadata=None):
    header, body = ({'__metadata__': metadata} if metadata else {}), b''
    for name, (dtype, shape, data) in tensors.items():
        header[name] = {'dtype': dtype, 'shape': shape, 'data_offsets': [len(body), len(body) + len(data)]}
        body += data
    text = json.dumps(header).encode()
    return struct.pack('<Q', len(text)) + text + body


def gguf():
    def text(value):
        return struct.pack('<Q', len(value)) + value
    tensors = [(b'f32', 0, [2, 2], bytes(16)), (b'f16', 1, [2], bytes(4)), (b'q8', 8, [32], bytes(34)), (b'q4', 2, [32], bytes(18))]
    head = b'GGUF' + struct.pack('<IQQ', 3, len(tensors), 4)
    head += text(b'general.name') + struct.pack('<I', 8) + text(b'm')
    head += text(b'general.alignment') + struct.pack('<II', 4, 32)
    head += text(b'words') + struct.pack('<IIQ', 9, 8, 2) + text(b'a') + text(b'b')
    head += text(b'scores') + struct.pack('<IIQ', 9, 6, 2) + bytes(8)
    body = b''
    for name, code, dims, data in tensors:
        body += bytes(-len(body) % 32)
        head += text(name) + struct.pack('<I', len(dims)) + struct.pack(f'<{len(dims)}Q', *dims) + struct.pack('<IQ', code, len(body))
        body += data
    return head + bytes(-len(head) % 32) + body


def npy(array):
    out = io.BytesIO()
    np.lib.format.write_array(out, array)
    return out.getvalue()


def npz(**arrays):
    out = io.BytesIO()
    with zipfile.ZipFile(out, 'w', zipfile.ZIP_DEFLATED) as file:
        for name, array in arrays.items():
            file.writestr(zipfile.ZipInfo(name + '.npy'), npy(array))
    return out.getvalue()


def zip_of(method, members):
    out = io.BytesIO()
    with zipfile.ZipFile(out, 'w', method) as file:
        for name, data in members.items():
            info = zipfile.ZipInfo(name)
            info.compress_type = method
            file.writestr(info, data)
    return out.getvalue()


def picture(form, mode, **options):
    out = io.BytesIO()
    image = Image.fromarray((np.arange(5 * 7 * 3).reshape(5, 7, 3) % 251).astype('u1')).convert(mode)
    image.save(out, form, **options)
    return out.getvalue()


def exif_jpeg():
    exif = Image.Exif()
    exif[0x112] = 6
    return picture('JPEG', 'RGB', exif=exif)


def model(nodes, inputs, outputs, initializers=(), opset=17, **more):
    graph = helper.make_graph(nodes, 'g', inputs, outputs, list(initializers))
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid('', opset), helper.make_opsetid('f', 1)], ir_version=8, **more)
    return made.SerializeToString()


def floats(name, shape):
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def tensor(name, dims, values, dtype=TensorProto.FLOAT):
    return helper.make_tensor(name, dtype, dims, values)


def models():
    yield 'layers', model(
        [helper.make_node('Conv', ['x', 'k'], ['c'], kernel_shape=[1, 1]),
         helper.make_node('BatchNormalization', ['c', 's', 's', 's', 's'], ['n']),
         helper.make_node('Relu', ['n'], ['r']), helper.make_node('Flatten', ['r'], ['f']),
         helper.make_node('Gemm', ['f', 'w', 'b'], ['y'], transB=1)],
        [floats('x', ['batch', 2, 2, 2])], [floats('y', ['batch', 3])],
        [tensor('k', [2, 2, 1, 1], [1, 2, 3, 4]), tensor('s', [2], [1, 2]), tensor('w', [3, 8], [.5] * 24),
         helper.make_tensor('b', TensorProto.FLOAT, [3], struct.pack('<3f', 1, 2, 3), raw=True)])
    external = tensor('w', [2, 2], [0] * 4)
    external.ClearField('float_data')
    external.data_location = TensorProto.EXTERNAL
    for key, value in (('location', 'weights.bin'), ('offset', '16'), ('length', '16')):
        entry = external.external_data.add()
        entry.key, entry.value = key, value
    yield 'external', model([helper.make_node('MatMul', ['x', 'w'], ['y'])], [floats('x', [1, 2])], [floats('y', [1, 2])], [external])
    then = helper.make_graph([helper.make_node('Neg', ['x'], ['a'])], 't', [], [floats('a', [2])])
    other = helper.make_graph([helper.make_node('Abs', ['x'], ['b'])], 'e', [], [floats('b', [2])])
    yield 'branches', model([helper.make_node('If', ['c'], ['y'], then_branch=then, else_branch=other)],
                            [floats('x', [2]), helper.make_tensor_value_info('c', TensorProto.BOOL, [])], [floats('y', [2])])
    function = helper.make_function('f', 'Twice', ['a'], ['b'], [helper.make_node('Add', ['a', 'a'], ['b'])], [helper.make_opsetid('', 17)])
    yield 'function', model([helper.make_node('Twice', ['x'], ['y'], domain='f')], [floats('x', [2])], [floats('y', [2])], functions=[function])
    yield 'shapes', model(
        [helper.make_node('Shape', ['x'], ['s']), helper.make_node('Gather', ['s', 'i'], ['n'], axis=0),
         helper.make_node('Unsqueeze', ['n', 'z'], ['u']), helper.make_node('Concat', ['u', 'm'], ['t'], axis=0),
         helper.make_node('Reshape', ['x', 't'], ['r']), helper.make_node('Slice', ['r', 'z', 'e', 'o'], ['l']),
         helper.make_node('Cast', ['l'], ['h'], to=TensorProto.FLOAT16), helper.make_node('Cast', ['h'], ['y'], to=TensorProto.FLOAT)],
        [floats('x', ['n', 2, 3])], [floats('y', None)],
        [tensor('i', [], [0], TensorProto.INT64), tensor('z', [1], [0], TensorProto.INT64), tensor('m', [1], [-1], TensorProto.INT64),
         tensor('e', [1], [2], TensorProto.INT64), tensor('o', [1], [1], TensorProto.INT64)])
    body = helper.make_graph([helper.make_node('Identity', ['c'], ['d']), helper.make_node('Add', ['v', 'v'], ['w'])], 'b',
                             [helper.make_tensor_value_info('i', TensorProto.INT64, []), helper.make_tensor_value_info('c', TensorProto.BOOL, []),
                              floats('v', [2])], [helper.make_tensor_value_info('d', TensorProto.BOOL, []), floats('w', [2])])
    yield 'loop', model([helper.make_node('Loop', ['n', '', 'x'], ['y'], body=body)], [floats('x', [2])], [floats('y', [2])],
                        [tensor('n', [], [3], TensorProto.INT64)])
    sparse = helper.make_sparse_tensor(tensor('p', [2], [1, 2]), tensor('q', [2], [0, 3], TensorProto.INT64), [2, 2])
    yield 'old', model([helper.make_node('Constant', [], ['k'], sparse_value=sparse), helper.make_node('Dropout', ['x'], ['d'], ratio=.5),
                        helper.make_node('Softmax', ['d'], ['e']), helper.make_node('Add', ['e', 'k'], ['y'])],
                       [floats('x', [2, 2])], [floats('y', [2, 2])], opset=11)


def corpus():
    for name, state in states():
        packed = torch_bytes(state)
        yield 'torch_zip', name, packed
        if name != 'module':  # its classes would stand there with their source
            yield 'torch_legacy', name, torch_bytes(state, _use_new_zipfile_serialization=False)
        with zipfile.ZipFile(io.BytesIO(packed)) as file:
            pickle = next(n for n in file.namelist() if n.endswith('data.pkl'))
            yield 'pickle', name, file.read(pickle)
        yield 'pickle', name + '-4', pickle_of(state)
    yield 'zip', 'stored', zip_of(zipfile.ZIP_STORED, {'a': b'one', 'b/c': b'two'})
    yield 'zip', 'deflated', zip_of(zipfile.ZIP_DEFLATED, {'a': bytes(300)})
    yield 'npz', 'arrays', npz(a=np.arange(4.), b=np.array(['x', 'yz']), c=np.zeros((2, 0), 'i1'))
    for name, array in (('f4', np.arange(6, dtype='f4').reshape(2, 3)), ('big', np.arange(3, dtype='>i8')), ('texts', np.array(['ab', 'c'])),
                        ('fortran', np.asfortranarray(np.eye(2, 3))), ('half', np.float16(2)), ('bool', np.array([True]))):
        yield 'npy', name, npy(np.asarray(array))
    safe = safetensors({'a': ('F32', [2], bytes(8)), 'b': ('I64', [1], bytes(8)), 'c': ('BF16', [2, 0], b'')}, {'format': 'pt'})
    yield 'safetensors', 'three', safe
    yield 'index', 'one', json.dumps({'metadata': {}, 'weight_map': {'a': 'tensors.safetensors', 'b': 'tensors.safetensors'}}).encode()
    yield 'gguf', 'types', gguf()
    yield 'checkpoint', 'safe', safe
    yield 'checkpoint', 'gguf', gguf()
    yield 'checkpoint', 'npz', npz(a=np.arange(2.))
    yield 'json', 'kinds', b'{"a": [1, -2.5e3, true, null, "\\u00e9\\ud83d\\ude00"], "b": {"c": {}}}'
    yield 'records', 'lines', b'{"text": "a", "n": 1}\n\n{"text": "b"}\n'
    yield 'records', 'array', b'[{"a": 1}, {"a": [2]}]'
    yield 'manifest', 'fields', json.dumps({
        'rows': 2, 'classes': ['a', 'b'],
        'fields': [{'name': 'x', 'file': 'a.bin', 'dtype': 'f32', 'shape': [2]},
                   {'name': 'y', 'file': 'a.bin', 'dtype': 'u8', 'offset': 16, 'stride': 3, 'target': True}]}).encode()
    yield 'csv', 'quotes', b'name,age,"a ""b"""\r\nx,1,2\r\n"y\nz",NA,-3.5e1\r\n'
    yield 'csv', 'semicolons', b'1;2;3\n4;5;6\n'
    yield 'idx', 'bytes', b'\0\0\x08\x02' + struct.pack('>II', 2, 3) + bytes(6)
    yield 'idx', 'floats', gzip.compress(b'\0\0\x0d\x01' + struct.pack('>If', 1, 1.5), mtime=0)
    yield 'gzip', 'members', gzip.compress(b'one' * 9, mtime=0) + gzip.compress(b'two', mtime=0)
    yield 'picture', 'jpeg', picture('JPEG', 'RGB')
    yield 'picture', 'turned', exif_jpeg()
    yield 'picture', 'progressive', picture('JPEG', 'L', progressive=True)
    yield 'picture', 'cmyk', picture('JPEG', 'CMYK')
    for mode in ('RGB', 'RGBA', 'P', 'L', '1'):
        yield 'picture', 'png-' + mode.lower(), picture('PNG', mode)
    yield 'classes', 'palette', picture('PNG', 'P')
    yield 'classes', 'grey', picture('PNG', 'L')
    yield 'tokens', 'plain', struct.pack('<4H', 1, 2, 3, 65535)
    yield 'tokens', 'npy', npy(np.arange(3, dtype='u2'))
    for name, data in models():
        yield 'onnx', name, data


def pickle_of(state):
    """Protocol 4, with the storages as PyTorch names them."""
    out = io.BytesIO()
    torch.save(state, out, pickle_protocol=4)
    with zipfile.ZipFile(io.BytesIO(out.getvalue())) as file:
        return file.read(next(n for n in file.namelist() if n.endswith('data.pkl')))


def main():
    torch.manual_seed(0)
    for reader, name, data in corpus():
        folder = f'{sys.argv[1]}/tests/fuzz/corpus/{reader}'
        os.makedirs(folder, exist_ok=True)
        with open(f'{folder}/{name}', 'wb') as file:
            file.write(data)


main()
