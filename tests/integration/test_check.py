# SPDX-License-Identifier: GPL-3.0-or-later
"""wazo-suite check: a host is broken in the way of each row, and exactly that row fails, with its remedy; mended, it passes."""
import json
import os
import shutil
import subprocess

import pytest

from fakehost import UIDS, Host
from harness import BUILD, TOP

PROGRAM = os.path.join(BUILD, 'workers', 'control', 'client', 'wazo-suite')
CONFD, AGENTD, ACME = SERVICES = 'wazo-confd', 'wazo-agentd', 'acme'
CONFD_UNIT, AGENTD_UNIT = 'wazo-suite-confd.service', 'wazo-agentd.service'
# What only a host that runs can show: test_check_asked.py.
ASKED = {'6', '16', '18', '19', '19c'}

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason='files of several users are made')


@pytest.fixture
def host(tmp_path):
    return Host(tmp_path, PROGRAM)


def rows(host, *arguments):
    done = host.check('--json', *arguments)
    assert done.stderr == ''
    return {(row['service'], row['id']): row for row in json.loads(done.stdout)['rows']}


def failed(host, *arguments):
    return {key: row for key, row in rows(host, *arguments).items() if row['result'] == 'fail'}


def test_a_good_host(host):
    found = rows(host)
    assert {service for service, _ in found} == {*SERVICES, 'asterisk', 'rabbitmq-server', 'postgresql'}
    mine = {key: row for key, row in found.items() if key[0] in SERVICES}
    assert [row for row in mine.values() if row['result'] == 'fail'] == []
    undecided = {row['id'] for row in mine.values() if row['result'] == 'undecided'}
    assert undecided <= ASKED
    # What does not apply to a service is not broken below; all else is.
    for service in SERVICES:
        passed = {id for (of, id), row in mine.items() if of == service and row['result'] == 'pass'}
        assert passed == {row for row, of, *_ in BROKEN if of == service} | WITHOUT_BREAKING[service]
    assert host.check(CONFD, '--row', '4').returncode == 0
    assert host.check(CONFD).returncode == 4


def uid_line(uid):
    return 'Uid:\t{0}\t{0}\t{0}\t{0}'.format(uid)


def chown(path, user):
    return lambda host: os.chown(host.path(path), UIDS[user], UIDS[user])


def chmod(path, mode):
    return lambda host: os.chmod(host.path(path), mode)


def edit(path, old, new):
    return lambda host: host.edit(path, old, new)


def show(unit, old, new):
    return lambda host: host.edit_unit(unit, old, new)


def remove(path):
    return lambda host: host.remove(path)


def write(path, text, **more):
    return lambda host: host.write(path, text, **more)


def script(path, text):
    return lambda host: host.write(path, '#!/bin/sh\n' + text, 0o755)


def both(*what):
    return lambda host: [one(host) for one in what]


def rmtree(path):
    return lambda host: shutil.rmtree(host.path(path))


def saves(*paths):
    """A wazo-backup as today's: a script with a list of its own."""
    return script('/usr/sbin/wazo-backup', 'tar ' + ' '.join(paths) + '\n')


def starts(*services):
    return script('/usr/bin/wazo-service', 'start ' + ' '.join(services) + '\n')


SAVED = ['etc/wazo-confd/', 'etc/wazo-agentd/', 'etc/acme/', 'var/lib/wazo-confd/', 'var/lib/acme/', 'var/lib/wazo-auth-keys/']


def without(*paths):
    return saves(*(path for path in SAVED if path not in paths))


# Rows that pass and are broken elsewhere: a second time by a service of its own, or where a host runs (tests/system/test_check.py).
WITHOUT_BREAKING = {CONFD: {'8'}, AGENTD: {'8'}, ACME: {'1', '2', '3', '3b', '4', '4b', '7', '7b', '8b', '9', '10', '12', '14', '17', 'G4', 'G9', 'M1'}}
AGENTD_USER = 'wazo-agentd:x:991:991::/nonexistent:/usr/sbin/nologin'

# Row, service, how the host is broken, words of what is found, words of the remedy, how it is mended.
BROKEN = [
    ('1', CONFD, edit('/proc/4242/status', uid_line(990), uid_line(0)), 'process 4242 runs as uid 0', 'user: wazo-confd',
     edit('/proc/4242/status', uid_line(0), uid_line(990))),
    ('1', AGENTD, edit('/proc/4343/status', uid_line(991), 'Uid:\t991\t991\t0\t991'), 'process 4343 runs as uid 0', 'user: wazo-agentd',
     edit('/proc/4343/status', 'Uid:\t991\t991\t0\t991', uid_line(991))),
    ('2', AGENTD, edit('/etc/passwd', AGENTD_USER, AGENTD_USER.replace('/usr/sbin/nologin', '/bin/bash')), 'the shell of wazo-agentd is /bin/bash',
     'usermod --shell /usr/sbin/nologin wazo-agentd', edit('/etc/passwd', '/bin/bash', '/usr/sbin/nologin')),
    ('2', AGENTD, edit('/etc/shadow', 'wazo-agentd:!', 'wazo-agentd:$y$x'), 'wazo-agentd has a password', 'passwd --lock wazo-agentd',
     edit('/etc/shadow', 'wazo-agentd:$y$x', 'wazo-agentd:!$y$x')),
    ('2', AGENTD, edit('/etc/shadow', 'wazo-agentd:!', 'wazo-agentd:'), 'wazo-agentd needs no password', 'passwd --lock wazo-agentd',
     edit('/etc/shadow', 'wazo-agentd:', 'wazo-agentd:!')),
    ('2', CONFD, edit('/etc/shadow', 'wazo-confd:!', 'wazo-confd:$y$x'), 'wazo-confd has a password', 'passwd --lock wazo-confd',
     edit('/etc/shadow', 'wazo-confd:$y$x', 'wazo-confd:!$y$x')),
    ('3', CONFD, lambda host: host.folder('/home/wazo-confd'), 'there is a directory /home/wazo-confd', 'remove /home/wazo-confd', rmtree('/home/wazo-confd')),
    ('3', AGENTD, edit('/etc/passwd', AGENTD_USER, AGENTD_USER.replace('/nonexistent', '/home/agent')), 'the home of wazo-agentd is /home/agent', 'usermod --home',
     edit('/etc/passwd', '/home/agent', '/nonexistent')),
    ('3b', AGENTD, edit('/etc/group', 'wazo-agentd:x:991', 'agents:x:991'), 'there is no group wazo-agentd', 'addgroup --system wazo-agentd',
     edit('/etc/group', 'agents:x:991', 'wazo-agentd:x:991')),
    ('3b', CONFD, edit('/etc/group', 'wazo-confd:x:990', 'confd:x:990'), 'there is no group wazo-confd', 'addgroup --system wazo-confd',
     edit('/etc/group', 'confd:x:990', 'wazo-confd:x:990')),
    ('3c', AGENTD, edit('/etc/group', 'www-data:x:33:wazo-agentd', 'www-data:x:33:'), 'wazo-agentd is not in the group www-data', 'adduser wazo-agentd www-data',
     edit('/etc/group', 'www-data:x:33:', 'www-data:x:33:wazo-agentd')),
    ('4', CONFD, chown('/var/log/wazo-confd.log', 'root'), 'wazo-confd may not write /var/log/wazo-confd.log', 'chown wazo-confd /var/log/wazo-confd.log',
     chown('/var/log/wazo-confd.log', CONFD)),
    ('4', AGENTD, remove('/var/log/wazo-agentd.log'), 'there is no /var/log/wazo-agentd.log', '--reinstall wazo-agentd',
     write('/var/log/wazo-agentd.log', '', user=AGENTD)),
    ('4b', CONFD, remove('/etc/logrotate.d/wazo-confd'), 'no file in /etc/logrotate.d', 'wazo-suite generate logrotate wazo-confd',
     write('/etc/logrotate.d/00-wazo-suite-confd', '/var/log/wazo-confd.log {\n ignoreduplicates\n}\n')),
    ('4b', CONFD, write('/etc/logrotate.d/second', '/var/log/wazo-confd.log {\n}\n'), '2 files in /etc/logrotate.d name', 'keep one', remove('/etc/logrotate.d/second')),
    ('4b', AGENTD, remove('/etc/logrotate.d/wazo-agentd'), 'no file in /etc/logrotate.d', 'wazo-suite generate logrotate wazo-agentd',
     write('/etc/logrotate.d/wazo-agentd', '/var/log/wazo-agentd.log {\n}\n')),
    ('5', ACME, rmtree('/run/acme'), 'there is no /run/acme', 'systemd-tmpfiles --create', lambda host: host.folder('/run/acme', 0o755, ACME)),
    ('5', CONFD, chown('/run/wazo-confd', 'root'), 'wazo-confd may not write in /run/wazo-confd', 'chown wazo-confd /run/wazo-confd', chown('/run/wazo-confd', CONFD)),
    ('5', CONFD, remove('/etc/tmpfiles.d/wazo.conf'), 'nothing makes /run/wazo-confd again', 'tmpfiles.d', show(CONFD_UNIT, 'RuntimeDirectory=', 'RuntimeDirectory=wazo-confd')),
    ('7', AGENTD, starts(CONFD, ACME, 'wazo-agentd-not'), '/usr/bin/wazo-service does not name it', 'wazo-suite-service', starts(*SERVICES)),
    ('7', CONFD, starts(AGENTD, ACME, 'not-wazo-confd'), '/usr/bin/wazo-service does not name it', 'wazo-suite-service', write('/usr/bin/wazo-service', '\x7fELF')),
    ('7b', AGENTD, show(AGENTD_UNIT, 'After=', 'After=acme.service '), 'wazo-agentd.service has After=acme, and wazo-service does not wait',
     'add acme to "after" in the manifest of wazo-agentd', show(AGENTD_UNIT, 'acme.service ', '')),
    ('7b', CONFD, show(CONFD_UNIT, 'After=', 'After=wazo-agentd.service '), 'wazo-suite-confd.service has After=wazo-agentd', 'take the drop-in away',
     show(CONFD_UNIT, 'wazo-agentd.service ', '')),
    ('8', ACME, remove('/etc/monit/conf.d/suite-acme'), 'nobody starts it again', 'wazo-suite generate monit acme', write('/etc/monit/conf.d/suite-acme', '')),
    ('8b', CONFD, write('/usr/share/wazo-monitoring/checks/suite-wazo-confd', ''), 'wazo-monitoring-update replaces it', 'file of another name',
     remove('/usr/share/wazo-monitoring/checks/suite-wazo-confd')),
    ('8b', AGENTD, write('/usr/share/wazo-monitoring/checks/suite-wazo-agentd', ''), 'wazo-monitoring-update replaces it', 'file of another name',
     remove('/usr/share/wazo-monitoring/checks/suite-wazo-agentd')),
    ('9', CONFD, edit('/var/lib/dpkg/status', 'Package: wazo-suite-confd\nStatus: install ok installed', 'Package: wazo-suite-confd\nStatus: deinstall ok config-files'),
     'the package wazo-suite-confd is not installed', 'apt-get install wazo-suite-confd', edit('/var/lib/dpkg/status', 'deinstall ok config-files', 'install ok installed')),
    ('9', CONFD, write('/usr/sbin/wazo-supervisord', 'another'), '/usr/sbin/wazo-supervisord is not as the package wazo-suite-confd has it',
     'apt-get install --reinstall wazo-suite-confd', write('/usr/sbin/wazo-supervisord', 'x')),
    ('9', CONFD, remove('/usr/sbin/wazo-supervisord'), '/usr/sbin/wazo-supervisord is not as', '--reinstall', write('/usr/sbin/wazo-supervisord', 'x')),
    ('9', AGENTD, write('/usr/bin/wazo-agentd', 'another'), '/usr/bin/wazo-agentd is not as the package wazo-agentd has it', '--reinstall wazo-agentd',
     write('/usr/bin/wazo-agentd', 'x')),
    ('10', CONFD, show(CONFD_UNIT, 'UnitFileState=enabled', 'UnitFileState=disabled'), 'is disabled: it does not start with the host', 'systemctl enable wazo-suite-confd.service',
     show(CONFD_UNIT, 'UnitFileState=disabled', 'UnitFileState=enabled')),
    ('10', AGENTD, show(AGENTD_UNIT, ' asterisk.service', ''), 'has no After=asterisk.service', 'After=asterisk.service',
     show(AGENTD_UNIT, 'After=', 'After=asterisk.service ')),
    ('10b', AGENTD, show(AGENTD_UNIT, 'RestartUSec=5s', 'RestartUSec=100ms'), 'is given up after 15 starts, 100 ms apart', 'StartLimitIntervalSec=150',
     show(AGENTD_UNIT, 'RestartUSec=100ms', 'RestartUSec=5s')),
    ('10b', CONFD, show(CONFD_UNIT, 'StartLimitIntervalUSec=0', 'StartLimitIntervalUSec=10s'), 'is given up after 5 starts, 50 ms apart', 'systemctl edit wazo-suite-confd.service',
     show(CONFD_UNIT, 'StartLimitIntervalUSec=10s', 'StartLimitIntervalUSec=0')),
    ('12', AGENTD, edit('/usr/lib/systemd/system/wazo-agentd.service', 'ConditionPathExists=!', '#'), 'is started although /var/lib/wazo/disabled is there',
     'ConditionPathExists=!/var/lib/wazo/disabled',
     both(write('/etc/systemd/system/wazo-agentd.service.d/override.conf', '[Unit]\nConditionPathExists=!/var/lib/wazo/disabled\n'),
          show(AGENTD_UNIT, 'DropInPaths=', 'DropInPaths=/etc/systemd/system/wazo-agentd.service.d/override.conf'))),
    ('12', CONFD, edit('/usr/lib/systemd/system/wazo-suite-confd.service', '[Unit]', '[Unit]\nConditionPathExists=!/var/lib/wazo/disabled'), 'and is no telephony',
     'take ConditionPathExists= out', edit('/usr/lib/systemd/system/wazo-suite-confd.service', 'ConditionPathExists=!/var/lib/wazo/disabled', '')),
    ('12', AGENTD, write('/var/lib/wazo/disabled', ''), 'it runs although', 'wazo-service enable', remove('/var/lib/wazo/disabled')),
    ('14', CONFD, without('etc/wazo-confd/'), 'wazo-backup does not save /etc/wazo-confd', 'apt-get install wazo-suite-backup', without()),
    ('14', AGENTD, without('etc/wazo-agentd/'), 'wazo-backup does not save /etc/wazo-agentd', 'apt-get install wazo-suite-backup', without()),
    ('14b', CONFD, without('var/lib/wazo-confd/'), 'wazo-backup does not save /var/lib/wazo-confd', 'wazo-suite-backup', write('/usr/sbin/wazo-backup', '\x7fELF')),
    ('14b', ACME, without('var/lib/acme/'), 'wazo-backup does not save /var/lib/acme', 'wazo-suite-backup', without()),
    ('17', CONFD, edit('/proc/net/tcp', '0100007F:250E', '00000000:250E'), 'it listens on 0.0.0.0 port 9486/tcp, which its manifest does not have', '127.0.0.1',
     edit('/proc/net/tcp', '00000000:250E', '0100007F:250E')),
    ('17', AGENTD, edit('/proc/net/tcp', '0100007F:2515', '0100007F:1F40'), 'it listens on 127.0.0.1 port 8000/tcp', 'manifest of wazo-agentd',
     edit('/proc/net/tcp', '0100007F:1F40', '0100007F:2515')),
    ('17', AGENTD, remove('/proc/4343/fd/5'), 'it does not listen on port 9493/tcp (REST API)', '/var/log/wazo-agentd.log',
     lambda host: os.symlink('socket:[4343]', host.path('/proc/4343/fd/5'))),
    ('G4', CONFD, chmod('/etc/wazo-confd/config.yml', 0o666), 'everybody may write /etc/wazo-confd/config.yml', 'chmod o-w', chmod('/etc/wazo-confd/config.yml', 0o644)),
    ('G4', AGENTD, chmod('/etc/wazo-agentd/config.yml', 0o666), 'everybody may write /etc/wazo-agentd/config.yml', 'chmod o-w', chmod('/etc/wazo-agentd/config.yml', 0o644)),
    ('G4', AGENTD, remove('/etc/wazo-agentd/config.yml'), 'there is no /etc/wazo-agentd/config.yml', '--force-confmiss wazo-agentd', write('/etc/wazo-agentd/config.yml', '')),
    ('G9', CONFD, edit('/proc/4242/status', 'CapEff:\t0000000000000000', 'CapEff:\t0000000000000400'), 'process 4242 has the capabilities 0x400', 'AmbientCapabilities',
     edit('/proc/4242/status', '400', '000')),
    ('G9', AGENTD, edit('/proc/4343/status', 'CapEff:\t0000000000000000', 'CapEff:\t0000000000000001'), 'process 4343 has the capabilities 0x1', 'AmbientCapabilities',
     edit('/proc/4343/status', '0001', '0000')),
    ('M1', CONFD, show(CONFD_UNIT, 'Type=notify', 'Type=simple'), 'Type is "simple", its manifest says "notify"', 'unit.type', show(CONFD_UNIT, 'Type=simple', 'Type=notify')),
    ('M1', AGENTD, show(AGENTD_UNIT, 'Type=simple', 'Type=forking'), 'Type is "forking", its manifest says "simple"', 'unit.type', show(AGENTD_UNIT, 'Type=forking', 'Type=simple')),
    ('M2', CONFD, chown('/var/lib/wazo-confd', 'root'), 'wazo-confd may not write in /var/lib/wazo-confd', 'chown wazo-confd', chown('/var/lib/wazo-confd', CONFD)),
    ('M2', CONFD, chmod('/var/lib/wazo-confd', 0o757), 'everybody may write in /var/lib/wazo-confd', 'chmod o-w', chmod('/var/lib/wazo-confd', 0o750)),
    ('M2', ACME, chmod('/var/lib/acme', 0o550), 'acme may not write in /var/lib/acme', 'chmod u+rwx /var/lib/acme', chmod('/var/lib/acme', 0o750)),
    ('M3', ACME, chmod('/var/lib/wazo-auth-keys/acme-key.yml', 0o640), 'others than acme may read', 'chmod 600', chmod('/var/lib/wazo-auth-keys/acme-key.yml', 0o600)),
    ('M3', CONFD, chown('/var/lib/wazo-auth-keys/wazo-confd-key.yml', 'www-data'), 'belongs to uid 33, not to wazo-confd', 'system_user: wazo-confd',
     chown('/var/lib/wazo-auth-keys/wazo-confd-key.yml', CONFD)),
    ('M3', CONFD, chmod('/var/lib/wazo-auth-keys/wazo-confd-key.yml', 0o644), 'others than wazo-confd may read', 'chmod 600',
     chmod('/var/lib/wazo-auth-keys/wazo-confd-key.yml', 0o600)),
    ('M3', CONFD, remove('/var/lib/wazo-auth-keys/wazo-confd-key.yml'), 'there is no /var/lib/wazo-auth-keys/wazo-confd-key.yml', 'wazo-auth-keys service update',
     write('/var/lib/wazo-auth-keys/wazo-confd-key.yml', '', mode=0o600, user=CONFD)),
]


@pytest.mark.parametrize('row,service,damage,found,remedy,mend', BROKEN, ids=[f'{row[0]}-{row[1]}-{i}' for i, row in enumerate(BROKEN)])
def test_a_broken_host(host, row, service, damage, found, remedy, mend):
    damage(host)
    what = failed(host, *SERVICES)
    assert set(what) == {(service, row)}, what
    assert found in what[service, row]['found'] and remedy in what[service, row]['remedy']
    mend(host)
    now = rows(host, *SERVICES)
    assert [key for key, row in now.items() if row['result'] == 'fail'] == []
    assert now[service, row]['result'] == 'pass'


def test_for_people(host):
    host.remove('/var/log/wazo-agentd.log')
    done = host.check(CONFD, AGENTD, '--row', '4')
    assert done.returncode == 1
    assert done.stdout == """wazo-agentd
  fail           4    it can write its log
                      found: there is no /var/log/wazo-agentd.log
                      mend:  reinstall the package: apt-get install --reinstall wazo-agentd

1 passed, 1 failed, 0 undecided, 0 not applicable
"""
    assert 'wazo-confd may write /var/log/wazo-confd.log' in host.check(CONFD, '--row', '4', '--all').stdout


def test_monit_is_not_installed(host):
    host.remove('/usr/bin/monit')
    assert set(failed(host, *SERVICES)) == {(ACME, '8')}


def test_a_uid_of_a_person(host):
    """The processes, the log and all else belong to another then: only this row is looked at."""
    host.edit('/etc/passwd', 'wazo-agentd:x:991:', 'wazo-agentd:x:1001:')
    row = failed(host, AGENTD, '--row', '3b')[AGENTD, '3b']
    assert 'the uid of wazo-agentd is 1001' in row['found'] and 'adduser --system' in row['remedy']


@pytest.mark.parametrize('path, row', [('/etc/passwd', '3b'), ('/etc/group', '3b'), ('/etc/shadow', '2')])
def test_nothing_of_another_host_keeps_it_waiting(host, path, row):
    host.remove(path)
    os.mkfifo(host.path(path))
    assert rows(host, AGENTD, '--row', row)[AGENTD, row]['result'] != 'pass'


def test_one_that_does_not_run(host):
    """The state of the unit shows in two rows, and what its processes would show is undecided, not passed."""
    host.edit_unit(AGENTD_UNIT, 'ActiveState=active', 'ActiveState=failed')
    host.edit_unit(AGENTD_UNIT, 'MainPID=4343', 'MainPID=0')
    shutil.rmtree(host.path('/sys/fs/cgroup/system.slice/wazo-agentd.service'))
    found = rows(host, AGENTD)
    assert {id for (_, id), row in found.items() if row['result'] == 'fail'} == {'7', '9'}
    assert 'systemctl start wazo-agentd.service' in found[AGENTD, '9']['remedy']
    assert {found[AGENTD, id]['result'] for id in ['1', 'G9', '17']} == {'undecided'}


def test_a_slave(host):
    """Held back as it should be: nothing fails, and what its processes would show does not apply."""
    host.write('/var/lib/wazo/disabled', '')
    host.edit_unit(AGENTD_UNIT, 'ActiveState=active', 'ActiveState=inactive')
    host.edit_unit(AGENTD_UNIT, 'MainPID=4343', 'MainPID=0')
    shutil.rmtree(host.path('/sys/fs/cgroup/system.slice/wazo-agentd.service'))
    found = rows(host, AGENTD)
    assert failed(host, AGENTD) == {}
    assert found[AGENTD, '9']['result'] == 'pass' and found[AGENTD, '1']['result'] == 'not applicable'
    host.edit_unit(AGENTD_UNIT, 'ActiveState=inactive', 'ActiveState=failed')
    assert 'reset-failed' in failed(host, AGENTD)[AGENTD, '12']['remedy']


def test_a_unit_that_does_not_exist(host):
    host.edit_unit(AGENTD_UNIT, 'LoadState=loaded', 'LoadState=not-found')
    assert AGENTD not in {service for service, _ in rows(host)}
    what = failed(host, AGENTD)
    assert 'the unit wazo-agentd.service is not-found' in what[AGENTD, 'M1']['found']


def test_a_manifest_whose_unit_does_not_exist_has_its_place(host):
    """It lies in /etc, so that it is meant for this host."""
    manifest = '/etc/wazo-suite/services.d/acme.yml'
    host.write(manifest, 'service: acme\nkind: unit\ndescription: d\nuser: www-data\nunit:\n  name: acne.service\n')
    host.units['acne.service'] = 'Id=acne.service\nLoadState=not-found\nActiveState=inactive\n\n'
    row = failed(host)['acme', 'M1']
    assert row['found'] == f'the unit acne.service is not-found ({host.path(manifest)}:6)'
    host.units['acme.service'] = host.units[AGENTD_UNIT].replace('wazo-agentd', 'acme')
    host.edit(manifest, 'acne', 'acme')
    assert rows(host)['acme', 'M1']['result'] == 'pass'


def test_the_unit_whose_place_ours_takes(host):
    """A Python wazo-confd that runs is the one that is meant."""
    python = host.units[CONFD_UNIT].replace('wazo-suite-confd', 'wazo-confd').replace('Type=notify', 'Type=simple')
    host.units['wazo-confd.service'] = python
    host.edit_unit(CONFD_UNIT, 'ActiveState=active', 'ActiveState=inactive')
    row = rows(host, CONFD, '--row', 'M1')[CONFD, 'M1']
    assert row['result'] == 'not applicable' and 'wazo-confd.service runs in its place' in row['found']


def test_a_manifest_that_the_backup_does_not_save(host):
    etc = '/etc/wazo-suite/services.d/'
    host.write(etc + 'acme.yml', 'service: acme\nkind: unit\ndescription: d\nuser: www-data\nconfig: /etc/acme/acme.yml\nbackup: {paths: [/srv/acme]}\n')
    host.write('/etc/acme/acme.yml', '')
    assert rows(host, 'acme', '--row', '14b')['acme', '14b']['result'] == 'pass'


def test_a_common_port(host):
    host.write('/etc/wazo-suite/services.d/acme.yml', 'service: acme\nkind: unit\ndescription: d\nuser: www-data\nport: 8080\n')
    row = failed(host, 'acme', '--row', '17')['acme', '17']
    assert 'port 8080' in row['found'] and '9486' in row['remedy']


def test_root_with_a_reason(host):
    host.units['wazo-sysconfd.service'] = host.units[AGENTD_UNIT].replace('wazo-agentd', 'wazo-sysconfd')
    row = rows(host, 'wazo-sysconfd', '--row', '1')['wazo-sysconfd', '1']
    assert row['result'] == 'not applicable' and 'it runs as root: it writes' in row['found']


def test_without_systemd_nothing_of_it_passes(host):
    done = subprocess.run([PROGRAM, 'check', '--root', host.root, '--json', CONFD], capture_output=True, text=True, timeout=60)
    found = {row['id']: row['result'] for row in json.loads(done.stdout)['rows']}
    assert {found[id] for id in ['1', '9', '10', '10b', '12', '17', 'G9', 'M1']} == {'undecided'}
    assert done.returncode == 4


def test_nothing_is_here(tmp_path):
    done = subprocess.run([PROGRAM, 'check', '--root', str(tmp_path)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 4 and 'none of the services' in done.stderr


@pytest.mark.parametrize('arguments,words', [(['nobody'], "no service is called 'nobody'"), (['host'], "no service is called 'host'"), (['--row', '99'], "there is no row '99'"),
                                             (['--frob'], 'Try'), (['--show', '/nonexistent'], '/nonexistent: No such file')])
def test_wrong_usage(arguments, words):
    done = subprocess.run([PROGRAM, 'check', *arguments], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and words in done.stderr


def test_each_row_is_broken():
    """For ours and for others'; see test_a_good_host for what does not apply to one of them."""
    listed = subprocess.run([PROGRAM, 'check', '--list'], capture_output=True, text=True, timeout=60).stdout
    ids = [line.split()[0] for line in listed.splitlines()]
    assert len(ids) == len(set(ids)) and set(ids) == {row for row, *_ in BROKEN} | ASKED
    assert {row for row, of, *_ in BROKEN if of == CONFD} == set(ids) - ASKED - {'3c', '8'}
    assert {row for row, of, *_ in BROKEN if of != CONFD} == set(ids) - ASKED


def test_the_documentation_has_the_rows():
    listed = subprocess.run([PROGRAM, 'check', '--list'], capture_output=True, text=True, timeout=60).stdout
    with open(os.path.join(TOP, 'docs', 'suite.md'), encoding='utf-8') as file:
        page = file.read()
    for line in listed.splitlines():
        row, what, how = line.split(None, 1)[0], line[5:63].strip(), line[64:].strip()
        assert f'| {row} | {what} | {how} |\n' in page


def test_the_manifest_of_the_documentation(tmp_path):
    with open(os.path.join(TOP, 'docs', 'suite.md'), encoding='utf-8') as file:
        text = file.read().split('```yaml\n', 1)[1].split('```', 1)[0]
    (tmp_path / 'acme-billing.yml').write_text(text)
    done = subprocess.run([PROGRAM, 'generate', 'nginx', 'acme-billing', '--services-dir', str(tmp_path)], capture_output=True, text=True, timeout=60)
    assert done.stderr == '' and 'location ^~ /api/acme-billing/ {\n        proxy_pass http://127.0.0.1:9504/;\n' in done.stdout
