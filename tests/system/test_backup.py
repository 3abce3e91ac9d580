# SPDX-License-Identifier: GPL-3.0-or-later
"""What one host had, another has after a restore: its users have other numbers there, its name is another."""
import os
import shutil

import pytest

from machine import Machine

PACKAGES = ('wazo-suite-confd', 'wazo-suite-backup', 'wazo-suite-service')
ARCHIVES = ('data.tgz', 'db.tgz')
BACKUPS = '/var/backups/wazo'


@pytest.fixture(scope='module')
def other(release):
    """Where users that were there before have taken the numbers."""
    with Machine(release) as m:
        m.sh('for i in 1 2 3 4 5 6 7; do useradd --system other$i; done')
        m.apt('update')
        m.apt('install', *PACKAGES)
        m.give_token()
        yield m


@pytest.fixture(scope='module')
def host(confd):
    confd.apt('install', *PACKAGES)
    return confd


def identity(machine):
    return machine.sh('cat /etc/hostname /etc/hosts /etc/resolv.conf; md5sum /etc/systemd/*.conf /etc/machine-id')


def owners(machine):
    """Names of owners, and modes, of what the service has."""
    return machine.sh('cd / && find etc/wazo-confd var/lib/wazo-confd -printf "%p %u:%g %m\\n" | sort')


def test_between_two_hosts(host, other):
    host.write('/etc/hostname', 'pbx-a\n')
    other.write('/etc/hostname', 'pbx-b\n')
    host.write('/etc/wazo-confd/conf.d/10-mine.yml', 'log_level: warning\n')
    host.write('/var/lib/wazo-confd/note', 'of the service\n', 0o640)
    host.sh('chown wazo-confd:adm /var/lib/wazo-confd/note')
    assert host.sh('id -u wazo-confd') != other.sh('id -u wazo-confd')
    status, made = host.curl('POST', '/users', {'firstname': 'Of the first host'})
    assert status == 201, made
    # While it serves.
    host.sh(f'wazo-backup data {BACKUPS}/data && wazo-backup db {BACKUPS}/db')
    before, own = owners(host), identity(other)
    for name in ARCHIVES:
        shutil.copy(host.file(f'{BACKUPS}/{name}'), other.file(f'/root/{name}'))
        other.run('wazo-backup', 'verify', f'/root/{name}')

    # It is in use there.
    result = other.run('wazo-backup', 'restore', '/root/db.tgz', check=False)
    assert result.returncode == 1 and 'confd.sqlite is in use' in result.stderr, result.stderr
    assert other.curl('GET', f'/users/{made["uuid"]}')[0] == 404
    other.sh('systemctl stop wazo-suite-confd.socket wazo-suite-confd.service')
    told = [other.run('wazo-backup', 'restore', f'/root/{name}').stdout for name in ARCHIVES]
    assert "the host's own settings are kept" in told[0] and 'pbx-a' in told[0], told
    other.sh('systemctl start wazo-suite-confd.socket wazo-suite-confd.service')
    other.wait_ready()

    status, there = other.curl('GET', f'/users/{made["uuid"]}')
    assert status == 200 and there['firstname'] == 'Of the first host', there
    assert other.read('/etc/wazo-confd/conf.d/10-mine.yml') == 'log_level: warning\n'
    after = set(owners(other).splitlines())
    # Journals of the database come and go.
    assert {line for line in set(before.splitlines()) - after if '/db/confd.sqlite-' not in line} == set()
    assert 'var/lib/wazo-confd/note wazo-confd:adm 640' in after
    assert identity(other) == own
    result = other.run('wazo-suite', 'check', check=False)
    assert result.returncode == 0, result.stdout
    assert other.sh('systemctl --failed --no-legend') == ''


def test_a_second_time_changes_nothing(other):
    other.sh('systemctl stop wazo-suite-confd.socket wazo-suite-confd.service')
    other.sh('wazo-backup restore /root/data.tgz')
    told = other.run('wazo-backup', 'restore', '--dry-run', '/root/data.tgz').stdout.splitlines()
    assert [line for line in told if line[0] in '+~'] == []
    assert os.path.exists(other.file('/root/data.tgz'))
    other.sh('systemctl start wazo-suite-confd.socket wazo-suite-confd.service')
    other.wait_ready()


def test_what_a_wazo_host_needs_afterwards(host, other):
    """Each step is done, or said with its command: without PostgreSQL nobody knows the platform's uuid."""
    for machine in (host, other):
        machine.sh('mkdir -p /etc/xivo /var/lib/wazo-auth-keys')
    host.write('/etc/xivo/common.conf', 'XIVO_HOSTNAME=pbx-a\nXIVO_NET4_IP=192.0.2.1\n')
    for program in ('xivo-update-config', 'wazo-auth-keys'):
        other.write(f'/usr/local/sbin/{program}', f'#!/bin/sh\necho {program} "$@" >>/root/called\n', 0o755)
    other.write('/var/cache/wazo-confgend/sip.conf/old', 'of another database\n')
    host.sh(f'wazo-backup data {BACKUPS}/data')
    shutil.copy(host.file(f'{BACKUPS}/data.tgz'), other.file('/root/wazo.tgz'))

    other.sh('systemctl stop wazo-suite-confd.socket wazo-suite-confd.service')
    result = other.run('wazo-backup', 'restore', '--no-keep-system', '/root/wazo.tgz', check=False)
    assert result.returncode == 2, result.stdout + result.stderr
    assert other.read('/root/called') == 'xivo-update-config\nwazo-auth-keys service update\n'
    assert os.listdir(other.file('/var/cache/wazo-confgend')) == []
    left = [line for line in result.stdout.splitlines() if line.startswith('TO DO: ')]
    assert len(left) == 3 and all('XIVO_UUID' in line for line in left), result.stdout
    assert other.read('/etc/hostname') == 'pbx-a\n'
    other.sh('systemctl start wazo-suite-confd.socket wazo-suite-confd.service')
    other.wait_ready()
