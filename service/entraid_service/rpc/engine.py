"""Which of its ways gRPC's core takes to hear of what comes in.

The core's *event engine* hands that from thread to thread before Python hears of it. Its former listener reads in the
thread that tells Python, so that a single call is answered a sixth sooner.
"""

import os
from collections.abc import MutableMapping
from typing import Final

EXPERIMENTS: Final = "GRPC_EXPERIMENTS"
"""The variable that the core reads as it is loaded: its newer ways by name, a minus before those not to be taken."""
FORMER_LISTENER: Final = "-event_engine_listener"


def choose_listener(environment: MutableMapping[str, str] = os.environ) -> None:
    """Has the core listen in its former way, unless whoever started the process chose among its ways.

    It has to be called before gRPC is imported, which is why this package does so first of all.
    """
    environment.setdefault(EXPERIMENTS, FORMER_LISTENER)
