#!/usr/bin/env python3
"""Default exports of one instance of a network, converted with the state dict of another: does onnxruntime give PyTorch's outputs?

Usage: checkpoint_zoo.py TEMPER FOLDER [NAME...]. Writes files into FOLDER and a table to stdout. Needs torch, torchvision,
transformers, safetensors, onnxscript, onnxruntime. Networks are shrunken where the module has settings for it.
"""
import contextlib
import inspect
import io
import json
import os
import subprocess
import sys
import warnings

import numpy as np
import onnxruntime
import torch
import torchvision.models as tv
import transformers as hf
from safetensors.torch import save_file

warnings.filterwarnings('ignore')


def pictures():
    return {'x': torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))}


def tokens():
    ids = torch.randint(3, 50, (2, 8), generator=torch.Generator().manual_seed(2))
    return {'input_ids': ids, 'attention_mask': torch.ones_like(ids)}


def vit():
    return tv.VisionTransformer(image_size=32, patch_size=8, num_layers=2, num_heads=2, hidden_dim=16, mlp_dim=32, num_classes=10)


def bert():
    return hf.BertModel(hf.BertConfig(vocab_size=50, hidden_size=16, num_hidden_layers=2, num_attention_heads=2,
                                      intermediate_size=32, max_position_embeddings=16, use_cache=False))


def gpt2():
    return hf.GPT2LMHeadModel(hf.GPT2Config(vocab_size=50, n_positions=16, n_embd=16, n_layer=2, n_head=2, use_cache=False,
                                            bos_token_id=1, eos_token_id=1))


def distilbert():
    return hf.DistilBertModel(hf.DistilBertConfig(vocab_size=50, dim=16, n_layers=2, n_heads=2, hidden_dim=32,
                                                  max_position_embeddings=16))


CASES = {
    'resnet18': (lambda: tv.resnet18(num_classes=10), pictures),
    'mobilenet_v2': (lambda: tv.mobilenet_v2(num_classes=10, width_mult=.25), pictures),
    'efficientnet_b0': (lambda: tv.efficientnet_b0(num_classes=10), pictures),
    'vit': (vit, pictures),
    'bert': (bert, tokens),
    'gpt2': (gpt2, tokens),
    'distilbert': (distilbert, tokens),
}


def first_output(result):
    for name in ('last_hidden_state', 'logits'):
        if hasattr(result, name):
            return getattr(result, name)
    return result


def away_from_fresh(module):
    """No bias stays 0 and no scale 1: what an exporter merges or leaves out has to come back."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(torch.randn_like(parameter) * .02)
        for name, buffer in module.named_buffers():
            if name.endswith('running_mean'):
                buffer.copy_(torch.randn_like(buffer) * .1)
            if name.endswith('running_var'):
                buffer.copy_(torch.rand_like(buffer) + .5)
    return module


def save_forms(state, base):
    torch.save(state, base + '.pt')
    # As transformers does: a tensor that two names share is written under the first.
    seen, alone = set(), {}
    for name, tensor in state.items():
        if tensor.data_ptr() not in seen or tensor.numel() == 0:
            seen.add(tensor.data_ptr())
            alone[name] = tensor.contiguous()
    save_file(alone, base + '.safetensors')
    names = list(alone)
    halves = [names[:len(names) // 2], names[len(names) // 2:]]
    for i, half in enumerate(halves):
        save_file({name: alone[name] for name in half}, f'{base}-{i}.safetensors')
    where = {name: f'{os.path.basename(base)}-{i}.safetensors' for i, half in enumerate(halves) for name in half}
    with open(base + '.index.json', 'w') as file:
        json.dump({'weight_map': where}, file)
    return [base + '.pt', base + '.safetensors', base + '.index.json']


def arguments(module, inputs):
    """In the order of forward: between GPT-2's tokens and their mask stands a cache."""
    names = list(inspect.signature(module.forward).parameters)
    last = max(map(names.index, inputs))
    return tuple(inputs.get(name) for name in names[:last + 1])


def export(module, inputs, path, dynamo):
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        torch.onnx.export(module, arguments(module, inputs), path, dynamo=dynamo, input_names=list(inputs))


def row(temper, folder, name):
    make, make_inputs = CASES[name]
    inputs = make_inputs()
    torch.manual_seed(0)
    exported = make().eval()
    torch.manual_seed(7)
    other = away_from_fresh(make().eval())
    checkpoints = save_forms(other.state_dict(), f'{folder}/{name}')
    for form, dynamo in (('default', True), ('TorchScript', False)):
        model = f'{folder}/{name}-{form}.onnx'
        try:
            export(exported, inputs, model, dynamo)
        except Exception:  # whatever the exporter has against the module
            print(f'| {name} | {form} | PyTorch does not export it | | | | |')
            continue
        for checkpoint in checkpoints:
            out = f'{folder}/out.onnx'
            done = subprocess.run([temper, 'convert', checkpoint, out, '--into', model, '--json'], capture_output=True, text=True)
            kind = checkpoint[checkpoint.rindex(name) + len(name):]
            if done.returncode != 0:
                print(f'| {name} | {form} | {kind} | refused: {done.stderr.strip()} | | | |')
                continue
            report = json.loads(done.stdout)
            session = onnxruntime.InferenceSession(out, providers=['CPUExecutionProvider'])
            # TorchScript's exporter makes inputs of whole numbers that forward has defaults for.
            given = inputs | {i.name: torch.tensor(0) for i in session.get_inputs() if i.name not in inputs}
            got = session.run(None, {i.name: given[i.name].numpy() for i in session.get_inputs()})[0]
            expected = first_output(other(**given)).detach().numpy()
            assert got.shape == expected.shape
            far = np.abs(got - expected).max() / np.abs(expected).max()
            loaded = report['loaded']
            counts = [len(loaded)] + [sum(bool(one[key]) for one in loaded) for key in ('transposed', 'folded', 'added', 'guessed')]
            left = len(report['left_in_model']) + len(report['left_in_checkpoint'])
            print(f'| {name} | {form} | `{kind}` | {far:.1e} | ' + ' / '.join(map(str, counts)) + f' | {left} |', flush=True)


def main():
    temper, folder = sys.argv[1:3]
    os.makedirs(folder, exist_ok=True)
    print('| network | export | checkpoint | largest difference | tensors set / transposed / folded / added / guessed | left over |')
    print('|---|---|---|---|---|---|')
    for name in sys.argv[3:] or CASES:
        row(temper, folder, name)


main()
