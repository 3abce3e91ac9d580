# SPDX-License-Identifier: GPL-3.0-or-later
"""wazo-suite check on a host that runs: all that applies passes; broken in a row's way, that row fails, and its remedy mends it."""
import json
import time

import pytest

from machine import wait_for


def check(machine, *words):
    result = machine.run('wazo-suite', 'check', '--json', *words, check=False)
    assert result.stderr == '' and result.returncode in (0, 1, 4), result.stderr
    return {row['id']: row for row in json.loads(result.stdout)['rows']}, result.returncode


def failed(machine, service='wazo-confd'):
    return {id: row for id, row in check(machine, service)[0].items() if row['result'] == 'fail'}


def test_every_row_that_applies_passes(confd):
    rows, code = check(confd, 'wazo-confd')
    assert {id: row for id, row in rows.items() if row['result'] not in ('pass', 'not applicable')} == {}
    assert code == 0
    applies = {id for id, row in rows.items() if row['result'] == 'pass'}
    assert applies >= {'1', '2', '3', '3b', '4', '4b', '5', '8', '9', '10', '10b', '12', '17', '18', '19c', 'G4', 'G9', 'M1', 'M2'}


def test_the_whole_suite_takes_less_than_two_seconds(confd):
    began = time.monotonic()
    result = confd.run('wazo-suite', 'check', check=False)
    assert time.monotonic() - began < 2
    assert result.returncode == 0, result.stdout


def test_another_user_learns_less_and_nothing_wrong(confd):
    result = confd.run('setpriv', '--reuid', '65534', '--clear-groups', 'wazo-suite', 'check', 'wazo-confd', check=False)
    assert result.returncode == 4 and ' 0 failed' in result.stdout, result.stdout


OVERRIDE = '/etc/systemd/system/wazo-suite-confd.service.d/x.conf'

# Row, what breaks the host, words of what is found, words of the remedy, what mends it: None is the remedy itself, as it is told.
BROKEN = [
    ('2', 'usermod --shell /bin/bash wazo-confd', 'the shell of wazo-confd is /bin/bash', '', None),
    ('2', 'echo wazo-confd:secret | chpasswd', 'wazo-confd has a password', '', None),
    ('3', 'mkdir /home/wazo-confd', 'there is a directory /home/wazo-confd', 'remove /home/wazo-confd', 'rmdir /home/wazo-confd'),
    ('4', 'chown root /var/log/wazo-confd.log', 'wazo-confd may not write', '', None),
    ('4b', 'mv /etc/logrotate.d/00-wazo-suite-confd /root', 'no file in /etc/logrotate.d', '', None),
    ('5', 'chown root /run/wazo-confd', 'wazo-confd may not write in /run/wazo-confd', '', None),
    ('10', 'systemctl disable wazo-suite-confd.service', 'is disabled: it does not start with the host', '', None),
    ('10b', f'mkdir -p {OVERRIDE[:-7]}; printf "[Unit]\\nStartLimitIntervalSec=10\\nStartLimitBurst=3\\n" >{OVERRIDE}; systemctl daemon-reload', 'is given up after 3 starts',
     'StartLimitIntervalSec=150', f'rm {OVERRIDE}; systemctl daemon-reload'),
    ('12', f'mkdir -p {OVERRIDE[:-7]}; printf "[Unit]\\nConditionPathExists=!/var/lib/wazo/disabled\\n" >{OVERRIDE}; systemctl daemon-reload', 'and is no telephony',
     'take ConditionPathExists= out', f'rm {OVERRIDE}; systemctl daemon-reload'),
    ('M1', f'mkdir -p {OVERRIDE[:-7]}; printf "[Service]\\nRestart=on-failure\\n" >{OVERRIDE}; systemctl daemon-reload', 'Restart is "on-failure", its manifest says "always"',
     'take the drop-in away', f'rm {OVERRIDE}; systemctl daemon-reload'),
    ('M2', 'chmod o+w /var/lib/wazo-confd', 'everybody may write', '', None),
    ('G4', 'touch /etc/wazo-confd/config.yml; chmod o+w /etc/wazo-confd/config.yml', 'everybody may write', '', None),
    ('G4', 'printf "debug: perhaps\\n" >/etc/wazo-confd/conf.d/x.yml', 'the configuration is wrong', 'wazo-supervisord --check-config wazo-confd', 'rm /etc/wazo-confd/conf.d/x.yml'),
]


@pytest.mark.parametrize('row,damage,found,remedy,mend', BROKEN, ids=[f'{row[0]}-{i}' for i, row in enumerate(BROKEN)])
def test_a_broken_host(confd, row, damage, found, remedy, mend):
    confd.sh('mkdir -p /etc/wazo-confd/conf.d; ' + damage)
    what = failed(confd)
    told = what.get(row, {'remedy': 'true'})['remedy']
    confd.sh(mend or told)
    assert set(what) == {row}, what
    assert found in what[row]['found'] and remedy in told
    assert failed(confd) == {}


def test_a_service_that_is_stopped(confd):
    confd.sh('systemctl stop wazo-suite-confd')
    rows, code = check(confd, 'wazo-confd')
    assert code == 1 and rows['9']['result'] == 'fail' and rows['1']['result'] == rows['17']['result'] == 'undecided'
    confd.sh(rows['9']['remedy'].split(';')[0])
    confd.wait_ready()
    assert failed(confd) == {}


def test_a_process_of_root(confd):
    """One that somebody has put into the service's group."""
    group = '/sys/fs/cgroup/system.slice/wazo-suite-confd.service'
    confd.sh(f'systemd-run --quiet --unit stray sleep 1000; pid=$(systemctl show -p MainPID --value stray); mkdir -p {group}/stray; echo $pid >{group}/stray/cgroup.procs')
    what = failed(confd)
    confd.sh(f'kill $(cat {group}/stray/cgroup.procs)')
    assert set(what) == {'1', 'G9'} and 'runs as uid 0' in what['1']['found']
    assert failed(confd) == {}


def test_a_port_that_nobody_said(confd):
    confd.write('/etc/wazo-confd/conf.d/port.yml', 'rest_api: {listen: 0.0.0.0}\n')
    confd.sh('systemctl restart wazo-suite-confd.socket wazo-suite-confd.service', check=False)
    confd.wait_ready()
    what = failed(confd)
    confd.sh('rm /etc/wazo-confd/conf.d/port.yml; systemctl restart wazo-suite-confd')
    confd.wait_ready()
    assert '17' in what and 'listens on 0.0.0.0 port 9486' in what['17']['found'], what
    assert failed(confd) == {}


# ---- a daemon that is not ours ----

ACME = '''service: acme
kind: unit
description: A daemon of somebody else's
user: acme
port: 9504
config: /etc/acme/config.yml
state: /var/lib/acme
log: /var/log/acme.log
unit: {pid_file: /run/acme/acme.pid}
'''
ACME_UNIT = '''[Unit]
StartLimitIntervalSec=150
StartLimitBurst=15
[Service]
User=acme
RuntimeDirectory=acme
ExecStart=perl -MIO::Socket::INET -e '$$s = IO::Socket::INET->new(LocalAddr => "127.0.0.1", LocalPort => 9504, Listen => 8, ReuseAddr => 1); sleep 1000 while 1'
Restart=on-failure
RestartSec=5
[Install]
WantedBy=multi-user.target
'''
ACME_OVERRIDE = '/etc/systemd/system/acme.service.d/x.conf'


def acme_override(text):
    return f'mkdir -p {ACME_OVERRIDE[:-7]}; printf "{text}" >{ACME_OVERRIDE}; systemctl daemon-reload'


# As above. What the told words cannot do by themselves, an administrator does.
BROKEN_ACME = [
    ('2', 'usermod --shell /bin/bash acme', 'the shell of acme is /bin/bash', '', None),
    ('2', 'echo acme:secret | chpasswd', 'acme has a password', '', None),
    ('3', 'sed -i "/^acme:/s,/nonexistent,/home/acme," /etc/passwd', 'the home of acme is /home/acme', '', None),
    ('4', 'chown root /var/log/acme.log', 'acme may not write', '', None),
    ('4b', 'rm /etc/logrotate.d/acme', 'no file in /etc/logrotate.d', '', None),
    ('5', 'chown root /run/acme', 'acme may not write in /run/acme', '', None),
    ('10', 'systemctl disable acme.service', 'is disabled: it does not start with the host', '', None),
    ('10b', acme_override('[Unit]\\nStartLimitIntervalSec=10\\nStartLimitBurst=3\\n[Service]\\nRestartSec=100ms\\n'), 'is given up after 3 starts',
     'StartLimitIntervalSec=150', f'rm {ACME_OVERRIDE}; systemctl daemon-reload'),
    ('12', acme_override('[Unit]\\nConditionPathExists=!/var/lib/wazo/disabled\\n'), 'and is no telephony', 'take ConditionPathExists= out',
     f'rm {ACME_OVERRIDE}; systemctl daemon-reload'),
    ('17', 'sed -i s/9504/9505/ /etc/wazo-suite/services.d/acme.yml', 'it listens on 127.0.0.1 port 9504/tcp', 'add the port to the manifest of acme',
     'sed -i s/9505/9504/ /etc/wazo-suite/services.d/acme.yml'),
    ('G4', 'chmod o+w /etc/acme/config.yml', 'everybody may write', '', None),
    ('M1', acme_override('[Service]\\nRestart=always\\n'), 'Restart is "always", its manifest says "on-failure"', 'take the drop-in away',
     f'rm {ACME_OVERRIDE}; systemctl daemon-reload'),
    ('M2', 'chmod o+w /var/lib/acme', 'everybody may write', '', None),
    ('M2', 'chown root /var/lib/acme', 'acme may not write in', '', None),
]


@pytest.fixture(scope='module')
def acme(confd):
    confd.write('/etc/wazo-suite/services.d/acme.yml', ACME)
    confd.write('/etc/systemd/system/acme.service', ACME_UNIT)
    confd.write('/etc/logrotate.d/acme', '/var/log/acme.log {\n  daily\n}\n')
    confd.write('/etc/acme/config.yml', '{}\n')
    confd.sh('useradd --system --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin acme; install -d -o acme -g acme /var/lib/acme; '
             'install -o acme -g acme -m 640 /dev/null /var/log/acme.log; systemctl daemon-reload; systemctl enable --now acme')
    wait_for(lambda: failed(confd, 'acme') == {}, 10, 'its port is not open')
    return confd


@pytest.mark.parametrize('row,damage,found,remedy,mend', BROKEN_ACME, ids=[f'{row[0]}-{i}' for i, row in enumerate(BROKEN_ACME)])
def test_a_host_that_is_broken_for_another(acme, row, damage, found, remedy, mend):
    acme.sh(damage)
    what = failed(acme, 'acme')
    told = what.get(row, {'remedy': 'true'})['remedy']
    acme.sh(mend or told)
    assert set(what) == {row}, what
    assert found in what[row]['found'] and remedy in told
    wait_for(lambda: failed(acme, 'acme') == {}, 10, 'the remedy does not mend it', pause=0.5)
