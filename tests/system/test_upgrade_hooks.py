# SPDX-License-Identifier: GPL-3.0-or-later
"""Upgrades as wazo-upgrade makes them, with our hooks in their places: afterwards the host is as its operator had it."""
import os
import re
import subprocess

import pytest

from machine import get_workshop, repack
from test_packages import stand_in
from test_wazo_service import DAEMON, DISABLED, WAZO, manifests, unit_of, unit_text

OURS = ['wazo-suite', 'wazo-suite-backup', 'wazo-suite-confd', 'wazo-suite-service']
OTHERS = ['wazo-auth', 'wazo-chatd', 'wazo-confgend', 'wazo-dird', 'wazo-plugind', 'wazo-sysconfd', 'wazo-webhookd', 'nginx', 'rabbitmq-server',
          'postgresql@15-main']
RECORD = '/var/lib/wazo-suite/upgrade'
HOOKS = '/usr/share/wazo-upgrade'
SETTINGS = '/etc/wazo-suite/upgrade.conf'

# What its documentation says that it does, without its questions.
WAZO_UPGRADE = r'''#!/bin/bash
export WAZO_VERSION_INSTALLED=26.01 WAZO_VERSION_CANDIDATE=26.02 XIVO_VERSION_INSTALLED=26.01 XIVO_VERSION_CANDIDATE=26.02
export DEBIAN_FRONTEND=noninteractive APT_LISTCHANGES_FRONTEND=none
apt='apt-get -q -y -o APT::Install-Recommends=false'

execute() {
        for script in /usr/share/wazo-upgrade/$1.d/*; do
                [ -f "$script" ] || continue
                echo "Executing upgrade script $script..."
                "$script" || { echo "exit code $? of $script"; [ "$1" = pre-stop ] && return 1; }
        done
        return 0
}

start_wazo() { wazo-service enable; wazo-service restart; }

execute pre-stop || { echo 'ERROR: an error occured during the pre-upgrade scripts'; exit 255; }
wazo-service stop
wazo-service disable
execute post-stop
$apt update
$apt install -o Dpkg::Options::=--force-confnew wazo-platform || { start_wazo; exit 255; }
$apt dist-upgrade || { start_wazo; exit 255; }
$apt autoremove
execute pre-start
start_wazo
execute post-start
'''


def platform(machine, version):
    return stand_in(os.path.join(machine.path, f'platform-{version}'), 'wazo-platform', {},
                    depends='Depends: wazo-service, wazo-backup\n', version=version)


@pytest.fixture(scope='module')
def host(machine):
    """A host with all daemons: ours as they are, the others stand-ins. Nothing of cron runs here, as the procedure for a slave wants it."""
    machine.write('/opt/daemon', DAEMON)
    daemons = [m for m in manifests() if ('wazo_service' in m or m['service'] == 'monit') and m['service'] != 'wazo-confd']
    names = {m['service']: unit_of(m) for m in daemons}
    for manifest in daemons:
        machine.write('/etc/systemd/system/' + unit_of(manifest), unit_text(manifest, names).replace('/opt/daemon 1', '/opt/daemon 0'))
    machine.write('/etc/systemd/system/isc-dhcp-server.service', '[Service]\nExecStart=sleep inf\n[Install]\nWantedBy=multi-user.target\n')
    machine.write('/usr/bin/wazo-upgrade', WAZO_UPGRADE, 0o755)
    machine.write(SETTINGS, 'CHECK=wazo-confd\n')
    get_workshop().repository(machine.root, [platform(machine, '26.01')])
    machine.sh(f'mkdir -p /var/lib/wazo {HOOKS}/pre-start.d; systemctl daemon-reload; '
               'systemctl enable -q monit isc-dhcp-server wazo-dxtora ' + ' '.join(n for n in names.values() if n != 'monit.service'))
    machine.apt('update')
    # Beside wazo-platform it would not be the one in charge.
    machine.apt('install', 'wazo-suite-confd')
    machine.apt('install', 'wazo-suite-service', 'wazo-suite-backup', 'wazo-platform')
    machine.wait_ready()
    return machine


@pytest.fixture
def master(host):
    host.sh(f'rm -rf {DISABLED} /var/lib/wazo/is-* {RECORD}; touch /var/lib/wazo/is-primary; systemctl start isc-dhcp-server; '
            'systemctl enable -q wazo-dird monit; systemctl reset-failed; wazo-service start all')
    host.write(SETTINGS, 'CHECK=wazo-confd\n')
    assert actives(host, WAZO + OTHERS + ['wazo-confd', 'monit', 'isc-dhcp-server']) == set()
    return host


@pytest.fixture
def slave(master):
    """In its normal state, as cron keeps it."""
    master.sh('rm /var/lib/wazo/is-primary; touch /var/lib/wazo/is-secondary; '
              'wazo-service stop wazo; wazo-service disable; systemctl stop isc-dhcp-server; wazo-service start')
    assert is_slave(master)
    return master


def actives(host, names):
    """Those of them that are not."""
    return {name for name in names if host.active(name) != 'active'}


def is_slave(host):
    return (os.path.exists(host.file(DISABLED)) and actives(host, OTHERS + ['wazo-confd']) == set() and
            actives(host, WAZO + ['monit', 'isc-dhcp-server']) == {*WAZO, 'monit', 'isc-dhcp-server'} and
            host.sh('systemctl is-enabled monit', check=False) == 'disabled\n')


def version(host, package='wazo-suite'):
    return host.sh(f"dpkg-query -W -f '${{Version}}' {package}")


@pytest.fixture
def later(host):
    """A later version of all our packages, and of the platform."""
    number = later.number = getattr(later, 'number', 1) + 1
    new = re.sub(r'\+later.*', '', version(host)) + f'+later{number}'
    folder = os.path.join(host.path, f'later-{number}')
    os.makedirs(folder)
    ours = [p for p in get_workshop().packages(host.release) if os.path.basename(p).split('_')[0] in OURS]
    get_workshop().repository(host.root, [platform(host, f'26.{number:02}'), *(repack(p, folder, new) for p in ours)])
    return new


def upgrade(host):
    """What it prints, with a line for its exit code."""
    result = host.run('sh', '-c', 'wazo-upgrade 2>&1', check=False, timeout=600)
    return f'{result.stdout}\nended with {result.returncode}\n'


def ours(output):
    return [line for line in output.splitlines() if line.startswith('wazo-suite: ')]


def test_a_master(master, later):
    master.sh('systemctl stop wazo-chatd; systemctl disable -q wazo-dird; rm -rf /var/backups/wazo')
    out = upgrade(master)
    assert 'ended with 0' in out, out
    assert {version(master, package) for package in OURS} == {later} and version(master, 'wazo-platform') != '26.01'
    # As it was: one that was stopped, one that does not start with the host.
    assert actives(master, WAZO + OTHERS + ['wazo-confd', 'monit', 'isc-dhcp-server']) == {'wazo-chatd'}, out
    assert master.sh('systemctl is-enabled wazo-dird monit wazo-suite-confd', check=False).split() == ['disabled', 'enabled', 'enabled']
    assert not os.path.exists(master.file(DISABLED))
    assert 'wazo-suite: wazo-chatd was stopped before the upgrade, and is so again' in out
    assert ours(out)[-1] == 'wazo-suite: the services are as they were before the upgrade', out
    assert 'exit code' not in out
    # The order of it, and what there was at the beginning.
    scripts = re.findall(r'Executing upgrade script (\S+)\.\.\.', out)
    assert scripts == [f'{HOOKS}/{phase}.d/80-wazo-suite.sh' for phase in ('pre-stop', 'post-stop', 'pre-start', 'post-start')]
    assert os.path.exists(master.file(f'{RECORD}/is-primary')) and not os.path.exists(master.file(f'{RECORD}/disabled'))
    assert master.read(f'{RECORD}/version') == '26.01\n'
    for name in ('data', 'db'):
        master.run('wazo-backup', 'verify', f'/var/backups/wazo/upgrade/{name}.tgz')
    assert 'check' in os.listdir(master.file(RECORD))


def test_a_slave_stays_one(slave, later):
    """Nobody but the hook puts it back: its cron is commented out."""
    out = upgrade(slave)
    assert 'ended with 0' in out and version(slave) == later
    assert is_slave(slave), out
    assert 'wazo-suite: telephony was disabled before the upgrade, and is so again' in out
    assert ours(out)[-1] == 'wazo-suite: the services are as they were before the upgrade', out


def test_a_slave_in_failover_stays_active(slave, later):
    # One that did not begin says nothing of the next one.
    slave.write(f'{HOOKS}/pre-stop.d/90-other.sh', '#!/bin/sh\nexit 1\n', 0o755)
    assert 'ended with 255' in upgrade(slave) and is_slave(slave)
    slave.sh(f'rm {HOOKS}/pre-stop.d/90-other.sh; systemctl start isc-dhcp-server; wazo-service enable; wazo-service start')
    out = upgrade(slave)
    assert 'ended with 0' in out and version(slave) == later
    assert actives(slave, WAZO + OTHERS + ['wazo-confd', 'monit', 'isc-dhcp-server']) == set(), out
    assert not os.path.exists(slave.file(DISABLED))


@pytest.mark.parametrize('how, said', [
    ('mkdir -p /var/full; mountpoint -q /var/full || mount -t tmpfs -o size=1M none /var/full; echo BACKUP_DIR=/var/full >>' + SETTINGS, 'free there'),
    (f'echo BACKUP_SECONDS=0.001 >>{SETTINGS}', 'longer than 0.001 s'),
])
def test_no_backup_no_upgrade(master, later, how, said):
    pids = master.sh('systemctl show -p MainPID asterisk wazo-suite-confd monit')
    before = version(master)
    master.sh(how)
    out = upgrade(master)
    assert 'ended with 255' in out and said in out and 'BACKUP=no in ' + SETTINGS in out, out
    assert version(master) == before and master.sh('systemctl show -p MainPID asterisk wazo-suite-confd monit') == pids
    assert not os.path.exists(master.file(DISABLED)) and not os.path.exists(master.file(RECORD))


def test_the_backup_can_be_switched_off(master, later):
    master.sh(f'rm -rf /var/backups/wazo; echo BACKUP=no >>{SETTINGS}')
    out = upgrade(master)
    assert 'ended with 0' in out and version(master) == later and 'wazo-suite: no backup' in out
    assert not os.path.exists(master.file('/var/backups/wazo/upgrade'))


def test_a_migration_that_fails(master, later):
    """wazo-upgrade goes on, wazo-service ends at the first service that does not start: the others shall run nevertheless."""
    master.write(f'{HOOKS}/pre-start.d/30-migrate.sh', '#!/bin/sh\nmkdir -p /run/systemd/system/wazo-agid.service.d\n'
                 'printf "[Service]\\nExecStartPre=false\\n" >/run/systemd/system/wazo-agid.service.d/x.conf\necho no migration >&2\nexit 3\n', 0o755)
    master.write('/etc/wazo-confd/conf.d/bad.yml', 'rest_api: {port: many}\n')
    try:
        out = upgrade(master)
    finally:
        master.sh(f'rm -r {HOOKS}/pre-start.d/30-migrate.sh /etc/wazo-confd/conf.d/bad.yml /run/systemd/system/wazo-agid.service.d; '
                  'systemctl daemon-reload')
    assert 'no migration' in out and version(master) == later
    assert 'the configuration of wazo-confd does not go with its new version' in out, out
    # All that can run without them.
    assert actives(master, WAZO + OTHERS + ['monit']) == {'wazo-agid'}, out
    assert 'wazo-agid ran before the upgrade, and does not start' in out
    assert f'exit code 1 of {HOOKS}/post-start.d/80-wazo-suite.sh' in out
    master.sh('systemctl restart wazo-suite-confd')


def broken_package(host, postinst):
    folder = os.path.join(host.path, 'broken')
    package = stand_in(folder, 'wazo-platform', {}, [('postinst', postinst)], 'Depends: wazo-service, wazo-backup\n', version='99.01')
    get_workshop().repository(host.root, [package])


def test_packages_that_fail_on_a_slave(slave, later):
    """wazo-upgrade starts everything and ends: no hook of ours runs. The next upgrade knows nevertheless that this is a slave."""
    broken_package(slave, 'echo no migration >&2\nexit 1\n')
    out = upgrade(slave)
    assert 'ended with 255' in out and 'no migration' in out, out
    assert not os.path.exists(slave.file(DISABLED))
    assert '/usr/share/wazo-upgrade/post-start.d/80-wazo-suite.sh' in ours(out)[-1]

    broken_package(slave, 'exit 0\n')
    slave.sh('dpkg --force-depends --purge wazo-platform')
    out = upgrade(slave)
    assert 'ended with 0' in out and version(slave) == later and 'did not come to its end' in out, out
    assert is_slave(slave), out


def test_by_hand_after_packages_that_fail(slave):
    slave.sh(f'{HOOKS}/pre-stop.d/80-wazo-suite.sh; wazo-service stop; wazo-service disable; wazo-service enable; wazo-service restart')
    assert not is_slave(slave)
    assert subprocess.run(slave.command(f'{HOOKS}/post-start.d/80-wazo-suite.sh'), check=False, stdout=subprocess.DEVNULL).returncode == 0
    assert is_slave(slave)
