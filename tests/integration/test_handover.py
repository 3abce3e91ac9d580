# SPDX-License-Identifier: GPL-3.0-or-later
"""A new version of the supervisor takes over at a reload: the same process, another program, new workers, nobody turned away."""
import fcntl
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import time

import pytest

from harness import SLOW, TOP, Service, alive, proc, supervisord, wait_for
from test_systemd_protocol import listening, with_sockets


def constant(file, name):
    with open(os.path.join(TOP, file), encoding='ascii') as text:
        return int(re.search(rf'^#define {name} (\d+)', text.read(), re.M).group(1))


FORMAT, WIRE_MAJOR = constant('supervisor/handover.h', 'HANDOVER_FORMAT'), constant('lib/wire.h', 'WIRE_MAJOR')


def renew(text=None):
    """What a package's upgrade does: the file is another one of the same name, or, with @text, another program."""
    path = supervisord()
    if text is None:
        shutil.copy(path, path + '.new')
    else:
        with open(path + '.new', 'w', encoding='utf-8') as file:
            file.write(text)
    os.chmod(path + '.new', 0o755)
    os.rename(path + '.new', path)


@pytest.fixture
def broken_program():
    """A test may put anything in the supervisor's place; the next one finds it again."""
    path = supervisord()
    shutil.copy(path, path + '.good')
    yield
    os.rename(path + '.good', path)


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


# A new version that cannot take over, each in its way; and words of what is said of it.
UNFIT = {
    'garbage': ('no program at all\n', 'cannot execute'),
    'does not load': ('#!/bin/sh\necho libwazo.so.9: cannot open shared object file >&2\nexit 127\n', 'libwazo.so.9: cannot open'),
    'refuses': ('#!/bin/sh\nexit 1\n', 'did not say why'),
    'dies': ('#!/bin/sh\nkill -SEGV $$\n', 'died of SIGSEGV'),
    'hangs': ('#!/bin/sh\nexec sleep 1000\n', 'did not answer within 5 s'),
}


@pytest.mark.parametrize('what', UNFIT)
def test_one_that_cannot_take_over(service, broken_program, what):
    program, words = UNFIT[what]
    main, before = service.process.pid, pids(service)
    inode = os.stat(f'/proc/{main}/exe').st_ino
    renew(program)
    answer = service.suite('reload')
    # The old one goes on, with the new configuration, and says what is left to do.
    assert answer.returncode == 0 and 'restart needed' in answer.stdout + answer.stderr, answer
    assert os.stat(f'/proc/{main}/exe').st_ino == inode
    line = service.status()['service']['status']
    assert 'restart needed' in line
    assert words in service.log() or words in line, service.log()
    assert service.get('/infos').status == 200
    # Only the supervisor's program is new here: nobody was touched.
    assert pids(service) == before


def test_a_plan_of_another_version_is_for_the_new_one(service, broken_program):
    """What cannot be read by the old one is judged by the new one; where that cannot either, nothing changes."""
    config = os.path.join(os.path.dirname(os.path.dirname(supervisord())), 'config/wazo-config')
    assert os.path.exists(config)
    main, before = service.process.pid, pids(service)
    shutil.copy(config, config + '.good')
    try:
        with open(config + '.new', 'w', encoding='utf-8') as file:
            file.write('#!/bin/sh\nexit 0\n')
        os.chmod(config + '.new', 0o755)
        os.rename(config + '.new', config)
        renew()
        answer = service.suite('reload')
        assert answer.returncode == 1 and 'restart needed' in answer.stdout + answer.stderr, answer
    finally:
        os.rename(config + '.good', config)
    assert pids(service) == before and service.get('/infos').status == 200
    service.suite('reload', check=True)
    wait_for(lambda: service.suite('status', '--wait', '10').returncode == 0, 20 * SLOW)
    assert service.process.pid == main and not set(before.values()) & set(pids(service).values())


def test_what_operators_said_holds(service):
    service.suite('hold', 'crashdummy', check=True)
    service.suite('log-level', 'debug', check=True)
    inode = os.stat(f'/proc/{service.process.pid}/exe').st_ino
    renew()
    service.suite('reload', check=True)
    wait_for(lambda: os.stat(f'/proc/{service.process.pid}/exe').st_ino != inode, 10 * SLOW)
    wait_for(lambda: service.suite('status', '--wait', '10').returncode == 0, 20 * SLOW)
    status = service.status()
    assert [w['state'] for w in status['workers'] if w['name'] == 'crashdummy'] == ['held']
    assert status['service']['log_level'] == 'debug', status['service']
    service.suite('reset', 'crashdummy', check=True)
    wait_for(lambda: [w['state'] for w in service.status()['workers'] if w['name'] == 'crashdummy'] == ['ready'], 10 * SLOW)


def test_a_socket_of_systemd_is_known_to_the_new_one():
    listener = listening()
    port = listener.getsockname()[1]
    s = with_sockets(Service(), listener)
    s.start()
    try:
        note = f"systemd's socket at 127.0.0.1 port {port} is not used"
        assert note in s.status()['service']['status']
        inode = os.stat(f'/proc/{s.process.pid}/exe').st_ino
        renew()
        s.suite('reload', check=True)
        wait_for(lambda: os.stat(f'/proc/{s.process.pid}/exe').st_ino != inode, 10 * SLOW)
        wait_for(lambda: s.suite('status', '--wait', '10').returncode == 0, 20 * SLOW)
        assert note in s.status()['service']['status']
        assert s.get('/infos').status == 200
        s.stop()
    finally:
        s.end_hard()
        listener.close()
        for fd in s.popen['pass_fds']:
            os.close(fd)


@pytest.mark.parametrize('left', ['', 'nonsense', '99', '0'])
def test_garbage_is_not_taken(left):
    """Who is told of a handover that nobody made ends, and touches nothing."""
    result = subprocess.run([supervisord(), 'wazo-confd'], env={**os.environ, 'WAZO_SUITE_HANDOVER': left}, capture_output=True, text=True,
                            stdin=subprocess.DEVNULL, timeout=60, check=False)
    assert result.returncode == 1 and 'too different a version' in result.stderr, result


def sealed(data):
    fd = os.memfd_create('garbage', os.MFD_ALLOW_SEALING)
    os.write(fd, data)
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE)
    return fd


@pytest.mark.parametrize('rehearsal', [{}, {'WAZO_SUITE_REHEARSAL': '1'}], ids=['for good', 'rehearsed'])
def test_a_file_of_garbage_is_not_taken(rehearsal):
    """It is judged, not believed: another format, the right one and then nonsense, numbers of descriptors that are not there."""
    head = (FORMAT).to_bytes(4, 'little') + (WIRE_MAJOR).to_bytes(4, 'little')
    files = [b'', b'\0' * 100000, head, (FORMAT + 1).to_bytes(4, 'little') + bytes(100), head + b'\xff' * 1000, head + b'\5\0\0\0' * 300,
             head + random.Random(7).randbytes(3000)]
    for data in files:
        fd = sealed(data)
        try:
            result = subprocess.run([supervisord(), 'wazo-confd'], env={**os.environ, 'WAZO_SUITE_HANDOVER': str(fd), **rehearsal},
                                    capture_output=True, text=True, stdin=subprocess.DEVNULL, pass_fds=[fd], timeout=60, check=False)
        finally:
            os.close(fd)
        assert result.returncode == 1 and 'too different a version' in result.stderr, (data[:20], result)
