from __future__ import annotations

from typing import Iterator

import pytest

from workiva_export.simulator import Simulator


@pytest.fixture
def service() -> Iterator[Simulator]:
    with Simulator() as simulator:
        yield simulator
        assert simulator.mistakes == []
