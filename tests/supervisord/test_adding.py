"""A program is made known to supervisord before it is added."""

from __future__ import annotations

import pytest

from sfm.supervisord import files, rpc
from sfm.supervisord.client import SupervisordClient
from sfm.supervisord.conf import Program
from sfm.supervisord.paths import Paths
from tests.supervisord.conftest import Daemon
from tests.waiting import wait_for


def test_a_new_program_is_added_after_the_files_were_read_again(
    client: SupervisordClient, place: Paths, daemon: Daemon
) -> None:
    """SV7: its file alone is not enough, as supervisord itself says first."""
    one = Program((1,), revision=1)
    files.write_files(place, [one])
    with pytest.raises(rpc.SupervisordFault) as fault:
        rpc.call(place.socket, "addProcessGroup", one.name)
    assert fault.value.code == rpc.BAD_NAME
    assert client.reconcile([one]).started == [one.name]
    wait_for(daemon.living)
