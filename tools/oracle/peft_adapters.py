"""Makes tests/graph/onnx/surgery/fixtures/peft: adapters as the peft package (0.18 or later) saves them. From the root.

base.onnx is PyTorch's default export of a small network without adapters; adapter_model.safetensors and adapter_config.json
are what PeftModel.save_pretrained() wrote for it: Linear, Conv2d of 3 x 3 and of 1 x 1, another rank and alpha for some, and
a head that was trained whole. peft.npz has samples and what the PeftModel gives.
"""
import pathlib
import tempfile

import numpy as np
import onnx
import peft
import torch
import torch.nn as nn
import torch.nn.functional as F

FOLDER = pathlib.Path('tests/graph/onnx/surgery/fixtures/peft')


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.point = nn.Conv2d(3, 8, 3, 2, 1), nn.Conv2d(8, 6, 1)
        self.fc, self.head = nn.Linear(6, 10), nn.Linear(10, 4)

    def forward(self, x):
        h = F.relu(self.point(F.relu(self.conv(x)))).flatten(2).transpose(1, 2)  # Linear on three axes
        return self.head(F.gelu(self.fc(h)).mean(1))


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    net, x = Net().eval(), torch.randn(4, 3, 8, 8)
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / 'model.onnx'
        torch.onnx.export(net, (x[:1],), path, verbose=False, external_data=False, dynamic_shapes=({0: torch.export.Dim('batch')},))
        file = onnx.load(path)
    for node in file.graph.node:
        kept = [entry for entry in node.metadata_props if entry.key == 'pkg.torch.onnx.name_scopes']
        del node.metadata_props[:]
        node.metadata_props.extend(kept)
    for value in [*file.graph.value_info, *file.graph.input, *file.graph.output, *file.graph.initializer]:
        del value.metadata_props[:]
    onnx.save(file, FOLDER / 'base.onnx')
    config = peft.LoraConfig(r=2, lora_alpha=6, lora_dropout=0.25, target_modules=['conv', 'point', 'fc'], modules_to_save=['head'],
                             rank_pattern={'fc': 3}, alpha_pattern={'point': 5})
    model = peft.get_peft_model(net, config).eval()
    with torch.no_grad():
        for name, value in model.named_parameters():
            if 'lora_B' in name or 'modules_to_save' in name:
                value += torch.randn_like(value) * .3
        y = model(x)
    model.save_pretrained(FOLDER)
    (FOLDER / 'README.md').unlink(missing_ok=True)
    np.savez(FOLDER / 'peft.npz', x=x.numpy(), y=y.numpy())


if __name__ == '__main__':
    main()
