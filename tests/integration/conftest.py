# SPDX-License-Identifier: GPL-3.0-or-later
"""What all integration tests have: a limit of time, and the services' logs in what is said of a failure."""
import signal
import sys

import pytest

sys.dont_write_bytecode = True
import harness  # noqa: E402

SECONDS = 240


@pytest.fixture
def make_service():
    """Service(...), started, as many as wanted; each is stopped at the end, and what it leaves behind is an error."""
    made = []

    def make(*args, start=True, **more):
        service = harness.Service(*args, **more)
        made.append(service)
        if start:
            service.start()
        return service

    yield make
    try:
        for service in made:
            service.stop()
    finally:
        for service in made:
            service.end_hard()


_launched = []


def pytest_collection_finish(session):
    """A broker takes seconds to start: it does so while the first tests run."""
    if any('broker' in getattr(item, 'fixturenames', ()) for item in session.items):
        import rabbitmq
        _launched.append(rabbitmq.Broker().launch())


@pytest.fixture(scope='session')
def broker():
    """The one RabbitMQ that all tests share, running. Each has an exchange of its own, or leaves no message."""
    signal.alarm((SECONDS + _launched[0].START_SECONDS) * harness.SLOW)
    _launched[0].wait()
    yield _launched[0]


def pytest_unconfigure(config):
    while _launched:
        _launched.pop().close()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol(item, nextitem):
    def late(signo, frame):
        raise harness.Timeout(f'not done within {SECONDS * harness.SLOW} s')

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(SECONDS * harness.SLOW)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if not report.failed:
        return
    for service in harness.running():
        lines = [line for line in service.log().splitlines() if '): request: ' not in line and '): response to ' not in line]
        report.sections.append((f'log of {service.dir}', '\n'.join(lines)[-5000:]))
        report.sections.append((f'stderr of {service.dir}', service.stderr()[-2000:]))
