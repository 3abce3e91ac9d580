# SPDX-License-Identifier: GPL-3.0-or-later
"""Plugin workers that die, hang, lie and flood: nobody else notices, and what happened is told."""
import os
import random
import re
import signal
import time

import pytest

from harness import PATIENT, SANITIZERS, SLOW, Service, alive, children, manifest, proc, wait_for

# Of every plugin: a machine that stands still for so long makes one die that is well.
ATTEMPT = 3 if SANITIZERS else 1.5
# What nobody waits for who is served by others; the machine itself may take its time.
SOON = 5 * SLOW


@pytest.fixture(scope='module')
def service():
    config = f'deadlines: {{attempt: {int(ATTEMPT * 1000)}ms, queue: 20s, total: 30s}}\n'
    with Service(config, plugins=['crashdummy'], manifest=manifest({**PATIENT, 'abort': '3s'}, common=', limits: {files: 200}'),
                 expected=('stack-overflow', 'DEADLYSIGNAL')) as s:
        yield s


@pytest.fixture
def others(service):
    """Requests to other plugins all the while: none fails, none waits long."""
    before = service.pids()
    with service.load('/users', threads=1, pause=0.01) as load:
        yield load
        load.wait_more(5)
    load.check()
    assert load.slowest < SOON
    after = service.pids()
    changed = {name for name in before if after.get(name) != before[name]}
    assert changed <= {'crashdummy', 'nursery'}, f'others were replaced, too: {changed}'


def record_of(service, pid):
    """The crash record of a process, once it is written."""
    return wait_for(lambda: next((r for r in service.crash_records() if r['pid'] == pid), None), 5, lambda: 'no record')


def dies_of(service, what, deaths=None, **more):
    """Asks crashdummy for something that it does not survive; its pid and the answer."""
    service.wait_state('crashdummy', 'ready')
    pid = service.worker_pid('crashdummy')
    answer = service.get(f'/crashdummy/{what}', **more)
    wait_for(lambda: not alive(pid), 5 + 3 * ATTEMPT, f'{pid} lives on')
    service.wait_state('crashdummy', 'ready', not_pid=pid)
    return pid, answer


# ---- killed ----


@pytest.mark.parametrize('signo', [signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM, signal.SIGABRT], ids=lambda s: s.name)
def test_killed_at_random_moments_under_load(service, signo):
    chance = random.Random(4)
    crowd = service.pids()
    with service.load('/infos', threads=4) as load, service.load('/users', threads=1) as others:
        for _ in range(12):
            time.sleep(chance.uniform(0.0, 0.03))
            pid = service.kill('info', signo)
            service.wait_state('info', 'ready', not_pid=pid)
            load.wait_more(5)
    load.check(100)
    others.check()
    assert others.slowest < SOON
    after = service.pids()
    assert {name for name in crowd if crowd[name] != after.get(name)} <= {'info', 'nursery'}


def test_two_instances_do_not_wait_for_each_other(make_service):
    with_two = make_service('workers: {crashdummy: {instances: 2}}\n', plugins=['crashdummy'], manifest=manifest(PATIENT))
    pids = {with_two.worker_pid('crashdummy'), with_two.worker_pid('crashdummy#2')}
    assert len(pids) == 2
    with with_two.load('/crashdummy/slow?n=2', threads=4) as load:
        for _ in range(5):
            pid = with_two.kill('crashdummy#2')
            with_two.wait_state('crashdummy#2', 'ready', not_pid=pid)
            load.wait_more(10)
    load.check()


def test_a_death_between_requests_is_not_seen(service, others):
    pid = service.kill('crashdummy')
    answer = service.get('/crashdummy/ok')
    assert answer.status == 200 and answer.json['pid'] != pid
    assert record_of(service, pid)['cause'] == 'killed'


def test_a_stopped_worker_is_like_a_hung_one(service, others):
    pid = service.kill('crashdummy', signal.SIGSTOP)
    begin = time.monotonic()
    answer = service.get('/crashdummy/ok')
    # It was given up at its deadline; a GET may be sent to the next one, or refused.
    assert answer.status in (200, 503) and time.monotonic() - begin < 3 * ATTEMPT + SOON
    wait_for(lambda: not alive(pid), 5)
    service.wait_state('crashdummy', 'ready', not_pid=pid)
    assert record_of(service, pid)['cause'] == 'deadline'


# ---- what a request does to its worker ----

DEATHS = [('segv', 'signal', 'SIGSEGV'), ('abort', 'signal', 'SIGABRT'), ('signal?n=9', 'killed', 'SIGKILL'), ('exit?n=7', 'exit', None),
          ('overflow', 'signal', 'SIGSEGV'), ('signal?n=31', 'sandbox', 'SIGSYS')]


@pytest.mark.parametrize('what, cause, signo', DEATHS, ids=[d[0].partition('?')[0] + d[0].partition('=')[2] for d in DEATHS])
def test_a_deadly_request(service, others, what, cause, signo):
    begin = time.monotonic()
    pid, answer = dies_of(service, what)
    assert answer.status in (500, 503) and time.monotonic() - begin < 3 * SOON
    if answer.status == 503:
        assert int(answer.headers['Retry-After']) >= 1
        assert 'crashdummy' in answer.json[0]
    record = record_of(service, pid)
    assert record['cause'] == cause and record['worker'] == record['plugin'] == 'crashdummy' and record['was_ready']
    assert record.get('signal', {}).get('name') == signo
    if cause == 'exit':
        assert record['exit_code'] == 7
    assert record['request']['id'] == answer.headers['X-Request-Id']
    assert record['request']['method'] == 'GET' and record['request']['route'] == '/crashdummy/{what}'
    assert record['next']['text'].startswith('started again')


@pytest.mark.parametrize('what', ['segv', 'abort', 'overflow'])
def test_the_record_has_a_backtrace(service, what):
    if SANITIZERS and what == 'overflow':
        pytest.skip('the sanitizer takes the alternative stack')
    pid, _ = dies_of(service, what)
    lines = record_of(service, pid)['log']
    assert any('crashdummy.so' in line for line in lines), lines


def test_why_shows_request_and_backtrace(service):
    pid, answer = dies_of(service, 'segv')
    record_of(service, pid)
    text = service.suite('why', 'crashdummy', check=True).stdout
    for word in ('SIGSEGV', 'GET /crashdummy/{what}', answer.headers['X-Request-Id'], 'crashdummy.so', 'started again'):
        assert word in text, text
    newest = service.suite_json('why', '-n', '50', 'crashdummy')['records']
    assert any(r['pid'] == pid and r['request']['id'] == answer.headers['X-Request-Id'] for r in newest)


def test_records_are_bounded(service):
    for _ in range(12):
        pid = service.kill('crashdummy')
        service.wait_state('crashdummy', 'ready', not_pid=pid)
    record_of(service, pid)
    wait_for(lambda: len(service.crash_records('crashdummy')) <= 10, 5, 'more than ten records')
    assert len(service.crash_records('crashdummy')) == 10
    assert service.crash_records('crashdummy')[-1]['pid'] == pid


@pytest.mark.parametrize('what', ['hang', 'spin'])
def test_a_worker_that_hangs_is_aborted_at_its_deadline(service, others, what):
    begin = time.monotonic()
    pid, answer = dies_of(service, what)
    assert answer.status in (503, 504)
    assert ATTEMPT * 0.9 < time.monotonic() - begin < 3 * ATTEMPT + 3 * SOON
    record = record_of(service, pid)
    assert record['cause'] == 'deadline' and record['signal']['name'] == 'SIGABRT'
    assert record['request']['age_ms'] >= ATTEMPT * 900
    assert any('crashdummy.so' in line for line in record['log']), record['log']


def test_a_worker_deaf_to_signals_is_killed(service, others):
    pid, answer = dies_of(service, 'ignore-term')
    assert answer.status in (503, 504)
    record = record_of(service, pid)
    assert record['cause'] == 'deadline' and record['signal']['name'] == 'SIGKILL'


def test_the_worker_behind_a_slow_request_is_left_alone(service):
    pid = service.worker_pid('crashdummy')
    assert service.get(f'/crashdummy/slow?n={int(ATTEMPT * 500)}').status == 200
    assert service.worker_pid('crashdummy') == pid


# ---- lies ----


@pytest.mark.parametrize('what', ['garbage', 'half-message', 'fd-message', 'data-garbage'])
def test_a_liar_is_killed_never_obeyed(service, others, what):
    pid, answer = dies_of(service, what)
    assert answer.status in (200, 500, 503)
    assert record_of(service, pid)['cause'] == 'protocol'


def test_messages_that_nobody_asked_for_change_nothing(service, others):
    pid = service.worker_pid('crashdummy')
    for what in ('ready-again', 'messages?n=5000'):
        assert service.get(f'/crashdummy/{what}').status == 200
    assert service.get('/crashdummy/ok').json['pid'] == pid
    assert service.worker('crashdummy')['state'] == 'ready'


def test_a_worker_that_closes_its_channels(service, others):
    pid, answer = dies_of(service, 'close-all')
    assert answer.status in (500, 503)
    record_of(service, pid)


def test_an_answer_that_is_none(service, others):
    answer = service.get('/crashdummy/bad-status')
    assert answer.status == 500


# ---- too much ----


def test_a_flood_of_lines_is_bounded(service, others):
    before, cpu = len(service.log()), time.monotonic()
    lines = 5000
    answer = service.get(f'/crashdummy/flood?n={lines}')
    # The pipe holds the writer back: it may well be too slow for its deadline.
    assert answer.status in (200, 503, 504), answer
    wait_for(lambda: service.get('/crashdummy/ok').status == 200, 10)
    service.kill('crashdummy')
    service.wait_log(r'printed \d+ lines? more than its budget', since=before)
    text = service.log()[before:]
    mine = [line for line in text.splitlines() if re.search(r'\(INFO\) \(wazo_confd\.crashdummy\).*\[pid \d+\]', line)]
    assert 0 < len(mine) <= 100 * (2 + int((time.monotonic() - cpu) / 10)), len(mine)


def test_a_line_without_an_end(service, others):
    before = len(service.log())
    answer = service.get('/crashdummy/flood-line?n=200000')
    assert answer.status in (200, 503, 504)
    wait_for(lambda: service.get('/crashdummy/ok').status == 200, 10)
    assert max(map(len, service.log()[before:].splitlines())) < 4096


def test_orphans_end_with_their_worker(service, others):
    assert service.get('/crashdummy/orphans?n=4').status == 200
    pid = service.worker_pid('crashdummy')
    orphans = wait_for(lambda: len(children(pid)) == 4 and children(pid), 2)
    begin = time.monotonic()
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not any(alive(orphan) for orphan in orphans), message='orphans live on')
    # They end by themselves after a minute.
    assert time.monotonic() - begin < 50
    wait_for(lambda: not any(proc(orphan, 'stat') for orphan in orphans), 2, 'orphans are not reaped')


# ---- the nursery ----


def spare(service):
    """The worker that is nobody's yet; None while there is none."""
    return next((pid for pid in children(service.pid) if proc(pid, 'cmdline').rstrip(b'\0').endswith(b': spare')), None)


def wait_spare(service, not_pid=None):
    return wait_for(lambda: (pid := spare(service)) and pid != not_pid and alive(pid) and pid, 5, 'there is no spare')


def test_the_nursery_is_no_parent(service):
    nursery = service.worker_pid('nursery')
    assert children(nursery) == []
    assert service.worker_pid('info') in children(service.pid)


def test_the_nursery_killed(service, others):
    pid = service.kill('nursery')
    assert service.get('/infos').status == 200
    service.wait_state('nursery', 'ready', not_pid=pid)
    dead = service.kill('crashdummy')
    service.wait_state('crashdummy', 'ready', not_pid=dead)
    assert service.get('/crashdummy/ok').status == 200


def test_the_nursery_killed_while_all_restart(service):
    chance = random.Random(7)
    for _ in range(5):
        pids = service.pids()
        plugins = [pid for name, pid in pids.items() if name not in ('control', 'gateway', 'nursery')]
        assert len(plugins) >= 12
        for i, pid in enumerate(plugins):
            if i == len(plugins) // 2:
                os.kill(pids['nursery'], signal.SIGKILL)
            os.kill(pid, signal.SIGKILL)
        time.sleep(chance.uniform(0, 0.02))

        def whole():
            now = service.status()['workers']
            return all(w['state'] in ('ready', 'done') and w.get('pid') not in pids.values() for w in now
                       if w['name'] not in ('control', 'gateway', 'migrate'))
        wait_for(whole, 10, lambda: str([(w['name'], w['state'], w['reason']) for w in service.status()['workers']]), every=0.02)
    known = set(service.pids().values())
    # No child that nobody knows: all were swept.
    wait_for(lambda: set(children(service.pid)) <= known | {spare(service)}, 3,
             lambda: f'unknown children: {set(children(service.pid)) - known - {spare(service)}}')
    for path in ('/infos', '/users', '/lines', '/extensions', '/voicemails', '/crashdummy/ok'):
        assert service.get(path).status == 200


def test_the_spare_is_the_next_worker(service):
    pid = wait_spare(service)
    # Of those that have the usual sandbox; crashdummy has more.
    dead = service.kill('context')
    assert service.wait_state('context', 'ready', not_pid=dead)['pid'] == pid
    assert proc(pid, 'cmdline').rstrip(b'\0').endswith(b': context')
    assert service.get('/contexts').status == 200
    # What was forked for its slot got its limits another way.
    assert b'200                  200                  files' in proc(pid, 'limits')
    assert proc(pid, 'limits') == proc(service.worker_pid('info'), 'limits')
    wait_spare(service, not_pid=pid)


def test_the_spare_killed(service, others):
    pid = wait_spare(service)
    since = len(service.log())
    os.kill(pid, signal.SIGKILL)
    service.wait_log(fr"the nursery's spare \(pid {pid}\) ended", since=since)
    wait_for(lambda: not proc(pid, 'stat'), 2, 'it is not reaped')
    for _ in range(2):
        dead = service.kill('crashdummy')
        service.wait_state('crashdummy', 'ready', not_pid=dead)
        assert service.get('/crashdummy/ok').status == 200
    # A birth shows that spares can be had again.
    wait_spare(service, not_pid=pid)


def test_the_spare_ends_with_its_nursery(service):
    pid, dead = wait_spare(service), service.kill('nursery')
    wait_for(lambda: not proc(pid, 'stat'), 2, f'{pid} lives on')
    service.wait_state('nursery', 'ready', not_pid=dead)
    wait_spare(service, not_pid=pid)
