"""Decides: (snapshot, condition, user) to allow or deny, with reasons. Pure and synchronous; reads a snapshot only.

Three values (SATISFIED, UNKNOWN, NOT_SATISFIED), of which one allows. `compile_condition` works out once what depends
on the condition alone; `decide` answers for one user.
"""

from entraid_service.evaluate.compile import Compiled, compile_condition
from entraid_service.evaluate.decide import decide, decide_about

__all__ = ["Compiled", "compile_condition", "decide", "decide_about"]
