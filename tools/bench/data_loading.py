"""Pictures a second: reading, decoding and resizing JPEG files for training, beside torchvision's loader and Pillow.

    python data_loading.py TEMPER_BINARY [--pictures 400] [--threads 2] [--json FILE]

Files of 500 x 375 pixels become 64 x 64 in batches of 32. Temper trains a very small network on them, nothing kept between epochs
(`data.cache_mb=0`): its figure is that of whole epochs of training, the difference of a run of three and a run of one.
torchvision's DataLoader, with as many workers as threads, and Pillow, in one thread, only load. Needs torch, torchvision, Pillow, numpy.
"""
import argparse
import pathlib
import subprocess
import tempfile
import time

import numpy as np
import PIL
import torch
import torchvision
from PIL import Image

import results_file

CLASSES, SIZE, BATCH, EPOCHS = 4, 64, 32, 2


def write_pictures(folder, count):
    random = np.random.default_rng(0)
    for i in range(count):
        place = folder / f'class{i % CLASSES}'
        place.mkdir(parents=True, exist_ok=True)
        small = Image.fromarray(random.integers(0, 256, (24, 32, 3), dtype=np.uint8))
        small.resize((500, 375), Image.Resampling.BICUBIC).save(place / f'{i}.jpg', quality=90)


def temper_rate(options, folder, pictures):
    model = folder / 'model.onnx'
    subprocess.run([options.temper, 'new', 'convnet', model, '--widths', '4', '--classes', str(CLASSES), '--image-size', str(SIZE)],
                   check=True, capture_output=True)

    def seconds(epochs):
        began = time.perf_counter()
        subprocess.run([options.temper, 'train', model, pictures, f'train.epochs={epochs}', f'data.batch_size={BATCH}', 'data.cache_mb=0',
                        f'data.workers={options.threads}', f'train.threads={options.threads}', f'train.out={folder}/run{epochs}', '--quiet'],
                       check=True, capture_output=True)
        return time.perf_counter() - began
    return EPOCHS * options.pictures / (seconds(1 + EPOCHS) - seconds(1))


def torchvision_rate(options, pictures):
    transforms = torchvision.transforms.v2 if hasattr(torchvision.transforms, 'v2') else torchvision.transforms
    steps = transforms.Compose([transforms.Resize(SIZE), transforms.CenterCrop(SIZE), torchvision.transforms.ToTensor()])
    loader = torch.utils.data.DataLoader(torchvision.datasets.ImageFolder(pictures, steps), batch_size=BATCH, shuffle=True,
                                         num_workers=options.threads, persistent_workers=True)
    for _ in loader:
        pass  # starts the workers
    began = time.perf_counter()
    for _ in range(EPOCHS):
        for _ in loader:
            pass
    return EPOCHS * options.pictures / (time.perf_counter() - began)


def pillow_rate(options, pictures):
    began = time.perf_counter()
    for path in sorted(pictures.rglob('*.jpg')):
        np.asarray(Image.open(path).convert('RGB').resize((SIZE * 4 // 3, SIZE), Image.Resampling.BILINEAR))
    return options.pictures / (time.perf_counter() - began)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('temper')
    parser.add_argument('--pictures', type=int, default=400)
    parser.add_argument('--threads', type=int, default=2)
    parser.add_argument('--json', help='the file of results to write')
    options = parser.parse_args()
    torch.set_num_threads(1)  # of each process; the workers are the threads
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        write_pictures(folder / 'pictures', options.pictures)
        rates = [('Temper, training on them', options.threads, temper_rate(options, folder, folder / 'pictures')),
                 (f'torchvision {torchvision.__version__}, DataLoader', options.threads, torchvision_rate(options, folder / 'pictures')),
                 (f'Pillow {PIL.__version__}', 1, pillow_rate(options, folder / 'pictures'))]
    rows = [[what, str(threads), f'{rate:.0f}', f'{rates[0][2] / rate:.2f}'] for what, threads, rate in rates]
    for row in rows:
        print('  '.join(row), flush=True)
    if options.json:
        about = ('JPEG files of 500 x 375 pixels, decoded and resized to 64 x 64 (`tools/bench/data_loading.py`). '
                 'Temper\'s figure includes the training of a very small network, the others only load.')
        results_file.save_table(options.json, 'Loading pictures', about, ['loader', 'threads or workers', 'pictures a second', 'Temper against it'],
                                rows, options.temper)


if __name__ == '__main__':
    main()
