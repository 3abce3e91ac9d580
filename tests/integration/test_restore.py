# SPDX-License-Identifier: GPL-3.0-or-later
"""wazo-backup restore: onto a host with other numbers for the same users, and what it refuses."""
import os
import shutil
import signal
import subprocess
import tarfile

import pytest

import backup
import harness

root_only = pytest.mark.skipif(not harness.ROOT, reason='only root can give files to others')

# On a root other than the running one nothing of it can be called.
STEPS = 'TO DO: XIVO_UUID in the environment of running systemd'


@pytest.fixture
def host(tmp_path):
    """A host with some of everything."""
    host = backup.Host(tmp_path / 'host')
    host.write('etc/wazo-confd/config.yml', 'debug: true\n', 0o640, 'wazo-confd', 'www-data')
    host.write('etc/wazo-confd/conf.d/50-marker.yml', 'a: b\n')
    host.write('etc/asterisk/sip.conf', '[general]\n', 0o660, 'asterisk', 'www-data')
    host.write('usr/local/bin/tool', '#!/bin/sh\n', 0o755)
    host.write('etc/hosts', '127.0.0.1 pbx\n')
    host.write('etc/network/interfaces', 'auto lo\n')
    host.write('etc/resolv.conf', 'nameserver 192.0.2.53\n')
    host.write('etc/dhcp/dhcpd.conf', 'subnet\n')
    host.write('etc/systemd/system.conf', '[Manager]\nDefaultEnvironment=XIVO_UUID=old\n')
    os.link(host.path('etc/wazo-confd/config.yml'), host.path('etc/wazo-confd/other-name'))
    os.symlink('/usr/share/zoneinfo/UTC', host.path('etc/wazo-confd/zone'))
    os.symlink('config.yml', host.path('etc/wazo-confd/same'))
    os.makedirs(host.path('var/lib/wazo/sounds/empty'))
    os.chmod(host.path('var/lib/wazo/sounds'), 0o2775)
    if harness.ROOT:
        os.chown(host.path('var/lib/wazo/sounds'), host.users['asterisk'], 33)
        os.chmod(host.path('var/lib/wazo/sounds'), 0o2775)
    os.utime(host.path('etc/wazo-confd'), (1600000000, 1600000000))
    os.utime(host.path('etc/asterisk/sip.conf'), (1500000000, 1500000000))
    return host


@pytest.fixture
def archive(host, tmp_path):
    done = host.backup('data', str(tmp_path / 'data'))
    assert done.returncode == 0 and done.stderr == '', done.stderr
    return str(tmp_path / 'data.tgz')


@pytest.fixture
def other(tmp_path):
    """The same host, installed anew."""
    return backup.Host(tmp_path / 'other', users=backup.OTHER_USERS)


def restore(host, archive, *options, code=2, **more):
    done = host.backup('restore', *options, archive, **more)
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    return done


def test_everything_comes_back(host, archive, other):
    done = restore(other, archive)
    assert done.stderr == '' or not harness.ROOT
    assert '0 failed' in done.stdout
    for name in backup.names(archive):
        assert other.exists(name), name
    assert other.read('etc/wazo-confd/config.yml') == 'debug: true\n'
    assert os.readlink(other.path('etc/wazo-confd/zone')) == '/usr/share/zoneinfo/UTC'
    assert os.readlink(other.path('etc/wazo-confd/same')) == 'config.yml'
    assert os.path.samefile(other.path('etc/wazo-confd/config.yml'), other.path('etc/wazo-confd/other-name'))
    assert os.stat(other.path('etc/wazo-confd')).st_mtime == 1600000000
    assert os.stat(other.path('etc/asterisk/sip.conf')).st_mtime == 1500000000
    assert not other.exists(backup.INDEX)
    assert not [name for name in other.tree() if 'wazo-restore' in name]


@root_only
def test_owners_by_name(host, archive, other):
    restore(other, archive)
    for name in ('etc/wazo-confd/config.yml', 'etc/asterisk/sip.conf', 'var/lib/wazo/sounds', 'usr/local/bin/tool', 'etc/wazo-confd/zone'):
        assert other.owner(name) == host.owner(name), name
    assert os.stat(other.path('etc/asterisk/sip.conf')).st_uid == backup.OTHER_USERS['asterisk'] != backup.USERS['asterisk']


@root_only
def test_owners_that_are_not_known(archive, tmp_path):
    other = backup.Host(tmp_path / 'other', users={'root': 0, 'somebody': backup.USERS['asterisk']})
    done = restore(other, archive)
    assert 'warning: user asterisk is not known here: ' in done.stderr and 'group www-data is not known here' in done.stderr
    # And not that user's who has the number here.
    assert other.owner('etc/asterisk/sip.conf') == ('root', 'root', '660')


def test_twice_changes_nothing(archive, other):
    restore(other, archive)
    before = other.tree()
    restore(other, archive)
    assert other.tree() == before
    done = restore(other, archive, '--dry-run', code=0)
    assert '0 new, 0 changed' in done.stdout


def test_killed_in_a_file_it_leaves_nothing_of_it(host, other, tmp_path):
    host.write('var/lib/wazo/large', os.urandom(2 << 20))
    assert host.backup('data', str(tmp_path / 'large')).returncode == 0
    archive = str(tmp_path / 'large.tgz')
    done = subprocess.run(['sh', '-c', 'ulimit -c 0; ulimit -f 2048; exec "$@"', 'sh', backup.program(), '--root', other.top, 'restore', archive],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
    assert done.returncode == -signal.SIGXFSZ, done.stderr
    assert os.listdir(other.path('var/lib/wazo')) == []
    restore(other, archive)
    assert os.path.getsize(other.path('var/lib/wazo/large')) == 2 << 20


def test_dry_run_says_what_would_be(archive, other):
    other.write('etc/wazo-confd/config.yml', 'debug: false\n')
    other.write('etc/asterisk/mine.conf', 'mine')
    before = other.tree()
    done = restore(other, archive, '--dry-run', code=0)
    assert other.tree() == before
    lines = done.stdout.splitlines()
    assert '~ etc/wazo-confd/config.yml' in lines and '+ etc/asterisk/sip.conf' in lines
    assert 'then: the system\'s configuration files, from the restored settings' in lines
    assert not any('mine.conf' in line or 'etc/hostname' in line for line in lines)


def test_what_the_archive_does_not_have_stays(archive, other):
    other.write('etc/asterisk/mine.conf', 'mine')
    os.symlink('nowhere', other.path('etc/asterisk/sip.conf'))
    restore(other, archive)
    assert other.read('etc/asterisk/mine.conf') == 'mine'
    assert not os.path.islink(other.path('etc/asterisk/sip.conf'))


def test_who_has_the_old_file_open_keeps_it(archive, other):
    other.write('etc/asterisk/sip.conf', 'old')
    with open(other.path('etc/asterisk/sip.conf'), encoding='ascii') as file:
        restore(other, archive)
        assert file.read() == 'old'
    assert other.read('etc/asterisk/sip.conf') == '[general]\n'


# ---- another version, another host ----

def test_another_version_only_by_force(archive, tmp_path):
    other = backup.Host(tmp_path / 'other', version='24.12')
    before = other.tree()
    done = restore(other, archive, code=1)
    assert 'of version 24.10, and here is 24.12: restored only with --force' in done.stderr
    assert other.tree() == before
    restore(other, archive, '--force')
    assert other.exists('etc/asterisk/sip.conf')
    # It says what is installed, and that is not in the archive.
    assert other.read('usr/share/wazo/WAZO-VERSION') == '24.12\n'


SYSTEM = {'etc/hostname', 'etc/hosts', 'etc/network/interfaces', 'etc/resolv.conf', 'etc/dhcp/dhcpd.conf', 'etc/systemd/system.conf'}


def kept(host, other):
    return {name for name in SYSTEM if not other.exists(name) or other.read(name) != host.read(name)}


@pytest.mark.parametrize('name, address, options, keeps', [
    ('pbx', '192.0.2.1', [], False),
    ('pbx2', '192.0.2.1', [], True),
    ('pbx', '192.0.2.2', [], True),
    ('pbx2', '192.0.2.2', ['--no-keep-system'], False),
    ('pbx', '192.0.2.1', ['--keep-system'], True),
])
def test_the_hosts_own_settings(host, archive, tmp_path, name, address, options, keeps):
    other = backup.Host(tmp_path / 'other', name=name, address=address)
    if keeps:
        other.write('etc/hostname', 'mine\n' if name == 'pbx2' else 'pbx\n')
    done = restore(other, archive, *options)
    assert kept(host, other) >= SYSTEM - {'etc/hostname'} if keeps else kept(host, other) == set()
    assert other.exists('etc/asterisk/sip.conf')
    assert ('xivo-update-config' in done.stdout) == (not keeps)


def test_each_step_that_could_not_be_done_is_printed(archive, other):
    other.write('var/lib/wazo-auth-keys/wazo-confd-key.yml', 'x')
    other.write('var/cache/wazo-confgend/old/file', 'x')
    done = restore(other, archive)
    assert STEPS in done.stdout and 'TO DO: XIVO_UUID in /etc/profile.d/xivo_uuid.sh: ' in done.stdout
    assert 'TO DO: keys of the services: wazo-auth-keys service update' in done.stdout
    assert 'done: the cache of wazo-confgend' in done.stdout
    assert os.listdir(other.path('var/cache/wazo-confgend')) == []


def test_a_service_of_ours_alone_has_no_such_steps(tmp_path):
    host = backup.Host(tmp_path / 'host')
    shutil.rmtree(host.path('etc/xivo'))
    assert host.backup('data', str(tmp_path / 'x')).returncode == 0
    done = restore(host, str(tmp_path / 'x.tgz'), code=0)
    assert 'TO DO' not in done.stdout


# ---- archives of today's tool ----

def today(host, to, *paths):
    subprocess.run(['tar', 'czf', to, '-C', host.top, *paths], check=True)
    return str(to)


def test_an_archive_of_todays_tool(host, other, tmp_path):
    archive = today(host, tmp_path / 'today.tgz', 'etc/asterisk/', 'etc/wazo-confd/', 'etc/hostname', 'etc/hosts', 'etc/xivo/',
                    'usr/share/wazo/WAZO-VERSION', 'var/lib/wazo/')
    restore(other, archive)
    assert other.read('etc/asterisk/sip.conf') == '[general]\n'
    assert os.path.samefile(other.path('etc/wazo-confd/config.yml'), other.path('etc/wazo-confd/other-name'))


def test_an_archive_of_todays_tool_says_whence_it_is(host, tmp_path):
    archive = today(host, tmp_path / 'today.tgz', 'etc/asterisk/', 'etc/hostname', 'etc/hosts', 'usr/share/wazo/WAZO-VERSION')
    other = backup.Host(tmp_path / 'other', version='24.12')
    assert 'of version 24.10, and here is 24.12' in restore(other, archive, code=1).stderr
    other = backup.Host(tmp_path / 'third', name='third')
    assert 'it is of pbx, and this is third' in restore(other, archive).stdout
    assert other.read('etc/hostname') == 'third\n'


# ---- what is refused ----

DATA = ('etc/asterisk/good.conf', b'good')
LINK = {'type': tarfile.SYMTYPE}
HARD = {'type': tarfile.LNKTYPE}

HOSTILE = {
    'absolute': ([('/etc/evil', b'x')], '/etc/evil', 'it begins at the root'),
    'out of the root': ([('../evil', b'x')], '../evil', 'it leads out of its folder'),
    'out in the middle': ([('etc/../../evil', b'x')], 'etc/../../evil', 'it leads out of its folder'),
    'out at the end': ([('etc/..', None)], 'etc/..', 'it leads out of its folder'),
    'odd': ([('etc//evil', b'x')], 'etc//evil', 'its name is written in an odd way'),
    'odd dot': ([('etc/./evil', b'x')], 'etc/./evil', 'its name is written in an odd way'),
    'through a link': ([('etc/l', {**LINK, 'linkname': 'asterisk'}), ('etc/l/evil', b'x')], 'etc/l/evil',
                       'it goes through a symbolic link of the archive'),
    'through an absolute link': ([('etc/l', {**LINK, 'linkname': '/tmp'}), ('etc/l/evil', b'x')], 'etc/l/evil',
                                 'it goes through a symbolic link of the archive'),
    'through a link that was a folder': ([('etc/l', None), ('etc/l', {**LINK, 'linkname': '/tmp'}), ('etc/l/fine', b'x')], 'etc/l',
                                         'it takes the place of a folder of the archive'),
    'folder over a link': ([('etc/l', {**LINK, 'linkname': '/tmp'}), ('etc/l', None), ('etc/l/evil', b'x')], 'etc/l',
                           'it takes the place of a symbolic link'),
    'link out of the root': ([('etc/l', {**LINK, 'linkname': '../../../outside'})], 'etc/l', 'a link that leads out of the root'),
    'link out of the root, later': ([('etc/l', {**LINK, 'linkname': 'a/../../../outside'})], 'etc/l', 'a link that leads out of the root'),
    'absolute link out of the root': ([('etc/l', {**LINK, 'linkname': '/../outside'})], 'etc/l', 'a link that leads out of the root'),
    'below a file': ([('etc/f', b'x'), ('etc/f/evil', b'x')], 'etc/f/evil', 'it lies in what is no folder'),
    'another name outside': ([('etc/h', {**HARD, 'linkname': '/etc/shadow'})], 'etc/h', 'it is another name of a file that the archive does not have'),
    'another name out of the root': ([('etc/h', {**HARD, 'linkname': '../../etc/shadow'})], 'etc/h', 'it is another name of a file'),
    'another name of the hosts': ([('etc/h', {**HARD, 'linkname': 'etc/shadow'})], 'etc/h', 'it is another name of a file'),
    'another name of a link': ([('etc/l', {**LINK, 'linkname': '/etc/shadow'}), ('etc/h', {**HARD, 'linkname': 'etc/l'})], 'etc/h',
                               'it is another name of a file'),
    'device': ([('etc/d', {'type': tarfile.CHRTYPE, 'devmajor': 1, 'devminor': 3})], 'etc/d', 'a device'),
    'block device': ([('etc/d', {'type': tarfile.BLKTYPE, 'devmajor': 8})], 'etc/d', 'a device'),
    'pipe': ([('etc/p', {'type': tarfile.FIFOTYPE})], 'etc/p', 'a pipe'),
    'setuid': ([('usr/local/bin/s', {'mode': 0o4755, 'size': 1})], 'usr/local/bin/s', 'a program that runs as its owner'),
    'setgid': ([('usr/local/bin/s', {'mode': 0o2755, 'size': 1})], 'usr/local/bin/s', 'a program that runs as its owner'),
    'long': ([('etc/' + 'x' * 256, b'x')], 'etc/x', 'its name is too long'),
    'longer': ([('x/' * 2100 + 'x', b'x')], 'x/', 'its name is too long'),
}


@pytest.mark.parametrize('case', HOSTILE)
def test_hostile_members_are_refused_by_name(case, other, tmp_path):
    members, name, why = HOSTILE[case]
    archive = backup.make(tmp_path / 'hostile.tgz', DATA, *members)
    with open(tmp_path / 'outside', 'w', encoding='ascii') as file:
        file.write('outside')
    before, around = other.tree(), sorted(os.listdir(tmp_path))
    done = restore(other, archive, code=1)
    assert f'{archive}: {name}' in done.stderr and f': refused: {why}' in done.stderr
    assert 'nothing was restored' in done.stderr
    assert other.tree() == before and sorted(os.listdir(tmp_path)) == around
    assert why in backup.run('verify', archive).stderr
    assert 'REFUSED: ' + why in backup.run('list', '-v', archive).stdout

    done = restore(other, archive, '--skip-refused')
    after = other.tree()
    assert other.read('etc/asterisk/good.conf') == 'good' and sorted(os.listdir(tmp_path)) == around
    assert not any('evil' in path for path in after) and not os.path.exists('/tmp/evil')
    assert not any(mode & 0o6000 for mode, *_ in after.values())
    with open(tmp_path / 'outside', encoding='ascii') as file:
        assert file.read() == 'outside'


def test_a_file_with_holes(other, tmp_path):
    with open(tmp_path / 'sparse', 'wb') as file:
        file.truncate(1 << 30)
        file.seek(1 << 29)
        file.write(b'x')
    subprocess.run(['tar', 'cSzf', tmp_path / 's.tgz', '-C', tmp_path, 'sparse'], check=True)
    assert 'sparse: refused: a file with holes' in restore(other, str(tmp_path / 's.tgz'), code=1).stderr


@root_only
def test_links_of_others_on_the_host_are_not_followed(other, archive):
    """A service may put a link where the archive has a folder: it must not get root to write elsewhere."""
    os.makedirs(other.path('elsewhere'))
    os.symlink('/elsewhere', other.path('etc/asterisk'))
    os.lchown(other.path('etc/asterisk'), other.users['asterisk'], other.users['asterisk'])
    done = restore(other, archive, code=1)
    assert 'etc/asterisk/sip.conf: not restored: a link of somebody else\'s is in the way' in done.stderr
    assert os.listdir(other.path('elsewhere')) == []
    assert other.exists('etc/wazo-confd/config.yml')


def test_links_of_roots_on_the_host_stay_in_the_root(other, archive):
    os.makedirs(other.path('srv/asterisk'))
    os.symlink('/srv/asterisk', other.path('etc/asterisk'))
    os.symlink('../../../../../../srv', other.path('var'))
    restore(other, archive)
    assert os.path.islink(other.path('etc/asterisk')) and other.read('srv/asterisk/sip.conf') == '[general]\n'
    assert os.path.isdir(other.path('srv/lib/wazo/sounds/empty'))


def test_nothing_is_touched_by_what_is_damaged(archive, other):
    with open(archive, 'r+b') as file:
        file.truncate(os.path.getsize(archive) - 50)
    before = other.tree()
    assert 'wazo-backup: ' in restore(other, archive, code=1).stderr
    assert other.tree() == before


def test_folders_and_files_in_each_others_place(other, archive):
    other.write('etc/asterisk', 'a file')
    os.makedirs(other.path('etc/wazo-confd/config.yml/x'))
    done = restore(other, archive, code=1)
    assert 'etc/asterisk/sip.conf: not restored: Not a directory' in done.stderr
    assert 'etc/wazo-confd/config.yml: not restored: ' in done.stderr
    assert other.exists('usr/local/bin/tool')
