# SPDX-License-Identifier: GPL-3.0-or-later
"""The root directory of a host on which wazo-confd (ours), wazo-agentd and acme (others') are as they should be, for wazo-suite check."""
import hashlib
import os
import subprocess

UIDS = {'root': 0, 'www-data': 33, 'wazo-confd': 990, 'wazo-agentd': 991, 'acme': 992}
SERVICES = {'wazo-confd': ('wazo-suite-confd', 4242, 0x250E), 'wazo-agentd': ('wazo-agentd', 4343, 0x2515), 'acme': ('acme', 4444, 0x2520)}
ACME = '''service: acme
kind: unit
description: Everything that a service can have
user: acme
port: 9504
prefix: /1.0
config: /etc/acme/config.yml
state: /var/lib/acme
log: /var/log/acme.log
needs: [postgresql]
unit: {type: forking, restart: no, pid_file: /run/acme/acme.pid}
wazo_service: {filter: default, start: 195}
nginx: {enabled: true}
reach: {path: /1.0/things}
discovery: {by: own}
auth_key: {acl: ["confd.#"]}
'''
SHOW = '''Id={unit}.service
LoadState=loaded
ActiveState=active
SubState=running
UnitFileState=enabled
FragmentPath=/usr/lib/systemd/system/{unit}.service
DropInPaths=
After={after}
Type={type}
Restart={restart}
RestartUSec={pause}
StartLimitIntervalUSec={interval}
StartLimitBurst={burst}
PIDFile={pid_file}
MainPID={pid}
ControlGroup=/system.slice/{unit}.service
RuntimeDirectory=

'''


class Host:
    def __init__(self, root, program):
        self.root = str(root)
        self.program = program
        self.units = {}
        self.users()
        self.tools()
        for service in SERVICES:
            self.service(service)
        self.unit('wazo-confd', type='notify', restart='always', pause='50ms', interval='0', burst='5',
                  after='network.target postgresql.service rabbitmq-server.service sysinit.target')
        self.unit('wazo-agentd', type='simple', restart='on-failure', pause='5s', interval='2min 30s', burst='15',
                  after='network-online.target asterisk.service postgresql.service rabbitmq-server.service')
        self.unit('acme', type='forking', restart='no', pause='100ms', interval='10s', burst='5', after='postgresql.service', pid_file='/run/acme/acme.pid')
        for other in ['asterisk.service', 'rabbitmq-server.service', 'postgresql@15-main.service']:
            self.units[other] = f'Id={other}\nLoadState=loaded\nActiveState=active\n\n'
        self.units['wazo-confd.service'] = 'Id=wazo-confd.service\nLoadState=not-found\nActiveState=inactive\n\n'

    def path(self, path):
        return self.root + path

    def write(self, path, text, mode=0o644, user='root'):
        whole = self.path(path)
        os.makedirs(os.path.dirname(whole), exist_ok=True)
        with open(whole, 'w', encoding='utf-8') as file:
            file.write(text)
        os.chmod(whole, mode)
        os.chown(whole, UIDS[user], UIDS[user])

    def read(self, path):
        with open(self.path(path), encoding='utf-8') as file:
            return file.read()

    def edit(self, path, old, new):
        text = self.read(path)
        assert old in text
        with open(self.path(path), 'w', encoding='utf-8') as file:
            file.write(text.replace(old, new))

    def folder(self, path, mode=0o755, user='root'):
        os.makedirs(self.path(path), exist_ok=True)
        os.chmod(self.path(path), mode)
        os.chown(self.path(path), UIDS[user], UIDS[user])

    def remove(self, path):
        os.unlink(self.path(path))

    def users(self):
        lines = {name: f'{name}:x:{uid}:{uid}::/nonexistent:/usr/sbin/nologin\n' for name, uid in UIDS.items()}
        self.write('/etc/passwd', ''.join(lines.values()))
        self.write('/etc/shadow', ''.join(f'{name}:!:19000::::::\n' for name in UIDS), 0o640)
        self.write('/etc/group', ''.join(f'{name}:x:{uid}:{"wazo-agentd" if name == "www-data" else ""}\n' for name, uid in UIDS.items()))

    def tools(self):
        for program in ['/usr/bin/wazo-service', '/usr/sbin/wazo-backup', '/usr/bin/monit']:
            self.write(program, '\x7fELF', 0o755)
        self.write('/var/lib/dpkg/status', ''.join(f'Package: {name}\nStatus: install ok installed\n\n' for name in ['base-files', 'wazo-suite-confd', 'wazo-agentd', 'acme']))
        self.write('/usr/sbin/wazo-supervisord', 'x')
        self.write('/usr/bin/wazo-agentd', 'x')
        for package, file in (('wazo-suite-confd', 'usr/sbin/wazo-supervisord'), ('wazo-agentd', 'usr/bin/wazo-agentd')):
            self.write(f'/var/lib/dpkg/info/{package}.md5sums', f'{hashlib.md5(b"x").hexdigest()}  {file}\n')
        self.write('/proc/net/tcp', '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n' + ''.join(
            f'   {i}: 0100007F:{port:04X} 00000000:0000 0A 00000000:00000000 00:00000000 00000000   990        0 {pid} 1 0000 100 0 0 10 0\n'
            for i, (_, pid, port) in enumerate(SERVICES.values())))
        self.write('/etc/tmpfiles.d/wazo.conf', 'd /run/wazo-confd 0755 wazo-confd wazo-confd -\n')
        self.write('/etc/tmpfiles.d/acme.conf', 'd /run/acme 0755 acme acme -\n')
        self.write('/etc/wazo-suite/services.d/acme.yml', ACME)
        self.folder('/var/lib/wazo-auth-keys')

    def service(self, name):
        unit, pid, _ = SERVICES[name]
        self.write(f'/etc/{name}/config.yml', '{}\n')
        self.write(f'/var/log/{name}.log', '', 0o640, name)
        self.write(f'/etc/logrotate.d/{name}', f'/var/log/{name}.log {{\n  daily\n}}\n')
        condition = 'ConditionPathExists=!/var/lib/wazo/disabled\n' if name == 'wazo-agentd' else ''
        self.write(f'/usr/lib/systemd/system/{unit}.service', f'[Unit]\n{condition}\n[Service]\n')
        self.write(f'/etc/monit/conf.d/suite-{name}', 'check program\n')
        self.write(f'/sys/fs/cgroup/system.slice/{unit}.service/main/cgroup.procs', f'{pid}\n')
        self.write(f'/proc/{pid}/status', 'Name:\tx\nUid:\t{0}\t{0}\t{0}\t{0}\nCapEff:\t0000000000000000\n'.format(UIDS[name]))
        self.folder(f'/proc/{pid}/fd')
        os.symlink(f'socket:[{pid}]', self.path(f'/proc/{pid}/fd/5'))
        if name != 'wazo-agentd':
            self.folder(f'/run/{name}', 0o755, name)
            self.folder(f'/var/lib/{name}', 0o750, name)
            self.write(f'/var/lib/wazo-auth-keys/{name}-key.yml', 'service_id: x\n', 0o600, name)

    def unit(self, service, **values):
        unit, pid, _ = SERVICES[service]
        self.units[f'{unit}.service'] = SHOW.format(unit=unit, pid=pid, **{'pid_file': '', **values})

    def edit_unit(self, name, old, new):
        assert old in self.units[name]
        self.units[name] = self.units[name].replace(old, new)

    def check(self, *arguments):
        self.write('/show', ''.join(self.units.values()))
        return subprocess.run([self.program, 'check', '--root', self.root, '--show', self.path('/show'), *arguments], capture_output=True, text=True, timeout=60)
