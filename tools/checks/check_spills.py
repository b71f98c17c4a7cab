#!/usr/bin/env python3
"""Checks that no CUDA kernel keeps a register in memory ("spills"): check_spills.py BUILD_FOLDER

Reads what ptxas said of each kernel, which the build keeps beside the objects (tools/cmake/keep_registers.sh). A file without its
report, or a report without a kernel, is an error too: a check of nothing must not pass.
"""

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
ENTRY = re.compile(r"Compiling entry function '(\S+)' for '(sm_\d+\w*)'")
PROPERTIES = re.compile(r"Function properties for (\S+)")
SPILLS = re.compile(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads")
REGISTERS = re.compile(r"Used (\d+) registers")


def kernels_of(report):
    """(architecture, function, spilled bytes, registers) of each kernel of a report."""
    function = architecture = None
    spilled = 0
    for line in report.splitlines():
        if found := ENTRY.search(line):
            function, architecture = found.groups()
            spilled = 0
        elif found := SPILLS.search(line):
            spilled += int(found[2]) + int(found[3])  # a function it calls counts as the kernel's
        elif (found := REGISTERS.search(line)) and function is not None:
            yield architecture, function, spilled, int(found[1])
            function = None


def readable(function):
    name = subprocess.run(["c++filt", function], capture_output=True, text=True, check=True).stdout.strip()
    return re.sub(r"\(anonymous namespace\)::|temper::|cuda::", "", name.split("(temper")[0])


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    objects = pathlib.Path(sys.argv[1]) / "CMakeFiles/temper_backends_cuda.dir"
    sources = sorted(p.relative_to(ROOT) for p in ROOT.glob("backends/cuda/**/*.cu"))
    problems, count, most, architectures = [], 0, 0, set()
    for source in sources:
        report = objects / f"{source}.o.registers"
        if not report.exists():
            problems.append(f"{source}: no report {report}: is it built?")
            continue
        kernels = list(kernels_of(report.read_text()))
        if not kernels:
            problems.append(f"{source}: ptxas named no kernel")
        for architecture, function, spilled, registers in kernels:
            count, most = count + 1, max(most, registers)
            architectures.add(architecture)
            if spilled:
                problems.append(f"{source}: {architecture}: {readable(function)} has {registers} registers and spills "
                                f"{spilled} bytes: give it room, __launch_bounds__(threads, blocks), or less to keep")
    if not sources:
        problems.append("no .cu file found")
    print("\n".join(problems + [f"{count} kernels in {len(sources)} files for {', '.join(sorted(architectures))}, "
                                f"at most {most} registers, {len(problems)} problems"]))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
