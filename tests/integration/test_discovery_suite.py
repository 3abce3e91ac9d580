# SPDX-License-Identifier: GPL-3.0-or-later
"""wazo-suite-discovery: daemons that do not register themselves, by what systemd and their ports say of them."""
import http.server
import os
import re
import signal
import subprocess
import tempfile
import threading

import pytest

import consul
from harness import BUILD, ROOT, SLOW, TOP, SANITIZERS, clean_environment, free_port, run_as, sanitizer_report, scratch, wait_for
from managerbus import Manager, Unit
from test_discovery import UUID

PROGRAM = os.path.join(BUILD, 'workers/discovery/wazo-suite-discovery')


class Daemon:
    """Answers 401 at a port, as those of the suite do who is nobody."""

    def __init__(self, port):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(401)
                self.end_headers()

            def log_message(self, *args):
                pass

        self._server = http.server.ThreadingHTTPServer(('127.0.0.1', port), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()


class Host:
    """Folders, a service manager, and wazo-suite-discovery in between."""

    def __init__(self):
        self.dir = tempfile.mkdtemp(dir=scratch(), prefix='h')
        self.manager = Manager(os.path.join(self.dir, 'bus'))
        self.process = None

    def write(self, name, text):
        path = os.path.join(self.dir, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, 'w', encoding='utf-8') as file:
            file.write(text)

    def service(self, name, port):
        """The shipped manifest, at another port."""
        with open(os.path.join(TOP, f'config/services.d/{name}.yml'), encoding='utf-8') as file:
            self.write(f'etc/wazo-suite/services.d/{name}.yml', re.sub(r'^port: \d+$', f'port: {port}', file.read(), flags=re.M))

    def start(self):
        with open(os.path.join(self.dir, 'stderr'), 'ab') as stderr:
            self.process = subprocess.Popen([PROGRAM, '--root', self.dir], stdin=subprocess.DEVNULL, stdout=stderr, stderr=stderr,
                                            env=clean_environment(DBUS_SYSTEM_BUS_ADDRESS=self.manager.address, XIVO_UUID=UUID), **run_as(None))
        return self

    def log(self):
        with open(os.path.join(self.dir, 'stderr'), encoding='utf-8', errors='replace') as file:
            return file.read()

    def end(self):
        """By SIGTERM: its exit code."""
        if not self.process:
            return 0
        self.process.send_signal(signal.SIGTERM)
        return self.wait()

    def wait(self):
        code = self.process.wait(30 * SLOW)
        self.process = None
        report = sanitizer_report(self.log()) if SANITIZERS else None
        assert not report, self.log()
        return code

    def close(self):
        if self.process:
            self.process.kill()
            self.process.wait()
        self.manager.__exit__()


@pytest.fixture
def host():
    made = Host()
    yield made
    made.close()


def configure(host, port, more=''):
    host.write('etc/wazo-suite/discovery.yml', f'''consul: {{host: 127.0.0.1, port: {port}}}
service_discovery: {{enabled: true, ttl_interval: 20, refresh_interval: 300ms, retry_interval: 100ms, advertise_address: 127.0.0.1{more}}}
''')


@pytest.mark.skipif(not consul.AVAILABLE, reason=consul.WHY_NOT)
def test_units_are_registered_as_they_are(host):
    amid, dird = free_port(), free_port()
    host.service('wazo-amid', amid)
    host.service('wazo-dird', dird)
    with consul.Agent() as agent:
        configure(host, agent.port)
        # One registers itself, as soon as its own configuration says so; the other never does.
        host.write('etc/wazo-dird/config.yml', 'enabled_plugins: [not, a, map]\n')
        host.manager.units['wazo-dird.service'] = Unit()
        host.start()
        daemon, other = Daemon(amid), Daemon(dird)
        entry, check = agent.wait_health('passing', 'wazo-dird')
        assert entry['Tags'] == [UUID, 'wazo-dird'] and entry['Port'] == dird and 'it answers' in check['Output']
        assert agent.find('wazo-amid') is None

        host.manager.units['wazo-amid.service'] = Unit()
        entry = agent.wait_health('passing', 'wazo-amid')[0]
        # Its unit is active, and it hangs, or is gone, without systemd's knowing.
        daemon.close()
        assert 'does not answer' in agent.wait_health('critical', 'wazo-amid')[1]['Output']
        daemon = Daemon(amid)
        agent.wait_health('passing', 'wazo-amid')
        host.manager.units['wazo-amid.service'].active = 'failed'
        assert 'its unit is failed' in agent.wait_health('critical', 'wazo-amid')[1]['Output']
        host.manager.units['wazo-amid.service'].active = 'active'
        assert agent.wait_health('passing', 'wazo-amid')[0]['ID'] == entry['ID']

        # A start with another configuration.
        host.write('etc/wazo-dird/conf.d/50-consul.yml', 'service_discovery: {enabled: true}\n')
        host.manager.units['wazo-dird.service'].active = 'inactive'
        wait_for(lambda: agent.find('wazo-dird') is None, 20)
        host.manager.units['wazo-dird.service'].active = 'active'
        agent.stop()
        agent.start()
        agent.wait_health('passing', 'wazo-amid', 60)
        assert agent.find('wazo-dird') is None

        assert host.end() == 0
        assert agent.services() == {}
        daemon.close()
        other.close()


def test_consul_away(host):
    amid = free_port()
    host.service('wazo-amid', amid)
    configure(host, free_port())
    host.manager.units['wazo-amid.service'] = Unit()
    daemon = Daemon(amid)
    host.start()
    wait_for(lambda: 'cannot be reached' in host.log(), 20, host.log)
    assert host.end() == 0
    assert host.log().count('cannot be reached') == 1
    daemon.close()


def test_where_it_is_not_enabled_it_ends(host):
    assert host.start().wait() == 0
    assert 'not enabled' in host.log()
    host.write('etc/wazo-suite/discovery.yml', 'consul: {port: none}\nservice_discovery: {enabled: true}\n')
    assert host.start().wait() == 78
    assert 'discovery.yml:1:16: error: consul.port must be a whole number' in host.log()
