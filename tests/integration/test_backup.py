# SPDX-License-Identifier: GPL-3.0-or-later
"""wazo-backup data: what is in an archive and what is not, what becomes of the file, and what list and verify say of it."""
import gzip
import os
import pty
import random
import re
import resource
import signal
import stat
import subprocess
import time

import pytest

import backup
import harness

root_only = pytest.mark.skipif(not harness.ROOT, reason='only root has other users')

# What today's tool saves: a file below each must be in our archive, too.
TODAY = '''etc/asterisk/f etc/crontab etc/dhcp/f etc/hostname etc/hosts etc/ldap/f etc/network/if-up.d/xivo-routes etc/network/interfaces
    etc/ntp.conf etc/profile.d/xivo_uuid.sh etc/resolv.conf etc/ssl/f etc/systemd/f etc/wanpipe/f etc/wazo-agentd/f etc/wazo-agid/f
    etc/wazo-amid/f etc/wazo-auth/f etc/wazo-call-logd/f etc/wazo-calld/f etc/wazo-confd/f etc/wazo-confgend-client/f etc/wazo-chatd/f
    etc/wazo-dird/f etc/wazo-dxtora/f etc/wazo-phoned/f etc/wazo-plugind/f etc/wazo-purge-db/f etc/wazo-webhookd/f etc/wazo-websocketd/f
    etc/xivo/f root/.config/wazo-auth-cli/f usr/local/bin/f usr/local/sbin/f usr/local/share/f usr/share/wazo/WAZO-VERSION
    var/lib/asterisk/f var/lib/wazo-auth-keys/f var/lib/wazo-provd/f var/lib/wazo/f var/log/asterisk/f var/spool/asterisk/f
    var/spool/cron/crontabs/f'''.split()
# What it forgets.
MORE = '''etc/wazo-confgend/f etc/wazo-provd/f etc/wazo-sysconfd/f etc/wazo-auth-keys/f etc/wazo-upgrade/f etc/nginx/f etc/rabbitmq/f
    etc/postgresql/15/main/f etc/cron.d/xivo-ha-master etc/letsencrypt/f etc/ntpsec/f var/lib/wazo-auth/saml/f var/lib/wazo-call-logd/f
    var/lib/wazo-plugind/f root/.ssh/f etc/wazo-suite/services.d/x.yml'''.split()
LEFT_OUT = '''var/lib/asterisk/astdb.sqlite3-journal var/lib/wazo-provd/plugins/p/var/cache/f var/lib/wazo-provd/plugins/p/firmware.ld
    var/spool/asterisk/monitor/f var/log/asterisk/debug var/log/asterisk/debug.1 var/log/asterisk/full var/log/asterisk/full.2.gz
    etc/asterisk/core.1234 var/lib/asterisk/core.wazo-confd etc/shadow etc/cron.d/other home/f var/lib/other/f'''.split()


@pytest.fixture
def host(tmp_path):
    return backup.Host(tmp_path / 'host')


@pytest.fixture
def base(tmp_path):
    os.makedirs(tmp_path / 'out')
    return str(tmp_path / 'out' / 'data')


def save(host, base, *options, **more):
    done = host.backup('data', base, *options, **more)
    assert done.returncode == 0, done.stderr
    return done


def test_everything_of_today_and_more(host, base):
    for name in TODAY + MORE + LEFT_OUT:
        if not host.exists(name):
            host.write(name, '# nothing\n' if not name.endswith('.yml') else 'service: x\nkind: other\ndescription: X\n')
    assert save(host, base).stderr == ''
    saved = backup.names(base + '.tgz')
    assert [name for name in TODAY + MORE if name not in saved] == []
    assert [name for name in LEFT_OUT if name in saved] == []
    assert not any(name.startswith('/') or '..' in name for name in saved)
    assert len(saved) == len(set(saved))


def test_the_checklist_of_each_service(host, base):
    """Rows 14 and 14b: configuration, what is in conf.d, the key, what is persistent."""
    wanted = ['etc/wazo-confd/config.yml', 'etc/wazo-confd/conf.d/50-marker.yml', 'var/lib/wazo-auth-keys/wazo-confd-key.yml',
              'var/lib/wazo-confd/marker']
    for name in wanted:
        host.write(name, 'x')
    save(host, base)
    assert set(wanted) <= set(backup.names(base + '.tgz'))


SOUNDS = ('var/lib/wazo/sounds', 'var/lib/asterisk/sounds/custom', 'var/lib/asterisk/moh', 'var/spool/asterisk/voicemail')


def sparse(host, name, size):
    host.write(name)
    os.truncate(host.path(name), size)


@pytest.mark.parametrize('folder', SOUNDS)
def test_sounds_have_limits(host, base, folder):
    sparse(host, folder + '/exactly', 10 << 20)
    sparse(host, folder + '/more', (10 << 20) + 1)
    for i in range(100):
        host.write(f'{folder}/hundred/{i}')
    for i in range(101):
        host.write(f'{folder}/hundred-and-one/{i}')
    sparse(host, 'var/lib/asterisk/elsewhere', (10 << 20) + 1)
    done = save(host, base)
    saved = backup.names(base + '.tgz')
    assert folder + '/exactly' in saved and folder + '/more' not in saved
    assert folder + '/hundred/99' in saved
    assert not any(name.startswith(folder + '/hundred-and-one') for name in saved)
    assert 'var/lib/asterisk/elsewhere' in saved
    assert done.stderr == ''
    assert 'more: left out: it is larger than XIVO_BACKUP_MAX_SOUND_FILE_SIZE' in save(host, base, '-v').stderr


@pytest.mark.parametrize('size, last, first', [('1k', 1024, 1025), ('3c', 3, 4), ('2', 1024, 1025), ('1M', 1 << 20, (1 << 20) + 1)])
def test_limits_from_the_environment(host, base, size, last, first):
    sparse(host, 'var/lib/asterisk/moh/in', last)
    sparse(host, 'var/lib/asterisk/moh/out', first)
    for i in range(4):
        host.write(f'var/lib/asterisk/moh/four/{i}')
    save(host, base, env={'XIVO_BACKUP_MAX_SOUND_FILE_SIZE': size, 'XIVO_BACKUP_MAX_FILES_PER_SOUND_DIR': '3'})
    saved = backup.names(base + '.tgz')
    assert 'var/lib/asterisk/moh/in' in saved and 'var/lib/asterisk/moh/out' not in saved
    assert 'var/lib/asterisk/moh/four' not in saved


def test_limits_from_common_conf_win(host, base):
    sparse(host, 'var/lib/asterisk/moh/f', 2000)
    host.write('etc/xivo/common.conf', 'export XIVO_BACKUP_MAX_SOUND_FILE_SIZE="1k"\n')
    save(host, base, env={'XIVO_BACKUP_MAX_SOUND_FILE_SIZE': '1M'})
    assert 'var/lib/asterisk/moh/f' not in backup.names(base + '.tgz')


def test_a_limit_that_is_none_is_told(host, base):
    sparse(host, 'var/lib/asterisk/moh/f', 2000)
    done = save(host, base, env={'XIVO_BACKUP_MAX_SOUND_FILE_SIZE': 'much'})
    assert 'XIVO_BACKUP_MAX_SOUND_FILE_SIZE=much is no size: 10M it is' in done.stderr
    assert 'var/lib/asterisk/moh/f' in backup.names(base + '.tgz')


def test_a_third_party_service(host, base):
    host.write('etc/wazo-suite/services.d/acme.yml', '''service: acme
kind: other
description: Acme's own
backup:
  paths: ["/opt/acme/*/state"]
  exclude: ["/opt/acme/*/state/tmp*"]
''')
    for name in ('opt/acme/a/state/f', 'opt/acme/b/state/g', 'opt/acme/b/other/h', 'opt/acme/a/state/tmp.1'):
        host.write(name)
    save(host, base)
    saved = backup.names(base + '.tgz')
    assert 'opt/acme/a/state/f' in saved and 'opt/acme/b/state/g' in saved
    assert 'opt/acme/b/other/h' not in saved and 'opt/acme/a/state/tmp.1' not in saved


def test_a_broken_manifest_does_not_keep_the_others_from_being_saved(host, base):
    host.write('etc/wazo-suite/services.d/acme.yml', 'service: acme\nkind: nonsense\n')
    host.write('etc/wazo-confd/config.yml')
    done = save(host, base)
    assert re.search(r'warning: .*acme.yml:2:\d+: ', done.stderr)
    assert 'etc/wazo-confd/config.yml' in backup.names(base + '.tgz')


def test_links_names_and_kinds(host, base):
    host.write('etc/wazo-confd/a', 'content')
    os.link(host.path('etc/wazo-confd/a'), host.path('etc/wazo-confd/b'))
    os.symlink('/usr/share/zoneinfo/UTC', host.path('etc/wazo-confd/link'))
    os.symlink('.', host.path('etc/wazo-confd/circle'))
    os.mkfifo(host.path('etc/wazo-confd/pipe'))
    odd = ['new\nline', 'blank at end ', 'ünïcode', 'back\\slash', '-dash', 'x' * 255, 'y' * 200 + '/' + 'z' * 200]
    for name in odd:
        host.write('etc/wazo-confd/' + name, name)
    with open(os.fsencode(host.path('etc/wazo-confd/')) + b'bytes\xff\xfe', 'wb'):
        pass
    done = save(host, base, '-v')
    assert 'etc/wazo-confd/pipe: left out: it is a device or a pipe' in done.stderr
    saved = backup.names(base + '.tgz')
    assert set('etc/wazo-confd/' + name for name in odd) <= set(saved)
    assert 'etc/wazo-confd/bytes\udcff\udcfe' in saved
    assert backup.content(base + '.tgz', 'etc/wazo-confd/b') == b'content'
    # Another reader.
    listed = subprocess.run(['tar', 'tzvf', base + '.tgz'], check=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert listed.stderr == b''
    assert b'etc/wazo-confd/b link to etc/wazo-confd/a' in listed.stdout
    assert backup.run('verify', base + '.tgz').returncode == 0


def test_times_that_tar_has_no_room_for(host, base):
    for name, seconds in ('before', -5000), ('after', (1 << 33) + 5):
        os.utime(host.write('etc/wazo-confd/' + name), (seconds, seconds))
    save(host, base)
    assert backup.run('verify', base + '.tgz').returncode == 0
    listed = backup.run('list', '-v', base + '.tgz').stdout
    assert '1970-01-01 00:00 etc/wazo-confd/before' in listed and '2242-03-16 12:56 etc/wazo-confd/after' in listed


@root_only
def test_owners_are_named(host, base):
    host.write('etc/wazo-confd/config.yml', owner='wazo-confd', group='www-data', mode=0o640)
    os.chown(host.write('etc/wazo-confd/nobodys'), 123456, 123457)
    save(host, base)
    listed = backup.run('list', '-v', base + '.tgz').stdout
    assert '-rw-r----- wazo-confd/www-data' in listed and '-rw-r--r-- 123456/123457' in listed


# ---- the file ----

def test_what_is_there_afterwards(host, base):
    save(host, base)
    assert os.listdir(os.path.dirname(base)) == ['data.tgz']
    mode = stat.S_IMODE(os.stat(base + '.tgz').st_mode)
    if harness.ROOT:
        assert (os.stat(base + '.tgz').st_uid, os.stat(base + '.tgz').st_gid, mode) == (0, 33, 0o640)
    with gzip.open(base + '.tgz') as file:
        assert file.read(300)[257:262] == b'ustar'


def test_owner_and_mode_of_what_it_replaces(host, base):
    with open(base + '.tgz', 'wb') as file:
        file.write(b'old')
    os.chmod(base + '.tgz', 0o604)
    if harness.ROOT:
        os.chown(base + '.tgz', 12345, 23456)
    old = os.open(base + '.tgz', os.O_RDONLY)
    save(host, base)
    st = os.stat(base + '.tgz')
    assert stat.S_IMODE(st.st_mode) == 0o604
    assert not harness.ROOT or (st.st_uid, st.st_gid) == (12345, 23456)
    # Who reads the old one reads it to its end.
    assert os.read(old, 10) == b'old'
    os.close(old)


@root_only
def test_where_owners_cannot_be_set(host, base):
    """As on a share of another system: root is nobody special there."""
    host.write('etc/wazo-confd/config.yml', 'x')
    done = subprocess.run(['setpriv', '--bounding-set=-chown', backup.program(), '--root', host.top, 'data', base], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={'PATH': os.environ['PATH']})
    if 'setpriv' in done.stderr:
        pytest.skip('no capability can be given up here')
    assert done.returncode == 0 and 'data.tgz: its owner cannot be set: ' in done.stderr
    assert os.listdir(os.path.dirname(base)) == ['data.tgz']
    assert backup.run('verify', base + '.tgz').returncode == 0


def test_a_symbolic_link_stays_one(host, base, tmp_path):
    os.makedirs(tmp_path / 'real')
    with open(tmp_path / 'real/x.tgz', 'wb'):
        pass
    os.symlink(tmp_path / 'real/x.tgz', base + '.tgz')
    save(host, base)
    assert os.path.islink(base + '.tgz') and os.path.getsize(tmp_path / 'real/x.tgz') > 100


def test_zstd(host, base):
    host.write('etc/wazo-confd/config.yml', 'x')
    save(host, base, '--zstd')
    assert os.listdir(os.path.dirname(base)) == ['data.tar.zst']
    assert 'etc/wazo-confd/config.yml' in backup.names(base + '.tar.zst')
    assert backup.run('verify', base + '.tar.zst').returncode == 0


def test_the_same_host_gives_the_same_archive(host, base):
    host.write('etc/wazo-confd/config.yml', 'x' * 1000000)

    def entries():
        """Of the index: its head has the time at which it was made, and its end the checksum of all that."""
        return backup.content(base + '.tgz', backup.INDEX).split(b'\n\n')[1].splitlines()[:-1]

    save(host, base)
    first = entries()
    save(host, base)
    assert first and first == entries()


@pytest.mark.parametrize('arguments', [(), ('data',), ('nonsense', 'x'), ('data', 'x', 'y'), ('--nonsense', 'data', 'x'), ('--force', 'data', 'x')])
def test_wrong_usage_is_1(arguments):
    done = backup.run(*arguments)
    assert done.returncode == 1 and 'Usage: wazo-backup' in done.stderr and done.stdout == ''


def test_no_archive_is_1(host, base, tmp_path):
    assert host.backup('data', str(tmp_path / 'absent/x')).returncode == 1
    os.makedirs(base + '.tgz')
    assert host.backup('data', base).returncode == 1


def incompressible(host, name, size):
    host.write(name, random.Random(name).randbytes(size))


def test_a_disk_that_is_full(host, base):
    """The limit of a file's size stands for it."""
    save(host, base)
    with open(base + '.tgz', 'rb') as file:
        before = file.read()
    incompressible(host, 'etc/wazo-confd/large', 3 << 20)

    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (2 << 20, 2 << 20))

    for option in ((), ('--zstd',)):
        done = host.backup('data', base, *option, preexec_fn=limit)
        assert done.returncode == 1 and 'File too large' in done.stderr
        assert os.listdir(os.path.dirname(base)) == ['data.tgz']
    with open(base + '.tgz', 'rb') as file:
        assert file.read() == before


@root_only
def test_space_is_looked_at_first(host, tmp_path):
    """On a file system of its own; where none can be mounted there is nothing to see."""
    small = tmp_path / 'small'
    os.makedirs(small)
    sparse(host, 'etc/wazo-confd/large', 64 << 20)
    script = f'mount -t tmpfs -o size=40m none {small} || exit 77; "$@"; code=$?; ls {small}; exit $code'

    def attempt(*options):
        return subprocess.run(['unshare', '-m', 'sh', '-c', script, 'sh', backup.program(), '--root', host.top, *options, 'data', str(small / 'x')],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    done = attempt()
    if done.returncode == 77 or 'unshare' in done.stderr:
        pytest.skip('no file system can be mounted here')
    assert done.returncode == 1 and re.search(r'x.tgz: 40.0 MiB are free there, and it may need 80.\d MiB', done.stderr)
    assert done.stdout == ''
    done = attempt('--no-space-check')
    assert done.returncode == 0 and done.stdout == 'x.tgz\n'


@pytest.mark.parametrize('how, code', [(signal.SIGTERM, 1), (signal.SIGINT, 1), (signal.SIGKILL, -signal.SIGKILL)])
def test_interrupted(host, base, how, code):
    incompressible(host, 'etc/wazo-confd/large', 48 << 20)
    with open(base + '.tgz', 'wb') as file:
        file.write(b'old')
    process = subprocess.Popen([backup.program(), '--root', host.top, 'data', base], stderr=subprocess.PIPE, env={'PATH': os.environ['PATH']})
    wait_written(process, 1 << 20)
    process.send_signal(how)
    process.communicate()
    assert process.returncode == code
    with open(base + '.tgz', 'rb') as file:
        assert file.read() == b'old'
    assert os.listdir(os.path.dirname(base)) == ['data.tgz']


def written(pid):
    try:
        with open(f'/proc/{pid}/io', encoding='ascii') as file:
            return int(re.search(r'^wchar: (\d+)', file.read(), re.MULTILINE).group(1))
    except (OSError, AttributeError):
        return 0


def wait_written(process, size):
    """Until it has written so much, or has ended; it has the lowest priority."""
    harness.wait_for(lambda: written(process.pid) >= size or process.poll() is not None, 100, every=0.002)


def meanwhile(host, base, work):
    """Saves, and calls @work again and again from when it reads what is large until that is done; its exit code and what it says."""
    with subprocess.Popen([backup.program(), '--root', host.top, 'data', base], text=True, stderr=subprocess.PIPE,
                          env={'PATH': os.environ['PATH']}) as process:
        wait_written(process, 1 << 16)
        while process.poll() is None:
            work()
            time.sleep(0.01)
        return process.returncode, process.stderr.read()


def test_a_file_that_changes_is_a_warning(host, base):
    incompressible(host, 'etc/wazo-confd/large', 32 << 20)

    def append():
        with open(host.path('etc/wazo-confd/large'), 'ab') as file:
            file.write(b'more')

    code, said = meanwhile(host, base, append)
    assert code == 0 and 'warning: etc/wazo-confd/large: it changed while it was read' in said
    assert backup.run('verify', base + '.tgz').returncode == 0


def test_a_file_that_shrinks_is_a_warning(host, base):
    incompressible(host, 'etc/wazo-confd/large', 48 << 20)
    size = [48 << 20]

    def shrink():
        size[0] = size[0] * 3 // 4
        os.truncate(host.path('etc/wazo-confd/large'), size[0])

    code, said = meanwhile(host, base, shrink)
    assert code == 0 and 'etc/wazo-confd/large: it' in said
    assert backup.run('verify', base + '.tgz').returncode == 0


def test_files_that_cannot_be_read_are_warnings(host, base, tmp_path):
    host.write('etc/wazo-confd/secret', 'x', mode=0)
    host.write('etc/wazo-auth/secret/f', 'x')
    os.chmod(host.path('etc/wazo-auth/secret'), 0)
    host.write('etc/wazo-confd/public', 'x')
    more = {}
    if harness.ROOT:
        os.chmod(tmp_path, 0o755)
        os.chmod(os.path.dirname(base), 0o777)
        more = {'user': harness.NOBODY, 'group': harness.NOBODY, 'extra_groups': []}
        for folder in list(tmp_path.parents)[:2]:
            os.chmod(folder, 0o755)
    done = host.backup('data', base, **more)
    os.chmod(host.path('etc/wazo-auth/secret'), 0o700)
    assert done.returncode == 0, done.stderr
    assert 'warning: etc/wazo-confd/secret: Permission denied' in done.stderr
    assert 'warning: etc/wazo-auth/secret: Permission denied' in done.stderr
    saved = backup.names(base + '.tgz')
    assert 'etc/wazo-confd/public' in saved and 'etc/wazo-confd/secret' not in saved and 'etc/wazo-auth/secret' in saved


def test_progress_is_for_a_terminal(host, base):
    incompressible(host, 'etc/wazo-confd/large', 24 << 20)
    master, slave = pty.openpty()
    process = subprocess.Popen([backup.program(), '--root', host.top, 'data', base], stderr=slave, env={'PATH': os.environ['PATH']})
    os.close(slave)
    shown = b''
    try:
        while True:
            shown += os.read(master, 4096)
    except OSError:
        pass
    os.close(master)
    assert process.wait() == 0
    assert re.search(rb'\rsaving: +\d+%, [\d.]+ MiB of 24.\d MiB', shown) and b'etc/wazo-confd/large' in shown
    assert save(host, base).stderr == ''


def test_it_steps_back_for_others(host, base):
    incompressible(host, 'etc/wazo-confd/large', 24 << 20)
    process = subprocess.Popen([backup.program(), '--root', host.top, 'data', base], env={'PATH': os.environ['PATH']})
    wait_written(process, 1 << 16)
    assert os.getpriority(os.PRIO_PROCESS, process.pid) == 19
    idle = subprocess.run(['ionice', '-p', str(process.pid)], text=True, stdout=subprocess.PIPE)
    assert idle.returncode != 0 or idle.stdout == 'idle\n'
    assert process.wait() == 0


# ---- list and verify ----

@pytest.fixture
def archive(host, base):
    for i in range(5):
        incompressible(host, f'etc/wazo-confd/{i}', 20000)
    host.write('etc/wazo-confd/text', 'text ' * 20000)
    save(host, base)
    return base + '.tgz'


def test_list(archive):
    done = backup.run('list', archive)
    assert done.returncode == 0 and [name.rstrip('/') for name in done.stdout.splitlines()] == backup.names(archive)
    assert re.search(r'^data of pbx, made \d{4}-.*, version 24.10$', backup.run('list', '-v', archive).stdout.splitlines()[-1])


def test_verify_says_what_it_is(archive):
    done = backup.run('verify', archive)
    assert done.returncode == 0 and 'data of pbx, made ' in done.stdout and 'files, ' in done.stdout


@pytest.mark.parametrize('option', ['--gzip', '--zstd'])
def test_damage_is_seen_wherever_it_is(host, base, archive, option):
    if option == '--zstd':
        save(host, base, '--zstd')
        archive = base + '.tar.zst'
    with open(archive, 'rb') as file:
        whole = file.read()
    damaged = base + '.damaged'
    generator = random.Random(7)
    unseen = []
    places = [generator.randrange(10, len(whole)) for _ in range(12 if harness.SANITIZERS else 40)] + [len(whole) - 1, len(whole) - 6, 12]
    for place in places:
        with open(damaged, 'wb') as file:
            file.write(whole[:place] + bytes([whole[place] ^ 1 << generator.randrange(8)]) + whole[place + 1:])
        if backup.run('verify', damaged).returncode != 1:
            unseen.append(place)
    for size in [0, 1, 5, 100, 5000, len(whole) // 2, len(whole) - 20, len(whole) - 1]:
        with open(damaged, 'wb') as file:
            file.write(whole[:size])
        done = backup.run('verify', damaged)
        if done.returncode != 1 or not done.stderr.startswith('wazo-backup: '):
            unseen.append(-size)
    assert unseen == []


@pytest.mark.parametrize('change, said', [
    (lambda name, data: data.replace(b'text', b'tent') if name.endswith('/text') else data, 'etc/wazo-confd/text: its content is not what it was'),
    (lambda name, data: data + b'!' if name.endswith('/text') else data, 'etc/wazo-confd/text: its content is not what it was'),
    (lambda name, data: None if name == 'etc/hostname' else data, 'where the index has etc/hostname there is '),
    (lambda name, data: data[:-30] if name == backup.INDEX else data, 'its index is damaged'),
    (lambda name, data: data.replace(b'pbx', b'xbp') if name == backup.INDEX else data, 'its index is damaged'),
    (lambda name, data: b'' if name == backup.INDEX else data, 'its index is damaged'),
], ids=['other content', 'longer', 'missing', 'short index', 'changed index', 'empty index'])
def test_another_archive_than_was_made(archive, tmp_path, change, said):
    done = backup.run('verify', backup.repack(archive, tmp_path / 'other.tgz', change))
    assert done.returncode == 1 and said in done.stderr


def test_what_is_no_archive(tmp_path):
    for name, data in (('text', b'hello\n' * 1000), ('zeros', bytes(100000)), ('gzip', gzip.compress(b'hello' * 10000)), ('random', random.Random(1).randbytes(50000))):
        (tmp_path / name).write_bytes(data)
        done = backup.run('verify', str(tmp_path / name))
        assert done.returncode == 1 and 'wazo-backup: ' in done.stderr, name
    assert backup.run('verify', str(tmp_path / 'absent')).returncode == 1
    assert backup.run('verify', str(tmp_path)).returncode == 1


def test_an_archive_of_todays_tool(host, tmp_path):
    host.write('etc/wazo-confd/config.yml', 'x')
    archive = str(tmp_path / 'today.tgz')
    subprocess.run(['tar', 'czf', archive, '-C', host.top, 'etc', 'usr'], check=True)
    done = backup.run('verify', archive)
    assert done.returncode == 0 and 'data of pbx, version 24.10; without an index' in done.stdout
    assert 'etc/wazo-confd/config.yml' in backup.run('list', archive).stdout.splitlines()
    with open(archive, 'r+b') as file:
        file.truncate(os.path.getsize(archive) - 4)
    assert backup.run('verify', archive).returncode == 1
