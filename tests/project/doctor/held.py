"""What every finding of the doctor must be."""

from project.doctor.findings import Finding, State

SECRET = "hunter2"


def held(finding: Finding, state: State, part: str, advice: str = "") -> None:
    """*finding* is as expected, says what to do in one sentence, and no secret."""
    assert (finding.state, part in finding.says) == (state, True), finding
    assert advice in finding.advice
    one_sentence = finding.advice.endswith(".") and ". " not in finding.advice
    assert one_sentence == (state is not State.OK), finding
    assert SECRET not in str(finding)
