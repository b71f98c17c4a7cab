#!/usr/bin/env python3
"""Writes a table with a row per step, and NumPy's windows over it.

tests/training/fixtures/windows/stations.csv: two targets and a feature of three stations, whose rows stand between one another;
expected.npz: inputs and targets for different settings, standardised by the rows of the training windows where the name
says so.

Usage: python tools/oracle/time_windows.py      (needs numpy)
"""
import pathlib

import numpy as np

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "tests/training/fixtures/windows"
LENGTHS = {"north": 9, "south": 12, "west": 3}


def table():
    random = np.random.default_rng(5)
    mixed = random.permutation(np.repeat(list(LENGTHS), list(LENGTHS.values())))
    hours = dict.fromkeys(LENGTHS, 0)
    rows = []
    for station in mixed:
        wind, heat, rain = np.round(random.normal(size=3), 3)
        rows.append((hours[station], str(station), wind, heat, rain))
        hours[station] += 1
    return rows


def series(rows):
    """By station, in the order of their first rows, each in the order of time: [rows, wind heat rain]."""
    found = {}
    for row in rows:
        found.setdefault(row[1], []).append(row)
    return [np.array([r[2:] for r in sorted(part)], dtype=np.float64) for part in found.values()]


def windows(parts, window, stride, reach):
    for number, part in enumerate(parts):
        for begin in range(0, len(part) - window - reach + 1, stride):
            yield number, part, begin


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    rows = table()
    lines = ["hour,station,wind,heat,rain"] + [",".join(str(cell) for cell in row) for row in rows]
    (FOLDER / "stations.csv").write_text("\n".join(lines) + "\n")
    parts = series(rows)
    expected = {}
    made = list(windows(parts, 4, 1, 2))  # the two rows behind
    expected["next_input"] = np.stack([p[b:b + 4] for _, p, b in made])
    expected["next_target"] = np.stack([p[b + 4:b + 6, 1:] for _, p, b in made])
    expected["next_sequence"] = np.array([n for n, _, _ in made])
    made = list(windows(parts, 3, 3, 1))  # each row's next one
    expected["steps_input"] = np.stack([p[b:b + 3, :1] for _, p, b in made])
    expected["steps_target"] = np.stack([p[b + 1:b + 4, 2] for _, p, b in made])
    made = list(windows(parts, 4, 2, 0))  # of the last row, from the others
    expected["last_input"] = np.stack([p[b:b + 4, :2] for _, p, b in made])
    expected["last_target"] = np.stack([p[b + 3, 2] for _, p, b in made])

    # val_split = 0.3 in time, windows of 3 with the next row: of each station the last ones, and between them and the
    # others as many left out as share a row with them.
    train, val, used = [], [], []
    for part in parts:
        begins = list(range(len(part) - 3))
        held = min(max(int(np.floor(0.3 * len(begins) + 0.5)), 1), len(begins) - 1) if len(begins) > 1 else 0
        first = len(begins) - held
        if first - 3 <= 0:
            held, first = 0, len(begins) + 3
        train += [(part, b) for b in begins[:first - 3]]
        val += [(part, b) for b in begins[first:]] if held else []
        last = min(first - 3, len(begins)) + 3
        used += list(part[:last]) if begins else []
    mean, deviation = np.mean(used, axis=0), np.std(used, axis=0)
    for name, chosen in (("train", train), ("val", val)):
        expected[f"split_{name}_input"] = np.stack([(p[b:b + 3] - mean) / deviation for p, b in chosen])
        expected[f"split_{name}_target"] = np.stack([p[b + 3, 1] for p, b in chosen])
    np.savez(FOLDER / "expected.npz", **expected)


if __name__ == "__main__":
    main()
