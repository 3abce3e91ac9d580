# SPDX-License-Identifier: GPL-3.0-or-later
"""Our packages in the place of Wazo's, or beside them, on a host that has Wazo's files: wazo-platform stays, nothing is there twice."""
import os

import pytest

from machine import get_workshop
from test_packages import stand_in

CHECKS = ['asterisk', 'base-fs', 'base-system', 'isc-dhcp-server', 'ntp', 'rabbitmq', 'wazo-confgend', 'wazo-provd']
CONF = '/etc/monit/conf.d'
CRON, ROTATION = '/etc/cron.d/wazo-backup', '/etc/logrotate.d/wazo-backup'
PROGRAM = ('#!/bin/sh\necho theirs\n', 0o755)

# As it is documented: what dangles goes, and each of its own checks is a link, whatever was there.
UPDATE = f'''#!/bin/sh
find {CONF} -xtype l -delete
for check in /usr/share/wazo-monitoring/checks/*; do
        ln -sf "$check" "{CONF}/$(basename "$check")"
done
cp /usr/share/wazo-monitoring/templates/monitrc.tmpl /etc/monit/monitrc
systemctl restart monit
'''
MONIT = '''#!/bin/sh
echo "$@" >>/var/log/monit-calls
'''
UNIT = '[Service]\nExecStart=sleep inf\n[Install]\nWantedBy=multi-user.target\n'


def packages(folder, version):
    """Wazo's, with the files that they own."""
    new = {'version': version}
    return [
        stand_in(folder, 'wazo-service', {'/usr/bin/wazo-service': PROGRAM, '/usr/bin/xivo-service': PROGRAM}, **new),
        stand_in(folder, 'wazo-backup', {
            '/usr/sbin/wazo-backup': PROGRAM, '/usr/sbin/xivo-backup': PROGRAM,
            CRON: (f'# theirs {version}\n5 0 * * * root wazo-backup data /var/backups/wazo/data\n', 0o644),
            ROTATION: ('/var/backups/wazo/data.tgz {\n daily\n rotate 7\n missingok\n}\n', 0o644)}, **new),
        stand_in(folder, 'wazo-monitoring', {
            **{f'/usr/share/wazo-monitoring/checks/{name}': (f'check process {name} with pidfile /run/{name}.pid\n', 0o644) for name in CHECKS},
            '/usr/share/wazo-monitoring/templates/monitrc.tmpl': (f'set daemon 120\ninclude {CONF}/*\n', 0o600),
            '/usr/sbin/wazo-monitoring-update': (UPDATE, 0o755)},
            [('postinst', f'mkdir -p {CONF}\nwazo-monitoring-update\n')], **new),
        stand_in(folder, 'wazo-calld', {'/lib/systemd/system/wazo-calld.service': (UNIT, 0o644)}, **new),
        stand_in(folder, 'wazo-tool', {}, depends=f'Depends: wazo-service (>= {version}), wazo-backup (>= {version})\n', **new),
        stand_in(folder, 'wazo-platform', {}, depends='Depends: wazo-service, wazo-backup, wazo-monitoring, wazo-tool\n', **new)]


@pytest.fixture(scope='module')
def host(machine):
    machine.write('/usr/bin/monit', MONIT, 0o755)
    machine.write('/etc/systemd/system/monit.service', UNIT)
    machine.write('/etc/systemd/system/wazo-auth.service', UNIT)
    get_workshop().repository(machine.root, packages(os.path.join(machine.path, 'wazo'), '26.01'))
    machine.apt('update')
    machine.apt('install', 'wazo-platform')
    return machine


def installed(host, *names):
    """Of these, those that are."""
    return {name for name in names if host.run('dpkg-query', '-W', '-f', '${db:Status-Abbrev}', name, check=False).stdout.startswith('ii')}


def owner(host, path):
    return host.sh(f'dpkg -S {path}').split(':')[0]


def links(host):
    return set(host.sh(f'cd {CONF} && ls').split())


def test_in_the_place_of_theirs(host):
    host.write(CONF + '/suite-wazo-confgend', '# of an administrator\n')
    assert host.sh('wazo-service; xivo-service; wazo-backup') == 'theirs\n' * 3
    out = host.apt('install', 'wazo-suite-service', 'wazo-suite-backup', 'wazo-suite-monitoring').stdout
    assert installed(host, 'wazo-platform', 'wazo-tool', 'wazo-monitoring', 'wazo-service', 'wazo-backup') == {
        'wazo-platform', 'wazo-tool', 'wazo-monitoring'}, out
    for path, package in (('/usr/bin/wazo-service', 'wazo-suite-service'), ('/usr/bin/xivo-service', 'wazo-suite-service'),
                          ('/usr/sbin/wazo-backup', 'wazo-suite-backup'), ('/usr/sbin/xivo-backup', 'wazo-suite-backup')):
        assert owner(host, path) == package
    assert host.sh('xivo-service --version').startswith('wazo-service ') and host.sh('xivo-backup --version').startswith('wazo-backup ')
    assert 'man8/xivo-backup.8.gz' in host.sh('dpkg -L wazo-suite-backup') and 'man1/xivo-service.1.gz' in host.sh('dpkg -L wazo-suite-service')
    assert host.sh('dpkg --audit') == '' and ', 0 to remove' in host.apt('-s', 'autoremove').stdout


def test_one_backup_a_night(host):
    assert host.sh('grep -l wazo-backup /etc/cron.d/*').split() == [CRON]
    # What today's tool has is there, too.
    assert '5 0 * * * root wazo-backup data /var/backups/wazo/data; wazo-backup db /var/backups/wazo/db' in host.read(CRON)
    result = host.run('logrotate', '-d', '/etc/logrotate.conf')
    assert 'error' not in result.stdout + result.stderr and '/var/backups/wazo/db.tgz' in result.stderr
    # What that command makes of a host without a database, and where.
    host.sh(host.read(CRON).split('root ')[1].split(';')[0])
    assert host.sh('stat -c "%U:%G %a" /var/backups/wazo/data.tgz') == 'root:www-data 640\n'


def test_a_check_for_each_service_that_is_here(host):
    assert links(host) == {*CHECKS, 'suite-events', 'suite-wazo-auth', 'suite-wazo-confgend'}
    assert host.read(CONF + '/suite-wazo-confgend') == '# of an administrator\n'
    host.sh('rm -f /var/log/monit-calls; systemctl start monit')
    host.apt('install', 'wazo-calld')
    assert 'suite-wazo-calld' in links(host) and 'wazo-monit-check wazo-calld' in host.sh(f'cat {CONF}/suite-wazo-calld')
    assert host.read('/var/log/monit-calls').split('\n')[:2] == ['-t', 'reload']
    host.apt('remove', 'wazo-calld')
    assert 'suite-wazo-calld' not in links(host) and 'suite-wazo-auth' in links(host)


def test_their_update_leaves_ours_and_theirs(host):
    before = links(host)
    host.sh('wazo-monitoring-update')
    assert links(host) == before
    names = host.sh(f'sed -n "s/^check [a-z]* \\([^ ]*\\) .*/\\1/p" {CONF}/*').split()
    assert len(names) == len(set(names)) >= len(CHECKS) + 1


def test_the_packages_of_old_are_purged(host):
    """Their files are ours now."""
    host.sh('dpkg --purge wazo-service wazo-backup')
    for path in (CRON, ROTATION, '/usr/bin/wazo-service', '/usr/sbin/wazo-backup'):
        assert os.path.exists(host.file(path)), path
    assert 'wazo-backup db' in host.read(CRON)


def test_a_release_of_wazo(host):
    """wazo-upgrade's apt: theirs do not come back, whatever needs them in whichever version."""
    get_workshop().repository(host.root, packages(os.path.join(host.path, 'wazo-2'), '26.02'))
    host.apt('update')
    host.apt('-o', 'Dpkg::Options::=--force-confnew', 'install', 'wazo-platform')
    host.apt('dist-upgrade')
    host.apt('autoremove')
    assert {host.sh(f"dpkg-query -W -f '${{Version}}' {name}") for name in ('wazo-platform', 'wazo-tool', 'wazo-monitoring')} == {'26.02'}
    assert installed(host, 'wazo-suite-service', 'wazo-suite-backup', 'wazo-suite-monitoring', 'wazo-service', 'wazo-backup') == {
        'wazo-suite-service', 'wazo-suite-backup', 'wazo-suite-monitoring'}
    assert 'wazo-backup db' in host.read(CRON) and 'suite-wazo-auth' in links(host)


def test_and_back(host):
    host.apt('-o', 'Dpkg::Options::=--force-confnew', 'install', 'wazo-service', 'wazo-backup')
    assert installed(host, 'wazo-platform', 'wazo-service', 'wazo-backup', 'wazo-suite-service', 'wazo-suite-backup') == {
        'wazo-platform', 'wazo-service', 'wazo-backup'}
    assert host.sh('wazo-service; xivo-service; wazo-backup; xivo-backup') == 'theirs\n' * 4
    assert '# theirs 26.02' in host.read(CRON)
    host.apt('purge', 'wazo-suite-monitoring')
    assert links(host) == {*CHECKS, 'suite-wazo-confgend'}
    host.apt('purge', 'wazo-suite-service', 'wazo-suite-backup')
    # Of its backups no host is ever rid by itself.
    assert os.path.exists(host.file('/var/backups/wazo/data.tgz')) and os.path.exists(host.file('/usr/bin/xivo-service'))
    assert '# theirs 26.02' in host.read(CRON)
