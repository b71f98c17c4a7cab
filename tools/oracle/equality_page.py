"""The page of zoo_equality.py's figures: docs/equality.md."""

RATE = 1e-3  # of the curves
HEAD = '''# Models against PyTorch

Written by `tools/oracle/zoo_equality.py --page`: fresh models of torchvision and transformers, most of them shrunken, exported by
PyTorch 2.15 and trained by `temper`, beside the same module in PyTorch. Forms: `raw` is the unoptimised export, in training mode;
`default`, `fixed` (no option at all: a batch of one) and `torchscript` have BatchNorm folded into convolutions, so that its
statistics are frozen on both sides.

- **parameters**: how many are compared: those that the file holds as they are, or times a factor per channel. In the raw form all
  are, and nothing else trains.
- **double**: the largest error of any parameter's gradient with model and training in double, relative by norm. Limit 1e-8. The
  exporter writes numbers of Python (1.702, 0.044715, 1/sqrt(d)) as float32; PyTorch computes with them so rounded where the file
  has them so (r). 1e-7 where it wrote others that PyTorch has inside in double (*: named below the table).
- **float32**: distance of all gradients from those in double, relative by norm, Temper's and PyTorch's own. Limit: twice PyTorch's.
- **20 steps**: largest relative difference of the losses of 20 steps of SGD with momentum in float32, at a learning rate of 1e-3
  or, where PyTorch's own runs over the variants named below differ by more than 1e-3, at 1e-4, else in double at the first of 1e-3, 1e-4
  ... at which they do not; which then stands in parentheses. Limit 1e-3.
- **onnxruntime**: the trained export in onnxruntime against `temper predict`, of the largest output. Limit 1e-4.

Where an activation lies within rounding of a kink (ReLU, ReLU6, max-pooling), PyTorch itself gives other gradients in another
layout, with another number of threads, or for inputs that differ in their last bit, and deep networks with BatchNorm carry this
to all gradients before it. Where the distance in float32 is beyond its limit, it must be within twice the largest that
PyTorch itself comes to over these (`tools/oracle/torch_own.py`), which then stands in parentheses.
'''
TABLE = '''
| model | form | parameters | double | float32: Temper | PyTorch | 20 steps | onnxruntime |
|---|---|---|---|---|---|---|---|
'''


def figure(value):
    return '' if value is None else f'{value:.1e}'


def cells(row):
    if 'refused' in row:
        return f'| {row["model"]} | {row["form"]} | PyTorch\'s exporter refuses it | | | | | |\n'
    failed = set(row.get('failed', []))
    torch32 = figure(row.get('torch32')) + (f' ({figure(row["torch32_most"])})' if 'torch32_most' in row else '')
    curve = figure(row.get('curve'))
    marks = []
    if row.get('lr', RATE) != RATE:
        marks.append(f'at {figure(row["lr"])}')
    if row.get('bits') == 'f64':
        marks.append('in double')
    curve += f' ({", ".join(marks)})' if marks else ''
    if 'curve' not in row:
        curve = '(other weights)' if 'other_weights' in row else ''
    mark = f' **fails: {", ".join(sorted(failed))}**' if failed else ''
    return (f'| {row["model"]} | {row["form"]} | {row.get("tensors", "")} | {figure(row.get("grad64"))}'
            f'{"*" if row.get("constants") else " r" if row.get("as_in_files") else ""} | {figure(row.get("grad32"))} | {torch32} | {curve} | {figure(row.get("ort"))}{mark} |\n')


def notes(rows):
    constants = {}
    for row in rows:
        for constant in row.get('constants', []):
            constants.setdefault(constant, {})[row['model']] = True
    made = ''
    if constants:
        made += '\n\\* Constants that the file holds as float32: ' + '; '.join(
            f'{constant} ({", ".join(models)})' for constant, models in constants.items()) + '.\n'
    if any('other_weights' in row for row in rows):
        made += ('\n"Other weights": the file holds parameters folded, twice or in another order (gates of recurrent layers), so that '
                 'no PyTorch module trains the same and there is no curve to compare with.\n')
    refused = {}
    for row in rows:
        if 'refused' in row:
            refused.setdefault(f'{row["form"]}: {row["refused"]}', []).append(row['model'])
    for reason, models in refused.items():
        made += f'\nRefused by PyTorch\'s exporter, {reason} ({", ".join(models)}).\n'
    return made


def page(rows, order, peers, forms):
    ordered = [rows[name, form] for name in order for form in forms if (name, form) in rows]
    done = [row for row in ordered if 'refused' not in row]
    good = sum('failed' not in row for row in done)
    refused = len(ordered) - len(done)
    text = HEAD + f'\n{good} of {len(done)} files hold' + (f"; PyTorch's exporter refuses {refused} more" if refused else '') + (
        '. Files that are not listed were not run.\n')
    for title, chosen in (('The models of the benchmarks', [r for r in ordered if r['model'] in peers]),
                          ('Models of torchvision and transformers', [r for r in ordered if r['model'] not in peers])):
        if chosen:
            text += f'\n## {title}\n' + TABLE + ''.join(map(cells, chosen)) + notes(chosen)
    return text
