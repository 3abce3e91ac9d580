# SPDX-License-Identifier: GPL-3.0-or-later
"""Packages and units, as far as they can be looked at without building or booting anything: tests/system does that."""
import glob
import os
import subprocess

import pytest

from harness import TOP

DEBIAN = os.path.join(TOP, 'packaging/debian')


def read(*path):
    with open(os.path.join(TOP, *path), encoding='utf-8') as file:
        return file.read()


@pytest.mark.parametrize('script', sorted(map(os.path.basename, glob.glob(DEBIAN + '/*.p[or][se]*'))))
def test_maintainer_scripts_are_shell(script):
    subprocess.run(['/bin/dash', '-n', os.path.join(DEBIAN, script)], check=True)
    text = read('packaging/debian', script)
    assert '#DEBHELPER#' in text and '\nset -e\n' in text
