# SPDX-License-Identifier: GPL-3.0-or-later
"""Discovery: a service in a real consul. In it while it runs, as it is, and never disturbed by what becomes of consul."""
import json
import os
import re
import shutil
import signal

import pytest

import consul
from harness import PATIENT, Service, free_port, manifest, supervisord, wait_for

UUID = '5e1c3b1e-7a52-4c9e-9d55-0f6f4f7a2b10'
WORKER = '  discovery: {kind: discovery}'

with_consul = pytest.mark.skipif(not consul.AVAILABLE, reason=consul.WHY_NOT)


def settings(port, discovery='', address='127.0.0.1', **more):
    """Of an agent at this port."""
    keys = ''.join(f', {key}: {value}' for key, value in more.items())
    return (f'consul: {{host: 127.0.0.1, port: {port}{keys}}}\n'
            f'service_discovery: {{enabled: true, ttl_interval: 4, refresh_interval: 1, retry_interval: 100ms, advertise_address: {address}{discovery}}}\n')


def make(config, **more):
    return Service(config=config, manifest=manifest(PATIENT, plugins=['info', 'tenant'], workers=WORKER), environment={'XIVO_UUID': UUID}, **more)


def note(s):
    worker = next(w for w in s.status()['workers'] if w['kind'] == 'discovery')
    return worker.get('note', '')


def wait_note(s, *words):
    wait_for(lambda: all(word in note(s) for word in words), 20, lambda: f'{words} not in {note(s)!r}\n{s.log()[-2000:]}', every=0.05)


@pytest.fixture(scope='module')
def agent():
    with consul.Agent() as running:
        yield running


# ---- with a real agent ----


@with_consul
def test_it_is_registered_while_it_runs(agent):
    identifiers = []
    for address in ('127.0.0.1', 'auto'):
        with make(settings(agent.port, ', extra_tags: [here, "two words"], advertise_address_interface: lo', address)) as s:
            entry, check = agent.wait_health('passing')
            assert entry['Tags'] == [UUID, 'wazo-confd', 'here', 'two words']
            assert (entry['Address'], entry['Port']) == ('127.0.0.1', s.port)
            assert entry['ID'].startswith('wazo-confd-') and check['Type'] == 'ttl'
            wait_for(lambda: 'running' in agent.find()[1]['Output'], 10)
            identifiers.append(entry['ID'])
            wait_note(s, f'registered as {entry["ID"]} at 127.0.0.1:{s.port}')
            metrics = s.suite('metrics', check=True).stdout
            assert 'wazo_suite_discovery_registered{service="wazo-confd"} 1\n' in metrics
            # As consumers ask for it.
            found = agent.ask(f'/v1/health/service/wazo-confd?passing=true&tag={UUID}')
            assert [e['Service']['Port'] for e in found] == [s.port]
        assert agent.find() is None
    assert identifiers[0] == identifiers[1]


@with_consul
def test_its_check_says_how_it_is(agent):
    with make(settings(agent.port)) as s:
        agent.wait_health('passing')
        s.suite('hold', 'tenant', check=True)
        agent.wait_health('warning')
        wait_for(lambda: 'tenant' in agent.find()[1]['Output'], 10, lambda: agent.find()[1])
        s.suite('hold', 'info', check=True)
        agent.wait_health('critical')
        assert 'no plugin' in wait_for(lambda: 'plugin' in agent.find()[1]['Output'] and agent.find()[1]['Output'], 10)
        for plugin in ('tenant', 'info'):
            s.suite('reset', plugin, check=True)
        agent.wait_health('passing')
        s.suite('hold', 'gateway', check=True)
        agent.wait_health('critical')
        s.suite('reset', 'gateway', check=True)
        agent.wait_health('passing')


@with_consul
def test_consul_forgets_and_is_told_again(agent):
    with make(settings(agent.port)) as s:
        identifier = agent.wait_health('passing')[0]['ID']
        # Its agent ends, and has lost everything when it is back.
        agent.stop()
        wait_note(s, 'registered', 'cannot be reached')
        assert s.get('/infos').status == 200 and not s.status()['service']['degraded']
        agent.start()
        assert agent.wait_health('passing')[0]['ID'] == identifier
        wait_note(s, f'registered as {identifier}')
        # Somebody takes it away by hand.
        agent.request('PUT', f'/v1/agent/service/deregister/{identifier}')
        assert agent.wait_health('passing')[0]['ID'] == identifier
        s.wait_log('registered again')

        def registrations():
            metrics = s.suite('metrics', check=True).stdout
            return int(re.search(r'^wazo_suite_discovery_registrations_total\{service="wazo-confd"\} (\d+)$', metrics, re.M)[1])
        wait_for(lambda: registrations() >= 3)


@with_consul
def test_a_service_that_is_killed_is_critical_and_comes_back_as_the_same(agent):
    s = make(settings(agent.port))
    with s:
        identifier = agent.wait_health('passing')[0]['ID']
        s.end_hard()
        agent.wait_health('critical', seconds=60)
        s.start()
        assert agent.wait_health('passing')[0]['ID'] == identifier
    assert agent.find() is None


@with_consul
def test_it_stays_registered_while_its_worker_dies_or_is_replaced(agent):
    with make(settings(agent.port)) as s:
        agent.wait_health('passing')
        for how in ('kill', 'roll', 'restart', 'reload', 'upgrade'):
            before = s.worker_pid('discovery')
            if how == 'kill':
                os.kill(before, signal.SIGKILL)
            elif how == 'upgrade':
                # Another supervisor takes over, and all workers are new.
                shutil.copy(supervisord(), supervisord() + '.new')
                os.rename(supervisord() + '.new', supervisord())
                s.suite('reload', check=True)
            elif how == 'reload':
                s.config(settings(agent.port, ', extra_tags: [new]'))
                s.suite('reload', check=True)
            else:
                s.suite(how, 'discovery', check=True)
            # It is there at each moment.
            wait_for(lambda: agent.health() == 'passing' and s.worker('discovery')['state'] == 'ready' and s.worker_pid('discovery') not in (0, before), 20)
        wait_for(lambda: 'new' in agent.find()[0]['Tags'], 10)
        assert 'deregistered' not in s.log()
        # Until nobody registers it any more.
        s.config('service_discovery: {enabled: false}\n')
        s.suite('reload', check=True)
        wait_for(lambda: agent.find() is None, 10)
        wait_for(lambda: s.worker('discovery') is None)


@with_consul
def test_token_and_tls():
    with consul.Agent(token=consul.TOKEN, https=True) as agent:
        ca = agent.path('ca.crt')
        with make(settings(agent.port, scheme='https', token=consul.TOKEN)) as s:
            # An authority that the system does not know.
            wait_note(s, 'not registered', 'cannot be reached', 'certificate')
            s.config(settings(agent.port, scheme='https', verify=ca))
            s.suite('reload', check=True)
            wait_note(s, 'not registered', 'consul answers 403')
            s.config(settings(agent.port, scheme='https', verify=ca, token=consul.TOKEN))
            s.suite('reload', check=True)
            agent.wait_health('passing')
            assert consul.TOKEN not in s.log() + s.stderr() + json.dumps(s.status())
        assert agent.find() is None


# ---- with one that misbehaves ----


def test_it_is_deregistered_before_its_listeners_close():
    served = []

    def answer(path):
        if '/deregister/' in path:
            served.append(s.get('/infos').status)
        return 200

    with consul.Impostor(answer) as agent, make(settings(agent.port, token='a-token')) as s:
        wait_for(lambda: any('/check/update/' in path for path in agent.paths()), 10)
        s.stop()
        assert served == [200]
        path, body, headers = agent.asked[0]
        assert path.startswith('/v1/agent/service/register') and headers['X-Consul-Token'] == 'a-token'
        assert body['Check'] == {'CheckID': f'service:{body["ID"]}', 'Name': 'reported by wazo-suite', 'TTL': '4s', 'Status': 'passing',
                                 'DeregisterCriticalServiceAfter': '2h'}
        assert agent.paths()[-1] == f'/v1/agent/service/deregister/{body["ID"]}'


def test_consul_that_is_away_or_says_nothing_disturbs_nobody():
    port = free_port()
    with make(settings(port)) as s:
        wait_note(s, 'not registered', 'cannot be reached')
        assert s.get('/infos').status == 200 and not s.status()['service']['degraded']
        # Then it comes, and hangs.
        with consul.Impostor(lambda path: None, port=port) as agent:
            wait_for(lambda: agent.asked, 20)
            with s.load('/infos', threads=2) as load:
                load.wait_more(50)
            load.check()
            # The end of the service does not wait for it either: see DISCOVERY_DRAIN_MSEC.
            s.stop()
    log = s.log()
    assert log.count('cannot be reached') <= 2, log


def test_one_that_refuses_is_asked_ever_more_rarely():
    with consul.Impostor(lambda path: 403 if '/register' in path else 404) as agent, make(settings(agent.port)) as s:
        wait_note(s, 'not registered', 'consul answers 403')
        wait_for(lambda: len(agent.asked) >= 4, 20)
        assert len(agent.asked) < 40 and s.log().count('consul answers 403') <= 3
        assert s.get('/infos').status == 200


# ---- what it does not change ----


def test_without_being_enabled_there_is_none():
    with Service() as s:
        assert 'discovery' not in [w['kind'] for w in s.status()['workers']]
        assert 'wazo_suite_discovery' not in s.suite('metrics', check=True).stdout


def test_what_is_wrong_in_its_settings_is_told(make_service):
    s = make_service(config='consul: {scheme: ftp, host: "a/b", verify: maybe, token: "a b"}\n'
                            'service_discovery: {ttl_interval: 20, refresh_interval: 30, advertise_address: "no where"}\n', start=False)
    s.launch()
    assert s.wait() == 78
    for words in ('consul.scheme must be one of http, https', 'consul.host must be a name or an address', 'consul.verify must be true, false or',
                  'consul.token must be of printable', 'service_discovery.refresh_interval must be shorter',
                  'service_discovery.advertise_address must be'):
        assert words in s.stderr() + s.log(), s.stderr()
