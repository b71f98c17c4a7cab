"""Makes the small ONNX files of tests/graph/onnx/fixtures with the onnx package. Run from the repository root.

encodings.onnx   every numeric tensor type, raw and in its typed list, each with the values 0, 1, 2, 3
everything.onnx  metadata, functions with attributes, doc strings, value infos, training information, annotations
"""
import pathlib

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FOLDER = pathlib.Path('tests/graph/onnx/fixtures')
TYPES = [TensorProto.FLOAT, TensorProto.UINT8, TensorProto.INT8, TensorProto.UINT16, TensorProto.INT16, TensorProto.INT32,
         TensorProto.INT64, TensorProto.FLOAT16, TensorProto.DOUBLE, TensorProto.UINT32, TensorProto.UINT64, TensorProto.BFLOAT16]


def encodings():
    nodes, tensors, outputs = [], [], []
    for kind in TYPES:
        name = TensorProto.DataType.Name(kind).lower()
        values = np.arange(4).astype(helper.tensor_dtype_to_np_dtype(kind))
        tensors.append(helper.make_tensor(f'{name}_list', kind, [4], values))
        tensors.append(helper.make_tensor(f'{name}_raw', kind, [4], values.tobytes(), raw=True))
        nodes.append(helper.make_node('Add', [f'{name}_list', f'{name}_raw'], [f'{name}_sum']))
        outputs.append(helper.make_tensor_value_info(f'{name}_sum', kind, [4]))
    tensors.append(helper.make_tensor('truth', TensorProto.BOOL, [2], [True, False]))
    nodes.append(helper.make_node('Not', ['truth'], ['lie']))
    outputs.append(helper.make_tensor_value_info('lie', TensorProto.BOOL, [2]))
    return helper.make_model(helper.make_graph(nodes, 'encodings', [], outputs, tensors), ir_version=10,
                             opset_imports=[helper.make_opsetid('', 20)], producer_name='onnx')


def everything():
    body = [helper.make_node('MatMul', ['a', 'w'], ['m']), helper.make_node('LeakyRelu', ['m'], ['b'], name='inner')]
    body[1].attribute.append(onnx.AttributeProto(name='alpha', type=onnx.AttributeProto.FLOAT, ref_attr_name='slope'))
    function = helper.make_function('own', 'Layer', ['a', 'w'], ['b'], body, [helper.make_opsetid('', 20)],
                                    attribute_protos=[helper.make_attribute('slope', 0.25)])
    function.doc_string = 'a linear layer and a LeakyRelu'
    nodes = [helper.make_node('Layer', ['x', 'w'], ['h'], domain='own', name='layer', slope=0.5, doc_string='first'),
             helper.make_node('Layer', ['h', 'w'], ['y'], domain='own', name='again')]
    nodes[0].metadata_props.add(key='note', value='kept')
    weight = numpy_helper.from_array(np.arange(4, dtype=np.float32).reshape(2, 2), 'w')
    weight.doc_string = 'the weight'
    weight.metadata_props.add(key='from', value='nowhere')
    graph = helper.make_graph(nodes, 'everything', [helper.make_tensor_value_info('x', TensorProto.FLOAT, ['batch', 2])],
                              [helper.make_tensor_value_info('y', TensorProto.FLOAT, ['batch', 2])], [weight],
                              doc_string='a graph', value_info=[helper.make_tensor_value_info('h', TensorProto.FLOAT, ['batch', 2])])
    graph.quantization_annotation.add(tensor_name='x').quant_parameter_tensor_names.add(key='SCALE_TENSOR', value='w')
    graph.metadata_props.add(key='graph', value='meta')
    model = helper.make_model(graph, ir_version=13, functions=[function], producer_name='onnx', producer_version='1',
                              opset_imports=[helper.make_opsetid('', 20), helper.make_opsetid('own', 1)])
    model.domain, model.model_version, model.doc_string = 'org.example', 7, 'a model'
    model.metadata_props.add(key='author', value='nobody')
    step = helper.make_graph([helper.make_node('Identity', ['w'], ['w2'])], 'step', [],
                             [helper.make_tensor_value_info('w2', TensorProto.FLOAT, [2, 2])])
    info = model.training_info.add()
    info.algorithm.CopyFrom(step)
    info.update_binding.add(key='w', value='w2')
    device = model.configuration.add()
    device.name, device.num_devices = 'one', 1
    return model


if __name__ == '__main__':
    FOLDER.mkdir(parents=True, exist_ok=True)
    for make in (encodings, everything):
        (FOLDER / f'{make.__name__}.onnx').write_bytes(make().SerializeToString())
