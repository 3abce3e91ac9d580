# SPDX-License-Identifier: GPL-3.0-or-later
"""The control socket, called by systemd's own varlinkctl, which knows nothing of us."""
import json
import shutil
import subprocess

import pytest

import harness
from harness import wait_for

VARLINKCTL = shutil.which('varlinkctl')
pytestmark = pytest.mark.skipif(not VARLINKCTL, reason='no varlinkctl here: it comes with systemd 255 (Debian 13)')

INTERFACE = 'io.wazo.suite'


@pytest.fixture
def service(make_service):
    return make_service()


def varlinkctl(service, command, *words, code=0):
    address = 'unix:' + service.path('run/control.sock')
    # To a pipe it would write JSON-SEQ, or nothing at all, by version.
    json_mode = ['--json=short'] if command == 'call' else []
    done = subprocess.run([VARLINKCTL, *json_mode, command, address, *words], env=harness.clean_environment(), stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=30 * harness.SLOW, **harness.run_as(harness.NOBODY))
    assert (done.returncode == 0) == (code == 0), f'{done.returncode}: {done.stdout}{done.stderr}'
    return done


def call(service, method, **parameters):
    done = varlinkctl(service, 'call', f'{INTERFACE}.{method}', json.dumps(parameters))
    return json.loads(done.stdout.lstrip('\x1e'))


def test_info_and_description(service):
    info = varlinkctl(service, 'info').stdout
    assert INTERFACE in info
    assert INTERFACE in varlinkctl(service, 'list-interfaces').stdout.split()
    # It parses the description, so what it shows is what it understood.
    shown = varlinkctl(service, 'introspect', INTERFACE).stdout
    with open(harness.TOP + '/workers/control/io.wazo.suite.varlink', encoding='utf-8') as file:
        for line in file:
            if line.startswith('method '):
                assert 'method ' + line.split()[1].split('(')[0] in shown


def test_calls(service):
    status = call(service, 'Status')
    assert status['service']['ready'] is True
    assert {worker['state'] for worker in status['workers']} == {'ready', 'done'}
    assert status['service']['pid'] == service.pid
    [explained] = call(service, 'Explain', worker='user')['workers']
    assert explained['worker']['name'] == 'user' and explained['plan']['nursery']
    assert call(service, 'Why')['records'] == []


def test_a_command_and_a_crash(service):
    before = service.worker_pid('user')
    call(service, 'Restart', worker='user')
    wait_for(lambda: service.worker_pid('user') not in (None, before))
    service.kill('line', 11)
    [record] = wait_for(lambda: call(service, 'Why', worker='line')['records'])
    assert record['cause'] == 'signal'
    assert call(service, 'Reload', dry_run=True)['lines'] is not None


def test_refusals(service):
    assert 'io.wazo.suite.NoSuchWorker' in varlinkctl(service, 'call', f'{INTERFACE}.Explain', '{"worker": "nobody"}', code=1).stderr
    varlinkctl(service, 'call', f'{INTERFACE}.Explain', '{"worker": 7}', code=1)
    varlinkctl(service, 'call', f'{INTERFACE}.Dance', '{}', code=1)
    assert call(service, 'Status')['service']['ready'] is True
