# SPDX-License-Identifier: GPL-3.0-or-later
"""Reload: what changed is replaced, nothing else; what is wrong changes nothing."""
import os
import re
import shutil
import signal
import socket
import time

import pytest

from harness import PATIENT, Service, alive, free_port, manifest, test_plugin, wait_for


@pytest.fixture
def service():
    with Service('', plugins=['crashdummy'], manifest=manifest({**PATIENT, 'drain': '3s'})) as s:
        yield s


def hup(s, words):
    """SIGHUP, until the outcome is in the status line."""
    before = len(s.log())
    s.send_signal(signal.SIGHUP)
    s.wait_log(words, since=before)


def changed(s, before):
    after = s.pids()
    return {n for n in set(before) | set(after) if before.get(n) != after.get(n)}


def settled(s):
    wait_for(lambda: all(w['state'] in ('ready', 'done', 'resting') and not w['draining'] for w in s.status()['workers']), 10,
             lambda: s.suite('status').stdout)


def test_nothing_changed_nothing_happens(service):
    before = service.pids()
    hup(service, 'reloaded: 0 workers')
    assert service.pids() == before
    assert service.status()['service']['plan_serial'] == 1
    done = service.suite('reload', check=True)
    assert 'nothing changes' in done.stdout and service.pids() == before


def test_only_what_changed_is_replaced(service):
    before = service.pids()
    service.config('plugins: {crashdummy: {start: slowly}}\n')
    with service.load('/crashdummy/ok', threads=2) as load, service.load('/infos', threads=1) as others:
        hup(service, 'reloaded: 1 worker')
        # The new one takes its time: the old one serves meanwhile.
        assert service.get('/crashdummy/ok').json['pid'] == before['crashdummy']
        service.wait_state('crashdummy', 'ready', not_pid=before['crashdummy'])
        wait_for(lambda: not alive(before['crashdummy']), 5)
        load.wait_more(20)
    load.check()
    others.check()
    assert changed(service, before) == {'crashdummy'}
    assert service.status()['service']['last_reload'].startswith('reloaded')


def test_the_gateway_s_part(service):
    before = service.pids()
    service.config('rest_api: {cors: {enabled: false}}\n')
    assert service.get('/infos').headers.get('Access-Control-Allow-Origin')
    with service.load('/infos', threads=3) as load:
        hup(service, 'reloaded: 1 worker')
        service.wait_state('gateway', 'ready', not_pid=before['gateway'])
        load.wait_more(50)
    load.check()
    assert changed(service, before) == {'gateway'}
    assert not service.get('/infos').headers.get('Access-Control-Allow-Origin')


def test_a_plugin_more_and_less(service):
    before = service.pids()
    service.config('enabled_plugins: {voicemail: false}\n')
    hup(service, 'reloaded')
    wait_for(lambda: not service.worker('voicemail'), 10)
    settled(service)
    # Gateway and control know the routes; the others are left alone.
    assert {'voicemail', 'gateway'} <= changed(service, before) <= {'voicemail', 'gateway', 'control'}
    assert service.get('/voicemails').status == 404
    before = service.pids()
    service.config('enabled_plugins: {voicemail: true}\n')
    hup(service, 'reloaded')
    service.wait_state('voicemail', 'ready')
    wait_for(lambda: service.get('/voicemails').status == 200, 5)
    assert {'voicemail', 'gateway'} <= changed(service, before) <= {'voicemail', 'gateway', 'control'}


def test_instances_grow_and_shrink(service):
    before = service.pids()
    service.config('workers: {user: {instances: 3}}\n')
    hup(service, 'reloaded: 2 workers')
    for name in ('user#2', 'user#3'):
        service.wait_state(name, 'ready')
    assert changed(service, before) == {'user#2', 'user#3'}, 'growing leaves the first alone'
    service.config('')
    hup(service, 'reloaded: 2 workers')
    wait_for(lambda: changed(service, before) == set(), 10)


def test_a_new_build_of_a_plugin_is_taken(service):
    before = service.pids()
    path = os.path.join(service.plugin_dir, 'crashdummy.so')
    shutil.copy(test_plugin('crashdummy.so'), path + '.new')
    os.rename(path + '.new', path)
    # The same to the bit: nothing to do.
    hup(service, 'reloaded: 0 workers')
    service.add_plugin('variant')
    hup(service, 'reloaded')
    service.wait_state('variant', 'ready')
    wait_for(lambda: service.get('/variant').status == 200, 5)
    settled(service)
    assert changed(service, before) <= {'variant', 'gateway', 'control'}


# ---- what is wrong ----


def test_the_first_error_is_named(service):
    """Not the warning before it, and nothing of the next one."""
    service.config('unknown: 1\nlog_level: loud\ndebug: maybe\n')
    hup(service, 'reload refused')
    wait_for(lambda: re.search(r'config\.yml:2:12: error: log_level [^?]*$', service.status()['service']['last_reload']), 5)
    service.config('')
    hup(service, 'reloaded')


BAD = ['log_level: loud\n', 'a: [1\n', 'rest_api: {port: none}\nlimits: {queue: x}\n']


@pytest.mark.parametrize('text', BAD, ids=range(len(BAD)))
def test_a_bad_one_changes_nothing(service, text):
    before, serial = service.pids(), service.status()['service']['plan_serial']
    service.config(text)
    with service.load('/infos', threads=1) as load:
        hup(service, 'reload refused')
        load.wait_more(5)
    load.check()
    assert service.pids() == before
    status = service.status()['service']
    assert status['plan_serial'] == serial and 'config.yml' in status['last_reload'] and status['last_reload'].startswith('reload refused')
    # systemd is told, the log has all of it, and the service is no less than it was.
    wait_for(lambda: 'refused' in service.notifications.last('STATUS'), 3)
    assert re.search(r'etc/config\.yml:\d+:\d+: error: ', service.log())
    assert not status['degraded'] and status['ready']
    # By the command: the findings, and exit code 1.
    done = service.suite('reload')
    assert done.returncode == 1 and re.search(r'etc/config\.yml:\d+:\d+: error: ', done.stdout + done.stderr), done
    # Repaired, it is forgotten.
    service.config('')
    hup(service, 'reloaded: 0 workers')
    wait_for(lambda: 'refused' not in service.notifications.last('STATUS'), 3)


def test_the_folder_is_gone(service):
    before = service.pids()
    os.rename(service.path('etc/services.d'), service.path('etc/away'))
    service.write('etc/services.d/wazo-confd.yml', 'nonsense')
    hup(service, 'reload refused')
    assert service.pids() == before and service.get('/infos').status == 200


def test_a_listener_that_cannot_be_opened_refuses_whole(service):
    """Nothing of the new configuration is used, not even what would work."""
    before = service.pids()
    service.config('rest_api: {listen: 192.0.2.7}\nplugins: {crashdummy: {start: slowly}}\n')
    hup(service, 'reload refused: cannot listen on 192.0.2.7')
    assert service.pids() == before and service.get('/infos').status == 200
    assert service.status()['service']['plan_serial'] == 0


def test_a_port_that_somebody_has(make_service):
    """Without --port the configuration says it, and may change it."""
    first, second = free_port(), free_port()
    s = Service(f'rest_api: {{port: {first}}}\n', manifest=manifest(PATIENT))
    words = s.words()
    s.words = lambda: [w for i, w in enumerate(words) if w != '--port' and words[i - 1] != '--port']
    s.port = first
    with s:
        before = s.pids()
        with socket.socket() as taken:
            taken.bind(('127.0.0.1', second))
            taken.listen()
            s.config(f'rest_api: {{port: {second}}}\n')
            hup(s, 'reload refused: cannot listen on')
            assert s.pids() == before and s.get('/infos').status == 200
        hup(s, r'reloaded: 1 workers?')
        s.port = second
        s.wait_state('gateway', 'ready', not_pid=before['gateway'])
        assert s.get('/infos').status == 200
        assert changed(s, before) == {'gateway'}
        with socket.socket() as gone:
            wait_for(lambda: gone.connect_ex(('127.0.0.1', first)) != 0, 10)


# ---- the plan ----


def test_dry_run_tells_the_plan_and_does_nothing(service):
    before = service.pids()
    service.config('plugins: {crashdummy: {start: slowly}}\nenabled_plugins: {voicemail: false}\nworkers: {line: {instances: 2}}\n')
    done = service.suite('reload', '--dry-run', check=True)
    for line in ('replace crashdummy: its configuration changed', 'stop voicemail: it is no longer wanted', 'start line#2: it is new',
                 'replace gateway: '):
        assert line in done.stdout, done.stdout
    assert 'replace info' not in done.stdout
    time.sleep(0.1)
    assert service.pids() == before and service.status()['service']['plan_serial'] == 0
    assert service.status()['service']['last_reload'] == ''
    lines = service.suite_json('reload', '--dry-run')
    assert 'stop voicemail: it is no longer wanted' in lines['lines']
    # A bad one, too.
    service.config('log_level: loud\n')
    done = service.suite('reload', '--dry-run')
    assert done.returncode == 1 and re.search(r'config\.yml:1:12: error', done.stdout + done.stderr)
    assert 'refused' not in service.notifications.last('STATUS')


def test_log_level_of_the_configuration(service):
    before = service.pids()
    service.config('log_level: debug\n')
    assert 'the log level becomes debug' in service.suite('reload', '--dry-run', check=True).stdout
    hup(service, 'reloaded: 0 workers')
    assert service.status()['service']['log_level'] == 'debug' and service.pids() == before
    # The operator's word holds until the configuration says something new.
    service.suite('log-level', 'warning', check=True)
    service.suite('reload', check=True)
    assert service.status()['service']['log_level'] == 'warning'
    service.config('log_level: info\n')
    service.suite('reload', check=True)
    assert service.status()['service']['log_level'] == 'info'


def test_reloads_in_a_row_under_load(service):
    """Each changes something; the last one is what holds."""
    with service.load('/infos', threads=2) as load, service.load('/crashdummy/ok', threads=1) as dummy:
        for i in range(6):
            service.config(f'plugins: {{crashdummy: {{while: "/{i}"}}}}\ndeadlines: {{total: {20 + i}s}}\n')
            service.send_signal(signal.SIGHUP)
            time.sleep(0.05)
        wait_for(lambda: 'nothing changes' in service.suite('reload', '--dry-run').stdout, 20)
        load.wait_more(50)
    load.check()
    dummy.check()
    settled(service)
    before = service.pids()
    hup(service, 'reloaded: 0 workers')
    assert service.pids() == before, 'the last one was not taken'


def test_reload_while_a_worker_fails(make_service):
    """What is repaired by a configuration is started with it."""
    s = make_service('plugins: {crashdummy: {start: crash}}\n', plugins=['crashdummy'],
                     manifest=manifest({'intensity': 2, 'backoff_base': '20ms', 'window': '60s'}))
    s.wait_state('crashdummy', 'failed')
    s.config('')
    hup(s, 'reloaded: 1 worker')
    assert s.wait_state('crashdummy', 'ready')['failures'] == 0
