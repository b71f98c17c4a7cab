#!/usr/bin/env python3
"""Makes the forecast sample's tables: the temperature of the last 24 hours, and of the next one.

Usage: python models/forecast/make_forecast.py      (needs numpy)
Writes train.csv and val.csv beside this script: 60 days, then 14 more. The temperatures are made up: a wave of a day
whose height changes from day to day with the clouds, weather that comes and goes over several days, and noise.
"""
import pathlib

import numpy as np

HOURS = 24
DAYS = 74
TRAIN_DAYS = 60


def temperatures():
    random = np.random.default_rng(7)
    hours = np.arange(DAYS * 24)
    weather = np.zeros(len(hours))
    for t in hours[1:]:
        weather[t] = 0.985 * weather[t - 1] + random.normal(0, 0.35)
    sun = np.repeat(random.uniform(1.5, 5.5, DAYS), 24)
    height = np.convolve(np.pad(sun, 6, mode='edge'), np.ones(13) / 13, mode='valid')
    day = np.sin(2 * np.pi * (hours - 9) / 24) + 0.25 * np.sin(4 * np.pi * (hours - 6) / 24)
    return 6 + weather + height * day + random.normal(0, 0.15, len(hours))


def main():
    folder = pathlib.Path(__file__).resolve().parent
    series = temperatures()
    names = [f'{hour}h_ago' for hour in range(HOURS, 0, -1)] + ['next']
    for name, first, last in (('train', 0, TRAIN_DAYS * 24), ('val', TRAIN_DAYS * 24, DAYS * 24)):
        rows = [','.join(names)]
        for t in range(first + HOURS, last):
            rows.append(','.join(f'{value:.1f}' for value in series[t - HOURS:t + 1]))
        (folder / f'{name}.csv').write_text('\n'.join(rows) + '\n')


if __name__ == '__main__':
    main()
