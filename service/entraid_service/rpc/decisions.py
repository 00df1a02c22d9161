"""From decisions, and issues of conditions, to the contract's messages."""

from entraid.v1 import access_service_pb2 as pb
from entraid_service.model.decision import Decision, Outcome, Reason, Trace
from entraid_service.model.directory import User
from entraid_service.model.ids import ConnectionId
from entraid_service.model.issues import Issue
from entraid_service.rpc.convert import user_message
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
        reasons=_reasons(decision),
        user="" if decision.user_id is None else user_name(connection_id, decision.user_id),
        snapshot=served.label.message,
        decision_id=decision_id,
        trace=None if decision.trace is None else _trace(decision.trace, connection_id),
    )


def eligible_message(connection_id: ConnectionId, user: User, decision: Decision) -> pb.EligibleUser:
    """Somebody for whom the decision is an allow."""
    return pb.EligibleUser(
        user=user_message(connection_id, user, is_full=False),
        reasons=_reasons(decision),
        trace=None if decision.trace is None else _trace(decision.trace, connection_id),
    )


def issue_message(issue: Issue) -> pb.ConditionIssue:
    """What was noticed about a condition."""
    return pb.ConditionIssue(
        field=issue.field,
        severity=pb.ConditionIssue.Severity.ValueType(issue.severity.value),
        code=pb.ConditionIssue.Code.ValueType(issue.code.value),
        message=issue.message,
        suggestions=issue.suggestions,
    )


def reason_message(reason: Reason) -> pb.Reason:
    """One ground."""
    return pb.Reason(code=pb.ReasonCode.ValueType(reason.code.value), field=reason.field, message=reason.message)


def _reasons(decision: Decision) -> list[pb.Reason]:
    return [reason_message(reason) for reason in decision.reasons]


def _trace(trace: Trace, connection_id: ConnectionId) -> pb.ConditionTrace:
    return pb.ConditionTrace(
        field=trace.field,
        outcome=_OUTCOMES[trace.outcome],
        code=pb.REASON_CODE_UNSPECIFIED if trace.code is None else pb.ReasonCode.ValueType(trace.code.value),
        group_path=[group_name(connection_id, group_id) for group_id in trace.group_path],
        children=[_trace(child, connection_id) for child in trace.children],
    )
