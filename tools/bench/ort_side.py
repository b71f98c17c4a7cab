"""ONNX Runtime Training's side of vs_torch.py; same protocol as torch_side.py.

    python ort_side.py MODEL.onnx BATCH.npz LOSS THREADS GATE_STEPS
Runs in an environment of its own: Python 3.11 with onnxruntime-training 1.19.2, numpy<2, onnx 1.16.2, protobuf<5, cerberus, h5py,
setuptools, and a PyTorch that imports beside it (its package imports torch, this script does not use it).
Trains the float initializers with AdamW, lr 1e-4; BatchNorm must be folded (the exporter's default form).
"""
import json
import sys
import tempfile

import numpy as np
import onnx
import onnxruntime
from onnxruntime.training import artifacts, onnxblock
from onnxruntime.training.api import CheckpointState, Module, Optimizer

from peer_side import milliseconds_since_process_start, serve

LOSSES = {'mse': artifacts.LossType.MSELoss, 'cross_entropy': artifacts.LossType.CrossEntropyLoss}


def make_step(model_path, batch_path, loss, threads, folder):
    model = onnx.load(model_path)
    trained = [i.name for i in model.graph.initializer if i.data_type == onnx.TensorProto.FLOAT]
    # Its own defaults are eps 1e-6 and no weight decay; these are PyTorch's.
    optimizer = onnxblock.optim.AdamW(eps=1e-8, weight_decay=0.01)
    artifacts.generate_artifacts(model, requires_grad=trained, loss=LOSSES[loss], optimizer=optimizer,
                                 artifact_directory=folder)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    state = CheckpointState.load_checkpoint(f'{folder}/checkpoint')
    module = Module(f'{folder}/training_model.onnx', state, f'{folder}/eval_model.onnx', session_options=options)
    optimizer = Optimizer(f'{folder}/optimizer_model.onnx', module)
    optimizer.set_learning_rate(1e-4)
    with np.load(batch_path) as arrays:
        batch = [arrays['input'], arrays['target']]
    module.train()

    def step():
        value = module(*batch)
        optimizer.step()
        module.lazy_reset_grad()
        return float(value)
    return step


def main(arguments):
    model, batch, loss, threads, gate_steps = arguments[:5]
    with tempfile.TemporaryDirectory() as folder:
        step = make_step(model, batch, loss, int(threads), folder)
        losses = [step()]
        first_ms = milliseconds_since_process_start()
        losses += [step() for _ in range(int(gate_steps) - 1)]
        print(json.dumps({'first_ms': round(first_ms, 1), 'losses': losses}), flush=True)
        serve(step, float)
    return 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
