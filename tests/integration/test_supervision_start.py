# SPDX-License-Identifier: GPL-3.0-or-later
"""Plugins that do not come up: which is told by name, and the rest of the service runs."""
import json
import os
import re
import shutil
import sqlite3
import time

import pytest

from harness import SLOW, Service, manifest, test_plugin, wait_for

QUICK = {'intensity': 3, 'backoff_base': '30ms', 'backoff_cap': '100ms', 'window': '60s', 'slow': '5m', 'start': f'{20 * SLOW}s', 'term': '500ms',
         'abort': '500ms'}
# For one that is never ready; the one beside it must be within this time.
SHORT = {**QUICK, 'start': f'{1500 * min(SLOW, 3)}ms'}


def start_of(how):
    return f'plugins: {{crashdummy: {{start: {how}}}}}\n'


def refused(answer, *words):
    assert answer.status == 503, answer
    assert int(answer.headers['Retry-After']) >= 1
    for word in ('crashdummy',) + words:
        assert word in answer.json[0], answer


# ---- at start ----

STARTS = [('crash', 'signal', 'SIGSEGV'), ('exit', 'exit', 'code 3'), ('never', 'deadline', '')]


@pytest.mark.parametrize('how, cause, words', STARTS, ids=[s[0] for s in STARTS])
def test_failing_at_start(make_service, how, cause, words):
    s = make_service(start_of(how), plugins=['crashdummy'], manifest=manifest(SHORT if how == 'never' else QUICK, plugins=['info']))
    # READY came although it is not up: it has been decided once.
    w = s.wait_state('crashdummy', 'failed')
    assert w['cause'] == cause and words in w['reason'] and w['failures'] >= 3
    assert w['retry_in_ms'] > 60000
    line = wait_for(lambda: re.search('crashdummy failed', s.notifications.last('STATUS') or '') and s.notifications.last('STATUS'), 5)
    assert line.startswith('degraded: ')
    status = s.status()
    assert status['service']['degraded'] and status['service']['ready'] and status['service']['status'] == line
    answer = s.get('/crashdummy/ok')
    refused(answer, 'failed')
    assert 60 < int(answer.headers['Retry-After']) <= 300
    assert s.get('/infos').status == 200
    assert [w['name'] for w in status['workers'] if w['state'] not in ('ready', 'done')] == ['crashdummy']
    wait_for(lambda: len(s.crash_records('crashdummy')) == w['failures'], 5, lambda: str(s.crash_records('crashdummy')))
    assert s.suite('status', '--check').returncode == 4
    if how == 'never':
        assert re.search(r"'crashdummy' \(pid \d+\) gets SIGABRT: was not ready in time", s.log())
    # What it says in the log is a handful of lines, not a flood.
    assert len(re.findall(r"worker 'crashdummy' .* ended after", s.log())) == w['failures']


def test_reset_after_repair(make_service):
    s = Service(plugins=['crashdummy'], manifest=manifest(QUICK))
    flag = s.write('broken', '')
    s.config(f'plugins: {{crashdummy: {{start: crash, while: "{flag}"}}}}\n')
    with s:
        s.wait_state('crashdummy', 'failed')
        os.unlink(flag)
        done = s.suite('reset', 'crashdummy', check=True)
        assert 'crashdummy' in done.stdout or '1 worker' in done.stdout
        w = s.wait_state('crashdummy', 'ready', 3)
        assert w['failures'] == 0
        assert s.get('/crashdummy/ok').status == 200
        wait_for(lambda: s.notifications.last('STATUS').startswith('running'), 3)
        assert s.suite('status', '--check').returncode == 0


def test_a_failed_one_is_tried_in_the_slow_lane(make_service):
    s = Service(plugins=['crashdummy'], manifest=manifest({**QUICK, 'slow': '700ms'}))
    flag = s.write('broken', '')
    s.config(f'plugins: {{crashdummy: {{start: exit, while: "{flag}"}}}}\n')
    with s:
        s.wait_state('crashdummy', 'failed')
        os.unlink(flag)
        s.wait_state('crashdummy', 'ready', 5)


def test_a_plugin_that_is_misconfigured_is_not_hammered(make_service):
    s = make_service(start_of('misconfigured'), plugins=['crashdummy'], manifest=manifest(QUICK))
    w = s.wait_state('crashdummy', 'failed')
    assert w['cause'] == 'config' and 'told to be misconfigured' in w['reason']
    assert w['restarts'] <= 1
    refused(s.get('/crashdummy/ok'), 'told to be misconfigured')
    assert s.get('/infos').status == 200


def test_requests_wait_for_a_slow_start(make_service):
    s = make_service('deadlines: {queue: 20s}\n' + start_of('slowly'), plugins=['crashdummy'], manifest=manifest(QUICK))
    assert s.get('/crashdummy/ok').status == 200
    # READY waits for each to be decided, so it took that long.
    pid = s.kill('crashdummy')
    begin = time.monotonic()
    answer = s.get('/crashdummy/ok')
    assert answer.status == 200 and answer.json['pid'] != pid and time.monotonic() - begin > 1.0


# ---- what cannot run ----


def plugin_dir(service, *names):
    for name in names:
        service.add_plugin(name)
    return service


WRONG = [('variant-abi', 'ABI 2'), ('variant-size', 'another wazo-plugin.h'), ('variant-undefined', 'a_function_that_nobody_has'),
         ('variant-no-symbol', 'no wazo_plugin'), ('text', 'no shared object')]


@pytest.fixture(scope='module')
def wrong():
    with Service(plugins=[name for name, _ in WRONG] + ['variant']) as s:
        yield s


@pytest.mark.parametrize('name, words', WRONG, ids=[w[0] for w in WRONG])
def test_a_plugin_that_cannot_run_is_named(wrong, name, words):
    # At the start, to whoever starts it ...
    lines = [line for line in wrong.stderr().splitlines() if f'plugin {name} ' in line]
    assert len(lines) == 1 and words in lines[0], wrong.stderr()
    # ... and by status, as long as it is so.
    assert any(p['plugin'] == name and words in p['text'] for p in wrong.status()['problems'])
    shown = wrong.suite('status', check=True).stdout
    assert f'  {name}: ' in shown
    assert wrong.suite('status', '--check').returncode == 4


def test_the_rest_runs(wrong):
    assert wrong.get('/infos').status == 200
    assert wrong.get('/variant').status == 200


def test_another_build_than_described(make_service):
    s = Service(plugins=['crashdummy'], manifest=manifest(QUICK))
    # The description of one, the code of another.
    shutil.copy(test_plugin('variant.so'), os.path.join(s.plugin_dir, 'crashdummy.so'))
    with s:
        assert s.get('/infos').status == 200
        problem = next(p for p in s.status()['problems'] if p['plugin'] == 'crashdummy')
        assert problem['text']
        # Its routes are known from the description, or not at all; it is never the other's code that answers.
        answer = s.get('/crashdummy/ok')
        assert answer.status in (404, 503)


def test_a_route_that_another_has(make_service):
    """Another plugin's description claims what variant has: variant keeps it."""
    s = Service(plugins=['variant', 'crashdummy'], manifest=manifest(QUICK))
    path = os.path.join(s.plugin_dir, 'crashdummy.json')
    with open(path, encoding='utf-8') as file:
        description = json.load(file)
    description['routes'][0]['path'] = '/infos'
    with open(path, 'w', encoding='utf-8') as file:
        json.dump(description, file)
    with s:
        problem = next(p for p in s.status()['problems'] if p['plugin'] == 'crashdummy')
        assert '/infos' in problem['text'] and 'info' in problem['text']
        assert s.get('/infos').json['uuid']
        assert s.get('/variant').status == 200
        assert s.worker('crashdummy') is None


def test_the_file_goes_away_later(make_service):
    s = make_service(plugins=['crashdummy'], manifest=manifest(QUICK))
    assert s.get('/crashdummy/ok').status == 200
    path = os.path.join(s.plugin_dir, 'crashdummy.so')
    os.rename(path, path + '.away')
    with s.load('/users', threads=1) as load:
        s.kill('crashdummy')
        w = s.wait_state('crashdummy', 'failed')
        assert 'crashdummy.so' in w['reason'], w
        refused(s.get('/crashdummy/ok'))
        load.wait_more(3)
    load.check()
    os.rename(path + '.away', path)
    s.suite('reset', 'crashdummy', check=True)
    s.wait_state('crashdummy', 'ready')
    assert s.get('/crashdummy/ok').status == 200


def test_the_file_is_replaced_later(make_service):
    """Another build in its place, and no reload yet: it is not loaded in the old one's name."""
    s = make_service(plugins=['crashdummy'], manifest=manifest(QUICK))
    path = os.path.join(s.plugin_dir, 'crashdummy.so')
    shutil.copy(test_plugin('variant.so'), path + '.new')
    os.rename(path + '.new', path)
    s.kill('crashdummy')
    w = s.wait_state('crashdummy', 'failed')
    assert w['cause'] in ('mismatch', 'config') and 'build' in w['reason'], w
    assert s.get('/infos').status == 200


def test_plugins_wait_for_the_migration(make_service):
    """It cannot be done, as somebody holds the database: plugins are blocked, which is no failure, and the rest answers."""
    s = Service(manifest=manifest(SHORT))
    os.makedirs(s.path('state/db'))
    database = sqlite3.connect(s.path('state/db/confd.sqlite'), isolation_level=None)
    database.execute('CREATE TABLE a (b)')
    database.execute('BEGIN EXCLUSIVE')
    s._own()
    with s:
        w = s.wait_state('migrate', 'failed')
        assert w['reason']
        info = s.worker('info')
        assert info['state'] == 'blocked' and 'migrate' in info['reason'] and info['failures'] == info['restarts'] == 0
        answer = s.get('/infos')
        assert answer.status == 503 and int(answer.headers['Retry-After']) >= 1 and 'info' in answer.json[0]
        assert s.get('/status').status == 200
        assert 'migrate failed' in s.notifications.last('STATUS')
        database.close()
        s.suite('reset', 'migrate', check=True)
        s.wait_state('info', 'ready')
        assert s.get('/infos').status == 200


def test_stderr_says_why_it_ends(make_service):
    """To whoever started it without a terminal."""
    s = make_service(start=False)
    s.write('state/db/confd.sqlite', 'this is no database ' * 100)
    assert s.launch().wait() == 78, s.log()
    assert re.search(r'wazo-confd is given up: migrate: cannot open the database: .*confd\.sqlite: .*; its log is .*\.log$', s.stderr(), re.M), s.stderr()
