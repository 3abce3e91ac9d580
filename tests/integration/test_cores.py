# SPDX-License-Identifier: GPL-3.0-or-later
"""Core dumps: none, unless the configuration wants them of a worker; then few, private, and no larger than it says."""
import os
import resource
import stat

import pytest

from harness import SANITIZERS, SLOW, proc, wait_for


def pattern():
    with open('/proc/sys/kernel/core_pattern', encoding='ascii') as file:
        return file.read().strip()


# Another pattern is this machine's choice, and leads elsewhere.
MAX = 8 << 20
HARD = resource.getrlimit(resource.RLIMIT_CORE)[1]
pytestmark = [pytest.mark.skipif(SANITIZERS, reason='sanitizers allow no cores'),
              pytest.mark.skipif('/' in pattern() or pattern().startswith('|'), reason=f'core_pattern is {pattern()}'),
              pytest.mark.skipif(0 <= HARD < MAX, reason='no cores may be made here')]


def cores(service, name):
    folder = service.path(f'state/cores/{name}')
    return sorted(os.path.join(folder, file) for file in os.listdir(folder)) if os.path.isdir(folder) else []


def crash(service, name='crashdummy'):
    worker = service.worker(name)
    os.kill(worker['pid'], 11)
    service.wait_state(name, 'ready', not_pid=worker['pid'])


def core_limit(service, name):
    """Soft and hard; None of one that is just gone."""
    text = proc(service.worker(name).get('pid', 0), 'limits').decode()
    return next((line.split()[4:6] for line in text.splitlines() if 'core file' in line), None)


def test_cores_of_one_plugin(make_service):
    s = make_service(config='workers: {crashdummy: {core: 8M}}\n', plugins=['crashdummy'])
    for _ in range(4):
        crash(s)
    crash(s, 'user')
    found = cores(s, 'crashdummy')
    # The newest, and room for the next.
    assert 1 <= len(found) <= 2
    for path in found:
        status = os.stat(path)
        assert 0 < status.st_size <= MAX and stat.S_IMODE(status.st_mode) & 0o077 == 0
        with open(path, 'rb') as file:
            assert file.read(4) == b'\x7fELF'
    for path in (s.path('state/cores'), s.path('state/cores/crashdummy')):
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o700
    # Nobody else has any.
    assert os.listdir(s.path('state/cores')) == ['crashdummy']
    assert core_limit(s, 'user') == ['0', '0']


def test_off_by_reload(make_service):
    s = make_service(config='workers: {crashdummy: {core: 8M}}\n', plugins=['crashdummy'])
    crash(s)
    before = cores(s, 'crashdummy')
    s.config('')
    s.suite('reload', check=True)
    wait_for(lambda: core_limit(s, 'crashdummy') == ['0', '0'], 20 * SLOW)
    crash(s)
    assert cores(s, 'crashdummy') == before
