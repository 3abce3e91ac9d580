# SPDX-License-Identifier: GPL-3.0-or-later
"""Gateway, control and supervisor killed or hung; stop, roll, hold and the other commands, under load."""
import contextlib
import http.client
import os
import re
import signal
import subprocess
import threading
import time

import pytest

from harness import NOBODY, PATIENT, SLOW, Service, alive, clean_environment, manifest, run_as, wait_for

# Who is well answers within this time, however busy the machine is.
PING = 1500


@pytest.fixture(scope='module')
def service():
    text = manifest({**PATIENT, 'abort': '500ms', 'drain': '30s'}, gateway=f', timing: {{ping: {PING}ms}}',
                    control=f', timing: {{ping: {PING}ms}}')
    with Service('deadlines: {queue: 20s}\n', plugins=['crashdummy'], manifest=text) as s:
        yield s


def reset_only(load):
    """Of the requests none was refused; those that were on their way may be reset."""
    assert set(load.statuses) == {200}, (load.statuses, load.bad)


# ---- gateway ----


def test_the_gateway_killed(service):
    others = {name: pid for name, pid in service.pids().items() if name != 'gateway'}
    with service.load('/infos', threads=4) as load:
        load.wait_more(50)
        begin = time.monotonic()
        pid = service.kill('gateway')
        load.wait_more(20)
        assert time.monotonic() - begin < 10 * SLOW
        service.wait_state('gateway', 'ready', not_pid=pid)
        load.wait_more(50)
    reset_only(load)
    # Each thread had one connection at most to lose, and may have met the moment in between.
    assert len(load.errors) <= 8, load.errors
    assert {name: pid for name, pid in service.pids().items() if name != 'gateway'} == others


def test_new_connections_wait_while_there_is_no_gateway(service):
    for _ in range(5):
        service.kill('gateway')
        assert service.get('/infos').status == 200


def test_the_gateway_hung_is_replaced(service):
    pid = service.worker_pid('gateway')
    os.kill(pid, signal.SIGSTOP)
    begin = time.monotonic()
    assert service.get('/infos').status == 200
    assert time.monotonic() - begin < 3 * PING / 1000 + 10 * SLOW
    w = service.wait_state('gateway', 'ready', not_pid=pid)
    wait_for(lambda: not alive(pid), 3)
    record = wait_for(lambda: next((r for r in service.crash_records('gateway') if r['pid'] == pid), None), 5)
    assert record['cause'] == 'deadline' and w['deaths']['deadline'] >= 1


# ---- control ----


def test_control_killed_is_not_missed(service):
    with service.load('/infos') as load:
        for _ in range(5):
            pid = service.kill('control')
            service.wait_state('control', 'ready', not_pid=pid)
        load.wait_more(20)
    load.check()


def test_control_hung_is_replaced(service):
    pid = service.worker_pid('control')
    os.kill(pid, signal.SIGSTOP)
    with service.load('/infos') as load:
        # Its socket's queue keeps those who ask meanwhile.
        assert service.wait_state('control', 'ready', not_pid=pid, seconds=10)
        load.wait_more(20)
    load.check()
    wait_for(lambda: not alive(pid), 3)


def test_records_of_deaths_without_control_are_written_later(service):
    control = service.worker_pid('control')
    os.kill(control, signal.SIGSTOP)
    pid = service.get('/crashdummy/ok').json['pid']
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: service.get('/crashdummy/ok').json['pid'] != pid, 5)
    with contextlib.suppress(ProcessLookupError):
        os.kill(control, signal.SIGKILL)
    record = wait_for(lambda: next((r for r in service.crash_records('crashdummy') if r['pid'] == pid), None), 5, 'no record')
    assert record['cause'] == 'killed'
    service.wait_state('control', 'ready', not_pid=control)


def test_sigusr1_reports_and_replaces_control(service):
    control, before = service.worker_pid('control'), len(service.log())
    service.send_signal(signal.SIGUSR1)
    service.wait_log(r'status: running: \d+ of \d+ workers', since=before)
    for name, pid in service.pids().items():
        if name != 'control':
            service.wait_log(rf'status: {re.escape(name)} \(\w+\) ready, pid {pid}', since=before)
    service.wait_state('control', 'ready', not_pid=control)
    wait_for(lambda: not alive(control), 5)


# ---- an operator's commands ----


@pytest.mark.parametrize('name', ['info', 'user', 'gateway', 'control', 'nursery'])
def test_roll_one_under_load(service, name):
    before = service.pids()
    with service.load('/infos', threads=4) as load:
        load.wait_more(20)
        service.suite('roll', name, check=True)
        service.wait_state(name, 'ready', not_pid=before[name])
        wait_for(lambda: not alive(before[name]), 12, 'the old one stays')
        load.wait_more(50)
    load.check()
    after = service.pids()
    assert {n for n in before if before[n] != after.get(n)} == {name}


def test_roll_all_under_load(service):
    before = service.pids()
    with service.load('/infos', threads=3) as load, service.load('/users', threads=1) as users:
        load.wait_more(20)
        service.suite('roll', check=True)

        def replaced():
            return all(before[w['name']] != w.get('pid') and w['state'] == 'ready' and not w['draining']
                       for w in service.status()['workers'] if w['kind'] not in ('once', 'control'))
        wait_for(replaced, 20, lambda: str(service.suite('status').stdout), every=0.02)
        load.wait_more(20)
    load.check()
    users.check()
    assert service.worker_pid('control') == before['control']


def test_a_gateway_that_drains_meets_new_workers(service):
    """A client on one of its connections may ask for a plugin that was replaced since."""
    old, info = service.worker_pid('gateway'), service.worker_pid('info')
    connection = http.client.HTTPConnection('127.0.0.1', service.port, timeout=10 * SLOW)
    headers = {'X-Auth-Token': service.token}
    connection.request('GET', '/1.1/infos', headers=headers)
    assert connection.getresponse().read()
    service.suite('roll', 'gateway', check=True)
    service.wait_state('gateway', 'ready', not_pid=old)
    assert alive(old) and service.worker('gateway')['draining'] == 1
    service.suite('restart', 'info', check=True)
    service.wait_state('info', 'ready', not_pid=info)
    connection.request('GET', '/1.1/infos', headers=headers)
    response = connection.getresponse()
    assert response.status == 200 and response.headers['Connection'].lower() == 'close'
    response.read()
    connection.close()
    wait_for(lambda: not alive(old), 2, 'it has nobody left and stays')


def test_restart(service):
    before = service.pids()
    service.suite('restart', 'info', check=True)
    service.wait_state('info', 'ready', not_pid=before['info'])
    assert not alive(before['info'])
    assert service.get('/infos').status == 200
    assert not [r for r in service.crash_records('info') if r['pid'] == before['info']], 'a wish is no crash'


def test_restart_under_load_loses_nothing(service):
    with service.load('/infos') as load:
        for _ in range(5):
            pid = service.worker_pid('info')
            service.suite('restart', 'info', check=True)
            service.wait_state('info', 'ready', not_pid=pid)
            load.wait_more(10)
    load.check()


def test_hold_and_reset(service):
    pid = service.worker_pid('crashdummy')
    with service.load('/infos') as load:
        service.suite('hold', 'crashdummy', check=True)
        w = service.wait_state('crashdummy', 'held')
        assert not w.get('pid') and not w.get('retry_in_ms')
        assert not alive(pid)
        answer = service.get('/crashdummy/ok')
        assert answer.status == 503 and 'held' in answer.json[0] and int(answer.headers['Retry-After']) >= 1
        wait_for(lambda: 'crashdummy held' in service.notifications.last('STATUS'), 3)
        assert service.suite('status', '--check').returncode == 4
        service.suite('reset', 'crashdummy', check=True)
        service.wait_state('crashdummy', 'ready')
        assert service.get('/crashdummy/ok').status == 200
        load.wait_more(5)
    load.check()
    wait_for(lambda: service.suite('status', '--check').returncode == 0, 3)


def test_hold_and_restart(service):
    service.suite('hold', 'crashdummy', check=True)
    service.wait_state('crashdummy', 'held')
    service.suite('restart', 'crashdummy', check=True)
    service.wait_state('crashdummy', 'ready')


def test_requests_in_flight_are_finished_by_a_roll(service):
    answers = []
    thread = threading.Thread(target=lambda: answers.append(service.get(f'/crashdummy/slow?n={700}')))
    pid = service.worker_pid('crashdummy')
    thread.start()
    time.sleep(0.2)
    service.suite('roll', 'crashdummy', check=True)
    service.wait_state('crashdummy', 'ready', not_pid=pid)
    thread.join()
    assert answers[0].status == 200
    wait_for(lambda: not alive(pid), 5)


def test_log_level(service):
    def asked(mark):
        return service.get(f'/infos?{mark}').status == 200

    def told(mark):
        return [line for line in service.log().splitlines() if '(INFO)' in line and f'/1.1/infos?{mark}' in line]
    try:
        service.suite('log-level', 'debug', check=True)
        assert service.status()['service']['log_level'] == 'debug'
        wait_for(lambda: asked('much') and told('much'))
        # Each worker hears of it as soon as it turns to its channel, which is after the command's answer.
        service.suite('log-level', 'error', check=True)
        assert all(asked('less') for _ in range(10)) and asked('nothing')
        service.suite('log-level', 'info', check=True)
        wait_for(lambda: asked('again') and told('again'))
        assert not told('nothing')
    finally:
        service.suite('log-level', 'info')


# ---- the end ----


def test_sigkill_takes_all_workers_along(make_service):
    s = make_service(plugins=['crashdummy'], manifest=manifest(workers='  sleeper: {kind: exec, command: [/bin/sleep, "600"]}'))
    pids = s.processes()
    assert len(pids) >= 15 and set(s.pids().values()) <= pids
    # Even one that hangs.
    os.kill(s.worker_pid('crashdummy'), signal.SIGSTOP)
    s.send_signal(signal.SIGKILL)
    begin = time.monotonic()
    assert s.wait() == -signal.SIGKILL
    wait_for(lambda: not any(alive(pid) for pid in pids), 2, lambda: f'left: {[pid for pid in pids if alive(pid)]}')
    assert time.monotonic() - begin < 20 * SLOW
    # What it left on disk is in nobody's way.
    s.start()
    assert s.get('/infos').status == 200


def test_sigterm_drains(make_service):
    s = make_service(plugins=['crashdummy'])
    answers, waiting = [], [http.client.HTTPConnection('127.0.0.1', s.port, timeout=20 * SLOW) for _ in range(3)]
    for i, connection in enumerate(waiting):
        connection.connect()

    def ask(i):
        waiting[i].request('GET', '/1.1/crashdummy/slow?n=500', headers={'X-Auth-Token': s.token})
        response = waiting[i].getresponse()
        answers.append((response.status, response.headers.get('Connection')))
        response.read()
        waiting[i].close()
    threads = [threading.Thread(target=ask, args=(i,)) for i in range(3)]
    before = len(s.log())
    for thread in threads:
        thread.start()
    s.wait_log(r'(?s)(request: GET \S*/slow.*){3}', since=before)
    pids, begin = s.processes(), time.monotonic()
    s.send_signal(signal.SIGTERM)
    code = s.wait()
    for thread in threads:
        thread.join()
    assert code == 0
    assert [status for status, _ in answers] == [200, 200, 200], answers
    assert all((c or '').lower() == 'close' for _, c in answers[1:]), answers
    assert time.monotonic() - begin < 20 * SLOW
    s.check_gone(pids)


def test_sigterm_and_idle_connections(make_service):
    """Those that nobody uses do not hold up a stop."""
    s = make_service(plugins=['crashdummy'])
    idle = [s.raw() for _ in range(20)]
    begin = time.monotonic()
    s.stop()
    assert time.monotonic() - begin < 20 * SLOW
    for connection in idle:
        connection.close()


def test_sigterm_while_starting(make_service):
    s = make_service('plugins: {crashdummy: {start: never}}\n', plugins=['crashdummy'], start=False)
    s.launch()
    wait_for(lambda: 'starting...' in s.log(), 10)
    s.stop()


def test_sigterm_with_a_worker_that_hangs(make_service):
    s = make_service('deadlines: {attempt: 60s, total: 60s}\n', plugins=['crashdummy'],
                     manifest=manifest({'drain': '300ms', 'term': '300ms', 'abort': '300ms'}))
    pids = s.processes()
    connection = s.raw()
    connection.sendall(f'GET /1.1/crashdummy/ignore-term HTTP/1.1\r\nHost: a\r\nX-Auth-Token: {s.token}\r\n\r\n'.encode())
    time.sleep(0.2)
    begin = time.monotonic()
    s.send_signal(signal.SIGTERM)
    assert s.wait() == 0
    assert time.monotonic() - begin < 20 * SLOW
    s.check_gone(pids)
    connection.close()


def test_sigint_is_a_stop_too(make_service):
    s = make_service()
    pids = s.processes()
    s.send_signal(signal.SIGINT)
    assert s.wait() == 0
    s.check_gone(pids)


def test_second_service_on_the_same_port_is_refused(make_service):
    s = make_service()
    other = Service(port=s.port)
    other.launch()
    assert other.wait() == 1
    assert f'port {s.port}' in other.stderr() and 'in use' in other.stderr()
    assert s.get('/infos').status == 200


def test_second_supervisor_of_the_same_folder_is_refused(make_service):
    """And the first loses nothing by it: not its socket, not its log."""
    s = make_service(manifest=manifest(PATIENT))
    other = Service(manifest=manifest(PATIENT))
    other.home, other.dir = s.home, s.dir
    for port in (s.port, other.port):
        other.port = port
        process = subprocess.run(other.words(), env=clean_environment(), capture_output=True, text=True, timeout=20 * SLOW,
                                 **run_as(NOBODY))
        assert process.returncode == 1 and 'in use' in process.stderr, process
        assert s.status()['service']['pid'] == s.pid
    assert s.get('/infos').status == 200


# ---- on demand ----


@pytest.fixture(scope='module')
def resting():
    text = manifest(PATIENT, common=', on_demand: true, idle: 500ms')
    with Service('deadlines: {queue: 20s}\n', plugins=['crashdummy'], manifest=text) as s:
        yield s


def test_on_demand_all_rest_at_first(resting):
    states = {w['name']: w['state'] for w in resting.status()['workers'] if w['kind'] == 'plugin'}
    assert states['crashdummy'] == 'resting' and set(states.values()) <= {'resting', 'ready', 'starting'}
    assert not resting.status()['service']['degraded']


def test_on_demand_wakes_and_rests_again(resting):
    for _ in range(3):
        resting.wait_state('crashdummy', 'resting')
        assert not resting.worker('crashdummy').get('pid')
        answer = resting.get('/crashdummy/ok')
        assert answer.status == 200
        begin, pid = time.monotonic(), answer.json['pid']
        again = resting.get('/crashdummy/ok').json['pid']
        assert again == pid or time.monotonic() - begin > 0.4, 'it does not stay'
        pid = again
        w = resting.wait_state('crashdummy', 'resting', 5)
        assert not alive(pid) and w['failures'] == 0
    assert not resting.crash_records('crashdummy'), 'rest is no crash'


def test_on_demand_under_load_with_pauses(resting):
    """Requests that come as it goes to rest are not lost."""
    with resting.load('/crashdummy/ok', threads=3, pause=0.5) as load:
        load.wait_more(18, 30)
    load.check()


def test_on_demand_a_crash_while_nobody_waits(resting):
    def killed():
        pid = resting.get('/crashdummy/ok').json['pid']
        with contextlib.suppress(ProcessLookupError):  # it may rest by now
            os.kill(pid, signal.SIGKILL)
        return resting.worker('crashdummy')['deaths'].get('killed', 0) >= 1 and pid
    pid = wait_for(killed)
    assert resting.get('/crashdummy/ok').json['pid'] != pid
