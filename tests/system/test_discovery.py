# SPDX-License-Identifier: GPL-3.0-or-later
"""Discovery under systemd, with all that the units forbid: a service and a daemon of another make in a real consul."""
import json
import os
import shutil

import pytest

from machine import TOP, wait_for

CONSUL = os.path.join(TOP, 'build-consul/root/usr/bin/consul')
AGENT = '[Service]\nExecStart=/usr/local/bin/consul agent -dev -bind 127.0.0.1 -client 127.0.0.1 -log-level warn\n'
# Answers 401 to whatever, as the daemons of the suite do. Perl is in each root.
DAEMON = r'''#!/usr/bin/perl
use IO::Socket::INET;
my $s = IO::Socket::INET->new(LocalAddr => '127.0.0.1:9491', Listen => 5, ReuseAddr => 1) or die;
while (my $c = $s->accept) { sysread $c, my $b, 4096; print $c "HTTP/1.1 401 no\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"; close $c }
'''
pytestmark = pytest.mark.skipif(not os.path.exists(CONSUL), reason='there is no consul: tests/fetch-consul')


def services(machine):
    """{name: (id, health)} of what the agent knows, if it is there."""
    checks = json.loads(machine.sh('curl -fsS http://127.0.0.1:8500/v1/agent/checks', check=False) or '{}')
    return {check['ServiceName']: (check['ServiceID'], check['Status']) for check in checks.values()}


def wait_health(machine, name, health, seconds=30):
    wait_for(lambda: services(machine).get(name, (None, None))[1] == health, seconds, f'{name} is not {health}', 0.2)
    return services(machine).get(name, (None, None))[0]


def check(machine, service):
    return json.loads(machine.sh(f'wazo-suite check --json {service} --row 16', check=False))['rows'][0]


@pytest.fixture(scope='module')
def host(confd):
    shutil.copy(CONSUL, confd.file('/usr/local/bin/consul'))
    confd.write('/etc/systemd/system/consul-agent.service', AGENT)
    confd.sh('systemctl daemon-reload; systemctl start consul-agent')
    wait_for(lambda: confd.sh('curl -sS http://127.0.0.1:8500/v1/status/leader', check=False).strip() not in ('', '""'), 60, 'no consul', 0.5)
    return confd


def test_a_service_and_its_restarts(host):
    host.write('/etc/wazo-confd/conf.d/50-consul.yml', 'service_discovery: {enabled: true}\n')
    host.sh('systemctl reload wazo-suite-confd')
    first = wait_health(host, 'wazo-confd', 'passing')
    assert 'registered as ' + first in host.sh('wazo-suite status')
    host.sh('systemctl restart wazo-suite-confd')
    assert wait_health(host, 'wazo-confd', 'passing') == first
    # What it says of itself is what check finds; and what somebody left there, with the remedy.
    assert check(host, 'wazo-confd')['result'] == 'pass'
    host.sh('curl -fsS -X PUT http://127.0.0.1:8500/v1/agent/service/register -d \'{"ID": "left", "Name": "wazo-confd", "Port": 9486, "Address": "%s"}\'' %
            json.loads(host.sh('curl -fsS http://127.0.0.1:8500/v1/agent/services'))[first]['Address'])
    row = check(host, 'wazo-confd')
    assert row['result'] == 'fail' and f'2 entries of wazo-confd for this server; right is {first}' in row['found'], row
    host.sh(row['remedy'])
    assert check(host, 'wazo-confd')['result'] == 'pass'
    host.sh('systemctl restart consul-agent')
    assert wait_health(host, 'wazo-confd', 'passing', 60) == first
    host.sh('systemctl stop wazo-suite-confd.service')
    assert 'wazo-confd' not in services(host)
    host.sh('systemctl start wazo-suite-confd.service')
    assert wait_health(host, 'wazo-confd', 'passing') == first


def test_a_daemon_that_does_not_do_it_itself(host):
    host.write('/usr/local/bin/amid', DAEMON, 0o755)
    host.write('/etc/systemd/system/wazo-amid.service', '[Service]\nExecStart=/usr/local/bin/amid\n')
    host.sh('systemctl daemon-reload; systemctl start wazo-amid')
    host.sh('systemctl start wazo-suite-discovery')
    assert host.active('wazo-suite-discovery') == 'inactive'  # nobody has asked for it
    host.write('/etc/wazo-suite/discovery.yml', 'consul: {host: localhost}\nservice_discovery: {enabled: true}\n', 0o600)
    host.sh('systemctl enable --now wazo-suite-discovery')
    first = wait_health(host, 'wazo-amid', 'passing')
    wait_for(lambda: '1 of 1' in host.show('wazo-suite-discovery', 'StatusText')['StatusText'], 10, 'its status')
    assert check(host, 'wazo-amid')['result'] == 'pass'
    host.sh('systemctl kill --signal KILL wazo-amid')
    wait_health(host, 'wazo-amid', 'critical')
    host.sh('systemctl restart wazo-amid')
    assert wait_health(host, 'wazo-amid', 'passing') == first
    host.sh('systemctl stop wazo-amid')
    wait_for(lambda: 'wazo-amid' not in services(host), 20, 'it is still there', 0.2)
    host.sh('systemctl start wazo-amid')
    wait_health(host, 'wazo-amid', 'passing')
    host.sh('systemctl stop wazo-suite-discovery')
    assert set(services(host)) == {'wazo-confd'}
    assert host.show('wazo-suite-discovery', 'Result')['Result'] == 'success'
