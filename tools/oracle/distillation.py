#!/usr/bin/env python3
"""Prints the loss and gradient of tests/training/compile/distillation_test.cpp as PyTorch 2.15 computes them.

Usage: python tools/oracle/distillation.py
"""
import torch
import torch.nn.functional as F


def main():
    x = torch.tensor([[1.0, -2.0], [0.5, 3.0], [-1.0, 0.25]], dtype=torch.float64)
    student = torch.tensor([[0.3, -0.1, 0.2], [0.4, 0.5, -0.6]], dtype=torch.float64, requires_grad=True)
    teacher = torch.tensor([[1.0, -1.0, 0.5], [-0.5, 0.25, 2.0]], dtype=torch.float64)
    labels = torch.tensor([0, 2, 1])
    temperature, alpha = 3.0, 0.7
    scores = x @ student
    hard = F.cross_entropy(scores, labels)
    soft = F.kl_div(F.log_softmax(scores / temperature, 1), F.softmax(x @ teacher / temperature, 1),
                    reduction="batchmean") * temperature ** 2
    loss = (1 - alpha) * hard + alpha * soft
    loss.backward()
    print(f"loss {loss.item():.17g} hard {hard.item():.17g} soft {soft.item():.17g}")
    print([float(f"{v:.17g}") for v in student.grad.flatten().tolist()])


main()
