# SPDX-License-Identifier: GPL-3.0-or-later
"""A real monit over Wazo's files and ours: what it does about services that are killed, hang, are degraded, stopped or disabled, and that it
works against nobody: neither systemd, nor the supervisor, nor wazo-service, nor a check of Wazo's own."""
import json
import os
import re
import shutil
import subprocess
import time

import pytest

from machine import get_workshop, wait_for
from test_packages import stand_in
from test_wazo_service import manifests, tcp_ports

CONF, LOG = '/etc/monit/conf.d', '/var/log/monit.log'
CYCLE = 2  # seconds
DISABLED = '/var/lib/wazo/disabled'

# All that wazo-service starts, but for what others than Wazo make.
DAEMONS = {m['service']: m for m in manifests() if m.get('wazo_service', {}).get('filter') in ('telephony', 'default') and m['service'] != 'wazo-confd'}
TELEPHONY = {name for name, m in DAEMONS.items() if m['wazo_service']['filter'] == 'telephony'}

# Answers 404 on its ports; with none, it only lives.
DAEMON = '''use IO::Socket::INET; use IO::Select;
$SIG{PIPE} = "IGNORE";
my $file = shift; open(my $pid, ">", $file); print $pid $$; close $pid;
my $all = IO::Select->new(map { IO::Socket::INET->new(LocalAddr => "127.0.0.1", LocalPort => $_, Listen => 8, ReuseAddr => 1) or die "$_: $!" } @ARGV);
sleep(1000) while !@ARGV;
while (1) { for ($all->can_read) { my $c = $_->accept or next; sysread($c, my $request, 4096) and print $c "HTTP/1.0 404 Not Found\\r\\n\\r\\n"; close $c } }
'''
# Wazo's own, in their documented shape.
START = {'asterisk': ('/usr/bin/wazo-service restart wazo-nomonit', '/usr/bin/wazo-service stop wazo-nomonit')}
THEIRS = {name: f'''check process {name} with pidfile /run/{name}.pid
  group telephony
  start program = "{START.get(name, (f'/bin/systemctl start {name}.service',))[0]}" with timeout 60 seconds
  stop program = "{START.get(name, ('', f'/bin/systemctl stop {name}.service'))[1]}"
  if 5 restarts within 5 cycles then timeout
''' for name in ('asterisk', 'wazo-confgend', 'wazo-provd')}
THEIRS['base-system'] = 'check system $HOST\n'
UPDATE = f'''#!/bin/sh
find {CONF} -xtype l -delete
for check in /usr/share/wazo-monitoring/checks/*; do
        ln -sf "$check" "{CONF}/$(basename "$check")"
done
cp /usr/share/wazo-monitoring/templates/monitrc.tmpl /etc/monit/monitrc
systemctl restart monit
'''
MONITRC = f'set daemon {CYCLE}\nset log {LOG}\nset idfile /var/lib/monit/id\nset statefile /var/lib/monit/state\nset httpd port 2812 and use address localhost\n  allow localhost\ninclude {CONF}/*\n'


def debian(machine, *names):
    """Packages of Debian's that ours do not need, into the machine's repository."""
    workshop = get_workshop()
    folder = os.path.join(workshop.shell('echo "${WAZO_ROOTS-}"').stdout.strip() or workshop.path, f'debs-{machine.release}-' + '-'.join(names))
    if not os.path.isdir(folder):
        root = os.path.join(machine.path, 'fresh')
        workshop.shell(f'root_make {machine.release} boot {root}', f'root_run {root} sh -ec "apt-get -q update; apt-get -q install -y '
                       f'--no-install-recommends --download-only {" ".join(names)}"')
        shutil.copytree(os.path.join(root, 'var/cache/apt/archives'), folder, ignore=shutil.ignore_patterns('partial', 'lock'))
        subprocess.run(['rm', '-rf', '--one-file-system', root], check=True)
    return [os.path.join(folder, name) for name in os.listdir(folder) if name.endswith('.deb')]


def unit(name):
    restart = DAEMONS[name].get('unit', {}).get('restart') is not False  # "no" is YAML's false
    return (f'[Unit]\nStartLimitIntervalSec=0\n{f"ConditionPathExists=!{DISABLED}" if name in TELEPHONY else ""}\n[Service]\n'
            f'ExecStart=/usr/bin/perl /opt/daemon /run/{name}.pid {" ".join(tcp_ports(DAEMONS[name]))}\n'
            f'{"Restart=on-failure" if restart else ""}\nRestartSec=1\n[Install]\nWantedBy=multi-user.target\n')


@pytest.fixture(scope='module')
def host(confd):
    """Wazo's files first, then ours."""
    folder = os.path.join(confd.path, 'wazo')
    get_workshop().repository(confd.root, debian(confd, 'monit') + [stand_in(folder, 'wazo-monitoring', {
        **{f'/usr/share/wazo-monitoring/checks/{name}': (text, 0o644) for name, text in THEIRS.items()},
        '/usr/share/wazo-monitoring/templates/monitrc.tmpl': (MONITRC, 0o600), '/usr/sbin/wazo-monitoring-update': (UPDATE, 0o755)})])
    confd.write('/opt/daemon', DAEMON)
    for name in DAEMONS:
        confd.write(f'/etc/systemd/system/{name}.service', unit(name))
    # As on a Wazo host: rabbitmq is elsewhere, and what happens is recorded.
    confd.write('/etc/wazo-suite/monit.yml', 'bus: {enabled: false}\n')
    confd.sh(f'mkdir -p /var/lib/wazo; systemctl daemon-reload; systemctl start {" ".join(DAEMONS)}')
    confd.apt('update')
    confd.apt('install', 'monit', 'wazo-monitoring', 'wazo-suite-service', 'wazo-suite-monitoring')
    confd.sh('wazo-monitoring-update')
    return confd


@pytest.fixture
def running(host):
    """All run, monit has seen it, and nothing happened yet."""
    host.sh(f'rm -f {DISABLED}; systemctl reset-failed; systemctl start {" ".join(DAEMONS)} wazo-suite-confd; systemctl stop monit; '
            f'rm -rf /var/lib/monit/wazo-suite /var/lib/monit/*; rm -f {LOG}; systemctl start monit')
    cycles(host, 3)
    assert states(host) == {} and restarts(host) == []
    return host


def cycles(host, n):
    """As long as so many take."""
    host.sh(f'for i in $(seq {n}); do sleep {CYCLE}.5; done')
    assert host.active('monit') == 'active'


def restarts(host):
    """Of ours, by monit."""
    return re.findall(r"'suite-([\w-]+)' trying to restart", host.read(LOG))


def messages(host):
    """Of the hook, in their order."""
    text = host.sh('cat /var/lib/monit/wazo-suite/spool/*.json 2>/dev/null | sed "s/}{/}\\n{/g"', check=False)
    return [json.loads(line)['body']['data'] for line in text.splitlines()]


def states(host):
    """Of each service that there are messages about: its states, but for those on the way to another."""
    found = {}
    for data in (m for m in messages(host) if m['state'] not in ('starting', 'stopping')):
        found.setdefault(data['service'], []).append(data['state'])
    return found


def wait_states(host, **wanted):
    wanted = {name.replace('_', '-'): what for name, what in wanted.items()}
    try:
        wait_for(lambda: states(host) == wanted, 60, 'not so', pause=0.5)
    except AssertionError:
        raise AssertionError(f'{states(host)} and not {wanted}\n{host.read(LOG)[-6000:]}')


def wait_last(host, service, state):
    try:
        wait_for(lambda: states(host).get(service, [''])[-1] == state, 60, pause=0.5)
    except AssertionError:
        raise AssertionError(f'{service} does not become {state}: {states(host)}\n{host.read(LOG)[-6000:]}')


def starts(host, name, since):
    return sum(str(e['MESSAGE']).startswith('Started ') for e in host.journal('-u', f'{name}.service', '--since', f'@{since}'))


def all_active(host):
    return set(host.sh(f'systemctl is-active {" ".join(DAEMONS)} wazo-suite-confd', check=False).split()) == {'active'}


def test_beside_wazos(host):
    ours = {'suite-events', 'suite-wazo-confd', *(f'suite-{name}' for name in DAEMONS)}
    assert set(host.sh(f'ls {CONF}').split()) == ours | set(THEIRS)
    host.sh('wazo-monitoring-update')
    assert set(host.sh(f'ls {CONF}').split()) == ours | set(THEIRS)
    assert 'Control file syntax OK' in host.sh('monit -t')
    wait_for(lambda: ours | set(THEIRS) - {'base-system'} <= set(re.findall(r'^ (\S+) +OK', host.sh('monit -B summary', check=False), re.M)), 30,
             'monit does not call them well', pause=0.5)


def test_killed(running):
    """Each comes back once, by the one whose business it is."""
    since = time.time()
    # Before the others: all of telephony is restarted.
    for name in ('wazo-dxtora', 'wazo-provd', 'wazo-calld'):
        running.sh(f'systemctl kill -s KILL {name}')
    running.sh('systemctl kill -s KILL --kill-whom=main wazo-suite-confd')
    wait_for(lambda: all_active(running), 60, 'they do not come back', pause=0.5)
    cycles(running, 4)
    assert {name: starts(running, name, since) for name in (*DAEMONS, 'wazo-suite-confd')} == {
        **dict.fromkeys(DAEMONS, 0), 'wazo-dxtora': 1, 'wazo-provd': 1, 'wazo-calld': 1, 'wazo-suite-confd': 1}
    assert restarts(running) == ['wazo-dxtora']
    assert states(running)['wazo-dxtora'] == ['failed', 'running']


def test_killed_asterisk_is_for_wazos_check(running):
    """It restarts all of telephony by wazo-service, during which nothing of ours is started by anybody else."""
    since = time.time()
    running.sh('systemctl kill -s KILL asterisk')
    wait_for(lambda: starts(running, 'asterisk', since) and running.active('asterisk') == 'active', 60, 'it does not come back', pause=0.5)
    cycles(running, 4)
    assert restarts(running) == [] and starts(running, 'asterisk', since) == 1 and starts(running, 'wazo-calld', since) == 1


def test_hanging(running):
    since = time.time()
    running.sh('systemctl kill -s STOP wazo-provd')
    wait_states(running, wazo_provd=['hung', 'running'])
    assert restarts(running) == ['wazo-provd'] and starts(running, 'wazo-provd', since) == 1
    # Of one that systemd starts again it is only told, and a person mends it.
    running.sh('systemctl kill -s STOP wazo-auth')
    wait_states(running, wazo_provd=['hung', 'running'], wazo_auth=['hung'])
    cycles(running, 4)
    assert starts(running, 'wazo-auth', since) == 0
    running.sh('systemctl kill -s CONT wazo-auth')
    wait_states(running, wazo_provd=['hung', 'running'], wazo_auth=['hung', 'running'])
    assert restarts(running) == ['wazo-provd']


def worker(host, name):
    status = json.loads(host.sh('wazo-suite status --json'))
    return next(w for w in status['workers'] if w['name'] == name)


def test_degraded_and_held(running):
    since = time.time()

    def fail():
        one = worker(running, 'voicemail')
        if one.get('pid'):
            running.sh(f'kill -SEGV {one["pid"]}', check=False)
        return one['state'] == 'failed'
    wait_for(fail, 60, 'it never fails', pause=0.2)
    wait_last(running, 'wazo-confd', 'degraded')
    assert re.match('voicemail is (failed|backoff): ', messages(running)[-1]['text'])
    for words, state in (('reset', 'running'), ('hold', 'held'), ('reset', 'running')):
        running.sh(f'wazo-suite {words} voicemail')
        wait_last(running, 'wazo-confd', state)
    assert restarts(running) == [] and starts(running, 'wazo-suite-confd', since) == 0


def test_stopped_by_a_person(running):
    since = time.time()
    running.sh('systemctl stop wazo-dxtora')
    wait_states(running, wazo_dxtora=['stopped'])
    cycles(running, 4)
    assert restarts(running) == [] and starts(running, 'wazo-dxtora', since) == 0
    running.sh('monit start suite-wazo-dxtora')
    wait_states(running, wazo_dxtora=['stopped', 'running'])


def test_blocked(only_ours):
    """asterisk does not live without confgend, which a person has stopped."""
    running = only_ours
    running.sh('systemctl stop wazo-confgend')
    since = time.time()
    running.sh('systemctl kill -s KILL asterisk')
    wait_last(running, 'asterisk', 'blocked')
    cycles(running, 4)
    assert restarts(running) == [] and starts(running, 'asterisk', since) == 0
    running.sh('systemctl start wazo-confgend')
    wait_last(running, 'asterisk', 'running')
    assert states(running)['asterisk'] == ['blocked', 'failed', 'running']
    assert starts(running, 'asterisk', since) == 1 and restarts(running) == ['asterisk']


@pytest.fixture
def only_ours(running):
    """Wazo's own checks look at processes, and would start them."""
    running.sh(f'mkdir -p /root/theirs; mv {CONF}/asterisk {CONF}/wazo-provd {CONF}/wazo-confgend /root/theirs; monit reload')
    cycles(running, 2)
    yield running
    running.sh(f'mv /root/theirs/* {CONF}; systemctl restart monit')


def test_wazo_service_at_work(only_ours):
    """Five times while monit looks every two seconds: nothing is started but by wazo-service, and no service seems to fail."""
    since = time.time()
    for _ in range(5):
        only_ours.sh('wazo-service restart wazo-nomonit')
    cycles(only_ours, 3)
    assert restarts(only_ours) == []
    assert {name: starts(only_ours, name, since) for name in TELEPHONY} == dict.fromkeys(TELEPHONY, 5)
    assert not {state for of in states(only_ours).values() for state in of} & {'failed', 'hung', 'stopped'}


def test_a_slave(only_ours):
    """Somebody has left monit running there."""
    only_ours.sh('wazo-service stop wazo; wazo-service disable')
    since = time.time()
    only_ours.sh('systemctl start monit')
    cycles(only_ours, 4)
    assert restarts(only_ours) == [] and not {name for name in DAEMONS if starts(only_ours, name, since)}
    assert not set(states(only_ours)) & TELEPHONY
    only_ours.sh('wazo-service enable; wazo-service start')


def test_events_wait_for_a_broker(running):
    """There is none: each is recorded, and a check of monit's own says that they wait."""
    running.write('/etc/wazo-suite/monit.yml', 'bus: {port: 1}\n')
    running.sh('systemctl stop wazo-dxtora')
    wait_states(running, wazo_dxtora=['stopped'])
    wait_for(lambda: 'events wait' in running.sh('monit -B status suite-events', check=False), 30, 'nobody says so', pause=0.5)
    running.write('/etc/wazo-suite/monit.yml', 'bus: {enabled: false}\n')


def test_row_8_of_check(running):
    """monit refuses its whole configuration: of both kinds of service the one row fails."""
    def failed():
        rows = json.loads(running.run('wazo-suite', 'check', '--json', 'wazo-confd', 'wazo-auth', check=False).stdout)['rows']
        return {(row['service'], row['id']): row for row in rows if row['result'] == 'fail'}
    before = set(failed())
    assert not {key for key in before if key[0] == 'wazo-confd'}
    running.write(CONF + '/mine', 'check nonsense\n')
    after = failed()
    told = running.run('monit', '-t', check=False).stderr
    running.sh(f'rm {CONF}/mine')
    assert 'syntax error' in told
    assert set(after) - before == {('wazo-confd', '8'), ('wazo-auth', '8')} and 'monit -t' in after['wazo-confd', '8']['remedy']
    assert set(failed()) == before


def test_the_whole_suite_is_checked_in_less_than_two_seconds(running):
    """wazo-suite check of all that is here: eighteen services, each with all rows."""
    took = []
    for _ in range(5):
        began = time.monotonic()
        rows = json.loads(running.run('wazo-suite', 'check', '--json', check=False).stdout)['rows']
        took.append(time.monotonic() - began)
        assert {*DAEMONS, 'wazo-confd'} <= {row['service'] for row in rows}
    assert min(took) < 2, took  # of a machine that has other work, too


def test_purged(running):
    running.sh('systemctl stop wazo-dxtora')
    wait_states(running, wazo_dxtora=['stopped'])
    running.apt('purge', 'wazo-suite-monitoring')
    assert set(running.sh(f'ls {CONF}').split()) == set(THEIRS)
    assert 'Control file syntax OK' in running.sh('monit -t') and running.active('monit') == 'active'
    assert not os.path.exists(running.file('/var/lib/monit/wazo-suite')) and not os.path.exists(running.file('/usr/share/wazo-suite/monit'))
    wait_for(lambda: 'suite-' not in running.sh('monit -B summary', check=False), 20)
