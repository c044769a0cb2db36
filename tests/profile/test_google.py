"""What must fit together in the tables of Google Cloud's managed services."""

from __future__ import annotations

import pytest

from cockpit.profile.consistency import profile_conflicts

SERVICE = {"name": "checkout"}


@pytest.mark.parametrize(
    ("restarts", "wrong"),
    [
        (["revisions/checkout"], []),
        ([], []),
        (["checkout"], ["secrets[0].restarts[0]"]),
        (["revisions/checkout", "database/main"], ["secrets[0].restarts[1]"]),
    ],
)
def test_who_is_restarted_for_a_secret_is_a_service_of_the_profile(restarts: list[str], wrong: list[str]) -> None:
    entry = {"cloud_run": [SERVICE], "database": [{"name": "main"}], "secrets": [{"name": "a", "restarts": restarts}]}
    found = profile_conflicts(entry)
    assert [each.where for each in found] == wrong
    assert all("there are: revisions/checkout" in each.message for each in found)
