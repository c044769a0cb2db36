"""The contract, asked of the real API server."""

from __future__ import annotations

import pytest

from ...servers.kube.fixtures import Namespace
from .contract import Contract


class TestRealServer(Contract):
    @pytest.fixture
    def world(self, namespace: Namespace) -> Namespace:
        return namespace
