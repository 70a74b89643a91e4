"""Ten thousand links of one host, in the time of a made-up clock."""

import asyncio
import selectors

from sfm.links.rate_limit import HostLimits, HostRateLimiter


class NoWaiting(selectors.SelectSelector):
    """Instead of waiting, lets the loop's clock run on."""

    passed = 0.0

    def select(self, timeout=None):
        self.passed += timeout or 0.0
        return super().select(0)


def run(work):
    selector = NoWaiting()
    loop = asyncio.SelectorEventLoop(selector)
    loop.time = lambda: selector.passed
    try:
        return loop.run_until_complete(work)
    finally:
        loop.close()


async def visit(gate, host, seconds, starts, busy):
    async with gate.turn(host):
        loop = asyncio.get_running_loop()
        starts.append(loop.time())
        busy.append(busy[-1] + 1)
        await asyncio.sleep(seconds)
        busy.append(busy[-1] - 1)


def visits(count, seconds):
    starts, busy, gate = [], [0], HostRateLimiter(HostLimits())

    async def all_of_them():
        await asyncio.gather(
            *(visit(gate, "one.example", seconds, starts, busy) for _ in range(count))
        )

    run(all_of_them())
    return starts, max(busy)


def test_ten_thousand_links_of_one_host_start_a_second_apart():
    starts, _most = visits(10_000, 0.2)
    gaps = [later - sooner for sooner, later in zip(starts, starts[1:], strict=False)]
    assert len(starts) == 10_000
    assert min(gaps) > 0.999
    assert max(gaps) < 1.01


def test_a_slow_host_is_never_asked_by_more_than_two_at_once():
    starts, most = visits(200, 7.0)
    assert most == 2
    assert len(starts) == 200
    assert 690 < starts[-1] < 705


def test_hosts_do_not_wait_for_each_other():
    starts, busy, gate = [], [0], HostRateLimiter(HostLimits())

    async def many_hosts():
        await asyncio.gather(
            *(visit(gate, f"h{number}.example", 1.0, starts, busy) for number in range(500))
        )

    run(many_hosts())
    assert max(starts) < 0.01
