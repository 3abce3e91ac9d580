# SPDX-License-Identifier: GPL-3.0-or-later
"""Other supervisors, as far as they are installed, each configured to keep the same children and to restart at once.

Each rival is a function of the class Supervisor, so that this file needs nothing of supervision.py."""
import os
import shutil
import subprocess

from service import TOOLS, children_of, new_directory

CHILD = os.path.join(TOOLS, 'bench-child')


class Rival:
    def __init__(self, name, commands, make, condition=None):
        self.name = name
        self.commands = commands
        self.make = make
        self.condition = condition

    def missing(self):
        for command in self.commands:
            if not shutil.which(command):
                return f'{command} is not installed'
        return self.condition() if self.condition else None

    def __call__(self, base):
        cls = self.make(base)
        cls.name = self.name
        return cls


def environment(fifo):
    return dict(os.environ, BENCH_FIFO=fifo.path)


def below(pid):
    """The process and all of its children that have children: the supervising ones."""
    found = [pid]
    for child in children_of(pid):
        if children_of(child):
            found += below(child)
    return found


def linked_services(n):
    """A directory with n service directories whose `run` is the child itself."""
    path = new_directory()
    for i in range(n):
        os.mkdir(os.path.join(path, f'child{i}'))
        os.symlink(CHILD, os.path.join(path, f'child{i}', 'run'))
    # runsvdir waits until a directory that changed is a second old.
    os.utime(path, (0, 0))
    return path


def s6(base):
    class S6(base):
        most_kills = 2  # each makes it wait for a second

        def begin(self, n):
            self.path = linked_services(n)
            # -c: it refuses more than 500 services otherwise.
            self.process = subprocess.Popen(['s6-svscan', '-c', '2000', '-t', '0', self.path], env=environment(self.fifo),
                                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

        def processes(self):
            return below(self.process.pid)

        def end(self):
            subprocess.run(['s6-svscanctl', '-t', self.path], check=False)
            self.process.wait(60)
            shutil.rmtree(self.path, ignore_errors=True)
    return S6


def runit(base):
    class Runit(base):
        def begin(self, n):
            self.path = linked_services(n)
            self.process = subprocess.Popen(['runsvdir', '-P', self.path], env=environment(self.fifo), stdout=subprocess.DEVNULL,
                                            stderr=subprocess.DEVNULL)

        def processes(self):
            return below(self.process.pid)

        def end(self):
            self.process.send_signal(1)
            self.process.wait(60)

        def stop(self):
            took = super().stop()
            shutil.rmtree(self.path, ignore_errors=True)
            return took
    return Runit


def supervisord(base):
    class Supervisord(base):
        counts = (1, 200)

        def begin(self, n):
            self.path = new_directory()
            configuration = os.path.join(self.path, 'supervisord.conf')
            with open(configuration, 'w', encoding='ascii') as f:
                f.write('[supervisord]\nnodaemon=true\nminfds=8192\n'
                        f'logfile={self.path}/log\npidfile={self.path}/pid\nchildlogdir={self.path}\n'
                        '[program:child]\nprocess_name=child%(process_num)d\n'
                        f'command={CHILD} {self.fifo.path}\nnumprocs={n}\nautorestart=true\nstartsecs=0\n')
            self.process = subprocess.Popen(['supervisord', '-n', '-c', configuration], stdout=subprocess.DEVNULL,
                                            stderr=subprocess.DEVNULL)

        def processes(self):
            return [self.process.pid]

        def end(self):
            self.process.terminate()
            self.process.wait(60)
            shutil.rmtree(self.path, ignore_errors=True)
    return Supervisord


def dinit(base):
    class Dinit(base):
        def begin(self, n):
            self.path = new_directory()
            services = os.path.join(self.path, 'services')
            os.mkdir(services)
            with open(os.path.join(services, 'boot'), 'w', encoding='ascii') as f:
                f.write('type = internal\n' + ''.join(f'waits-for: child{i}\n' for i in range(n)))
            for i in range(n):
                with open(os.path.join(services, f'child{i}'), 'w', encoding='ascii') as f:
                    f.write(f'type = process\ncommand = {CHILD} {self.fifo.path}\nrestart = true\nrestart-delay = 0\n'
                            'restart-limit-count = 0\nsmooth-recovery = true\n')
            self.process = subprocess.Popen(['dinit', '--user', '-q', '-d', services, '-p', os.path.join(self.path, 'socket')],
                                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

        def processes(self):
            return [self.process.pid]

        def end(self):
            self.process.terminate()
            self.process.wait(60)
            shutil.rmtree(self.path, ignore_errors=True)
    return Dinit


UNIT = '/run/systemd/system/wazo-bench@.service'


def systemd(base):
    class Systemd(base):
        counts = (1, 200)

        def begin(self, n):
            self.units = [f'wazo-bench@{i}.service' for i in range(n)]
            with open(UNIT, 'w', encoding='ascii') as f:
                f.write(f'[Service]\nExecStart={CHILD} {self.fifo.path}\nRestart=always\nRestartSec=0\n'
                        '[Unit]\nStartLimitIntervalSec=0\n')
            subprocess.run(['systemctl', 'daemon-reload'], check=True)
            subprocess.run(['systemctl', 'start', '--no-block', *self.units], check=True)

        def processes(self):
            return [1]

        def end(self):
            subprocess.run(['systemctl', 'stop', *self.units], check=True)
            os.unlink(UNIT)
            subprocess.run(['systemctl', 'daemon-reload'], check=True)
    return Systemd


def not_booted():
    if not os.path.isdir('/run/systemd/system'):
        return 'this machine was not booted by it'
    return None if os.getuid() == 0 else 'only root can add units to it'


RIVALS = [
    Rival('s6', ['s6-svscan', 's6-svscanctl', 's6-supervise'], s6),
    Rival('runit', ['runsvdir', 'runsv'], runit),
    Rival('dinit', ['dinit'], dinit),
    Rival('supervisord', ['supervisord'], supervisord),
    Rival('systemd', ['systemctl'], systemd, not_booted),
]
