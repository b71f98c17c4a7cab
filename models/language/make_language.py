#!/usr/bin/env python3
"""Writes the language sample's texts as tokens, one per byte: little-endian u16, as nanoGPT's prepare.py writes them.

Usage: python models/language/make_language.py      (needs nothing but Python)
license.bin is this repository's LICENSE, its runs of spaces and empty lines made one; sonnets.bin is sonnets.txt: five
sonnets of Shakespeare (18, 29, 73, 116, 130).
"""
import pathlib
import re
import struct


def write(path, text):
    data = text.encode()
    path.write_bytes(struct.pack(f'<{len(data)}H', *data))


def main():
    folder = pathlib.Path(__file__).resolve().parent
    text = (folder.parents[1] / 'LICENSE').read_text()
    write(folder / 'license.bin', re.sub(r' +', ' ', re.sub(r'\n+', '\n', text)).strip() + '\n')
    write(folder / 'sonnets.bin', (folder / 'sonnets.txt').read_text())


if __name__ == '__main__':
    main()
