# SPDX-License-Identifier: GPL-3.0-or-later
"""wazo-supervisord --init: the first process of a container, whose commands are the supervisors of its services."""
import json
import os
import signal

import pytest

from harness import PATIENT, Service, children, wait_for

MANIFEST = """service: container
kind: exec
description: Services of a container under test
user: nobody
state: /var/lib/container
run: /run/container
log: /var/log/container.log
timing: {timing}
workers:
  control: {{kind: control}}
  confd: {{kind: exec, command: {command}, ready: notify}}
  other: {{kind: exec, command: [{other}], ready: at-once}}
"""

# Tells what it is told.
OTHER = """#!/bin/sh
trap 'echo other heard HUP' HUP
trap 'echo other heard USR1 >&2' USR1
trap 'exit 0' TERM
echo other is up
while :; do sleep 0.05; done
"""


def container():
    """(init, the service in it)"""
    inner = Service(notify=False)
    outer = Service(name='container', args=['--init'], manifest='')
    other = outer.write('other', OTHER)
    os.chmod(other, 0o755)
    timing = ', '.join(f'{k}: {v}' for k, v in {**PATIENT, 'start': '120s', 'term': '60s'}.items())
    outer.write('etc/services.d/container.yml', MANIFEST.format(timing='{' + timing + '}', command=json.dumps(inner.words()), other=other))
    return outer, inner


@pytest.fixture(scope='module')
def containers():
    outer, inner = container()
    with outer:
        yield outer, inner


def test_ready_when_its_services_are(containers):
    outer, inner = containers
    assert {w['name']: w['state'] for w in outer.status()['workers']} == {'control': 'ready', 'confd': 'ready', 'other': 'ready'}
    assert inner.get('/infos').status == 200
    assert outer.worker_pid('confd') in children(outer.pid)


def test_output_is_its_own(containers):
    """All in one place, its own log as well; a service's log file is that service's."""
    outer, inner = containers
    wait_for(lambda: 'other is up\n' in outer.stderr() and 'starting...' in outer.stderr(), message=outer.stderr)
    assert outer.log() == '' and 'starting...' in inner.log()


def test_signals_are_passed_on(containers):
    outer, inner = containers
    outer.send_signal(signal.SIGHUP)
    wait_for(lambda: 'other heard HUP\n' in outer.stderr(), 20, outer.stderr)
    wait_for(lambda: '(wazo_confd): reloaded' in inner.log(), 20, inner.log)
    outer.send_signal(signal.SIGUSR1)
    wait_for(lambda: 'other heard USR1\n' in outer.stderr(), 20, outer.stderr)
    assert inner.get('/infos').status == 200


def test_a_dead_supervisor_comes_back_and_leaves_nobody(containers):
    outer, inner = containers
    pid = outer.worker_pid('confd')
    old = set(children(pid))
    os.kill(pid, signal.SIGKILL)
    outer.wait_state('confd', 'ready', not_pid=pid)
    wait_for(lambda: inner.get('/infos').status == 200, 20)
    wait_for(lambda: not old & (set(children(outer.pid)) | set(children(outer.worker_pid('confd')))), 20, 'old workers are still there')


def test_a_stop_is_everybodys():
    """Its end waits for theirs: a service drains."""
    outer, inner = container()
    outer.start()
    outer.stop()
    assert 'Stopping wazo-confd: SIGTERM' in inner.log()
    assert not os.path.exists(inner.path('run/control.sock'))
