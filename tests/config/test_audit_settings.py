"""The audit log's settings."""

import pytest

from entraid_service.config import SettingsError, load


@pytest.mark.parametrize(("text", "share"), [("0", 0.0), ("1", 1.0), ("0.25", 0.25), (".5", 0.5), ("1.0", 1.0)])
def test_a_share_is_a_number_up_to_one(text: str, share: float) -> None:
    """From nothing to all."""
    assert load({"ENTRAID_AUDIT_SAMPLE_ALLOWS": text}).audit_sample_allows == share


@pytest.mark.parametrize("text", ["1.1", "-0.1", "half", "1e-3", "nan", "inf", "10%", "0,5", "²"])
def test_anything_else_is_refused(text: str) -> None:
    """A mistake must not silently turn the log off."""
    with pytest.raises(SettingsError, match=r"`ENTRAID_AUDIT_SAMPLE_ALLOWS` is .* not a number from 0 to 1"):
        load({"ENTRAID_AUDIT_SAMPLE_ALLOWS": text})


def test_there_is_no_audit_log_unless_one_is_named() -> None:
    """Off by default, and denials and allows in full once it is on."""
    settings = load({})
    assert (settings.audit_log, settings.audit_sample_allows) == ("", 1.0)
