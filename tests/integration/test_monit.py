# SPDX-License-Identifier: GPL-3.0-or-later
"""monit's checks of the suite: what wazo-monit-check says of each state, and what a real monit makes of it.

systemd is managerbus.Manager, and systemctl a program that writes down what monit asked of it.
"""
import fcntl
import glob
import http.server
import json
import os
import re
import shutil
import socket
import subprocess
import tempfile
import threading
import time

import pytest

from harness import BUILD, ROOT, TOP, Service, clean_environment, free_port, manifest, run_as, wait_for
from managerbus import Manager, Unit

CHECK, HOOK, RESTART = (os.path.join(BUILD, 'monit', f'wazo-monit-{name}') for name in ('check', 'hook', 'restart'))
EVENTS = os.path.join(BUILD, 'monit/suite-events')
GENERATE = os.path.join(BUILD, 'config/generate/wazo-generate')
THEIRS = ['asterisk', 'base-fs', 'base-system', 'isc-dhcp-server', 'ntp', 'rabbitmq', 'wazo-confgend', 'wazo-provd']
UUID = '5a4c1b8e-6a61-4a4c-8f0e-0d5f0a3b1c2d'
pytestmark = pytest.mark.skipif(not shutil.which('monit'), reason='needs monit')


class Host:
    """A root directory with manifests: acme, which needs acme-base and which nobody but monit starts, and others as a test adds."""

    def __init__(self):
        self.root = tempfile.mkdtemp(prefix='wazo-monit-')
        self.manager = Manager(self.path('/bus'))
        self.ports, self.servers = {}, {}
        self.add('acme', 'needs: [acme-base]\nwazo_service: {filter: telephony}\n')
        self.add('acme-base')
        for program in (CHECK, HOOK, RESTART):
            self.write('/usr/libexec/wazo-suite/' + os.path.basename(program), self.wrapper(program))
        self.write('/systemctl', f'#!/bin/sh\necho "$@" >>{self.path("/calls")}\n')
        self.write('/calls', '')
        self.write('/looks', '')
        self.write('/etc/wazo-suite/monit.yml', 'bus: {enabled: false}\n')
        os.makedirs(self.path('/etc/monit/conf.d'))
        os.makedirs(self.path('/run'))
        self.monit = None

    def add(self, name, more='', restart='no', live=None):
        """A service that runs; restart is what its manifest says, live what systemd does."""
        self.ports[name] = free_port()
        self.write(f'/etc/wazo-suite/services.d/{name}.yml', f'service: {name}\nkind: unit\ndescription: A service under test\n'
                   f'user: nobody\nport: {self.ports[name]}\nunit: {{restart: {restart}, start: 20s}}\n{more}')
        self.manager.units[f'{name}.service'] = Unit(restart=live or restart)
        self.serve(name)

    def wrapper(self, program):
        return (f'#!/bin/sh\n[ {program} != {CHECK} ] || echo "$1" >>{self.path("/looks")}\nPATH={self.root}:$PATH\n'
                f'export PATH DBUS_SYSTEM_BUS_ADDRESS={self.manager.address}\nexec {program} --root {self.root} "$@"\n')

    def path(self, path):
        return self.root + path

    def write(self, path, text):
        os.makedirs(os.path.dirname(self.path(path)), exist_ok=True)
        with open(self.path(path), 'w', encoding='utf-8') as file:
            file.write(text)
        os.chmod(self.path(path), 0o700)

    def read(self, path):
        with open(self.path(path), encoding='utf-8') as file:
            return file.read()

    @property
    def acme(self):
        return self.manager.units['acme.service']

    # -- the services --

    def serve(self, name):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_error(404)

            def log_message(self, *_):
                pass
        self.servers[name] = http.server.ThreadingHTTPServer(('127.0.0.1', self.ports[name]), Handler)
        threading.Thread(target=self.servers[name].serve_forever, args=(0.02,), daemon=True).start()

    def unserve(self, name):
        server = self.servers.pop(name)
        server.shutdown()
        server.server_close()

    def down(self, name, active='failed', result='signal'):
        unit = self.manager.units[f'{name}.service']
        unit.active, unit.sub, unit.result = active, 'dead', result
        self.unserve(name)

    # -- the programs --

    def check(self, service='acme'):
        done = subprocess.run([CHECK, '--root', self.root, service], env=clean_environment(DBUS_SYSTEM_BUS_ADDRESS=self.manager.address),
                              capture_output=True, text=True, timeout=60)
        assert done.stderr == '' and re.fullmatch(rf'{service}: [^\n]*\n', done.stdout), done
        return done.returncode, done.stdout.split(': ', 1)[1].strip()

    def hook(self, service, code, text, check=True):
        done = subprocess.run([HOOK, '--root', self.root], capture_output=True, text=True, timeout=60, env=clean_environment(
            DBUS_SYSTEM_BUS_ADDRESS=self.manager.address, MONIT_SERVICE=f'suite-{service}', MONIT_PROGRAM_STATUS=str(code), MONIT_HOST='pbx',
            MONIT_DESCRIPTION=f'status changed (0 -> {code}) -- {service}: {text}'))
        assert not check or done.returncode == 0, done
        return done

    def records(self):
        """Of what has not been published, in its order."""
        files = sorted(glob.glob(self.path('/var/lib/monit/wazo-suite/spool/*.json')))
        return [json.loads(self.read(path[len(self.root):])) for path in files]

    def states(self, service='acme'):
        return [m['body']['data']['state'] for m in self.records() if m['body']['data']['service'] == service]

    def wait_states(self, *states, service='acme'):
        wait_for(lambda: self.states(service) == list(states), 60, lambda: f'{self.states(service)}\n{self.log()}', every=0.05)

    def calls(self, service=None):
        """Of systemctl: [verb] for a service, or all."""
        lines = self.read('/calls').splitlines()
        return [line.split()[0] for line in lines if line.split()[1] == f'{service}.service'] if service else lines

    def log(self):
        return self.read('/monit.log') if os.path.exists(self.path('/monit.log')) else ''

    # -- monit --

    def generate(self, *services):
        for service in services:
            done = subprocess.run([GENERATE, 'monit', service, '--services-dir', self.path('/etc/wazo-suite/services.d')], check=True,
                                  capture_output=True, text=True)
            text = done.stdout.replace('/bin/systemctl', self.path('/systemctl')).replace('/usr/libexec', self.path('/usr/libexec'))
            self.write(f'/etc/monit/conf.d/suite-{service}', text)

    def monitrc(self):
        self.write('/monitrc', f'set daemon 1\nset log {self.path("/monit.log")}\nset pidfile {self.path("/monit.pid")}\n'
                               f'set idfile {self.path("/monit.id")}\nset statefile {self.path("/monit.state")}\n'
                               f'include {self.path("/etc/monit/conf.d")}/*\n')
        return ['monit', '-c', self.path('/monitrc')]

    def test_monit(self):
        return subprocess.run([*self.monitrc(), '-t'], capture_output=True, text=True, timeout=60)

    def start_monit(self, *services):
        self.generate(*services)
        self.monit = subprocess.Popen([*self.monitrc(), '-I'], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **run_as(None))
        wait_for(lambda: 'started' in self.log(), 20)

    def cycles(self, n, service='acme'):
        """Until monit has looked so many times more."""
        wanted = self.read('/looks').split().count(service) + n
        wait_for(lambda: self.read('/looks').split().count(service) >= wanted, 20 * n, self.log, every=0.05)
        assert self.monit.poll() is None, self.log()

    def stop_monit(self):
        if self.monit:
            self.monit.terminate()
            self.monit.wait(30)
            self.monit = None

    def close(self):
        self.stop_monit()
        for name in list(self.servers):
            self.unserve(name)
        self.manager.__exit__()
        shutil.rmtree(self.root)


@pytest.fixture
def host():
    host = Host()
    yield host
    host.close()


# ---- what the check says ----


def test_states_of_a_unit(host):
    assert host.check() == (0, 'running')
    host.acme.active, host.acme.sub, host.acme.status = 'activating', 'start', 'reading'
    assert host.check() == (0, 'starting: reading')
    host.acme.active, host.acme.sub = 'deactivating', 'stop-sigterm'
    assert host.check()[1].startswith('stopping')
    host.acme.active, host.acme.sub, host.acme.job = 'inactive', 'dead', 7
    assert host.check() == (0, 'starting: systemd has a job for it')
    host.acme.job = 0
    assert host.check()[0] == 5
    host.acme.condition = False
    assert host.check() == (5, 'stopped: a condition of its unit is not met')
    host.acme.active, host.acme.result = 'failed', 'oom-kill'
    assert host.check() == (2, 'failed: its unit has failed: oom-kill')
    host.acme.active, host.acme.sub, host.acme.result = 'activating', 'auto-restart', 'exit-code'
    assert host.check() == (2, 'failed: it ended (exit-code), and systemd will start it again')
    host.acme.load = 'masked'
    assert host.check() == (5, 'stopped: its unit is masked')
    del host.manager.units['acme.service']
    assert host.check() == (7, 'unknown: its unit acme.service: not-found')
    assert host.check('nobody-knows')[0] == 7
    host.manager.address += '-not'
    assert host.check()[0] == 7


def test_a_port_that_is_closed_is_given_the_time_of_a_start(host):
    host.unserve('acme')
    host.acme.since = time.monotonic()
    code, text = host.check()
    assert code == 0 and text.startswith(f'starting: its port {host.ports["acme"]} takes no connection yet'), text
    host.acme.since = time.monotonic() - 30
    assert host.check() == (3, f'hung: its port {host.ports["acme"]} takes no connection')


def test_who_takes_connections_and_says_nothing(host):
    """The service hangs; and a broker like that costs the hook no more than its time, and no event."""
    host.unserve('acme')
    with socket.create_server(('127.0.0.1', host.ports['acme'])) as deaf:  # as after SIGSTOP: the kernel takes the connections
        host.write('/etc/wazo-suite/monit.yml', f'bus: {{host: 127.0.0.1, port: {deaf.getsockname()[1]}}}\n')
        hooks = []
        thread = threading.Thread(target=lambda: hooks.append(host.hook('acme-base', 2, 'failed', check=False)))
        thread.start()
        assert host.check() == (3, f'hung: its port {host.ports["acme"]} takes connections and does not answer')
        thread.join()
        assert hooks[0].returncode == 1 and host.states('acme-base') == ['failed'], hooks


def test_blocked_disabled_and_maintenance(host):
    host.down('acme')
    host.down('acme-base', 'inactive', 'success')
    code, text = host.check()
    assert code == 4 and text.startswith('blocked: it needs acme-base, which is down'), text
    with open(host.path('/run/wazo-service.lock'), 'w', encoding='ascii') as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert host.check()[1].startswith('maintenance: wazo-service is at work') and host.check()[0] == 0
    assert host.check()[0] == 4
    host.write('/var/lib/wazo/disabled', '')
    assert host.check() == (0, 'disabled: /var/lib/wazo/disabled keeps it down')
    assert host.check('acme-base')[0] == 5  # not of telephony: it is never disabled
    os.unlink(host.path('/var/lib/wazo/disabled'))
    del host.manager.units['acme-base.service']  # which another host may have
    assert host.check()[0] == 2


def native(host, service):
    """The manifest and the place of a native service that runs elsewhere."""
    host.write('/etc/wazo-suite/services.d/wazo-confd.yml', manifest(plugins=['crashdummy']))
    os.symlink(service.path('run'), host.path('/run/wazo-confd'))


def test_a_native_service_is_asked_itself(host):
    quick = {'intensity': 2, 'backoff_base': '20ms', 'window': '60s'}
    with Service('plugins: {crashdummy: {start: exit}}\n', manifest=manifest(quick, plugins=['crashdummy']), plugins=['crashdummy'],
                 as_root=ROOT) as service:
        native(host, service)
        service.wait_state('crashdummy', 'failed')
        code, text = host.check('wazo-confd')
        assert code == 1 and text.startswith('degraded: crashdummy is failed: '), text
        service.config('')
        service.suite('reload', check=True)
        service.wait_state('crashdummy', 'ready')
        assert host.check('wazo-confd')[0] == 0
        service.suite('hold', 'crashdummy', check=True)
        service.wait_state('crashdummy', 'held')
        code, text = host.check('wazo-confd')
        assert code == 6 and text.startswith('held: crashdummy is held'), text
        service.suite('reset', 'crashdummy', check=True)
        service.wait_state('crashdummy', 'ready')
        assert host.check('wazo-confd')[0] == 0
    host.manager.units['wazo-confd.service'] = Unit(active='failed', result='watchdog', restart='always')
    assert host.check('wazo-confd') == (10, 'failed: its unit has failed: watchdog')  # left to systemd


# ---- with monit ----


def wazo_monitoring_update(host):
    """What wazo-monitoring-update does to /etc/monit/conf.d."""
    for name in os.listdir(host.path('/etc/monit/conf.d')):
        if not os.path.exists(host.path(f'/etc/monit/conf.d/{name}')):
            os.unlink(host.path(f'/etc/monit/conf.d/{name}'))
    for name in os.listdir(host.path('/usr/share/wazo-monitoring/checks')):
        path = host.path(f'/etc/monit/conf.d/{name}')
        if os.path.lexists(path):
            os.unlink(path)
        if name != 'isc-dhcp-server':  # no DHCP here
            os.symlink(host.path(f'/usr/share/wazo-monitoring/checks/{name}'), path)


def test_monit_takes_all_checks_beside_those_of_wazo_monitoring(host):
    for name in THEIRS:
        host.write(f'/usr/share/wazo-monitoring/checks/{name}', f'check process {name} with pidfile /run/{name}.pid\n')
    wazo_monitoring_update(host)
    theirs = sorted(os.listdir(host.path('/etc/monit/conf.d')))
    services = [os.path.basename(path)[:-4] for path in glob.glob(os.path.join(TOP, 'config/services.d/*.yml'))]
    made = ['events']
    with open(EVENTS, encoding='utf-8') as file:
        host.write('/etc/monit/conf.d/suite-events', file.read().replace('/usr/libexec', host.path('/usr/libexec')))
    for service in services:
        text = subprocess.run([GENERATE, 'monit', service], capture_output=True, text=True)
        if text.returncode == 0 and text.stdout:
            made.append(service)
            host.write(f'/etc/monit/conf.d/suite-{service}', text.stdout.replace('/usr/libexec', host.path('/usr/libexec')))
    assert len(made) >= 20 and 'wazo-confd' in made and 'asterisk' in made and 'monit' not in made
    wazo_monitoring_update(host)
    assert sorted(os.listdir(host.path('/etc/monit/conf.d'))) == sorted(theirs + [f'suite-{name}' for name in made])
    done = host.test_monit()
    assert done.returncode == 0 and 'Control file syntax OK' in done.stdout, done
    # Purged: only ours have gone, and what is left is good.
    for path in glob.glob(host.path('/etc/monit/conf.d/suite-*')):
        os.unlink(path)
    assert sorted(os.listdir(host.path('/etc/monit/conf.d'))) == theirs and host.test_monit().returncode == 0


def damaged(host):
    """Services in all states that monit may find them in, each once it has been seen well."""
    host.add('acme-hung')
    host.add('acme-sure', restart='always')
    host.add('acme-lied', live='always')
    host.add('acme-theirs', 'monit: {theirs: base-acme}\n')
    host.add('acme-stopped')
    host.add('acme-lost', 'needs: [acme-stopped]\n')
    host.write('/etc/monit/conf.d/base-acme', f'check file base-acme with path {host.path("/calls")}\n')
    services = [name[:-8] for name in host.manager.units]
    host.start_monit(*services)
    host.cycles(3)
    assert host.calls() == [] and host.records() == [], host.log()
    host.down('acme-stopped', 'inactive', 'success')  # by a person
    for name in ('acme', 'acme-base', 'acme-sure', 'acme-lied', 'acme-theirs', 'acme-lost'):
        if name != 'acme-base':
            host.down(name)
    host.unserve('acme-hung')
    return services


def test_what_monit_starts_and_what_it_does_not(host):
    damaged(host)
    # Dead, and nobody else starts it; there, and hanging.
    wait_for(lambda: host.calls('acme') and host.calls('acme-hung'), 60, host.log)
    assert set(host.calls('acme')) == {'start'} and set(host.calls('acme-hung')) == {'restart'}
    host.serve('acme')
    host.acme.start()
    host.serve('acme-hung')
    host.wait_states('failed', 'running')
    host.wait_states('hung', 'running', service='acme-hung')
    done = len(host.calls())
    host.cycles(3)
    # systemd starts it again, as its manifest says or as it turns out here; another check does; a person wanted it so; it cannot live.
    for name, state in (('sure', 'failed'), ('lied', 'failed'), ('theirs', 'failed'), ('stopped', 'stopped'), ('lost', 'blocked')):
        assert host.states(f'acme-{name}') == [state] and host.calls(f'acme-{name}') == [], host.log()
        assert f"'suite-acme-{name}' trying to restart" not in host.log()
    assert len(host.calls()) == done and host.states('acme-base') == []
    first = next(m['body']['data'] for m in host.records() if m['body']['data']['service'] == 'acme')
    assert first == {'service': 'acme', 'state': 'failed', 'previous': None, 'exit_code': 2, 'text': 'its unit has failed: signal', 'host': first['host']}
    assert [m['body']['data']['previous'] for m in host.records() if m['body']['data']['service'] == 'acme'] == [None, 'failed']


def test_nobody_is_started_while_wazo_service_is_at_work_or_on_a_slave(host):
    with open(host.path('/run/wazo-service.lock'), 'w', encoding='ascii') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        host.down('acme')
        host.start_monit('acme', 'acme-base')
        host.cycles(3)
        assert host.calls() == [] and host.records() == []
        host.write('/var/lib/wazo/disabled', '')
    host.cycles(3)
    assert host.calls() == [] and host.records() == [] and host.check()[0] == 0
    os.unlink(host.path('/var/lib/wazo/disabled'))
    # Until it is given up.
    wait_for(lambda: 'unmonitor' in host.log(), 60, host.log)
    assert host.calls() == ['start acme.service'] * 5 and host.states() == ['failed']


def test_what_monit_decided_a_cycle_ago_is_looked_at_again(host):
    """As monit runs it, by itself."""
    def restart(words=(RESTART, '--root', host.root, 'acme')):
        done = subprocess.run(words, capture_output=True, text=True, timeout=60, env=clean_environment(
            DBUS_SYSTEM_BUS_ADDRESS=host.manager.address, PATH=f'{host.root}:/usr/bin:/bin'))
        assert done.returncode == 0 and done.stdout == '', done
        return done.stderr
    assert 'acme is running: not restarted' in restart()
    host.down('acme', 'inactive', 'success')
    assert 'acme is stopped: not restarted' in restart()
    host.acme.active = 'failed'
    with open(host.path('/run/wazo-service.lock'), 'a', encoding='ascii') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert 'wazo-service is at work' in restart()
    assert host.calls() == []
    # wazo-service waits for the end of it, and says for whom.
    host.write('/systemctl', f'#!/bin/sh\necho "$@" >>{host.path("/calls")}\nflock -n {host.path("/run/wazo-service.lock")} true || '
                             f'cat {host.path("/run/wazo-service.lock")} >>{host.path("/holder")}\n')
    assert 'systemctl start acme.service' in restart()
    assert host.calls() == ['start acme.service'] and host.read('/holder').startswith('"monit: restart acme" (pid ')
    assert subprocess.run(['flock', '-n', host.path('/run/wazo-service.lock'), 'true'], check=False).returncode == 0


def test_what_was_mended_while_monit_was_away_is_told(host):
    host.hook('acme', 2, 'failed: before')
    host.start_monit('acme')
    host.wait_states('failed', 'running')
    host.down('acme')
    host.wait_states('failed', 'running', 'failed')
    assert host.check()[0] == 2 and len(host.records()) == 3
    # And what monit's exit codes do not tell apart.
    host.acme.start()
    host.acme.active = 'activating'
    host.wait_states('failed', 'running', 'failed', 'starting')
    host.serve('acme')
    host.acme.start()
    host.wait_states('failed', 'running', 'failed', 'starting', 'running')


# ---- the hook ----


def test_record_of_changes(host):
    host.manager.environment['XIVO_UUID'] = UUID
    host.hook('acme', 1, 'degraded: user is backoff: exit 1')
    host.hook('acme', 1, 'degraded: user is backoff: exit 1')  # monit says each change twice
    message, = host.records()
    headers = message['headers']
    assert headers == {'name': 'suite_service_state_changed', 'origin_uuid': UUID, 'timestamp': headers['timestamp'],
                       'required_access': 'event.suite_service_state_changed', 'required_acl': 'events.suite.services.acme.state'}
    assert re.fullmatch(r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}', headers['timestamp'])
    assert message['routing_key'] == 'suite.services.acme.state'
    data = message['body'].pop('data')
    assert message['body'] == headers
    assert data == {'service': 'acme', 'state': 'degraded', 'previous': None, 'exit_code': 1, 'text': 'user is backoff: exit 1', 'host': 'pbx'}
    assert json.loads(host.read('/var/lib/monit/wazo-suite/state/acme.json'))['data'] == data
    for service in ('../x', 'x/y', ''):
        host.hook(service, 2, 'failed')
    assert len(host.records()) == 1
    host.hook('acme', 7, '')
    assert host.records()[1]['body']['data']['state'] == 'unknown'


def test_the_spool_is_bounded(host):
    host.hook('acme', 0, 'running')
    first, = os.listdir(host.path('/var/lib/monit/wazo-suite/spool'))
    for i in range(1, 1005):
        shutil.copy(host.path(f'/var/lib/monit/wazo-suite/spool/{first}'),
                    host.path(f'/var/lib/monit/wazo-suite/spool/{int(first[:20]) + i:020}.json'))
    host.hook('acme', 2, 'failed')
    names = sorted(os.listdir(host.path('/var/lib/monit/wazo-suite/spool')))
    assert len(names) == 1000 and first not in names
    assert json.loads(host.read(f'/var/lib/monit/wazo-suite/spool/{names[-1]}'))['body']['data']['state'] == 'failed'


def test_a_disk_that_is_full_keeps_no_half_records(host):
    words = ['sh', '-c', 'trap "" XFSZ; ulimit -f 0; exec "$@"', 'sh', HOOK, '--root', host.root]
    environment = clean_environment(DBUS_SYSTEM_BUS_ADDRESS=host.manager.address, MONIT_SERVICE='suite-acme', MONIT_PROGRAM_STATUS='2',
                                    MONIT_DESCRIPTION='-- acme: failed: why', MONIT_HOST='pbx')
    done = subprocess.run(words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=60)
    assert done.returncode == 1
    assert [name for folder in ('state', 'spool') for name in os.listdir(host.path(f'/var/lib/monit/wazo-suite/{folder}'))] == []


def test_events_wait_for_the_broker(host, broker):
    exchange = f'monit-{os.path.basename(host.root)}'
    observer = broker.observe(exchange)
    host.write('/etc/wazo-suite/monit.yml', broker.settings(exchange, port=free_port()))
    assert host.hook('acme', 2, 'failed: one', check=False).returncode == 1
    assert host.hook('acme', 3, 'hung: two', check=False).returncode == 1
    assert host.states() == ['failed', 'hung']
    host.write('/var/lib/monit/wazo-suite/spool/00000000000000000001.json', 'no message')
    host.write('/etc/wazo-suite/monit.yml', broker.settings(exchange))
    done = subprocess.run([HOOK, '--root', host.root, '--publish'], env=clean_environment(MONIT_SERVICE='suite-events'), capture_output=True,
                          text=True, timeout=60)
    assert done.returncode == 0 and host.records() == [] and done.stderr == '', done
    host.hook('acme', 0, 'running')
    messages = observer.take(3, more=0.3)
    assert [m.body['data']['state'] for m in messages] == ['failed', 'hung', 'running'] and host.records() == []
    assert not os.listdir(host.path('/var/lib/monit/wazo-suite/spool'))
    last = messages[2]
    assert last.headers == {key: value for key, value in last.body.items() if key != 'data'}
    assert last.routing_key == 'suite.services.acme.state' and last.properties.content_type == 'application/json'
    assert last.properties.delivery_mode == 2 and len({m.properties.message_id for m in messages}) == 3
