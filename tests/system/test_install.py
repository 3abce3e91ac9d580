# SPDX-License-Identifier: GPL-3.0-or-later
"""A fresh installation: up, serving, unprivileged, at home on the host."""
import time

import pytest

from machine import wait_for

UNITS = ('wazo-suite-confd.service', 'wazo-suite-confd.socket')


@pytest.fixture(scope='module')
def fresh(machine):
    machine.apt('update')
    began = time.monotonic()
    machine.apt('install', 'wazo-suite-confd')
    machine.installed_in = time.monotonic() - began
    return machine


def test_up_within_a_minute(fresh):
    assert fresh.installed_in < 60
    assert [fresh.active(unit) for unit in UNITS] == ['active', 'active']
    assert fresh.sh('systemctl is-enabled wazo-suite-confd.service wazo-suite-confd.socket').split() == ['enabled', 'enabled']
    assert fresh.show(UNITS[0], 'StatusText')['StatusText'].startswith('running: ')
    assert fresh.curl('GET', '/infos')[0] == 401
    # Also by the name that the Python package's unit has.
    assert fresh.active('wazo-confd.service') == 'active'


def test_installing_it_takes_seconds(fresh):
    """With what it needs from Debian already there."""
    fresh.apt('purge', 'wazo-suite-confd', 'wazo-suite')
    began = time.monotonic()
    fresh.apt('install', 'wazo-suite-confd')
    assert time.monotonic() - began < 10
    assert fresh.active(UNITS[0]) == 'active'


def test_nothing_is_asked_or_modified(fresh):
    assert fresh.sh('dpkg -V wazo-suite wazo-suite-confd') == ''
    assert 'already the newest version' in fresh.apt('install', 'wazo-suite-confd').stdout


def test_verify_is_silent(fresh):
    result = fresh.run('systemd-analyze', 'verify', '--man=no', *UNITS, 'wazo-suite.target')
    assert result.stdout + result.stderr == ''


def test_exposure(fresh):
    output = fresh.sh('systemd-analyze security --no-pager wazo-suite-confd.service')
    assert float(output.splitlines()[-1].split()[-3]) <= 2.1, output


def test_user(fresh):
    name, password, uid, gid, _, home, shell = fresh.sh('getent passwd wazo-confd').strip().split(':')
    assert int(uid) < 1000 and home == '/nonexistent' and shell == '/usr/sbin/nologin'
    assert fresh.sh('passwd -S wazo-confd').split()[1] == 'L'
    assert fresh.sh('id -nG wazo-confd') == 'wazo-confd\n'
    assert fresh.sh('stat -c "%U %G %a" /run/wazo-confd /var/lib/wazo-confd /var/log/wazo-confd.log').splitlines() == [
        'wazo-confd wazo-confd 755', 'wazo-confd wazo-confd 750', 'wazo-confd adm 640']


def processes(machine):
    return machine.sh('cat /sys/fs/cgroup/system.slice/wazo-suite-confd.service/cgroup.procs '
                      '$(find /sys/fs/cgroup/system.slice/wazo-suite-confd.service -mindepth 2 -name cgroup.procs)').split()


def test_no_process_has_any_privilege(fresh):
    pids = processes(fresh)
    assert len(pids) > 10
    for pid in pids:
        status = dict(line.split(':\t', 1) for line in fresh.read_proc(pid, 'status').splitlines() if ':\t' in line)
        assert '0' not in status['Uid'].split() and '0' not in status['Gid'].split(), status
        assert {status[key] for key in ('CapEff', 'CapPrm', 'CapBnd', 'CapInh', 'CapAmb')} == {'0' * 16}, status
        assert status['NoNewPrivs'] == '1'


def test_a_user_gets_a_phone(fresh):
    fresh.give_token()

    def confd(method, path, body=None):
        status, answer = fresh.curl(method, path, body)
        assert status in (200, 201, 204), (method, path, status, answer)
        return answer

    context = confd('POST', '/contexts', {'label': 'Office', 'user_ranges': [{'start': '1000', 'end': '1999'}]})['name']
    user = confd('POST', '/users', {'firstname': 'Ada', 'lastname': 'Byron'})['uuid']
    sip = confd('POST', '/endpoints/sip', {'auth_section_options': [['username', 'ada'], ['password', 's3cret']]})['uuid']
    line = confd('POST', '/lines', {'context': context})['id']
    extension = confd('POST', '/extensions', {'exten': '1000', 'context': context})['id']
    voicemail = confd('POST', '/voicemails', {'name': 'Ada', 'number': '1000', 'context': context})['id']
    for path in (f'/lines/{line}/endpoints/sip/{sip}', f'/lines/{line}/extensions/{extension}', f'/users/{user}/lines/{line}',
                 f'/users/{user}/voicemails/{voicemail}'):
        confd('PUT', path)
    answer = confd('GET', f'/users/{user}')
    assert answer['caller_id'] == '"Ada Byron"'
    assert answer['lines'][0]['extensions'][0]['exten'] == '1000'
    assert answer['voicemail']['name'] == 'Ada'


def test_uuid_of_the_platform(fresh):
    uuid = '7d5e2f6a-1111-4222-8333-444455556666'
    fresh.sh(f'systemctl set-environment XIVO_UUID={uuid}; systemctl restart wazo-suite-confd')
    assert fresh.curl('GET', '/infos')[1]['uuid'] == uuid
    fresh.sh('systemctl unset-environment XIVO_UUID')


def test_log_rotates(fresh):
    assert fresh.run('logrotate', '-d', '/etc/logrotate.d/00-wazo-suite-confd').returncode == 0
    fresh.sh('logrotate -f /etc/logrotate.d/00-wazo-suite-confd')
    assert '/users' in fresh.sh('zcat /var/log/wazo-confd.log.1.gz')
    fresh.curl('GET', '/infos')
    wait_for(lambda: '/infos' in fresh.read('/var/log/wazo-confd.log'), 5)


def test_reboot(fresh):
    users = fresh.curl('GET', '/users')[1]['total']
    fresh.reboot()
    fresh.wait_ready(60)
    assert fresh.active(UNITS[1]) == 'active'
    assert fresh.curl('GET', '/users')[1]['total'] == users
