# SPDX-License-Identifier: GPL-3.0-or-later
"""wazo-service on a host that has all daemons of the suite: stand-ins, which take their time to open their ports."""
import glob
import json
import os
import re
import subprocess
import time

import pytest
import yaml

from machine import TOP, wait_for

WAZO = ('wazo-dxtora wazo-provd wazo-agid asterisk wazo-amid wazo-call-logd wazo-agentd wazo-phoned wazo-calld wazo-websocketd').split()
DEFAULT = 'wazo-plugind wazo-webhookd wazo-sysconfd wazo-confgend wazo-confd wazo-auth wazo-dird wazo-chatd'.split()
ALL = 'rabbitmq-server postgresql@15-main nginx'.split()
SLOW = 1  # seconds that a start takes
DISABLED = '/var/lib/wazo/disabled'

DAEMON = '''use IO::Socket::INET;
sleep(shift);
@s = map { IO::Socket::INET->new(LocalAddr => "127.0.0.1", LocalPort => $_, Proto => "tcp", Listen => 8, ReuseAddr => 1) or die "$_: $!" } @ARGV;
sleep(1000) while 1;
'''


def manifests():
    for path in sorted(glob.glob(os.path.join(TOP, 'config/services.d/*.yml'))):
        with open(path, encoding='utf-8') as file:
            yield yaml.safe_load(file)


def unit_of(manifest):
    unit = manifest.get('unit', {})
    return (unit.get('replaces') or unit.get('name') or manifest['service'] + '.service').replace('*', '15')


def tcp_ports(manifest):
    ports = [{'port': manifest['port']}] if 'port' in manifest else []
    return [str(p['port']) for p in ports + manifest.get('ports', []) if p.get('protocol', 'tcp') == 'tcp' and not p.get('optional')]


def unit_text(manifest, names):
    """As today's units are: simple, After=, and telephony ones held back by the file."""
    telephony = manifest.get('wazo_service', {}).get('filter') == 'telephony'
    after = [names.get(name, name) for name in manifest.get('after', [])]
    return (f'[Unit]\nAfter={" ".join(after)}\n' + (f'ConditionPathExists=!{DISABLED}\n' if telephony else '') +
            f'[Service]\nExecStart=/usr/bin/perl /opt/daemon {SLOW} {" ".join(tcp_ports(manifest))}\n[Install]\nWantedBy=multi-user.target\n')


@pytest.fixture(scope='module')
def host(machine):
    machine.write('/opt/daemon', DAEMON)
    daemons = [m for m in manifests() if 'wazo_service' in m or m['service'] == 'monit']
    names = {m['service']: unit_of(m) for m in daemons}
    for manifest in daemons:
        machine.write('/etc/systemd/system/' + unit_of(manifest), unit_text(manifest, names))
    machine.sh('mkdir -p /var/lib/wazo; systemctl daemon-reload; systemctl enable monit')
    machine.apt('update')
    machine.apt('install', 'wazo-suite-service')
    return machine


class Answer:
    def __init__(self, host, *words):
        began = time.monotonic()
        result = host.run('wazo-service', *words, check=False)
        self.seconds = time.monotonic() - began
        self.code, self.out, self.err = result.returncode, result.stdout, result.stderr
        self.lines = result.stdout.splitlines()


@pytest.fixture
def service(host):
    return lambda *words: Answer(host, *words)


@pytest.fixture
def running(host, service):
    """All of them run, and nothing keeps them down."""
    host.sh(f'rm -f {DISABLED}; iptables -F INPUT; systemctl enable --now monit; systemctl reset-failed; systemctl unmask wazo-calld')
    assert service('start', 'all').code == 0
    return host


def drops(host):
    return host.sh('iptables -S INPUT').splitlines()[1:]


def state(host, name):
    return host.active(name)


def test_a_line_a_service(running, service):
    answer = service('status', 'all')
    assert answer.code == 0 and answer.err == ''
    assert answer.lines[:3] == ['Checking database...', '\tOK', 'Checking services...']
    assert sorted(answer.lines[3:]) == sorted(f'\trunning\t\t{name}' for name in WAZO + DEFAULT + ALL)
    # The shape that the acceptance script looks for.
    assert all(re.fullmatch(r'\s+(running|unknown)\s+\S+', line) for line in answer.lines[3:])
    assert len(service('status').lines) == 3 + len(WAZO + DEFAULT)
    assert [line.split()[-1] for line in service('status', 'wazo').lines[3:]] == (
        'wazo-call-logd wazo-dxtora wazo-provd wazo-agid asterisk wazo-amid wazo-agentd wazo-dird wazo-phoned wazo-calld wazo-websocketd '
        'wazo-chatd').split()
    assert service('monitor').out == service('status').out


def test_stopped_failed_and_unknown(running, service):
    running.sh('systemctl stop wazo-dird')
    answer = service('status')
    assert answer.code == 1 and '\tstopped\t\twazo-dird' in answer.lines
    running.sh('systemctl kill -s SEGV wazo-calld')
    wait_for(lambda: state(running, 'wazo-calld') == 'failed')
    answer = service('status')
    assert answer.code == 2 and '\tfailed\t\twazo-calld' in answer.lines and '\tstopped\t\twazo-dird' in answer.lines
    running.sh('systemctl start wazo-dird wazo-calld; systemctl stop wazo-amid; mv /etc/systemd/system/wazo-amid.service /opt; systemctl daemon-reload')
    try:
        answer = service('status')
        assert answer.code == 0 and '\tunknown\t\twazo-amid' in answer.lines
        answer = service('start')
        assert answer.code == 1 and '\tstarting wazo-amid ... NOK' in answer.lines and 'no unit' in answer.err
    finally:
        running.sh('mv /opt/wazo-amid.service /etc/systemd/system; systemctl daemon-reload')


def test_a_start_under_way_runs(running, service):
    running.write('/etc/systemd/system/wazo-dird.service.d/slow.conf', '[Service]\nType=notify\n')
    try:
        running.sh('systemctl daemon-reload; systemctl stop wazo-dird; systemctl start --no-block wazo-dird')
        wait_for(lambda: state(running, 'wazo-dird') == 'activating')
        answer = service('status')
        assert answer.code == 0 and '\trunning\t\twazo-dird' in answer.lines
    finally:
        running.sh('rm -r /etc/systemd/system/wazo-dird.service.d; systemctl daemon-reload; systemctl stop wazo-dird')


def test_json(running, service):
    answer = json.loads(service('--json', 'status', 'wazo').out)
    assert {s['state'] for s in answer['services']} == {'running'} and answer['exit'] == 0
    answer = json.loads(service('--json', 'stop', 'wazo').out)
    assert {s['name']: s['outcome'] for s in answer['services']} == dict.fromkeys(WAZO, 'ok')
    answer = json.loads(service('--json', 'restart', 'wazo').out)
    assert {s['outcome'] for s in answer['stop']['services']} == {'ignored'} and answer['exit'] == 0
    assert {s['outcome'] for s in answer['start']['services']} == {'ok'}


def test_who_reads_its_lines_may_go(running, service):
    assert running.sh('wazo-service restart wazo | head -n 1') == 'Closing port 5060.\n'
    assert service('--lock', '60', 'start').code == 0  # after the other
    assert service('status').code == 0 and drops(running) == []


def test_stop_and_start(running, service):
    answer = service('stop')
    assert answer.code == 0 and answer.err == ''
    assert answer.lines[:2] == ['Closing port 5060.', 'Waiting for services to stop successfully...']
    assert answer.lines[2:] == [f'\tstopping {name} ... OK' for name in reversed(DEFAULT + WAZO)]
    assert drops(running) == ['-A INPUT -p udp -m udp --dport 5060 -j DROP']
    assert {state(running, name) for name in WAZO + DEFAULT + ['monit']} == {'inactive'}
    answer = service('start')
    assert answer.code == 0 and answer.err == ''
    assert answer.lines == ['Waiting for services to start successfully...', *(f'\tstarting {name} ... OK' for name in DEFAULT + WAZO),
                            'Opening port 5060.', 'Wazo fully booted']
    assert drops(running) == []
    assert {state(running, name) for name in WAZO + DEFAULT + ['monit']} == {'active'}


def test_started_is_serving(running, service):
    """A simple unit is active at once; its ports open later."""
    service('stop', 'wazo')
    assert service('start', 'wazo').code == 0
    for manifest in manifests():
        if manifest['service'] in WAZO:
            for port in tcp_ports(manifest):
                running.sh(f'bash -c "exec 3<>/dev/tcp/127.0.0.1/{port}"')


def test_order_is_that_of_the_units(running):
    """What wazo-service starts later, no unit of the host starts earlier."""
    words = running.sh('wazo-service --dry-run restart all').splitlines()
    order = [line.split()[2].rstrip(',') for line in words if line.startswith('\twould') and ' start ' in line]
    for i, name in enumerate(order):
        after = running.show(f'{name}.service', 'After')['After'].split()
        assert not {f'{later}.service' for later in order[i + 1:]} & set(after), name


def test_side_by_side(running, service):
    """Ten services of a second each: not ten seconds."""
    service('stop', 'wazo')
    answer = service('start', 'wazo')
    assert answer.code == 0
    levels = 4  # agid, asterisk, amid/agentd/call-logd, calld: as their manifests say
    assert answer.seconds < (levels + 2.5) * SLOW, answer.out


def test_nothing_to_change(running, service):
    """What cron does every minute on a slave."""
    running.sh('wazo-service stop wazo; wazo-service disable; wazo-service start')
    rules = running.sh('iptables-save -c')
    for words in (('stop', 'wazo'), ('disable',), ('start',)):
        answer = service(*words)
        assert answer.code == 0 and answer.err == '' and answer.seconds < 0.5, (words, answer.out, answer.err, answer.seconds)
    assert re.sub(r'#.*\n', '', running.sh('iptables-save -c')) == re.sub(r'#.*\n', '', rules)
    assert service('status', 'all').code == 1


def test_disabled(running, service):
    assert service('disable').lines == ['Disabling Wazo services...']
    assert running.sh('systemctl is-enabled monit', check=False) == 'disabled\n'
    assert {state(running, name) for name in WAZO} == {'active'}
    service('stop')
    answer = service('start')
    assert answer.code == 0
    assert [line for line in answer.lines if line.startswith('\t')] == [f'\tstarting {name} ... OK' for name in DEFAULT] + [
        f'\t{name} is disabled' for name in WAZO]
    assert state(running, 'monit') == 'inactive'
    assert service('enable').lines == ['Enabling Wazo services...']
    assert not os.path.exists(running.file(DISABLED))
    assert service('start').code == 0
    assert {state(running, name) for name in WAZO + ['monit']} == {'active'}


def test_monit_is_left_alone(running, service):
    pid = running.main_pid('monit.service')
    assert service('restart', 'wazo-nomonit').code == 0
    assert running.main_pid('monit.service') == pid
    assert service('restart', 'wazo').code == 0
    assert running.main_pid('monit.service') != pid


def test_the_first_failure_ends_it(running, service):
    service('stop')
    running.sh('mv /etc/systemd/system/wazo-agid.service /opt; systemctl daemon-reload; systemctl mask wazo-agid')
    try:
        answer = service('start', 'wazo')
    finally:
        running.sh('systemctl unmask wazo-agid; mv /opt/wazo-agid.service /etc/systemd/system; systemctl daemon-reload')
    assert answer.code == 1 and '\tstarting wazo-agid ... NOK' in answer.lines
    assert 'asterisk' not in answer.out and 'wazo-agid' in answer.err
    assert answer.lines[-1] == 'Opening port 5060.'
    assert drops(running) == [] and state(running, 'monit') == 'inactive'


def test_who_is_late_and_why(running, service):
    running.write('/etc/systemd/system/wazo-calld.service.d/late.conf', '[Service]\nExecStart=\nExecStart=sleep 1000\n')
    try:
        running.sh('systemctl daemon-reload; systemctl stop wazo-calld')
        answer = service('start', 'wazo', '--timeout', '2')
    finally:
        running.sh('rm -r /etc/systemd/system/wazo-calld.service.d; systemctl daemon-reload; systemctl stop wazo-calld')
    assert answer.code == 1 and '\tstarting wazo-calld ... NOK' in answer.lines
    assert 'wazo-calld: nobody listens on 127.0.0.1 port 9500' in answer.err and 'systemctl status wazo-calld.service' in answer.err


def test_closed_by_todays_form(running, service):
    for _ in range(3):
        running.sh('iptables -I INPUT -p udp --dport 5060 -j DROP')
    assert service('start').code == 0
    assert drops(running) == []
    service('stop', 'wazo')
    running.sh('iptables -D INPUT -p udp --dport 5060 -j DROP')
    assert drops(running) == []


def test_one_at_a_time(running, service):
    first = subprocess.Popen(running.command('wazo-service', 'restart', 'wazo'), stdout=subprocess.DEVNULL)
    try:
        # The last of a chain: it is away for seconds.
        wait_for(lambda: state(running, 'wazo-calld') != 'active')
        answer = service('stop', '--lock', '1')
        assert answer.code == 1 and answer.out == ''
        assert 'waiting for "wazo-service restart wazo" (pid' in answer.err and 'nothing was done' in answer.err
        # Whoever could read it could hold everybody up.
        assert running.sh('stat -c "%U %a" /run/wazo-service.lock') == 'root 600\n'
    finally:
        assert first.wait(60) == 0
    assert service('status').code == 0


def test_names_of_old(running, service):
    answer = service('status', 'xivo')
    assert answer.code == 0 and 'deprecated' in answer.err and answer.out == service('status', 'wazo').out
    assert service('force-reload', 'xivo-nomonit').code == 0
    answer = service('start', 'nonsense')
    assert answer.code == 0 and answer.lines[0] == 'Invalid service filter "nonsense"' and answer.lines[1].startswith('Usage')
    assert service('nonsense').code == 0 and service().code == 0


def test_dry_run(running, service):
    before = running.sh('systemctl show -p ExecMainStartTimestamp asterisk wazo-calld')
    answer = service('--dry-run', 'stop', 'wazo')
    assert answer.code == 0 and f'\twould stop {WAZO[-1]}' in answer.lines
    answer = service('--dry-run', 'disable')
    assert answer.code == 0 and answer.lines == [f'\twould make {DISABLED}, and have monit start with the host no more']
    assert running.run('test', '-e', DISABLED, check=False).returncode == 1 and running.run('systemctl', 'is-enabled', 'monit').stdout == 'enabled\n'
    assert running.sh('systemctl show -p ExecMainStartTimestamp asterisk wazo-calld') == before
