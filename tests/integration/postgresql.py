# SPDX-License-Identifier: GPL-3.0-or-later
"""A real PostgreSQL in a temporary folder, reached by its socket there only, without a password."""
import glob
import os
import pwd
import shutil
import subprocess
import tempfile


def binaries():
    """The folder of the newest version's programs, or None."""
    found = sorted(glob.glob('/usr/lib/postgresql/*/bin/initdb'), key=lambda path: int(path.split('/')[4]))
    return os.path.dirname(found[-1]) if found else None


class Cluster:
    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix='wazo-pg-', dir='/tmp')
        self.data = os.path.join(self.dir, 'data')
        # It refuses to run as root.
        self.user = pwd.getpwnam('postgres') if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
        os.chown(self.dir, self.user.pw_uid, self.user.pw_gid)
        os.chmod(self.dir, 0o755)
        self.env = {'PGHOST': self.dir, 'PATH': os.environ['PATH'], 'LC_ALL': 'C.UTF-8'}
        self._run('initdb', '--no-sync', '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale', 'C.UTF-8', '-D', self.data)
        self._run('pg_ctl', '-D', self.data, '-w', '-l', os.path.join(self.dir, 'log'), 'start',
                  '-o', f"-c listen_addresses='' -c unix_socket_directories='{self.dir}' -c fsync=off")

    def _run(self, program, *arguments):
        switch = {} if os.geteuid() != 0 else {'user': self.user.pw_uid, 'group': self.user.pw_gid, 'extra_groups': []}
        subprocess.run([os.path.join(binaries(), program), *arguments], check=True, stdout=subprocess.DEVNULL,
                       stderr=subprocess.PIPE, env=self.env, cwd='/', **switch)

    def sql(self, statement, database='asterisk'):
        """The rows, as lines with | between columns."""
        done = subprocess.run(['psql', '-XqtA', '-v', 'ON_ERROR_STOP=1', '-U', 'postgres', '-d', database], input=statement, text=True,
                              check=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=self.env)
        return done.stdout.splitlines()

    def connect(self, database='asterisk'):
        """A client that stays connected until its standard input ends; connected when this returns."""
        client = subprocess.Popen(['psql', '-XqtA', '-U', 'postgres', '-d', database], text=True, stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE, env={**self.env, 'PGAPPNAME': 'telephone'})
        client.stdin.write("SELECT 'here';\n")
        client.stdin.flush()
        assert client.stdout.readline() == 'here\n'
        return client

    def close(self):
        try:
            self._run('pg_ctl', '-D', self.data, '-m', 'immediate', '-w', 'stop')
        finally:
            shutil.rmtree(self.dir, ignore_errors=True)
