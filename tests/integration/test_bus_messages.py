# SPDX-License-Identifier: GPL-3.0-or-later
"""Each event's whole message, as a consumer of RabbitMQ sees it, and each request, as sysconfd gets it: the operator's way
of test_phone once more, looked at from outside."""

import pytest

from owed import Bus, Sysconfd
from rest import *
from test_phone import (test_a_mailbox_that_moves, test_composed, test_delete_of_the_line, test_delete_of_the_user,
                        test_edits_and_what_they_owe, test_scenario)  # with another outbox

EXCHANGE = 'messages'


@pytest.fixture(scope='module')
def sysconfd():
    sysconfd = Sysconfd()
    yield sysconfd
    sysconfd.close()


@pytest.fixture(scope='module')
def settings(broker, sysconfd):
    return broker.settings(EXCHANGE) + f'sysconfd: {{host: 127.0.0.1, port: {sysconfd.port}}}\n'


@pytest.fixture(scope='module')
def bus(broker, service, admin, sysconfd):
    return Bus(service, admin.read('/infos')['uuid'], broker.observe(EXCHANGE), sysconfd)


@pytest.fixture
def outbox(bus):
    bus.skip()
    return bus
