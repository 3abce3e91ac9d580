# SPDX-License-Identifier: GPL-3.0-or-later
"""A new version of the supervisor takes over at a reload: the same process, another program, new workers, nobody turned away."""
import os
import shutil
import signal
import socket
import time

import pytest

from harness import SLOW, alive, proc, supervisord, wait_for


def renew():
    """What a package's upgrade does: the file is another one of the same name."""
    path = supervisord()
    shutil.copy(path, path + '.new')
    os.chmod(path + '.new', 0o755)
    os.rename(path + '.new', path)


def pids(s):
    return {w['name']: w['pid'] for w in s.status()['workers'] if w.get('pid')}


@pytest.fixture
def service(make_service):
    return make_service(plugins=['crashdummy'])


def test_taken_over(service):
    main, before = service.process.pid, pids(service)
    inode = os.stat(f'/proc/{main}/exe').st_ino
    slow = socket.create_connection(('127.0.0.1', service.port))
    slow.sendall(b'POST /1.1/users HTTP/1.1\r\nHost: a\r\nX-Auth-Token: ' + service.token.encode() +
                 b'\r\nContent-Type: application/json\r\nContent-Length: 20\r\n\r\n{"firstname": ')
    time.sleep(0.2)
    renew()
    seen = len(service.notifications.messages)
    service.suite('reload', check=True)
    # systemd is told of a reload, and that it is over when the new one serves.
    wait_for(lambda: any('READY' in pairs for _, pairs in service.notifications.messages[seen:]), 20 * SLOW)
    assert service.process.poll() is None
    assert os.stat(f'/proc/{main}/exe').st_ino != inode
    after = pids(service)
    assert not set(before.values()) & set(after.values()) and set(before) == set(after)
    assert service.get('/infos').status == 200
    # A request that the old gateway has begun to read is answered by old workers.
    assert alive(before['gateway'])
    slow.sendall(b'"Ada"}')
    slow.settimeout(20 * SLOW)
    answer = slow.recv(65536)
    assert answer.startswith(b'HTTP/1.1 201') and b'Connection: close' in answer, answer
    slow.close()
    wait_for(lambda: not any(alive(pid) for pid in before.values()), 30 * SLOW)
    assert service.status()['service']['ready']
    assert not [name for name in os.listdir(f'/proc/{main}/fd') if os.readlink(f'/proc/{main}/fd/{name}').endswith('(deleted)')
                and 'handover' in os.readlink(f'/proc/{main}/fd/{name}')]


def test_twice_and_stopped_in_between(service):
    main = service.process.pid
    for _ in range(2):
        idle = socket.create_connection(('127.0.0.1', service.port))
        idle.sendall(b'GET /1.1/infos HTTP/1.1\r\nHost: a\r\nX-Auth-Token: ' + service.token.encode() + b'\r\n\r\n')
        assert idle.recv(12) == b'HTTP/1.1 200'
        renew()
        service.suite('reload', check=True)
        wait_for(lambda: service.suite('status', '--wait', '10').returncode == 0, 20 * SLOW)
    assert service.process.pid == main
    # Idle clients of old gateways do not keep it.
    began = time.monotonic()
    service.send_signal(signal.SIGTERM)
    assert service.wait() == 0
    assert time.monotonic() - began < 10 * SLOW
    idle.close()
    service.check_gone()


def test_a_bad_configuration_changes_nothing(service):
    main, before = service.process.pid, pids(service)
    inode = os.stat(f'/proc/{main}/exe').st_ino
    renew()
    service.config('log_level: loud\n')
    assert service.suite('reload').returncode == 1
    assert os.stat(f'/proc/{main}/exe').st_ino == inode and pids(service) == before
    service.config('')
    service.suite('reload', check=True)
    wait_for(lambda: os.stat(f'/proc/{main}/exe').st_ino != inode, 10 * SLOW)


def test_limits_and_environment_are_as_before(service):
    limits = {name: proc(pid, 'limits') for name, pid in pids(service).items()}
    renew()
    service.suite('reload', check=True)
    wait_for(lambda: service.suite('status', '--wait', '10').returncode == 0, 20 * SLOW)
    for name, pid in pids(service).items():
        assert proc(pid, 'limits') == limits[name], name
        assert b'HANDOVER' not in proc(pid, 'environ') and b'NOTIFY_SOCKET' not in proc(pid, 'environ')
