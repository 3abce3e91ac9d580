# SPDX-License-Identifier: GPL-3.0-or-later
"""Upgrades that are not like the others: to a version that cannot take over, with a bad configuration, to the next release of Debian."""
import os
import time

import pytest

from machine import get_workshop, repack, wait_for

SERVICE = 'wazo-suite-confd.service'
OURS = ['wazo-suite', 'wazo-suite-confd']
CONFIG = '/etc/wazo-confd/conf.d/50-test.yml'

# Says of any handover that it cannot be taken, as one does whose format is another.
UNFIT = '''#!/bin/sh
[ -z "$WAZO_SUITE_REHEARSAL" ] || { echo "another format" >&2; exit 1; }
exec /usr/sbin/wazo-supervisord.real "$@"
'''


def version(machine):
    return machine.sh("dpkg-query -W -f '${Version}' wazo-suite-confd")


def make_unfit(root):
    program = os.path.join(root, 'usr/sbin/wazo-supervisord')
    if os.path.exists(program):
        os.rename(program, program + '.real')
        with open(program, 'w', encoding='ascii') as file:
            file.write(UNFIT)
        os.chmod(program, 0o755)


def add_version(machine, new, change=lambda root: None):
    folder = os.path.join(machine.path, 'other-' + new.rsplit('+', 1)[-1])
    os.makedirs(folder, exist_ok=True)
    packages = [p for p in get_workshop().packages(machine.release) if os.path.basename(p).split('_')[0] in OURS]
    get_workshop().repository(machine.root, [repack(p, folder, new, change) for p in packages])
    machine.apt('update')


def install(machine, to):
    return machine.apt('--allow-downgrades', 'install', *(f'{name}={to}' for name in OURS))


def exe(machine):
    return machine.sh(f'readlink /proc/{machine.main_pid()}/exe').strip()


def test_from_the_release_before(confd, release):
    """The packages of Debian 12 run on 13 for the time of an upgrade, and those of 13 supersede them, under load."""
    if release != 'trixie':
        pytest.skip('there is no release before bookworm that we build for')
    ours = version(confd)
    get_workshop().repository(confd.root, get_workshop().packages('bookworm'))
    confd.apt('update')
    old = ours.replace('deb13', 'deb12')
    assert confd.run('dpkg', '--compare-versions', old, 'lt', ours).returncode == 0
    install(confd, old)
    assert version(confd) == old
    wait_for(lambda: '(deleted)' not in exe(confd), 10)
    with confd.load() as load:
        confd.apt('upgrade')
        time.sleep(2)
    assert version(confd) == ours and '(deleted)' not in exe(confd)
    assert load['failed'] == [], load


def test_to_one_that_cannot_take_over(confd):
    """It is restarted behind the socket, which loses nothing either."""
    ours, pid = version(confd), confd.main_pid()
    add_version(confd, ours + '+unfit', make_unfit)
    with confd.load() as load:
        install(confd, ours + '+unfit')
        time.sleep(1)
    assert load['failed'] == [], load
    assert confd.main_pid() != pid and exe(confd) == '/usr/sbin/wazo-supervisord.real'
    assert any('another format' in str(e['MESSAGE']) for e in confd.journal('-u', SERVICE))
    install(confd, ours)
    wait_for(lambda: exe(confd) == '/usr/sbin/wazo-supervisord', 10)
    assert confd.curl('GET', '/infos')[0] == 200


def test_with_a_bad_configuration(confd):
    """It goes on as the old one; as soon as the configuration is good, a reload makes it the new one."""
    ours, pid = version(confd), confd.main_pid()
    add_version(confd, ours + '+later')
    confd.write(CONFIG, 'log_level: loud\n')
    try:
        output = install(confd, ours + '+later')
        assert 'Errors were encountered' not in output.stdout + output.stderr
        assert confd.main_pid() == pid and confd.curl('GET', '/infos')[0] == 200
        assert f'{CONFIG}:1:12' in confd.run('systemctl', 'status', SERVICE, check=False).stdout
    finally:
        confd.sh(f'rm {CONFIG}')
    confd.sh(f'systemctl reload {SERVICE}')
    wait_for(lambda: '(deleted)' not in exe(confd), 10)
    assert confd.main_pid() == pid and confd.curl('GET', '/infos')[0] == 200
    install(confd, ours)
