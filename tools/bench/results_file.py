"""Files of results that the measuring scripts write and performance_page.py shows: JSON, small enough to be committed.

A file has `machine` and `versions`, the date of the last row, and either rows of vs_torch.py (`kind` "training") or a table
(`kind` "table": `title`, `about`, `columns`, `rows` of texts). Rows of another machine or version are not mixed: they go when
new ones come. Of the kind "spreads" is one file, that of the class below.
"""
import datetime
import json
import pathlib
import subprocess

FOLDER = pathlib.Path(__file__).resolve().parent / 'results'
# What decides which kernels run; other flags of the processor do not matter here.
INSTRUCTIONS = ('avx2', 'fma', 'avx512f', 'avx512_vnni', 'avx512_bf16', 'avx512_fp16', 'amx_bf16', 'amx_int8', 'asimd', 'bf16')


def machine():
    """The processor, its instruction sets and sizes, without names of hosts."""
    lines = [line.partition(':') for line in pathlib.Path('/proc/cpuinfo').read_text().splitlines()]
    fields = {}
    for key, _, value in lines:
        fields.setdefault(key.strip(), value.strip())
    flags = fields.get('flags', fields.get('Features', '')).split()
    memory = int(pathlib.Path('/proc/meminfo').read_text().split()[1]) / 2**20
    return {'processor': fields.get('model name', 'unknown'),
            'family': f'{fields.get("cpu family", "?")}.{fields.get("model", "?")}',
            'instructions': [name for name in INSTRUCTIONS if name in flags],
            'cores': sum(1 for key, _, _ in lines if key.strip() == 'processor'), 'memory_gib': round(memory)}


def versions(temper):
    """Of both sides; PyTorch's where it is installed."""
    said = json.loads(subprocess.run([temper, 'doctor', '--json'], check=True, capture_output=True, text=True).stdout)
    found = {'temper': said['temper'], 'kernels': said['device cpu'], 'compiler': said['compiler']}
    try:
        import torch
        found['torch'] = torch.__version__
    except ImportError:
        pass
    return found


def load(name):
    """The content of a results file, or None."""
    path = pathlib.Path(name)
    return json.loads(path.read_text()) if path.exists() else None


def save(name, content, temper, key=None):
    """Writes `content` ('kind', 'rows', ...) with what it was measured on. `key` (a row -> its name): rows of before with other
    names stay, where machine and versions are the same."""
    path = pathlib.Path(name)
    before = load(path)
    whole = {**content, 'measured': datetime.date.today().isoformat(), 'machine': machine(), 'versions': versions(temper)}
    if key and before and all(before[part] == whole[part] for part in ('machine', 'versions', 'kind')):
        names = {key(row) for row in whole['rows']}
        whole['rows'] = [row for row in before['rows'] if key(row) not in names] + whole['rows']
    path.parent.mkdir(parents=True, exist_ok=True)
    # A row a line: changes of one row are changes of one line.
    rows = ',\n'.join('  ' + json.dumps(row) for row in whole.pop('rows'))
    head = json.dumps(whole, indent=1)[:-2]
    path.write_text(f'{head},\n "rows": [\n{rows}\n ]\n}}\n')


class Spreads:
    """How far losses of PyTorch's own settings are from each other, by name: it takes minutes to measure and holds for a version
    and a processor, so it is kept."""

    def __init__(self, torch_version):
        self.path = FOLDER / 'spreads.json'
        self.made_with = {'kind': 'spreads', 'torch': torch_version, 'instructions': machine()['instructions']}
        known = load(self.path) or {}
        self.values = known.get('values', {}) if all(known.get(key) == value for key, value in self.made_with.items()) else {}

    def keep(self, name, value):
        self.values[name] = value
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text(json.dumps({**self.made_with, 'values': dict(sorted(self.values.items()))}, indent=1) + '\n')


def save_table(name, title, about, columns, rows, temper):
    """`rows`: lists of texts, one for each of `columns`."""
    assert all(len(row) == len(columns) for row in rows), f'{title}: a row has other columns'
    save(name, {'kind': 'table', 'title': title, 'about': about, 'columns': columns, 'rows': rows}, temper)
