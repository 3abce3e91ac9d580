# SPDX-License-Identifier: GPL-3.0-or-later
"""Machines: roots of Debian releases that boot their own systemd in a container, and are gone afterwards.

    with Machine('bookworm') as machine:
        machine.sh('apt-get install -y wazo-suite-confd')
        assert machine.sh('systemctl is-active wazo-suite-confd') == 'active\\n'

A machine has no network but its own loopback. Packages come from a repository in /repo: ours, and Debian's that they depend on.
WAZO_PACKAGES names the folder of packaging/build-packages (built by the run otherwise), WAZO_ROOTS one where roots are kept.
"""
import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
ENVIRONMENT = {'PATH': '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'HOME': '/root', 'LC_ALL': 'C.UTF-8',
               'DEBIAN_FRONTEND': 'noninteractive', 'SYSTEMD_PAGER': '', 'SYSTEMD_COLORS': '0'}
CGROUP = '/sys/fs/cgroup/unified' if os.path.isdir('/sys/fs/cgroup/unified') else '/sys/fs/cgroup'


def why_not():
    """Why no machine can be booted here; None when one can."""
    if os.geteuid() != 0:
        return 'booting a machine needs root'
    for program in ('systemd-nspawn', 'nsenter', 'tar'):
        if not shutil.which(program):
            return f'there is no {program}'
    return None


def wait_for(condition, seconds=10, what='nothing came of it', pause=0.05):
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, what
        time.sleep(pause)


class Failed(AssertionError):
    def __init__(self, command, result):
        super().__init__(f'{command}: exit code {result.returncode}\n{result.stdout}{result.stderr}')
        self.result = result


# ---- what machines are made from ----


class Workshop:
    """A folder with the packages, the repositories and one root a release; machines are layers above the roots."""

    def __init__(self):
        self.path = tempfile.mkdtemp(prefix='wazo-machines-')
        os.chmod(self.path, 0o755)
        self.roots = {}

    def close(self):
        shutil.rmtree(self.path, ignore_errors=True)

    def shell(self, *script, check=True):
        """A line of shell with the functions of packaging/roots."""
        text = f'source={TOP}; . "$source/packaging/roots"; ' + '; '.join(script)
        return subprocess.run(['bash', '-ec', text], check=check, capture_output=True, text=True)

    def packages(self, release):
        """Our packages for the release, built once a run."""
        output = os.environ.get('WAZO_PACKAGES') or os.path.join(self.path, 'packages')
        if not os.path.isdir(os.path.join(output, release)):
            subprocess.run([os.path.join(TOP, 'packaging/build-packages'), '--no-lintian', '--output', output, release], check=True)
        return [os.path.join(output, release, name) for name in sorted(os.listdir(os.path.join(output, release)))
                if name.endswith('.deb') and '-dbgsym_' not in name]

    def repository(self, root, packages):
        """Makes DIR/repo of these packages and what lies there already."""
        repo = os.path.join(root, 'repo')
        os.makedirs(repo, exist_ok=True)
        for package in packages:
            shutil.copy(package, repo)
        with open(os.path.join(repo, 'Packages'), 'w', encoding='utf-8') as file:
            subprocess.run(['dpkg-scanpackages', '--multiversion', '.'], cwd=repo, stdout=file, stderr=subprocess.DEVNULL, check=True)

    def dependencies(self, release, root, packages):
        """What of Debian our packages need and the root does not have: fetched once, where roots are kept."""
        wanted = subprocess.run(['sh', '-c', 'for p; do dpkg-deb -f "$p" Depends; done | sort -u | cksum', 'sh', *packages], check=True,
                                capture_output=True, text=True).stdout.split()[0]
        folder = os.path.join(self.shell('echo "${WAZO_ROOTS-}"').stdout.strip() or self.path, f'debs-{release}-{wanted}')
        if not os.path.isdir(folder):
            os.makedirs(os.path.join(root, 'ours'))
            for package in packages:
                shutil.copy(package, os.path.join(root, 'ours'))
            self.shell(f'root_run {root} sh -ec "apt-get -q update; apt-get -q install -y --no-install-recommends --download-only '
                       '/ours/*.deb; rm -rf /ours /var/lib/apt/lists"')
            shutil.copytree(os.path.join(root, 'var/cache/apt/archives'), folder + '.new', ignore=lambda path, names: [
                name for name in names if not name.endswith('.deb')])
            os.rename(folder + '.new', folder)
        return [os.path.join(folder, name) for name in os.listdir(folder)]

    def root(self, release):
        """A root whose repository has our packages and all they depend on, none of them installed."""
        if release in self.roots:
            return self.roots[release]
        root, packages = os.path.join(self.path, release), self.packages(release)
        self.shell(f'root_make {release} boot {root}')
        self.repository(root, packages + self.dependencies(release, root, packages))
        sources = os.path.join(root, 'etc/apt')
        with contextlib.suppress(FileNotFoundError):
            os.unlink(os.path.join(sources, 'sources.list'))
        shutil.rmtree(os.path.join(sources, 'sources.list.d'))
        os.mkdir(os.path.join(sources, 'sources.list.d'))
        with open(os.path.join(root, 'etc/apt/sources.list.d/repo.list'), 'w', encoding='utf-8') as file:
            file.write('deb [trusted=yes] file:/repo ./\n')
        self.roots[release] = root
        return root


workshop = None


def get_workshop():
    global workshop
    if not workshop:
        workshop = Workshop()
    return workshop


def repack(package, folder, version, change=lambda root: None):
    """The package with another version. Its files are new ones, as those of another build are; change() may put others there."""
    work = tempfile.mkdtemp(dir=folder)
    subprocess.run(['dpkg-deb', '-R', package, work], check=True)
    control = os.path.join(work, 'DEBIAN/control')
    with open(control, encoding='utf-8') as file:
        text = file.read()
    old = re.search(r'^Version: (.*)$', text, re.M).group(1)
    with open(control, 'w', encoding='utf-8') as file:
        file.write(text.replace(old, version))
    change(work)
    to = os.path.join(folder, os.path.basename(package).replace(old, version))
    subprocess.run(['dpkg-deb', '--root-owner-group', '-b', work, to], check=True, stdout=subprocess.DEVNULL)
    shutil.rmtree(work)
    return to


# ---- a machine ----


class Machine:
    def __init__(self, release='bookworm'):
        self.release = release
        self.process = self.leader = None
        self.path = tempfile.mkdtemp(prefix=f'{release}-', dir=get_workshop().path)
        self.root = os.path.join(self.path, 'root')
        # Of its own: two machines must not take each other's units for theirs.
        self.name = 'wazo-' + os.path.basename(self.path)[-8:].replace('_', 'x')
        self.cgroup = os.path.join(CGROUP, self.name)

    def __enter__(self):
        self.boot()
        return self

    def __exit__(self, *_):
        self.destroy()

    def boot(self):
        folders = {name: os.path.join(self.path, name) for name in ('upper', 'work', 'root')}
        for folder in folders.values():
            os.makedirs(folder, exist_ok=True)
        if not os.path.ismount(self.root):
            subprocess.run(['mount', '-t', 'overlay', 'overlay', '-o',
                            f'lowerdir={get_workshop().root(self.release)},upperdir={folders["upper"]},workdir={folders["work"]}',
                            self.root], check=True)
        # Where the host has the old kind of cgroups, the machine gets the new one nevertheless.
        environment = dict(os.environ, SYSTEMD_NSPAWN_UNIFIED_HIERARCHY='1')
        os.makedirs(self.cgroup, exist_ok=True)
        with open(os.path.join(self.path, 'console'), 'ab') as console:
            self.process = subprocess.Popen(
                ['/bin/sh', '-c', f'echo $$ >{self.cgroup}/cgroup.procs && exec "$@"', 'sh',
                 'systemd-nspawn', '--quiet', '-D', self.root, '--register=no', '--keep-unit', '--private-network', '--console=pipe',
                 f'--machine={self.name}', '-b'],
                stdin=subprocess.DEVNULL, stdout=console, stderr=console, env=environment, start_new_session=True)
        self.wait_booted()

    def wait_booted(self, seconds=60):
        self.leader = None
        self.leader = wait_for(self._find_leader, seconds, 'it did not boot: ' + self.console())
        wait_for(lambda: self.run('systemctl', 'is-system-running', check=False).stdout.strip() in ('running', 'degraded'), seconds,
                 'it does not come up')

    def _find_leader(self):
        try:
            with open(f'/proc/{self.process.pid}/task/{self.process.pid}/children', encoding='ascii') as file:
                children = file.read().split()
        except FileNotFoundError:
            return None
        # The child is systemd once it has its own namespaces.
        for pid in children:
            with contextlib.suppress(OSError):
                if os.readlink(f'/proc/{pid}/exe').endswith('/systemd') and os.readlink(f'/proc/{pid}/ns/pid') != os.readlink('/proc/self/ns/pid'):
                    return pid
        return None

    def console(self):
        with open(os.path.join(self.path, 'console'), encoding='utf-8', errors='replace') as file:
            return file.read()[-4000:]

    def destroy(self):
        if self.process and self.process.poll() is None:
            # The death of its first process is that of all.
            os.kill(int(self.leader or self.process.pid), signal.SIGKILL)
            self.process.wait(20)
        subprocess.run(['umount', '--lazy', self.root], check=False, stderr=subprocess.DEVNULL)
        for folder, _, _ in os.walk(self.cgroup, topdown=False):
            with contextlib.suppress(OSError):
                os.rmdir(folder)
        shutil.rmtree(self.path, ignore_errors=True)

    # -- acting in it --

    def command(self, *words):
        return ['nsenter', '-t', self.leader, '-a', 'env', '-i', *(f'{k}={v}' for k, v in ENVIRONMENT.items()), *words]

    def run(self, *words, check=True, timeout=120, **more):
        result = subprocess.run(self.command(*words), capture_output=True, text=True, timeout=timeout, check=False,
                                stdin=more.pop('stdin', subprocess.DEVNULL), **more)
        if check and result.returncode != 0:
            raise Failed(' '.join(words), result)
        return result

    def sh(self, script, check=True, **more):
        """What a line of shell prints."""
        return self.run('sh', '-c', script, check=check, **more).stdout

    def file(self, path):
        return os.path.join(self.root, path.lstrip('/'))

    def read(self, path):
        with open(self.file(path), encoding='utf-8') as file:
            return file.read()

    def read_proc(self, pid, name):
        """Of a process, by its number in the machine."""
        return self.run('cat', f'/proc/{pid}/{name}').stdout

    def write(self, path, text, mode=0o644):
        os.makedirs(os.path.dirname(self.file(path)), exist_ok=True)
        with open(self.file(path), 'w', encoding='utf-8') as file:
            file.write(text)
        os.chmod(self.file(path), mode)

    def reboot(self):
        self.run('systemctl', 'poweroff', check=False)
        self.process.wait(60)
        self.boot()

    def apt(self, *words, check=True, **more):
        return self.run('apt-get', '-q', '-y', '-o', 'APT::Install-Recommends=false', *words, check=check, timeout=300, **more)

    def show(self, unit, *properties):
        """{property: value} of systemctl show."""
        lines = self.run('systemctl', 'show', unit, *(f'-p{name}' for name in properties)).stdout.splitlines()
        return dict(line.split('=', 1) for line in lines)

    def active(self, unit):
        return self.run('systemctl', 'is-active', unit, check=False).stdout.strip()

    def journal(self, *words):
        return [json.loads(line) for line in self.run('journalctl', '--no-pager', '-o', 'json', *words).stdout.splitlines()]

    # -- the service wazo-confd --

    TOKEN = 'a-token-of-the-tests'
    UNIT = 'wazo-suite-confd.service'

    def install(self):
        self.apt('update')
        return self.apt('install', 'wazo-suite-confd')

    def give_token(self):
        self.write('/var/lib/wazo-confd/tokens.yml', f'''tenants: [{{uuid: 2f4b1c5e-0d0a-4c55-9f1e-6f2b7a9c1d10}}]
tokens: [{{token: {self.TOKEN}, auth_id: 5d2e0c1b-8a7f-4c3d-9b6e-0123456789ab, acl: ["confd.#"]}}]
''', 0o600)
        self.sh('chown wazo-confd: /var/lib/wazo-confd/tokens.yml; systemctl reload wazo-suite-confd')

    def curl(self, method, path, body=None, port=9486, check=True):
        """(status, JSON or text)"""
        words = ['curl', '-sS', '--max-time', '30', '-X', method, '-H', f'X-Auth-Token: {self.TOKEN}', '-w', '\\n%{http_code}',
                 f'http://127.0.0.1:{port}/1.1{path}']
        if body is not None:
            words += ['-H', 'Content-Type: application/json', '--data', json.dumps(body)]
        result = self.run(*words, check=check)
        if result.returncode != 0:
            return 0, result.stderr
        text, status = result.stdout.rsplit('\n', 1)
        with contextlib.suppress(ValueError):
            return int(status), json.loads(text)
        return int(status), text

    @contextlib.contextmanager
    def going_first(self):
        """What runs here, and what it starts, goes before all else on this host: a time that is measured then is ours."""
        def schedule(policy, priority):
            self.sh(f'for pid in $(ps -eo pid=); do chrt --all-tasks {policy} --pid {priority} "$pid"; done 2>&1', check=False)

        schedule('--rr', 1)
        try:
            yield
        finally:
            schedule('--other', 0)

    def main_pid(self, unit=UNIT):
        return int(self.show(unit, 'MainPID')['MainPID'])

    def wait_ready(self, seconds=30, unit=UNIT):
        wait_for(lambda: self.active(unit) == 'active', seconds, 'it is not active')

    @contextlib.contextmanager
    def load(self, port=9486):
        """Clients at work while the body runs; what came of it is in the result that is yielded, afterwards."""
        # In the machine's network, with this machine's Python.
        process = subprocess.Popen(['nsenter', '-t', self.leader, '-n', '/usr/bin/python3', os.path.join(TOP, 'tests/system/load.py'), str(port),
                                    self.TOKEN], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        result = {}
        try:
            time.sleep(0.5)
            yield result
            time.sleep(0.5)
        finally:
            output, _ = process.communicate('', timeout=120)
            result.update(json.loads(output))
