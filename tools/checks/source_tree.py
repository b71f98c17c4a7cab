"""What the checks share: the files of the tree and their text without comments and strings."""

import os
import re
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CODE = (".h", ".hpp", ".cpp", ".cuh", ".cu")
# Programs in C against the installed library, not of the tree.
OUTSIDE = ("examples/",)


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8", errors="surrogateescape") as file:
        return file.read()


def all_files():
    """Tracked files and new ones that git does not ignore; outside a clone, all but build folders."""
    command = ["git", "-C", ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        listed = subprocess.run(command, capture_output=True, check=True).stdout.decode().split("\0")
    except (OSError, subprocess.CalledProcessError):
        listed = []
        for folder, names, files in os.walk(ROOT):
            names[:] = [n for n in names if not n.startswith((".git", "build", "runs", "__pycache__"))]
            listed += [os.path.relpath(os.path.join(folder, name), ROOT) for name in files]
    return sorted(f for f in set(listed) if f and os.path.isfile(os.path.join(ROOT, f)))


def code_files():
    return [f for f in all_files() if f.endswith(CODE) and not f.startswith(OUTSIDE)]


_TOKENS = re.compile(
    r'//[^\n]*|/\*.*?\*/|R"([^\s()\\]{0,16})\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|'
    r"(?<![0-9a-zA-Z])'(?:\\.|[^'\\\n])+'", re.S)


def strings(text):
    """The string literals of the code with their positions."""
    for match in _TOKENS.finditer(text):
        if not match.group(0).startswith(("/", "'")):
            yield match.start(), match.group(0)


def bare_code(text):
    """The code with comments and the insides of strings blanked out; line numbers stay right."""

    def blank(match):
        token = match.group(0)
        kept = re.sub(r"[^\n]", " ", token)
        return kept if token.startswith("/") else '"' + kept[1:-1] + '"'

    # Quoted includes are paths, not strings.
    lines = text.split("\n")
    includes = {i: line for i, line in enumerate(lines) if line.startswith("#include")}
    blanked = _TOKENS.sub(blank, text).split("\n")
    for i, line in includes.items():
        blanked[i] = line
    return "\n".join(blanked)
