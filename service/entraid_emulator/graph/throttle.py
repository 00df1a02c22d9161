"""Throttling by resource units: one token bucket per app and tenant, and the headers that tell of it.

https://learn.microsoft.com/graph/throttling-limits#identity-and-access-service-limits: the bucket fills steadily; calls
made while throttled count too; `x-ms-throttle-limit-percentage` comes from 0.8 on and goes up to 1.8.
"""

import math
from collections.abc import Mapping
from datetime import datetime, timedelta
from email.utils import format_datetime

from entraid_emulator.cloud import Cloud, ThrottleLimits
from entraid_emulator.graph.bearer import Caller
from entraid_emulator.graph.errors import throttled

_BY_SIZE = ((50, 3500), (501, 5000))  # tenants of fewer users than the first figure have the second's units
_LARGE = 8000
_TELL_FROM, _MOST = 0.8, 1.8


class _Bucket:
    """What one app may still spend in one tenant."""

    __slots__ = ("at", "left")

    def __init__(self, left: float, at: datetime) -> None:
        self.left = left
        self.at = at


class Throttle:
    """The buckets."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._buckets: dict[tuple[str, str], _Bucket] = {}

    def spend(self, who: Caller, units: int) -> Mapping[str, str]:
        """Pay for a request and return the headers that tell of it.

        Raises:
            GraphError: 429, the bucket does not hold that much; it is charged all the same.
        """
        headers = {"x-ms-resource-unit": str(units)}
        limits = self._cloud.behaviour.throttle
        if limits is None:
            return headers
        size = limits.resource_units or _size(who)
        per_second = size / limits.window.total_seconds()
        bucket = self._filled(who, size, per_second)
        missing = units - bucket.left
        bucket.left = max(bucket.left - units, -size * (_MOST - 1))
        share = (size - bucket.left) / size
        if share > _TELL_FROM:
            headers["x-ms-throttle-limit-percentage"] = f"{min(share, _MOST):.1f}"
        if missing <= 0:
            return headers
        scope = f"Tenant_Application/ReadWrite/{who.client_id}/{who.tenant.tenant_id}"
        raise throttled(
            {
                **headers,
                **self._retry_after(limits, max(0.0, -bucket.left) / per_second),
                "x-ms-throttle-scope": scope,
                "x-ms-throttle-information": "ResourceUnitLimitExceeded",
            }
        )

    def _filled(self, who: Caller, size: int, per_second: float) -> _Bucket:
        now = self._cloud.clock.now()
        bucket = self._buckets.setdefault((who.tenant.tenant_id, who.client_id), _Bucket(size, now))
        bucket.left = min(size, bucket.left + (now - bucket.at).total_seconds() * per_second)
        bucket.at = now
        return bucket

    def _retry_after(self, limits: ThrottleLimits, seconds: float) -> Mapping[str, str]:
        whole = max(1, math.ceil(seconds))
        match limits.header:
            case "seconds":
                return {"Retry-After": str(whole)}
            case "fraction":
                return {"Retry-After": f"{max(seconds, 0.001):.3f}"}
            case "date":
                # a date has no fraction, so one more second keeps it from being too early
                at = self._cloud.clock.now() + timedelta(seconds=whole + 1)
                return {"Retry-After": format_datetime(at, usegmt=True)}
            case "absent":
                return {}


def _size(who: Caller) -> int:
    users = len(who.tenant.directory.users)
    return next((units for below, units in _BY_SIZE if users < below), _LARGE)
