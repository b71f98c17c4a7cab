"""What tools/gpu-check.sh holds against the CPU's results; exits 1 where they differ.

    python gpu_compare.py gradients CPU.npz GPU.npz TOLERANCE    arrays of `temper grad`: each one's difference, in the 2-norm
    python gpu_compare.py accuracy CPU.json GPU.json TOLERANCE   last lines of `temper train --json`: val/accuracy, else val/loss
"""
import json
import sys

import numpy as np


def gradients(cpu_file, gpu_file, tolerance):
    cpu, gpu = np.load(cpu_file), np.load(gpu_file)
    if set(cpu.files) != set(gpu.files) or not cpu.files:
        print(f'other arrays: {sorted(set(cpu.files) ^ set(gpu.files))}')
        return 1
    # A gradient that is rounding alone (a bias before BatchNorm) is measured by the largest of all.
    floor = 1e-4 * max(np.linalg.norm(cpu[name]) for name in cpu.files)
    differences = {name: np.linalg.norm(np.asarray(cpu[name], 'f8') - gpu[name]) / max(np.linalg.norm(cpu[name]), floor)
                   for name in cpu.files}
    worst = max(differences, key=lambda name: np.nan_to_num(differences[name], nan=np.inf))
    print(f'{len(cpu.files)} arrays, loss {float(cpu["loss"]):.6f} {float(gpu["loss"]):.6f}, '
          f'largest difference {differences[worst]:.1e} ({worst}), allowed {tolerance:g}')
    return 0 if all(difference <= tolerance for difference in differences.values()) else 1


def accuracy(cpu_file, gpu_file, tolerance):
    cpu, gpu = (json.loads(open(name).read().splitlines()[-1]) for name in (cpu_file, gpu_file))
    key = 'val/accuracy' if 'val/accuracy' in cpu else 'val/loss'
    print(f'{key} on the CPU in f32 {cpu[key]:.4f}, on the GPU {gpu[key]:.4f}, allowed {tolerance:g} apart; {gpu["skipped"]} steps skipped')
    return 0 if abs(cpu[key] - gpu[key]) <= tolerance else 1


def main(arguments):
    checks = {'gradients': gradients, 'accuracy': accuracy}
    if len(arguments) != 4 or arguments[0] not in checks:
        sys.exit(__doc__)
    return checks[arguments[0]](arguments[1], arguments[2], float(arguments[3]))


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
