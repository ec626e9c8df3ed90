from __future__ import annotations

from bellwire.definition import vocabulary as v


def test_each_key_has_one_meaning() -> None:
    for keys in (
        (*v.SERVICE_READ, *v.SERVICE_SKIPPED, *v.SERVICE_SILENT),
        (*v.PROVIDER_READ, *v.PROVIDER_SKIPPED, *v.PROVIDER_SILENT),
        (*v.FUNCTION_READ, *v.FUNCTION_SKIPPED, *v.FUNCTION_SILENT),
        (*v.EVENTS_READ, *v.EVENTS_SKIPPED),
        v.INTRINSICS,
    ):
        assert sorted(keys) == sorted(set(keys))
