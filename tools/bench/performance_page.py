"""Writes docs/performance.md and the README's comparison from the files of tools/bench/results.

    python performance_page.py            writes both
    python performance_page.py --check    exits 1 where they are not what the results say (tools/checks/run.sh)

Needs nothing but Python. Rows in which PyTorch is faster are marked, goals that are not met are listed; nothing is left out.
"""
import pathlib
import sys

import results_file

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE, README = ROOT / 'docs/performance.md', ROOT / 'README.md'
BEGIN = '<!-- measured: written by tools/bench/performance_page.py -->'
END = '<!-- measured: end -->'
# What each model is, and the ratios to PyTorch's best row that are aimed at.
MODELS = {
    'tiny_mlp': ('10-64-64-1, batch 32', {'f32': 20}),
    'mlp': ('784-512-256-10, batch 64', {'f32': 1.6, 'bf16': 1.8}),
    'lenet': ('LeNet-5, batch 64', {'f32': 2.5, 'bf16': 3}),
    'cifar_cnn': ('3 conv + BatchNorm, batch 64', {'f32': 1.5, 'bf16': 1.7}),
    'resnet18': ('32 pictures of 64x64', {'f32': 1.5, 'bf16': 1.5}),
    'resnet18_frozen': ('the same, only the last layer trains', {'f32': 2.5}),
    'resnet50': ('8 pictures of 224x224', {'f32': 1.4, 'bf16': 1.4}),
    'mobilenet_v2': ('8 pictures of 224x224', {'f32': 2, 'bf16': 2.5}),
    'vit': ('6 blocks of width 192, 32 pictures of 32x32', {'f32': 1.3, 'bf16': 1.8}),
    'gpt': ('4 blocks of width 256, 8 x 128 tokens', {'f32': 1.3, 'bf16': 1.6}),
    'lstm': ('width 128, 50 steps, batch 32', {'f32': 1.5, 'bf16': 1.7}),
    'gru': ('bidirectional, width 128, 50 steps, batch 32', {'f32': 3, 'bf16': 3}),
    'unet': ('16 to 64 channels, 4 pictures of 128x128', {'f32': 1.5, 'bf16': 1.6}),
    'discriminator': ('of a small GAN', {'f32': 2, 'bf16': 1.6}),
    'generator': ('of a small GAN', {'f32': 2, 'bf16': 1.6}),
}
ORT_GOALS = {'tiny_mlp': 2.5}  # ratios to ONNX Runtime Training
REAL_FILES_GOAL = 1.1
FIRST_KERNEL_GOALS = {'resnet50': 500}  # ms since the process began
MEMORY_GOALS = {'resnet50': 0.5, 'gpt': 0.5}  # of PyTorch's peak at equal batch


def number(value):
    """Three digits that count."""
    return f'{value:.0f}' if value >= 99.5 else f'{value:.1f}' if value >= 9.95 else f'{value:.2f}' if value >= 0.995 else f'{value:.3f}'


def ratio_text(ratio):
    value, low, high = ratio
    return f'{value:.2f} [{low:.2f}, {high:.2f}]'


def table(columns, rows):
    return '\n'.join(['| ' + ' | '.join(line) + ' |' for line in [columns, ['---'] * len(columns), *rows]]) + '\n'


def peer_name(peer):
    """'torch eager channels_last fused' as people say it."""
    words = peer.removeprefix('torch ').split()
    return ', '.join(word for word in words if word != 'contiguous')


class Training:
    """The rows of one precision."""

    def __init__(self, content):
        self.content, self.precision = content, content['precision']
        self.models = [name for name in MODELS if any(row['model'] == name for row in content['rows'])]

    def rows(self, model):
        return [row for row in self.content['rows'] if row['model'] == model]

    def best(self, model):
        """PyTorch's fastest row."""
        return min((row for row in self.rows(model) if row['peer'].startswith('torch')), key=lambda row: row['peer_median_ms'])

    def runtime(self, model):
        """ONNX Runtime Training's row, or None."""
        return next((row for row in self.rows(model) if row['peer'].startswith('onnxruntime')), None)

    def default(self, model):
        return next((row for row in self.rows(model) if row['peer'].endswith('default')), None)

    def goal(self, model):
        return MODELS[model][1].get(self.precision)

    def missed(self):
        """'mlp 1.30 of 1.6' of each model below its goal."""
        found = [f'{model} {self.best(model)["ratio_median"][0]:.2f} of {self.goal(model):g}' for model in self.models
                 if self.goal(model) and self.best(model)['ratio_median'][0] < self.goal(model)]
        rows = [(self.runtime(model), goal) for model, goal in ORT_GOALS.items()]
        return found + [f'{row["model"]} {row["ratio_median"][0]:.2f} of {goal:g} to ONNX Runtime Training' for row, goal in rows
                        if row and row['ratio_median'][0] < goal]

    def slower(self):
        """Rows in which PyTorch's best is faster, by medians or by minima."""
        return [f'{model} ({self.best(model)["ratio_median"][0]:.2f} by medians, {self.best(model)["ratio_min"][0]:.2f} by minima)'
                for model in self.models if min(self.best(model)['ratio_median'][0], self.best(model)['ratio_min'][0]) < 1]

    def not_compiled(self):
        return [model for model in self.models if not any('compile' in row['peer'] for row in self.rows(model))]


def marked(text, ratio):
    return f'**{text}**, slower' if ratio < 1 else text


def goal_text(training, model):
    goal, ratio = training.goal(model), training.best(model)['ratio_median'][0]
    return '' if not goal else f'{goal:g}, met' if ratio >= goal else f'{goal:g}, **not met**'


def summary_table(training):
    rows = []
    for model in training.models:
        best = training.best(model)
        rows.append([f'{model} ({MODELS[model][0]})', number(best['median_ms']), f'{number(best["peer_median_ms"])} ({peer_name(best["peer"])})',
                     marked(ratio_text(best['ratio_median']), best['ratio_median'][0]),
                     marked(ratio_text(best['ratio_min']), best['ratio_min'][0]), goal_text(training, model),
                     (f'{best["kernel_ms"] / 1e3:.2f}, ' if 'kernel_ms' in best else '') + f'{best["first_ms"] / 1e3:.2f} / {best["peer_first_ms"] / 1e3:.1f}',
                     f'{best["peak_mib"]:.0f} / {best["peer_peak_mib"]:.0f} ({best["peak_mib"] / best["peer_peak_mib"]:.2f})'])
    return table(['model', 'Temper, ms', 'PyTorch\'s best row, ms', 'ratio of medians', 'ratio of minima', 'goal',
                  'first kernel, first step, s, Temper / first step of PyTorch', 'peak memory, MiB, Temper / PyTorch'], rows)


def all_rows_table(training):
    rows = []
    for model in training.models:
        for row in training.rows(model):
            gate = '-' if row['gate'] is None else f'{row["gate"]:.1e}'
            own = f', PyTorch\'s own {row["spread"]:.1e}' if row.get('spread') else ''
            rows.append([model, peer_name(row['peer']), f'{number(row["median_ms"])} / {number(row["peer_median_ms"])}',
                         ratio_text(row['ratio_median']), f'{number(row["min_ms"])} / {number(row["peer_min_ms"])}',
                         f'{row["ratio_min"][0]:.2f}', gate + own, f'{row["blocks"]} + {row["dropped"]}'])
    return table(['model', 'PyTorch\'s row', 'medians, ms', 'ratio', 'minima, ms', 'ratio', 'losses differ by', 'blocks + dropped'], rows)


def machine_text(content):
    machine, versions = content['machine'], content['versions']
    return (f'{machine["processor"]} (family {machine["family"]}), {machine["cores"]} cores, {", ".join(machine["instructions"])}, '
            f'{machine["memory_gib"]} GiB; Temper {versions["temper"]} (g++ {versions["compiler"]}, {versions["kernels"]})'
            + (f', PyTorch {versions["torch"]}' if 'torch' in versions else '') + f'; {content["measured"]}')


def listed(label, names):
    return f'- {label}: {", ".join(names) if names else "none"}.\n'


def memory_missed(training):
    found = []
    for model, goal in MEMORY_GOALS.items():
        if model in training.models:
            best = training.best(model)
            share = best['peak_mib'] / best['peer_peak_mib']
            found += [f'{model} {share:.2f} of PyTorch\'s, goal {goal:g}'] if share > goal else []
        else:
            found.append(f'{model} not measured here')
    return found


def late_kernels(training):
    found = []
    for model, goal in FIRST_KERNEL_GOALS.items():
        kernel = training.best(model).get('kernel_ms') if model in training.models else None
        if kernel is None:
            found.append(f'{model} not measured here')
        elif kernel > goal:
            found.append(f'{model} {kernel:.0f} ms, goal {goal}')
    return found


def training_section(training):
    return (f'## Training in {training.precision}\n\n{machine_text(training.content)}; {training.content["threads"]} threads.\n\n'
            f'{summary_table(training)}\n{listed("Slower than PyTorch", training.slower())}'
            f'{listed("Goals not met", training.missed())}{listed("Memory goals not met", memory_missed(training))}'
            f'{listed("First kernels later than their goal", late_kernels(training))}'
            f'{listed("torch.compile not measured here", training.not_compiled())}\nAll rows:\n\n{all_rows_table(training)}')


def table_section(content):
    return f'## {content["title"]}\n\n{content["about"]}\n\n{machine_text(content)}.\n\n{table(content["columns"], content["rows"])}'


def real_files_section(content):
    rows = sorted((row for row in content['rows'] if 'why' not in row), key=lambda row: row['ratio_median'][0])
    under = [f'{row["file"]} ({row["ratio_median"][0]:.2f})' for row in rows if row['ratio_median'][0] < REAL_FILES_GOAL]
    shown = [[row['file'], row['package'], number(row['median_ms']), f'{number(row["peer_median_ms"])} ({row["layout"]})',
              marked(ratio_text(row['ratio_median']), row['ratio_median'][0]), f'{row["ratio_min"][0]:.2f}', f'{row["gate"]:.1e}',
              f'{row["blocks"]} + {row["dropped"]}'] for row in rows]
    without = [f'- `{row["file"]}` ({row["package"]}): {row["why"].strip()}\n' for row in content['rows'] if 'why' in row]
    return (f'## Real files\n\nONNX files that packages of PyPI hold, as `docs/real_files.md` lists them, at batch 1 (`tools/bench/real_vs_torch.py`). PyTorch\'s row is '
            f'the file as a person would write it in eager PyTorch, fused AdamW, the faster of contiguous and channels_last; '
            f'the same tensors train on both sides. Goal: a ratio of {REAL_FILES_GOAL:g}. Turns in which others used more than '
            f'{content["foreign"]:.0%} of the cores are dropped.\n\n{machine_text(content)}; {content["threads"]} threads.\n\n'
            + table(['file', 'package', 'Temper, ms', 'PyTorch, ms', 'ratio of medians', 'ratio of minima', 'losses differ by', 'blocks + dropped'], shown)
            + f'\n{listed("Under the goal", under)}' + ('\nWithout a row:\n\n' + ''.join(without) if without else ''))


def page(trainings, tables, real_files):
    head = '''# Performance

Written by `tools/bench/performance_page.py` from `tools/bench/results/`; do not edit by hand. Measured by

```
tools/bench/measure_all.py build/temper --minutes 25    # nothing else may use the cores
tools/bench/performance_page.py
```

A row is a whole training step: forward, loss, gradient, AdamW; the batch lies in memory. Both sides are processes that stay
alive and take turns of a second or a step (A B B A); turns in which other programs used the cores are dropped. Ratios are
PyTorch's time over Temper's, of medians and of minima over all turns, with a bootstrap interval of 95 %. The first 20 losses of both
sides agree before anything is timed: to 1e-3 (bf16: 2e-2) or, where that is more, to twice what PyTorch's own differ by over
layouts and numbers of threads. PyTorch's best row is the fastest of eager and torch.compile, contiguous and channels_last, with
its fused AdamW; in bf16 by autocast. First kernel and first step: from the start of the process. Peak memory: VmHWM of the process.

'''
    return head + '\n'.join([*map(training_section, trainings), *map(table_section, tables), *map(real_files_section, real_files)])


def runtime_text(training):
    rows = [row for row in map(training.runtime, training.models) if row]
    return '' if not rows else ('ONNX Runtime Training 1.19.2 in the same run, where it has the gradients: ' + ', '.join(
        f'{row["model"]} {number(row["peer_median_ms"])} ms (Temper {number(row["median_ms"])}, ratio {ratio_text(row["ratio_median"])})' for row in rows) + '.\n')


def readme_block(trainings):
    first, rows = trainings[0], []
    narrow = next((training for training in trainings if training.precision == 'bf16'), None)
    for model in first.models:
        best, default = first.best(model), first.default(model)
        low = narrow.best(model) if narrow and model in narrow.models else None
        rows.append([f'{model} ({MODELS[model][0]})', number(best['median_ms']),
                     f'{number(best["peer_median_ms"])} ({peer_name(best["peer"])})',
                     marked(ratio_text(best['ratio_median']), best['ratio_median'][0]),
                     number(default['peer_median_ms']) if default else '',
                     marked(f'{low["ratio_median"][0]:.2f}', low['ratio_median'][0]) if low else '',
                     f'{best["first_ms"] / 1e3:.2f} s / {best["peer_first_ms"] / 1e3:.1f} s'])
    columns = ['model', 'Temper', 'PyTorch, best row', 'ratio', 'PyTorch, as in the tutorials', 'ratio in bf16',
               'first step from process start, Temper / PyTorch']
    return f'''{BEGIN}
A whole training step (forward, loss, gradient, AdamW), float32, {first.content["threads"]} threads, blocks of a second in turns;
medians in milliseconds, ratio of medians with its 95 % interval; losses agree before anything is timed. {machine_text(first.content)}:

{table(columns, rows)}
{''.join(listed(f"Slower than PyTorch in {training.precision}", training.slower()) for training in trainings)}
[docs/performance.md](docs/performance.md) has how it is measured, minima, memory, every row and the goals that are not met.
{runtime_text(first)}{END}'''


def pages():
    """By path, what each page has to be."""
    contents = [results_file.load(path) for path in sorted(results_file.FOLDER.glob('*.json'))]
    trainings = [Training(content) for content in contents if content['kind'] == 'training']
    trainings.sort(key=lambda training: training.precision != 'f32')
    tables, real_files = ([content for content in contents if content['kind'] == kind] for kind in ('table', 'real files'))
    if not trainings + tables + real_files:
        return {}
    made = {PAGE: page(trainings, tables, real_files)}
    text = README.read_text()
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        sys.exit(f'{README.name} has no block between "{BEGIN}" and "{END}"')
    made[README] = before + readme_block(trainings) + after if trainings else text
    return made


def main():
    wrong = 0
    for path, text in pages().items():
        if '--check' not in sys.argv:
            path.write_text(text)
        elif not path.exists() or path.read_text() != text:
            wrong += 1
            print(f'{path.relative_to(ROOT)} is not what tools/bench/results say: run tools/bench/performance_page.py')
    return 1 if wrong else 0


if __name__ == '__main__':
    sys.exit(main())
