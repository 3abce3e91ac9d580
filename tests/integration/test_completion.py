# SPDX-License-Identifier: GPL-3.0-or-later
"""What bash completes for wazo-suite."""
import os
import shutil
import subprocess

import pytest

from harness import BUILD, TOP, clean_environment

PROGRAM = os.path.join(BUILD, 'workers', 'control', 'client', 'wazo-suite')
FILE = os.path.join(TOP, 'packaging', 'completion', 'wazo-suite')
SCRIPT = 'source "$1"; shift; COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)); _wazo_suite; printf "%s\\n" "${COMPREPLY[@]}"'

pytestmark = pytest.mark.skipif(not shutil.which('bash'), reason='no bash')


def complete(*words):
    """The proposals for the last of these words."""
    done = subprocess.run(['bash', '--norc', '-c', SCRIPT, 'bash', FILE, PROGRAM, *words], env=clean_environment(), capture_output=True, text=True, timeout=30)
    assert done.returncode == 0 and done.stderr == '', done
    return done.stdout.split()


def help_of(*words):
    return subprocess.run([PROGRAM, *words, '--help'], env=clean_environment(), capture_output=True, text=True, timeout=30).stdout


def listed(text, heading):
    """The first words of the lines below a heading, up to an empty one."""
    return [line.split()[0] for line in text.split(f'\n{heading}:\n')[1].split('\n\n')[0].splitlines()]


def test_commands():
    assert complete('') == listed(help_of(), 'Commands')
    assert complete('--service', 'wazo-confd', 're') == ['restart', 'reload', 'reset', 'retry']
    assert complete('no-such') == []


def test_arguments():
    assert complete('generate', 'sysu') == ['sysusers']
    assert complete('log-level', 'w') == ['warning']
    assert complete('status', '--') == ['--service', '--socket', '--dev', '--json', '--help', '--version', '--wait', '--check']


def test_workers_of_a_service_that_is_not_there(tmp_path):
    assert complete('--socket', str(tmp_path / 'none'), 'why', '') == []
