"""The wall time since this process began, for the first step or prediction of a side of a benchmark."""
import os
import pathlib


def milliseconds_since_process_start():
    """Since the kernel started it, from /proc."""
    fields = pathlib.Path('/proc/self/stat').read_text().rsplit(')', 1)[1].split()
    ticks = os.sysconf('SC_CLK_TCK')
    uptime = float(pathlib.Path('/proc/uptime').read_text().split()[0])
    return (uptime - int(fields[19]) / ticks) * 1e3
