# SPDX-License-Identifier: GPL-3.0-or-later
"""A service and, beside it, units of others, as "wazo-suite top" and "wazo-suite page" see them."""
import os
import shutil
import tempfile

import harness
from managerbus import Manager, Unit

PROGRAM = os.path.join(harness.BUILD, 'workers/control/client/wazo-suite')


class Suite:
    """The shipped manifests, wazo-confd's with the folders of a service under test, and a systemd with some of their units."""

    def __init__(self, service):
        self.dir = tempfile.mkdtemp(dir=harness.scratch())
        self.manifests = os.path.join(self.dir, 'services.d')
        shutil.copytree(os.path.join(harness.TOP, 'config/services.d'), self.manifests)
        path = os.path.join(self.manifests, 'wazo-confd.yml')
        with open(path, encoding='utf-8') as file:
            text = file.read()
        with open(path, 'w', encoding='utf-8') as file:
            file.write(text.replace('run: /run/wazo-confd', f'run: {service.path("run")}'))
        self.manager = Manager(os.path.join(self.dir, 'bus'))
        self.manager.units = {
            'wazo-suite-confd.service': Unit(pid=service.pid),
            'wazo-auth.service': Unit(pid=os.getpid(), status='at your service'),
            'wazo-calld.service': Unit(active='failed', sub='failed', result='signal'),
            'wazo-provd.service': Unit(active='inactive', sub='dead'),
            'postgresql@15-main.service': Unit(pid=os.getpid(), restarts=3, memory=64 << 20),
        }
        self.environment = harness.clean_environment(DBUS_SYSTEM_BUS_ADDRESS=self.manager.address)

    def __enter__(self):
        self.manager.__enter__()
        return self

    def __exit__(self, *more):
        self.manager.__exit__(*more)


def load(service, n=20):
    """So many answered requests of two plugins, and one that created something."""
    assert service.post('/users', {'firstname': 'Ada'}).status == 201
    for _ in range(n):
        assert service.get('/users').status == 200
        assert service.get('/lines').status == 200
