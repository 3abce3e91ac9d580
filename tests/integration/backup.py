# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts in folders, and wazo-backup over them."""
import io
import os
import subprocess
import tarfile

import harness

INDEX = 'var/lib/wazo-suite/backup-index'
USERS = {'root': 0, 'www-data': 33, 'asterisk': 105, 'wazo-confd': 107}
# The same names, other numbers.
OTHER_USERS = {'root': 0, 'www-data': 33, 'asterisk': 991, 'wazo-confd': 990}


def program():
    return os.path.join(harness.build(), 'backup/wazo-backup')


def run(*arguments, env=None, **more):
    """wazo-backup, with its output as text; nothing of the caller's environment reaches it but PATH."""
    passed = {'PATH': os.environ['PATH'], **{k: v for k, v in os.environ.items() if k.endswith('SAN_OPTIONS')}, **(env or {})}
    done = subprocess.run([program(), *arguments], text=True, errors='surrogateescape', stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, env=passed, timeout=200 * harness.SLOW, **more)
    assert not any(report in done.stderr for report in harness.REPORTS), done.stderr
    return done


class Host:
    """The files of a Wazo host below a folder."""

    def __init__(self, top, name='pbx', version='24.10', address='192.0.2.1', users=None):
        self.top, self.users = str(top), users or USERS
        os.makedirs(self.top, exist_ok=True)
        os.chmod(self.top, 0o755)
        self.write('etc/passwd', ''.join(f'{user}:x:{uid}:{uid}::/:/usr/sbin/nologin\n' for user, uid in self.users.items()))
        self.write('etc/group', ''.join(f'{user}:x:{uid}:\n' for user, uid in self.users.items()))
        self.write('etc/hostname', name + '\n')
        self.write('etc/xivo/common.conf', f'XIVO_HOSTNAME={name}\nXIVO_NET4_IP="{address}"\n')
        self.write('usr/share/wazo/WAZO-VERSION', version + '\n')

    def path(self, name):
        return os.path.join(self.top, name)

    def write(self, name, content='', mode=None, owner=None, group=None):
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, 'wb') as file:
            file.write(content.encode() if isinstance(content, str) else content)
        if mode is not None:
            os.chmod(path, mode)
        if owner and harness.ROOT:
            os.chown(path, self.users[owner], self.users[group or owner])
        return path

    def read(self, name):
        with open(self.path(name), encoding='utf-8') as file:
            return file.read()

    def exists(self, name):
        return os.path.lexists(self.path(name))

    def owner(self, name):
        """Names of user and group, mode in octal."""
        st = os.lstat(self.path(name))
        names = {uid: user for user, uid in self.users.items()}
        return names.get(st.st_uid, st.st_uid), names.get(st.st_gid, st.st_gid), f'{st.st_mode & 0o7777:o}'

    def tree(self):
        """All that a restore could change: path -> kind, mode, owner, content."""
        found = {}
        for folder, folders, files in os.walk(self.top):
            for name in folders + files:
                path = os.path.join(folder, name)
                st = os.lstat(path)
                content = None
                if os.path.islink(path):
                    content = os.readlink(path)
                elif os.path.isfile(path):
                    with open(path, 'rb') as file:
                        content = file.read()
                found[os.path.relpath(path, self.top)] = (st.st_mode, st.st_uid, st.st_gid, content)
        return found

    def backup(self, *arguments, **more):
        return run('--root', self.top, *arguments, **more)


def names(archive):
    """The members' names, as Python's reader has them, without the index."""
    if str(archive).endswith('.zst'):
        listed = subprocess.run(['tar', 't', '--zstd', '-f', archive], check=True, text=True, stdout=subprocess.PIPE).stdout.splitlines()
    else:
        with tarfile.open(archive) as tar:
            listed = tar.getnames()
    listed = [name.rstrip('/') for name in listed]
    assert listed[-1] == INDEX
    return listed[:-1]


def content(archive, name):
    with tarfile.open(archive) as tar:
        return tar.extractfile(name).read()


def make(path, *members, mode='w:gz'):
    """An archive of (name, what) where what is bytes, None (a folder), or a dictionary of TarInfo's attributes."""
    with tarfile.open(path, mode, format=tarfile.GNU_FORMAT) as tar:
        for name, what in members:
            info = tarfile.TarInfo(name)
            info.mode, info.uname, info.gname = 0o644, 'root', 'root'
            data = None
            if what is None:
                info.type, info.mode = tarfile.DIRTYPE, 0o755
            elif isinstance(what, bytes):
                data, info.size = io.BytesIO(what), len(what)
            else:
                for key, value in what.items():
                    setattr(info, key, value)
                if info.isreg():
                    data = io.BytesIO(b'x' * info.size)
            tar.addfile(info, data)
    return str(path)


def repack(archive, to, change):
    """The archive again, each member as change(name, data) has it: data, or None to leave it out."""
    with tarfile.open(archive) as old, tarfile.open(to, 'w:gz', format=tarfile.GNU_FORMAT) as new:
        for info in old:
            data = old.extractfile(info).read() if info.isreg() else b''
            data = change(info.name, data)
            if data is None:
                continue
            info.size = len(data) if info.isreg() else 0
            new.addfile(info, io.BytesIO(data))
    return str(to)
