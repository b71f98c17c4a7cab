"""What the sides of the benchmarks share: the time since the process began, and work in blocks of seconds, as asked on stdin."""
import json
import os
import pathlib
import statistics
import sys
import time


def milliseconds_since_process_start():
    """Since the kernel started it, from /proc."""
    fields = pathlib.Path('/proc/self/stat').read_text().rsplit(')', 1)[1].split()
    ticks = os.sysconf('SC_CLK_TCK')
    uptime = float(pathlib.Path('/proc/uptime').read_text().split()[0])
    return (uptime - int(fields[19]) / ticks) * 1e3


def serve(work, last=None):
    """For every line read, a number of seconds, works that long and answers {"steps", "min_ms", "median_ms"}, and "loss" where
    `last` makes a number of what the last call of `work` gave."""
    for line in sys.stdin:
        end, times, value = time.perf_counter() + float(line), [], None
        while not times or time.perf_counter() < end:
            began = time.perf_counter()
            value = work()
            times.append(time.perf_counter() - began)
        answer = {'steps': len(times), 'min_ms': min(times) * 1e3, 'median_ms': statistics.median(times) * 1e3}
        print(json.dumps(answer if last is None else {**answer, 'loss': last(value)}), flush=True)
