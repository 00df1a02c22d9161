"""One question about one world."""

from entraid_service.evaluate import compile_condition, decide
from entraid_service.model.decision import Decision
from evaluate.world import Human, Rule, World, condition, guid

ADA = guid("a", 1)
BOB = guid("a", 2)
EVE = guid("a", 3)
ABSENT = guid("d", 9)


def human(
    name: str, manager: str | None = None, **attributes: str | bool | float | list[str | bool | int | float]
) -> Human:
    """An enabled user `name@contoso.example`."""
    return Human(
        {"userPrincipalName": f"{name}@contoso.example", "accountEnabled": True, **attributes}, manager=manager
    )


def ask(world: World, rule: Rule, asked: str = ADA) -> Decision:
    """The decision with its trace."""
    return decide(world.directory().snapshot(), compile_condition(condition(rule)), asked, explain=True)


def outcome_and_code(world: World, rule: Rule, asked: str = ADA) -> tuple[str, str]:
    """How the outermost condition came out, and the code of the only reason, by name."""
    decision = ask(world, rule, asked)
    assert decision.trace is not None
    assert decision.trace.outcome is not None
    (reason,) = decision.reasons
    assert decision.is_allowed == (decision.trace.outcome.name == "SATISFIED")
    return decision.trace.outcome.name, reason.code.name
