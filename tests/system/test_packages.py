# SPDX-License-Identifier: GPL-3.0-or-later
"""Packages come, are replaced by others, and go."""
import os
import subprocess
import time

import pytest

from machine import Machine, get_workshop, repack, wait_for

SERVICE, SOCKET = 'wazo-suite-confd.service', 'wazo-suite-confd.socket'
OURS = ['wazo-suite', 'wazo-suite-confd']


def version(machine, package='wazo-suite-confd'):
    return machine.sh(f"dpkg-query -W -f '${{Version}}' {package}")


def add_version(machine, new):
    """Another build of ours, in the machine's repository: its files are new ones."""
    folder = os.path.join(machine.path, 'other')
    os.makedirs(folder, exist_ok=True)
    packages = [p for p in get_workshop().packages(machine.release) if os.path.basename(p).split('_')[0] in OURS]
    get_workshop().repository(machine.root, [repack(p, folder, new) for p in packages])
    machine.apt('update')


def deaths(machine, since):
    return [e['MESSAGE'] for e in machine.journal('-u', SERVICE, '--since', f'@{since}') if 'ended after' in str(e['MESSAGE'])]


@pytest.mark.parametrize('dpkg', ['--force-confold', '--force-confnew'])
def test_upgrade_and_downgrade_under_load(confd, dpkg):
    """Without a terminal, as cron and wazo-upgrade do it; the administrator's files stay as they are."""
    ours = version(confd)
    confd.write('/etc/wazo-confd/config.yml', '# the administrator\'s\n')
    confd.write('/etc/wazo-confd/conf.d/10-mine.yml', 'log_level: warning\n')
    confd.write('/etc/logrotate.d/00-wazo-suite-confd', confd.read('/etc/logrotate.d/00-wazo-suite-confd').replace('rotate 15', 'rotate 7'))
    confd.sh(f'systemctl reload {SERVICE}')
    add_version(confd, ours + '+later1')
    since, pid = time.time(), confd.main_pid()
    for to in (ours + '+later1', ours):
        before = set(confd.sh('pgrep -f "^wazo-confd: |wazo-gateway"').split())
        with confd.load() as load:
            confd.apt('-o', f'Dpkg::Options::={dpkg}', '--allow-downgrades', 'install', f'wazo-suite-confd={to}', f'wazo-suite={to}')
            time.sleep(2)
        assert load['failed'] == [] and load['answered']['slow upload'] >= 4, load
        assert version(confd) == to
        # What is on disk is what runs, as soon as the old ones have finished.
        wait_for(lambda: not before & set(confd.sh('pgrep -f "^wazo-confd: |wazo-gateway"').split()), 90, 'old workers are still there')
        assert '(deleted)' not in confd.sh('for p in $(pgrep -u wazo-confd); do readlink /proc/$p/exe; done', check=False)
    assert deaths(confd, since) == [] and pid
    assert confd.read('/etc/wazo-confd/config.yml') == '# the administrator\'s\n'
    assert confd.read('/etc/wazo-confd/conf.d/10-mine.yml') == 'log_level: warning\n'
    assert confd.sh('ls -A /etc/wazo-confd /etc/wazo-confd/conf.d').split() == [
        '/etc/wazo-confd:', 'conf.d', 'config.yml', '/etc/wazo-confd/conf.d:', '10-mine.yml']


def test_a_stopped_service_stays_stopped(confd):
    ours = version(confd)
    confd.sh(f'systemctl stop {SERVICE}')
    confd.apt('install', '--reinstall', f'wazo-suite-confd={ours}', f'wazo-suite={ours}')
    assert confd.active(SERVICE) == 'inactive' and version(confd) == ours
    confd.sh(f'systemctl start {SERVICE}')


def test_a_disabled_service_stays_disabled(confd):
    """Its socket with it: after a reboot no request starts it."""
    confd.sh(f'systemctl disable --now -q {SERVICE}')
    confd.apt('install', '--reinstall', 'wazo-suite-confd')
    confd.reboot()
    assert confd.run('systemctl', 'is-enabled', SERVICE, SOCKET, check=False).stdout.split() == ['disabled', 'disabled']
    assert confd.curl('GET', '/infos', check=False)[0] == 0
    assert confd.active(SERVICE) == confd.active(SOCKET) == 'inactive'
    confd.sh(f'systemctl enable --now -q {SERVICE}')
    assert confd.run('systemctl', 'is-enabled', SERVICE, SOCKET).stdout.split() == ['enabled', 'enabled']
    assert confd.active(SERVICE) == confd.active(SOCKET) == 'active'


def left_behind(machine):
    return set(machine.sh('find /etc /usr /var /run -xdev \\( -iname "*wazo*" -o -lname "*wazo*" \\) ! -path "/usr/share/doc/*" '
                          '! -path "/var/cache/apt/*" ! -path "/var/lib/apt/*" ! -path "/run/systemd/propagate/*" ! -path "/var/lib/dpkg/*" '
                          '! -path "/run/systemd/nspawn/*"').split())


def test_removal_and_purge(confd):
    """What stays is what docs/operations.md says."""
    confd.apt('remove', 'wazo-suite-confd')
    assert confd.active(SERVICE) == confd.active(SOCKET) == 'inactive'
    assert confd.sh('pgrep -u wazo-confd', check=False) == ''
    # The name is free for the Python package.
    assert confd.run('systemctl', 'cat', 'wazo-confd.service', check=False).returncode != 0
    # It comes back as it was.
    confd.apt('install', 'wazo-suite-confd')
    assert confd.active(SERVICE) == confd.active(SOCKET) == confd.active('wazo-confd.service') == 'active'

    confd.apt('purge', 'wazo-suite-confd', 'wazo-suite')
    assert {path for path in left_behind(confd) if not path.startswith(('/var/lib/wazo-confd', '/etc/wazo-confd'))} == set()
    assert 'wazo-confd:' in confd.sh('getent passwd wazo-confd')
    assert '/var/lib/wazo-confd/db/confd.sqlite' in left_behind(confd) or confd.sh('ls /var/lib/wazo-confd/db')
    assert confd.sh('systemctl --failed --no-legend') == ''


def test_installed_while_another_has_the_port(confd):
    """It does not keep apt waiting, and is up as soon as the port is free."""
    confd.sh('systemd-run -q --unit=other --property=Type=exec systemd-socket-activate -l 127.0.0.1:9486 /bin/true')
    wait_for(lambda: '9486' in confd.sh('ss -ltnH sport = :9486'))
    confd.apt('install', 'wazo-suite-confd')
    assert confd.run('systemctl', 'is-enabled', SERVICE).stdout == 'enabled\n'
    wait_for(lambda: 'in use' in confd.show(SERVICE, 'StatusText')['StatusText'])
    confd.sh('systemctl stop other')
    confd.wait_ready()


# ---- beside the Python suite ----


def stand_in(folder, name, files, scripts=(), depends='', version='26.01'):
    """A package with the paths that the real one has."""
    root = os.path.join(folder, name)
    for path, (text, mode) in files.items():
        os.makedirs(os.path.dirname(root + path), exist_ok=True)
        with open(root + path, 'w', encoding='utf-8') as file:
            file.write(text)
        os.chmod(root + path, mode)
    os.makedirs(root + '/DEBIAN', exist_ok=True)
    with open(root + '/DEBIAN/control', 'w', encoding='utf-8') as file:
        file.write(f'Package: {name}\nVersion: {version}\nArchitecture: all\nMaintainer: Tests <tests@wazo-suite.invalid>\n'
                   f'{depends}Description: stands for the real one\n')
    with open(root + '/DEBIAN/conffiles', 'w', encoding='utf-8') as file:
        file.writelines(path + '\n' for path in files if path.startswith('/etc/'))
    for script, text in scripts:
        with open(f'{root}/DEBIAN/{script}', 'w', encoding='utf-8') as file:
            file.write('#!/bin/sh\nset -e\n' + text)
        os.chmod(f'{root}/DEBIAN/{script}', 0o755)
    package = os.path.join(folder, f'{name}_{version}_all.deb')
    subprocess.run(['dpkg-deb', '--root-owner-group', '-b', root, package], check=True, stdout=subprocess.DEVNULL)
    return package


@pytest.fixture(scope='module')
def wazo_host(release):
    """A host of the Python suite: its daemon has the name, the port, the log."""
    with Machine(release) as m:
        folder = os.path.join(m.path, 'python')
        confd = stand_in(folder, 'wazo-confd', {
            '/etc/wazo-confd/config.yml': ('# its own\nuser: www-data\n', 0o644),
            '/etc/cron.d/wazo-confd': ('42 3 * * * root /usr/bin/wazo-confd-sync-db\n', 0o644),
            '/etc/logrotate.d/wazo-confd': ('/var/log/wazo-confd.log {\n daily\n rotate 15\n compress\n copytruncate\n missingok\n}\n', 0o644),
            '/etc/rsyslog.d/99-wazo-confd.conf': (':programname, isequal, "wazo-confd" stop\n', 0o644),
            '/usr/bin/wazo-confd': ('#!/bin/sh\nexec systemd-socket-activate -l 127.0.0.1:9486 --accept --inetd /bin/echo python\n', 0o755),
            '/usr/bin/wazo-confd-sync-db': ('#!/bin/sh\n', 0o755),
            '/lib/systemd/system/wazo-confd.service': ('[Service]\nExecStart=/usr/bin/wazo-confd\n[Install]\nWantedBy=multi-user.target\n', 0o644),
        }, [('postinst', 'touch /var/log/wazo-confd.log; chown www-data: /var/log/wazo-confd.log\n'
                         'systemctl daemon-reload; systemctl enable -q wazo-confd; systemctl start wazo-confd\n'),
            ('prerm', 'systemctl stop wazo-confd\n'), ('postrm', 'systemctl daemon-reload\n')])
        platform = stand_in(folder, 'wazo-platform', {}, depends='Depends: wazo-confd\n')
        get_workshop().repository(m.root, [confd, platform])
        m.sh('groupadd --system asterisk; groupadd --system consul; mkdir -p /etc/wazo-auth-keys/conf.d')
        m.apt('update')
        m.apt('install', 'wazo-platform')
        yield m


def answer(machine):
    return machine.sh('curl -s --http0.9 --max-time 3 http://127.0.0.1:9486/1.1/infos', check=False)


def test_beside_the_python_daemon(wazo_host):
    assert answer(wazo_host) == 'python\n'
    before = wazo_host.sh('stat -c "%U %a" /var/log/wazo-confd.log; dpkg -l | grep -c ^ii; md5sum /etc/wazo-confd/* /etc/cron.d/* /etc/rsyslog.d/*')
    pid = wazo_host.main_pid('wazo-confd.service')
    installed = wazo_host.apt('install', 'wazo-suite-confd').stdout
    assert '0 to remove' in installed
    # It answers nothing, and takes nothing.
    assert wazo_host.run('systemctl', 'is-enabled', SERVICE, SOCKET, check=False).stdout.split() == ['disabled', 'disabled']
    assert wazo_host.active(SERVICE) == wazo_host.active(SOCKET) == 'inactive'
    assert answer(wazo_host) == 'python\n' and wazo_host.main_pid('wazo-confd.service') == pid
    after = wazo_host.sh('stat -c "%U %a" /var/log/wazo-confd.log; dpkg -l | grep -c ^ii; md5sum /etc/wazo-confd/* /etc/cron.d/wazo-confd '
                         '/etc/cron.d/* /etc/rsyslog.d/99-wazo-confd.conf')
    assert before.splitlines()[0] == after.splitlines()[0]
    assert wazo_host.sh('ls -A /etc/wazo-auth-keys/conf.d') == ''
    assert set(wazo_host.sh('id -nG wazo-confd').split()) == {'wazo-confd', 'asterisk', 'www-data', 'consul'}
    # One log, two packages that rotate it, and logrotate has nothing to say about it.
    result = wazo_host.run('logrotate', '-d', '/etc/logrotate.conf')
    assert 'error' not in result.stdout + result.stderr


def test_an_upgrade_beside_it_starts_nothing(wazo_host):
    wazo_host.apt('install', '--reinstall', 'wazo-suite-confd', 'wazo-suite')
    assert wazo_host.active(SERVICE) == 'inactive' and answer(wazo_host) == 'python\n'
    wazo_host.reboot()
    assert wazo_host.active(SERVICE) == 'inactive' and answer(wazo_host) == 'python\n'


def test_purged_beside_it(wazo_host):
    wazo_host.apt('purge', 'wazo-suite-confd', 'wazo-suite')
    assert answer(wazo_host) == 'python\n'
    assert wazo_host.read('/etc/wazo-confd/config.yml').startswith('# its own')
    assert os.path.exists(wazo_host.file('/var/log/wazo-confd.log'))
    assert wazo_host.sh('systemctl --failed --no-legend') == ''
