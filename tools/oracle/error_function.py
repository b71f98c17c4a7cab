"""Fits the polynomials of erf_of() and erfc_of() in backends/cpu/vector_math.h.

    python error_function.py       prints the coefficients, highest power first, and the largest relative errors

Minimax by Remez' exchange, in double. Needs numpy and torch (erfcx).
"""
import numpy as np
import torch


def remez(function, low, high, degree, weight):
    k = np.arange(degree + 2)
    points = (low + high) / 2 - (high - low) / 2 * np.cos(np.pi * k / (degree + 1))
    grid = np.linspace(low, high, 20001)
    for _ in range(30):
        system = np.hstack([np.vander(points, degree + 1, increasing=True), ((-1.0) ** k / weight(points))[:, None]])
        coefficients = np.linalg.solve(system, function(points))[:-1]
        error = (np.polyval(coefficients[::-1], grid) - function(grid)) * weight(grid)
        turns = [0] + [i for i in range(1, len(grid) - 1) if (error[i] - error[i - 1]) * (error[i + 1] - error[i]) <= 0] + [len(grid) - 1]
        extrema = []
        for i in turns:
            if extrema and np.sign(error[i]) == np.sign(error[extrema[-1]]):
                if abs(error[i]) > abs(error[extrema[-1]]):
                    extrema[-1] = i
            else:
                extrema.append(i)
        while len(extrema) > degree + 2:
            extrema.pop(0 if abs(error[extrema[0]]) < abs(error[extrema[-1]]) else -1)
        if len(extrema) < degree + 2:
            break
        points = grid[extrema]
    return coefficients, np.abs(error).max()


def scaled_erfc(q):
    """(1 + 2 a) exp(a^2) erfc(a) - 1 at a = 2 (1 + q) / (1 - q)."""
    a = 2 * (1 + q) / (1 - q)
    return (1 + 2 * a) * torch.special.erfcx(torch.tensor(a)).numpy() - 1


def erf_over_x(square):
    x = np.sqrt(np.maximum(square, 1e-12))
    return torch.special.erf(torch.tensor(x)).numpy() / x


for name, (coefficients, error) in {
    "erfc": remez(scaled_erfc, -1, 0.68, 9, lambda q: 1 / (1 + scaled_erfc(q))),
    "erf": remez(erf_over_x, 1e-12, 0.81, 6, lambda z: 1 / erf_over_x(z)),
}.items():
    print(name, " ".join(f"{np.float32(c):.8e}f" for c in coefficients[::-1]), f"relative error {error:.2e}")
