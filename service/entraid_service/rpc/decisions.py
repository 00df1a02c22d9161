"""From a decision to the contract's answer."""

from entraid.v1 import access_service_pb2 as pb
from entraid_service.model.decision import Decision, Outcome, Trace
from entraid_service.model.ids import ConnectionId
from entraid_service.rpc.freshness import Served
from entraid_service.rpc.names import group_name, user_name

_OUTCOMES = {
    None: pb.ConditionTrace.OUTCOME_UNSPECIFIED,
    Outcome.SATISFIED: pb.ConditionTrace.OUTCOME_SATISFIED,
    Outcome.NOT_SATISFIED: pb.ConditionTrace.OUTCOME_NOT_SATISFIED,
    Outcome.UNKNOWN: pb.ConditionTrace.OUTCOME_UNKNOWN,
}


def response_message(decision: Decision, served: Served, *, decision_id: str) -> pb.EvaluateAccessResponse:
    """The answer with its reasons, the data it was taken from, and the trace if there is one."""
    connection_id = served.snapshot.version.connection_id
    return pb.EvaluateAccessResponse(
        decision=pb.DECISION_ALLOW if decision.is_allowed else pb.DECISION_DENY,
        reasons=[
            pb.Reason(code=pb.ReasonCode.ValueType(reason.code.value), field=reason.field, message=reason.message)
            for reason in decision.reasons
        ],
        user="" if decision.user_id is None else user_name(connection_id, decision.user_id),
        snapshot=served.label,
        decision_id=decision_id,
        trace=None if decision.trace is None else _trace(decision.trace, connection_id),
    )


def _trace(trace: Trace, connection_id: ConnectionId) -> pb.ConditionTrace:
    return pb.ConditionTrace(
        field=trace.field,
        outcome=_OUTCOMES[trace.outcome],
        code=pb.REASON_CODE_UNSPECIFIED if trace.code is None else pb.ReasonCode.ValueType(trace.code.value),
        group_path=[group_name(connection_id, group_id) for group_id in trace.group_path],
        children=[_trace(child, connection_id) for child in trace.children],
    )
