# SPDX-License-Identifier: GPL-3.0-or-later
import os

import pytest

import machine as machines

RELEASES = os.environ.get('WAZO_RELEASES', 'bookworm').split()


def pytest_collection_modifyitems(items):
    reason = machines.why_not()
    for item in items if reason else ():
        item.add_marker(pytest.mark.skip(reason=reason))


def pytest_sessionfinish():
    if machines.workshop:
        machines.workshop.close()


@pytest.fixture(scope='module', params=RELEASES)
def release(request):
    return request.param


@pytest.fixture(scope='module')
def machine(release):
    """A machine with nothing of ours."""
    with machines.Machine(release) as m:
        yield m


@pytest.fixture(scope='module')
def confd(machine):
    """One where wazo-confd runs and has a token."""
    machine.install()
    machine.give_token()
    return machine
