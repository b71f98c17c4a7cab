"""Holds a GPU's gradients against the CPU's (tools/gpu-check.sh); exits 1 where they differ.

    python gpu_compare.py CPU.npz GPU.npz TOLERANCE    arrays of `temper grad`: each one's difference, in the 2-norm
"""
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


if __name__ == '__main__':
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    sys.exit(gradients(sys.argv[1], sys.argv[2], float(sys.argv[3])))
