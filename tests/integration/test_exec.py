# SPDX-License-Identifier: GPL-3.0-or-later
"""Workers of kind exec: foreign commands, and a service of nothing else."""
import os
import re
import signal
import time

import pytest

from harness import PATIENT, SLOW, Service, alive, children, proc, proc_status, wait_for

MANIFEST = """service: sleepers
kind: exec
description: Commands under test
user: nobody
state: /var/lib/sleepers
run: /run/sleepers
log: /var/log/sleepers.log
timing: {timing}
workers:
  control: {{kind: control}}
{workers}
"""


def service(workers, timing=None, **more):
    pairs = ', '.join(f'{k}: {v}' for k, v in {**PATIENT, 'term': '400ms', 'kill': '2s', **(timing or {})}.items())
    return Service(manifest=MANIFEST.format(timing='{' + pairs + '}', workers=workers), name='sleepers', **more)


def script(s, name, text):
    path = s.write(name, '#!/bin/sh\n' + text)
    os.chmod(path, 0o755)
    return path


def worker(name, command, more=''):
    return f'  {name}: {{kind: exec, command: [{", ".join(command)}]{more}}}\n'


@pytest.fixture
def run():
    """Starts a service of scripts: {name: (shell text, more)}."""
    made = []

    def start(scripts, timing=None, ready=True):
        s = service('', timing)
        made.append(s)
        text = ''.join(worker(name, [script(s, name, body)], more) for name, (body, more) in scripts.items())
        pairs = ', '.join(f'{k}: {v}' for k, v in {**PATIENT, 'term': '400ms', 'kill': '2s', **(timing or {})}.items())
        s.write('etc/services.d/sleepers.yml', MANIFEST.format(timing='{' + pairs + '}', workers=text))
        return s.start() if ready else s.launch()
    yield start
    for s in made:
        s.stop()


# ---- life ----


@pytest.fixture(scope='module')
def sleepers():
    s = service(worker('sleeper', ['/bin/sleep', 'infinity'], ', instances: 20') + worker('lone', ['/bin/sleep', '"1000"']))
    with s:
        yield s


def test_all_run(sleepers):
    names = {w['name']: w for w in sleepers.status()['workers'] if w['kind'] == 'exec'}
    assert set(names) == {f'sleeper#{i}' for i in range(1, 21)} | {'lone'}
    assert all(w['state'] == 'ready' for w in names.values())
    assert proc(names['lone']['pid'], 'cmdline') == b'/bin/sleep\x001000\x00'


def test_killed_and_back(sleepers):
    pids = sleepers.pids()
    begin = time.monotonic()
    os.kill(pids['sleeper#7'], signal.SIGKILL)
    w = sleepers.wait_state('sleeper#7', 'ready', not_pid=pids['sleeper#7'])
    assert time.monotonic() - begin < 20 * SLOW and w['deaths'] == {'killed': 1}
    after = sleepers.pids()
    assert {n for n in pids if pids[n] != after[n]} == {'sleeper#7'}


def test_all_killed_at_once(sleepers):
    pids = {n: pid for n, pid in sleepers.pids().items() if n != 'control'}
    for pid in pids.values():
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: all(sleepers.pids().get(n) not in (None, pid) for n, pid in pids.items()), 5)


def test_what_a_command_gets(sleepers):
    pid = sleepers.worker_pid('lone')
    status = proc_status(pid)
    assert status['NoNewPrivs'].strip() == '1' and status['SigIgn'].strip() == status['SigBlk'].strip() == '0' * 16
    assert os.getsid(pid) == pid and os.readlink(f'/proc/{pid}/cwd') == '/'
    assert sorted(os.listdir(f'/proc/{pid}/fd')) == ['0', '1', '2'], 'descriptors leak'
    assert os.readlink(f'/proc/{pid}/fd/0') == '/dev/null'
    environment = dict(e.split('=', 1) for e in proc(pid, 'environ').decode().split('\0') if e)
    assert set(environment) <= {'PATH', 'LANG', 'INVOCATION_ID', 'ASAN_OPTIONS', 'UBSAN_OPTIONS', 'LSAN_OPTIONS'}, environment


def test_of_one_supervisor(sleepers):
    assert set(sleepers.pids().values()) == set(children(sleepers.pid))


# ---- readiness ----


def test_ready_by_notify(run):
    begin = time.monotonic()
    s = run({'slow': ('sleep 0.4; systemd-notify --ready; exec sleep infinity', ', ready: notify')})
    at = next(t for t, pairs in s.notifications.messages if 'READY' in pairs)
    w = s.worker('slow')
    assert w['state'] == 'ready' and w['ready_ms'] >= 400
    # The service was ready no earlier.
    assert at - begin >= 0.4
    # Its socket is its own, and gone with it.
    sockets = [n for n in os.listdir(s.path('run')) if n.startswith('notify')]
    assert len(sockets) <= 1
    s.kill('slow')
    wait_for(lambda: s.worker('slow')['state'] == 'ready' and s.worker('slow')['pid'] != w['pid'], 5)
    assert len([n for n in os.listdir(s.path('run')) if n.startswith('notify')]) == len(sockets)


def test_ready_never_said(run):
    s = run({'mute': ('exec sleep infinity', f', ready: notify, timing: {{start: {300 * SLOW}ms, intensity: 2, window: 60s}}')})
    w = s.wait_state('mute', 'failed')
    assert w['cause'] == 'deadline' and 'ready' in w['reason']
    assert s.notifications.last('STATUS').startswith('degraded')


def test_notify_of_others_is_not_believed(run):
    """READY=0, a text that only holds the words, garbage."""
    s = run({'liar': ('systemd-notify STATUS="not READY=1"; systemd-notify XREADY=1; systemd-notify READY=0; exec sleep infinity',
                      f', ready: notify, timing: {{start: {400 * SLOW}ms, intensity: 1, window: 60s}}')})
    assert s.wait_state('liar', 'failed')['cause'] == 'deadline'


# ---- failures ----

CANNOT = [('missing', None, 'No such file'), ('forbidden', 0o644, 'ermission denied'), ('no_program', 0o755, 'xec format')]


@pytest.mark.parametrize('name, mode, words', CANNOT, ids=[c[0] for c in CANNOT])
def test_what_cannot_be_executed(name, mode, words):
    s = service('', {'intensity': 5})
    path = s.path(name)
    if mode:
        s.write(name, '\x01\x02 no program')
        os.chmod(path, mode)
    s.write('etc/services.d/sleepers.yml', MANIFEST.format(timing='{backoff_base: 50ms}', workers=worker('bad', [path]) +
                                                           worker('good', ['/bin/sleep', 'infinity'])))
    with s:
        w = s.worker('bad')
        # What cannot succeed unchanged is not tried again and again.
        assert w['state'] == 'failed' and w['cause'] == 'exec' and words in w['reason'] and path in w['reason'], w
        assert w['restarts'] <= 1 and w['retry_in_ms'] > 10000
        assert s.worker('good')['state'] == 'ready'
        assert 'bad failed' in s.notifications.last('STATUS')


def test_ends_by_itself(run):
    s = run({'ends': ('echo last words; exit 5', ', timing: {intensity: 3, backoff_base: 20ms, window: 60s}'),
             'good': ('exec sleep infinity', '')})
    w = s.wait_state('ends', 'failed')
    assert w['cause'] == 'exit' and '5' in w['reason']
    records = wait_for(lambda: s.suite_json('why', 'ends')['records'], 5)
    assert records[0]['exit_code'] == 5 and any('last words' in line for line in records[0]['log'])
    s.wait_log(r'\(sleepers\.ends\): \[pid \d+\] last words')


def test_exit_0_is_an_end_too(run):
    s = run({'ends': ('sleep 0.05; exit 0', ', timing: {intensity: 2, backoff_base: 20ms, window: 60s}')})
    assert s.wait_state('ends', 'failed')['cause'] == 'exit'


def test_a_critical_one_takes_the_service_along(run):
    s = run({'vital': ('sleep 0.2; exit 9', ', critical: true, timing: {intensity: 2, backoff_base: 20ms, window: 60s}'),
             'good': ('exec sleep infinity', '')}, ready=False)
    assert s.wait() == 9
    s.check_gone(seconds=3)
    assert re.search(r"\(CRITICAL\).*'vital' is critical", s.log())


# ---- the ladder ----

DEAF = "trap '' TERM; systemd-notify --ready; while :; do sleep 0.1; done"


def test_deaf_to_term(run):
    s = run({'deaf': (DEAF, ', ready: notify')})
    pid = s.worker_pid('deaf')
    begin = time.monotonic()
    s.suite('restart', 'deaf', check=True)
    s.wait_state('deaf', 'ready', not_pid=pid)
    assert 0.35 < time.monotonic() - begin < 20 * SLOW
    s.wait_log(r"worker 'deaf' \(pid \d+\) gets SIGKILL")


def test_term_is_tried_first(run):
    s = run({'polite': ("trap 'echo good bye; exit 0' TERM; systemd-notify --ready; while :; do sleep 0.02; done", ', ready: notify')},
            {'term': '60s'})
    pid = s.worker_pid('polite')
    s.suite('restart', 'polite', check=True)
    s.wait_state('polite', 'ready', not_pid=pid)
    s.wait_log('good bye')
    assert 'SIGKILL' not in s.log()


def test_a_stopped_one_is_ended_too(run):
    s = run({'still': ('exec sleep infinity', '')}, {'term': '60s'})
    pid = s.kill('still', signal.SIGSTOP)
    s.suite('restart', 'still', check=True)
    s.wait_state('still', 'ready', not_pid=pid)
    assert 'SIGKILL' not in s.log(), 'SIGCONT behind SIGTERM was enough'


def test_its_children_go_too(run):
    s = run({'parent': ('sleep 1000 & sleep 1000 & wait', '')})
    pid = s.worker_pid('parent')
    mine = wait_for(lambda: len(children(pid)) == 2 and children(pid), 3)
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not any(alive(p) for p in mine), 3, 'children live on')


def test_hold_keeps_it_down(run):
    s = run({'held': ('exec sleep infinity', '')})
    pid = s.worker_pid('held')
    s.suite('hold', 'held', check=True)
    s.wait_state('held', 'held')
    assert not alive(pid)
    s.suite('reset', 'held', check=True)
    s.wait_state('held', 'ready')


def test_requirements_come_first(run):
    s = run({'first': ('sleep 0.3; systemd-notify --ready; exec sleep infinity', ', ready: notify'),
             'second': ('exec sleep infinity', ', requires: [first]')}, ready=False)
    wait_for(lambda: 'READY' in {k for _, p in s.notifications.messages for k in p}, 10)
    workers = {w['name']: w for w in s.status()['workers']}
    assert workers['second']['since'] >= workers['first']['since'] and workers['second']['state'] == 'ready'


def test_a_flood_does_not_stop_the_others(run):
    begin = time.monotonic()
    s = run({'loud': ('exec yes', ''), 'good': ('exec sleep infinity', '')})
    s.wait_log(r'\(sleepers\.loud\): \[pid \d+\] y$')
    s.wait_state('good', 'ready')
    for _ in range(3):
        pid = s.kill('good')
        s.wait_state('good', 'ready', not_pid=pid)
    assert len(re.findall(r'\] y$', s.log(), re.M)) <= 100 * (2 + int((time.monotonic() - begin) / 10))


def test_limits(run):
    s = run({'limited': ('exec sleep infinity', ', limits: {files: 77, memory: {max: 64M}, processes: 999}')})
    limits = proc(s.worker_pid('limited'), 'limits').decode()
    assert re.search(r'Max open files +77 ', limits) and re.search(r'Max core file size +0 ', limits)
    assert re.search(rf'Max data size +{64 << 20} ', limits) and re.search(r'Max processes +999 ', limits)


def test_a_hundred_at_once():
    s = service(worker('many', ['/bin/sleep', 'infinity'], ', instances: 100'))
    begin = time.monotonic()
    with s:
        assert time.monotonic() - begin < 30 * SLOW
        pids = [pid for name, pid in s.pids().items() if name.startswith('many')]
        assert len(set(pids)) == 100
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        wait_for(lambda: sum(n.startswith('many') and pid not in pids for n, pid in s.pids().items()) == 100, 10)


def test_the_end_of_many_costs_what_many_ends_cost():
    """No more for each than that of a few: nothing looks at all for the sake of one."""
    many, few = 600, 40
    s = service(worker('sleeper', ['/bin/sleep', 'infinity'], f', instances: {many}'), {'healthy': '1s'})

    def cpu():
        return int(proc(s.pid, 'schedstat').split()[0])

    def running(but=()):
        now = {pid for pid in children(s.pid) if b'infinity' in proc(pid, 'cmdline')}
        return len(now) == many and now.isdisjoint(but) and now

    def kill(n):
        victims = sorted(wait_for(running, 10, 'not all run'))[:n]
        time.sleep(0.3)
        begin = cpu()
        # It sees them all in one look.
        os.kill(s.pid, signal.SIGSTOP)
        for pid in victims:
            os.kill(pid, signal.SIGKILL)
        os.kill(s.pid, signal.SIGCONT)
        wait_for(lambda: running(victims), 20, 'not all run again', every=0.1)
        return (cpu() - begin) / n

    with s:
        alone = min(kill(few) for _ in range(3))
        together = min(kill(many) for _ in range(2))
        assert together < 3 * alone, f'{alone / 1e3:.0f} us for each of {few}, {together / 1e3:.0f} us for each of {many}'
