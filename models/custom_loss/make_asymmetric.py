#!/usr/bin/env python3
"""Writes asymmetric.onnx, a loss of one's own: too low costs three times as much as too high.

Usage: python models/custom_loss/make_asymmetric.py      (needs torch 2.15, onnx and onnxscript)
The names of the arguments are the whole interface: `output` is the model's output, `target` an array of the data.
"""
import pathlib

import onnx
import torch


class Asymmetric(torch.nn.Module):
    def forward(self, output, target):
        error = output - target
        return (torch.where(error < 0, 3.0, 1.0) * error ** 2).mean()


def main():
    batch = torch.export.Dim("batch")
    example = (torch.zeros(4, 1), torch.zeros(4, 1))
    program = torch.onnx.export(Asymmetric().eval(), example, input_names=["output", "target"], output_names=["loss"],
                                dynamic_shapes=({0: batch}, {0: batch}), dynamo=True, verbose=False)
    model = onnx.load_from_string(program.model_proto.SerializeToString())
    for part in (model.graph, *model.graph.node, *model.graph.input, *model.graph.value_info):
        del part.metadata_props[:]
    onnx.save(model, pathlib.Path(__file__).resolve().parent / "asymmetric.onnx")


main()
