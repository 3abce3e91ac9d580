# SPDX-License-Identifier: GPL-3.0-or-later
"""wazo-backup data against tar with the same compressor, over 1 GiB as a telephony server has it."""
import os
import random
import shutil
import subprocess
import tempfile
import time

from figures import median
from service import BUILD

SECTION = 'backup of 1 GiB'
PROGRAM = os.path.join(BUILD, 'backup/wazo-backup')
ROUNDS = {'gzip': 3, 'zstd': 5}

# Folder, files, bytes of each, and whether they can be compressed.
KINDS = (
    ('etc/asterisk', 4000, 4 << 10, 'text'),
    ('etc/wazo-confd/conf.d', 1000, 1 << 10, 'text'),
    ('var/lib/wazo-provd/devices', 12000, 2 << 10, 'text'),
    ('var/log/asterisk', 20, 12 << 20, 'text'),
    ('var/lib/asterisk/documentation', 40, 4 << 20, 'mixed'),
    ('var/spool/asterisk/fax', 344, 1 << 20, 'noise'),
    ('var/lib/asterisk/firmware', 10, 24 << 20, 'mixed'),
)


def make(kind, size, generator):
    if kind == 'noise':
        return generator.randbytes(size)
    words = [generator.randbytes(generator.randrange(2, 9)).hex().encode() for _ in range(500)]
    text = b' '.join(generator.choices(words, k=size // 8 + 1))
    text += b'\n' + b' '.join(generator.choices(words, k=size // 8 + 1))
    if kind == 'mixed':
        half = size // 2
        return generator.randbytes(half) + text[:size - half]
    return text[:size]


def make_host(top):
    generator = random.Random(1)
    total = 0
    for folder, count, size, kind in KINDS:
        os.makedirs(os.path.join(top, folder))
        for i in range(count):
            data = make(kind, size, generator)
            total += len(data)
            with open(os.path.join(top, folder, f'{i:05}'), 'wb') as file:
                file.write(data)
    return total


def seconds(command):
    begin = time.monotonic()
    subprocess.run(command, check=True)
    return time.monotonic() - begin


def measure(figures):
    top = tempfile.mkdtemp(prefix='wazo-bench-backup.', dir='/var/tmp')
    try:
        host, out = os.path.join(top, 'host'), os.path.join(top, 'out')
        total = make_host(host)
        # Today's tool steps back for others as well, with the archive in a file that is there already.
        tar = ['nice', '-n', '19', 'ionice', '-c', '3', 'tar', '-C', host, '-cf', out + '.tar', *os.listdir(host)]
        subprocess.run(['tar', '-C', host, '-cf', '/dev/null', '.'], check=True)
        for name, rounds in ROUNDS.items():
            ours, theirs = [], []
            option = ['--zstd'] if name == 'zstd' else []
            for _ in range(rounds):
                theirs.append(seconds([*tar, '--' + name]))
                ours.append(seconds([PROGRAM, '--root', host, *option, 'data', out]))
            ratio = median([a / b for a, b in zip(ours, theirs)])
            figures.add(SECTION, f'{name}, tar --{name} likewise', median(ours), 's', against=median(ours) / ratio, limit=1.0)
            size = os.path.getsize(out + ('.tgz' if name == 'gzip' else '.tar.zst'))
            figures.add(SECTION, f'size by {name}', size / (1 << 20), 'MiB', against=os.path.getsize(out + '.tar') / (1 << 20))
        figures.note(f'backup: {total / (1 << 20):.0f} MiB in {sum(kind[1] for kind in KINDS)} files, everything read before')
    finally:
        shutil.rmtree(top, ignore_errors=True)
