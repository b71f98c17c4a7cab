"""One side of predict_vs_onnxruntime.py: predicts a batch in memory in blocks of seconds, as asked on stdin.

    python predict_side.py onnxruntime|LIBTEMPER_C.so MODEL.onnx BATCH.npz THREADS [KEY=VALUE ...]
First line out: {"first_ms", "outputs"}: milliseconds from process start to the end of the first prediction, and a file with
the outputs. Then for every line read (a number of seconds) {"steps", "min_ms", "median_ms"}. Temper's side goes through the
C API, as an application does; KEY=VALUE are settings of a recipe. Needs numpy; onnxruntime for its side.
"""
import ctypes
import json
import sys
import tempfile

import numpy as np

from peer_side import milliseconds_since_process_start, serve


class Device(ctypes.Structure):
    _fields_ = [('type', ctypes.c_int), ('id', ctypes.c_int32)]


class Type(ctypes.Structure):
    _fields_ = [('code', ctypes.c_uint8), ('bits', ctypes.c_uint8), ('lanes', ctypes.c_uint16)]


class DLTensor(ctypes.Structure):
    _fields_ = [('data', ctypes.c_void_p), ('device', Device), ('ndim', ctypes.c_int32), ('dtype', Type),
                ('shape', ctypes.POINTER(ctypes.c_int64)), ('strides', ctypes.POINTER(ctypes.c_int64)), ('byte_offset', ctypes.c_uint64)]


class Array(ctypes.Structure):
    _fields_ = [('name', ctypes.c_char_p), ('tensor', ctypes.POINTER(DLTensor))]


POINTER = ctypes.c_void_p
# The table of temper.h up to outputs_free; what is not called here is a pointer.
FUNCTIONS = [('status_code', None), ('status_message', (ctypes.c_char_p, POINTER)), ('status_hint', None), ('status_free', None),
             ('version_text', None), ('build_facts', None), ('options_create', (POINTER, POINTER)), ('options_read_file', None),
             ('options_set', (POINTER, POINTER, ctypes.c_char_p, ctypes.c_char_p)), ('options_free', None),
             ('session_open', (POINTER, ctypes.c_char_p, POINTER, ctypes.c_int, POINTER, ctypes.c_size_t, POINTER, POINTER)),
             ('session_free', None), ('session_step', None), ('session_train', None), ('session_evaluate', None),
             ('session_predict', (POINTER, POINTER, POINTER, ctypes.c_size_t, POINTER)), ('outputs_count', None),
             ('outputs_name', None), ('outputs_tensor', (ctypes.POINTER(DLTensor), POINTER, ctypes.c_size_t)),
             ('outputs_free', (None, POINTER))]


class Api(ctypes.Structure):
    _fields_ = [('version', ctypes.c_uint32), ('size', ctypes.c_size_t),
                *[(name, ctypes.CFUNCTYPE(*form) if form else POINTER) for name, form in FUNCTIONS]]


class Temper:
    CODES = {'f': 2, 'i': 0, 'u': 1, 'b': 6}

    def __init__(self, library, model, batch, threads, keys):
        get = ctypes.CDLL(library).temper_get_api
        get.restype = ctypes.POINTER(Api)
        self.api = get(1).contents
        options = POINTER()
        self.call(self.api.options_create(ctypes.byref(options)))
        rows = len(next(iter(batch.values())))
        for key in [f'train.threads={threads}', f'data.batch_size={rows}', *keys]:
            name, value = key.split('=', 1)
            self.call(self.api.options_set(options, name.encode(), value.encode()))
        self.batch = {name: np.ascontiguousarray(value) for name, value in batch.items()}
        self.tensors = [self.tensor(value) for value in self.batch.values()]
        self.arrays = (Array * len(self.tensors))(*[Array(name.encode(), ctypes.pointer(tensor))
                                                    for name, tensor in zip(self.batch, self.tensors)])
        self.session = POINTER()
        self.call(self.api.session_open(str(model).encode(), options, 1, self.arrays, len(self.arrays), None, ctypes.byref(self.session)))

    def call(self, status):
        if status:
            raise RuntimeError(self.api.status_message(status).decode())

    def tensor(self, value):
        shape = (ctypes.c_int64 * value.ndim)(*value.shape)
        return DLTensor(value.ctypes.data, Device(1, 0), value.ndim, Type(self.CODES[value.dtype.kind], value.dtype.itemsize * 8, 1), shape, None, 0)

    def predict(self, keep=False):
        outputs = POINTER()
        self.call(self.api.session_predict(self.session, self.arrays, len(self.arrays), ctypes.byref(outputs)))
        made = None
        if keep:
            given = self.api.outputs_tensor(outputs, 0).contents
            count = int(np.prod(given.shape[:given.ndim]))
            dtype = np.dtype('iuf'[given.dtype.code] + str(given.dtype.bits // 8))
            made = np.frombuffer(ctypes.string_at(given.data + given.byte_offset, count * dtype.itemsize), dtype)
        self.api.outputs_free(outputs)
        return made


class OnnxRuntime:
    def __init__(self, model, batch, threads):
        import onnxruntime
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        self.session = onnxruntime.InferenceSession(str(model), options, providers=['CPUExecutionProvider'])
        self.batch = batch

    def predict(self, keep=False):
        return self.session.run(None, self.batch)[0].reshape(-1)


def main(arguments):
    library, model, data, threads = arguments[:4]
    with np.load(data) as arrays:
        batch = {name: arrays[name] for name in arrays.files if name != 'target'}
    side = OnnxRuntime(model, batch, int(threads)) if library == 'onnxruntime' else Temper(library, model, batch, int(threads), arguments[4:])
    first = side.predict(keep=True)
    first_ms = milliseconds_since_process_start()
    with tempfile.NamedTemporaryFile(suffix='.npy') as kept:
        np.save(kept.name, first)
        print(json.dumps({'first_ms': round(first_ms, 1), 'outputs': kept.name}), flush=True)
        serve(side.predict)
    return 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
