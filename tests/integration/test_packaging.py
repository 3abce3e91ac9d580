# SPDX-License-Identifier: GPL-3.0-or-later
"""Packages and units, as far as they can be looked at without building or booting anything: tests/system does that."""
import glob
import os
import re
import shutil
import subprocess

import pytest

from harness import BUILD, TOP

DEBIAN = os.path.join(TOP, 'packaging/debian')


def read(*path):
    with open(os.path.join(TOP, *path), encoding='utf-8') as file:
        return file.read()


def test_the_source_package_has_the_build_s_libraries():
    """What packaging/build-dependencies names is said again where Debian's tools look for it."""
    wanted = {line for line in re.sub('#.*', '', read('packaging/build-dependencies')).split() if line.endswith('-dev')}
    field = re.search(r'^Build-Depends:(.*?)^\S', read('packaging/debian/control'), re.S | re.M).group(1)
    have = set(re.findall(r'[\w.+-]+-dev\b', field))
    assert wanted - {'libc6-dev'} == have


@pytest.mark.parametrize('script', sorted(map(os.path.basename, glob.glob(DEBIAN + '/*.p[or][se]*'))))
def test_maintainer_scripts_are_shell(script):
    subprocess.run(['/bin/dash', '-n', os.path.join(DEBIAN, script)], check=True)
    text = read('packaging/debian', script)
    assert '#DEBHELPER#' in text and '\nset -e\n' in text


@pytest.mark.skipif(not shutil.which('systemd-analyze'), reason='there is no systemd-analyze')
def test_exposure():
    unit = os.path.join(BUILD, 'units/wazo-suite-confd.service')
    result = subprocess.run(['systemd-analyze', 'security', '--offline=true', '--no-pager', '--threshold=21', unit],
                            capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
