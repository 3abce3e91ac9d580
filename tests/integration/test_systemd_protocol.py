# SPDX-License-Identifier: GPL-3.0-or-later
"""What systemd is told, and what it hands over, without systemd."""
import fcntl
import os
import signal
import socket
import time

import pytest

from harness import PATIENT, SLOW, Service, alive, manifest, proc, proc_status, wait_for


def monotonic_usec():
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000


@pytest.fixture(scope='module')
def service():
    with Service(plugins=['crashdummy'], manifest=manifest(PATIENT)) as s:
        yield s


def index_of(messages, key, start=0):
    return next((i for i, (_, pairs) in enumerate(messages) if i >= start and key in pairs), None)


def test_ready_means_ready(make_service):
    s = make_service(start=False)
    s.launch()
    wait_for(lambda: s.notifications.all('READY'), 20)
    # At this very moment it serves.
    assert s.get('/infos').status == 200
    assert s.notifications.all('READY') == ['1']
    ready = next(pairs for _, pairs in s.notifications.messages if 'READY' in pairs)
    assert ready['STATUS'].startswith('running: ')
    # Before that it said what it was at, and once at least that it was starting.
    first = s.notifications.messages[0][1]
    assert first.get('STATUS', 'starting').startswith('starting')
    assert not s.notifications.all('WATCHDOG'), 'nobody asked for it'


def test_status_follows(service):
    def seen(text):
        return any(text in line for line in service.notifications.all('STATUS'))
    service.suite('hold', 'crashdummy', check=True)
    wait_for(lambda: seen('crashdummy held'), 5)
    assert service.notifications.last('STATUS').startswith('degraded: ')
    service.suite('reset', 'crashdummy', check=True)
    wait_for(lambda: service.notifications.last('STATUS').startswith('running: '), 5)
    assert len(service.notifications.all('READY')) == 1
    assert max(map(len, service.notifications.all('STATUS'))) < 224


def test_no_socket_of_systemd_reaches_a_worker(service):
    for pid in service.processes():
        assert b'NOTIFY_SOCKET' not in proc(pid, 'environ') and b'WATCHDOG' not in proc(pid, 'environ')


def test_reloading(service):
    before, at = len(service.notifications.messages), monotonic_usec()
    service.send_signal(signal.SIGHUP)
    messages = service.notifications.messages
    wait_for(lambda: index_of(messages, 'READY', before), 10)
    reloading, ready = index_of(messages, 'RELOADING', before), index_of(messages, 'READY', before)
    assert reloading is not None and reloading < ready
    # In one message, with the time that tells it from another reload.
    assert messages[reloading][1]['RELOADING'] == '1'
    assert at <= int(messages[reloading][1]['MONOTONIC_USEC']) <= monotonic_usec()


def test_reloading_with_a_bad_configuration_ends_too(service):
    service.config('log_level: loud\n')
    try:
        before = len(service.notifications.messages)
        service.send_signal(signal.SIGHUP)
        wait_for(lambda: index_of(service.notifications.messages, 'READY', before), 10)
        assert index_of(service.notifications.messages, 'RELOADING', before) is not None
        assert 'refused' in service.notifications.last('STATUS')
    finally:
        service.config('')
        service.send_signal(signal.SIGHUP)
        wait_for(lambda: 'refused' not in service.notifications.last('STATUS'), 10)


def test_stopping(make_service):
    s = make_service(plugins=['crashdummy'])
    s.send_signal(signal.SIGTERM)
    wait_for(lambda: s.notifications.all('STOPPING') or s.process.poll() is not None, 10)
    assert s.wait() == 0
    assert s.notifications.all('STOPPING') == ['1']
    order = [key for _, pairs in s.notifications.messages for key in pairs if key in ('READY', 'STOPPING')]
    assert order == ['READY', 'STOPPING']


# ---- the watchdog ----


def watched(make_service, usec, pid=None):
    """WATCHDOG_PID is that of whom it is for; unset, it is for anybody."""
    return make_service(environment={'WATCHDOG_USEC': str(usec), 'WATCHDOG_PID': pid})


def test_the_watchdog_is_fed(make_service):
    usec = 2_000_000
    s = watched(make_service, usec)
    wait_for(lambda: len(s.notifications.all('WATCHDOG')) >= 5)
    at = [t for t, pairs in s.notifications.messages if 'WATCHDOG' in pairs][1:]
    gaps = [b - a for a, b in zip(at, at[1:])]
    assert max(gaps) < usec / 1e6, gaps
    # Twice in the time, not in a busy loop.
    assert sum(gaps) / len(gaps) > usec / 1e6 * 0.3, gaps


def test_the_watchdog_starves_when_the_loop_stands_still(make_service):
    usec = 300_000 * SLOW
    s = watched(make_service, usec)
    wait_for(lambda: len(s.notifications.all('WATCHDOG')) >= 3, 10)
    s.send_signal(signal.SIGSTOP)
    wait_for(lambda: 'T' in proc_status(s.pid)['State'])
    time.sleep(0.2)  # what it sent before is read by now
    n = len(s.notifications.all('WATCHDOG'))
    time.sleep(3 * usec / 1e6)
    assert len(s.notifications.all('WATCHDOG')) <= n + 1
    s.send_signal(signal.SIGCONT)
    wait_for(lambda: len(s.notifications.all('WATCHDOG')) > n + 2, 10)
    # And nobody died of its silence.
    assert s.get('/infos').status == 200


def test_a_hung_gateway_is_found_within_the_watchdogs_time(make_service):
    s = watched(make_service, 1_000_000 * SLOW)
    pid = s.kill('gateway', signal.SIGSTOP)
    s.wait_state('gateway', 'ready', not_pid=pid, seconds=10)
    wait_for(lambda: not alive(pid), 5)


def test_another_process_s_watchdog_is_not_ours(make_service):
    s = watched(make_service, 100_000, pid='1')
    time.sleep(0.3)
    assert not s.notifications.all('WATCHDOG')


# ---- sockets ----


def listening(port=None):
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(('127.0.0.1', port or 0))
    s.listen(64)
    return s


def with_sockets(s, *sockets):
    """Puts the sockets at 3 and says so in the environment of the very process, as systemd does."""
    s.environment.update({'LISTEN_FDS': str(len(sockets))})
    # Beyond the numbers they go to.
    high = [fcntl.fcntl(listener.fileno(), fcntl.F_DUPFD, 100) for listener in sockets]
    numbers = ' '.join(f'{3 + i}<&{fd}' for i, fd in enumerate(high))
    s.command = ['/bin/bash', '-c', f'export LISTEN_PID=$$; exec "$@" {numbers}', 'bash']
    s.popen = {'pass_fds': high}
    return s


def test_a_passed_socket_is_used():
    listener = listening()
    port = listener.getsockname()[1]
    s = with_sockets(Service(port=port), listener)
    # Whoever comes before it is there waits in the socket.
    early = socket.create_connection(('127.0.0.1', port))
    early.settimeout(20 * SLOW)
    early.sendall(b'GET /1.1/status HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
    s.start()
    try:
        assert early.recv(12) == b'HTTP/1.1 401'
        assert s.get('/infos').status == 200
        # It goes away: connections queue, as the socket is systemd's.
        s.process.send_signal(signal.SIGTERM)
        assert s.wait() == 0
        late = socket.create_connection(('127.0.0.1', port))
        late.settimeout(20 * SLOW)
        late.sendall(f'GET /1.1/infos HTTP/1.1\r\nHost: a\r\nX-Auth-Token: {s.token}\r\nConnection: close\r\n\r\n'.encode())
        s.start()
        assert late.recv(12) == b'HTTP/1.1 200'
        # The same when it is killed.
        s.send_signal(signal.SIGKILL)
        s.wait()
        late = socket.create_connection(('127.0.0.1', port))
        late.settimeout(20 * SLOW)
        late.sendall(f'GET /1.1/infos HTTP/1.1\r\nHost: a\r\nX-Auth-Token: {s.token}\r\nConnection: close\r\n\r\n'.encode())
        s.start()
        assert late.recv(12) == b'HTTP/1.1 200'
        listener.close()
        for fd in s.popen['pass_fds']:
            os.close(fd)
        s.stop()
    finally:
        s.end_hard()


def test_a_passed_socket_of_another_address_is_left_alone():
    listener = listening()
    s = with_sockets(Service(), listener)
    s.start()
    try:
        assert s.port != listener.getsockname()[1]
        assert s.get('/infos').status == 200
        listener.setblocking(False)
        client = socket.create_connection(listener.getsockname())
        wait_for(lambda: _accepts(listener), 2, 'somebody else accepted it')
        client.close()
        s.stop()
    finally:
        s.end_hard()
        listener.close()
        for fd in s.popen['pass_fds']:
            os.close(fd)


def _accepts(listener):
    try:
        listener.accept()[0].close()
        return True
    except BlockingIOError:
        return False


def test_sockets_for_another_pid_are_not_ours():
    listener = listening()
    s = with_sockets(Service(port=listener.getsockname()[1]), listener)
    s.command = ['/bin/bash', '-c', f'export LISTEN_PID=1; exec "$@" 3<&{s.popen["pass_fds"][0]}', 'bash']
    s.launch()
    try:
        assert s.wait() == 1
        assert 'in use' in s.stderr()
    finally:
        s.end_hard()
        listener.close()
        for fd in s.popen['pass_fds']:
            os.close(fd)


# ---- misconfiguration ----

WRONG = {
    'a bad value': dict(config='log_level: loud\n'),
    'no YAML': dict(config='a: [1, 2\n'),
    'a bad manifest': dict(manifest='service: wazo-confd\nkind: strange\n'),
    'an address that is not ours': dict(config='rest_api: {listen: 192.0.2.1}\n'),
    'a database that is none': dict(config='db_uri: sqlite:////proc/no/such/place.sqlite\n'),
}


@pytest.mark.parametrize('what', WRONG)
def test_misconfigured(what):
    s = Service(**WRONG[what])
    s.launch()
    try:
        notifications = s.notifications
        assert s.wait() == 78, s.stderr() + s.log()
        assert not notifications.all('READY')
        assert (s.stderr() + s.log()).strip(), 'it says nothing'
        s.check_gone()
    finally:
        s.end_hard()


def test_without_a_notify_socket(make_service):
    s = make_service(notify=False)
    assert s.status()['service']['ready']
