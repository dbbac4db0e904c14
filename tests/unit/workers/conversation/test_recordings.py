"""Conversations from what programs wrote: valid for every recording, and no word of the model is missing."""

import json
import shutil
from pathlib import Path

import pytest

from tests.unit.workers.conversation.helpers import (
    CONVERSATIONS,
    DATA,
    RECORDED,
    all_text,
    checked,
    only_round,
    steps,
    walk,
)
from tests.unit.workers.conversation.model_words import model_words
from workers.conversation.programs.reading import Round
from workers.conversation.store import conversation_of

PROGRAMS = ("claude", "codex", "opencode", "gemini", "pi", "qwen", "copilot")
STREAMS = [
    *(
        (path.parent.name, path)
        for path in sorted(RECORDED.glob("*/*.jsonl"))
        if path.parent.name in PROGRAMS and path.name.count(".") == 1
    ),
    *((path.name.split("-")[0], path) for path in sorted(CONVERSATIONS.glob("[cgpq]*.jsonl"))),
    *(("acp", path) for path in sorted((DATA / "toolchains").glob("acp-*.jsonl"))),
]
PRINTED = sorted((RECORDED / "aider").glob("*.txt"))


def test_there_are_recordings_of_every_program_with_a_stream() -> None:
    assert {program for program, _ in STREAMS} == {*PROGRAMS, "acp"}
    assert len(STREAMS) > 60
    assert len(PRINTED) > 15


@pytest.mark.parametrize(("program", "path"), STREAMS, ids=[f"{name}-{path.stem}" for name, path in STREAMS])
def test_a_stream_becomes_a_valid_trajectory_without_a_word_missing(program: str, path: Path) -> None:
    document = checked(conversation_of(program, only_round(path)))
    text = all_text(document)
    assert [words for words in model_words(program, path) if words not in text] == []
    assert document["schema_version"] == "ATIF-v1.7"
    assert (document["agent"]["name"], document["extra"]) == (program, {"source": "program"})


@pytest.mark.parametrize("path", PRINTED, ids=[path.stem for path in PRINTED])
def test_what_aider_printed_is_kept_whole(path: Path) -> None:
    text = all_text(checked(conversation_of("aider", only_round(path))))
    assert path.read_text().strip() in text


def test_claude_has_its_calls_results_usage_and_sub_agent() -> None:
    document = checked(conversation_of("claude", only_round(CONVERSATIONS / "claude-sub.jsonl")))
    answers = steps(document, "agent")
    assert [each["message"] for each in answers] == ["", "I fix", "Fixed with a helper."]
    assert [each["tool_calls"][0]["function_name"] for each in answers[:2]] == ["Agent", "Bash"]
    assert answers[1]["observation"]["results"][0]["content"] == "(Bash completed with no output)"
    assert {each["metrics"]["completion_tokens"] for each in answers} == {350}
    assert document["agent"]["version"] == "2.1.197"
    assert document["final_metrics"]["total_cost_usd"] == pytest.approx(0.4383)
    (below,) = document["subagent_trajectories"]
    assert answers[0]["observation"]["results"][0]["subagent_trajectory_ref"] == [
        {"trajectory_id": below["trajectory_id"]}
    ]
    assert steps(below, "user")[0]["message"] == "SUBTASK-77 look"


def test_an_answer_whose_stream_broke_off_is_kept_before_its_repetition_and_marked() -> None:
    document = checked(conversation_of("claude", only_round(CONVERSATIONS / "claude-trunc.jsonl")))
    last, whole = steps(document, "agent")[-2:]
    assert last["message"] == "Fixed the bug in mathb"
    assert last["extra"]["cut"]
    assert whole["message"] == "Fixed the bug in mathbox.py; the tests pass."
    assert "cut" not in whole.get("extra", {})


@pytest.fixture
def codex_round(tmp_path: Path) -> Round:
    """A round of codex with the session records of two agents."""
    records = tmp_path / "codex" / "sessions" / "2026" / "11" / "30"
    records.mkdir(parents=True)
    for path in CONVERSATIONS.glob("rollout-*.jsonl"):
        shutil.copy(path, records)
    return Round((RECORDED / "codex" / "sub-agent.jsonl").absolute(), tmp_path, "Fix it.")


def test_codex_is_read_from_its_session_records(codex_round: Round) -> None:
    document = checked(conversation_of("codex", [codex_round]))
    answers = steps(document, "agent")
    assert [each["message"] for each in answers] == ["", "", "I fix", "Fixed with a helper."]
    assert [each["metrics"]["prompt_tokens"] for each in answers] == [24_200] * 4
    assert all(each["timestamp"].startswith("2026-11-30T14:36:2") for each in answers)
    (below,) = document["subagent_trajectories"]
    assert steps(below, "agent")[0]["message"] == "child done"
    assert steps(below, "agent")[0]["metrics"]["completion_tokens"] == 4000
    assert answers[0]["observation"]["results"][0]["subagent_trajectory_ref"] == [
        {"trajectory_id": below["trajectory_id"]}
    ]
    assert document["agent"]["model_name"] == "gpt-5.2-codex"


def test_errors_that_only_the_stream_has_follow_the_session_records(
    codex_round: Round, tmp_path: Path
) -> None:
    stdout = tmp_path / "stdout"
    stdout.write_text('{"type": "turn.failed", "error": {"message": "stream disconnected"}}\n')
    document = checked(conversation_of("codex", [Round(stdout, codex_round.out)]))
    assert document["steps"][-1]["message"] == "stream disconnected"


def linked_records(out: Path, parents: dict[str, str]) -> Round:
    """A round of codex whose session records name these parents."""
    records = out / "codex" / "sessions" / "1" / "1" / "1"
    records.mkdir(parents=True)
    for name, parent in parents.items():
        item = {"type": "message", "role": "assistant", "content": f"I am {name}."}
        lines = [
            {"type": "session_meta", "payload": {"id": name, "parent_thread_id": parent}},
            {"type": "response_item", "payload": item},
        ]
        (records / f"rollout-{name}.jsonl").write_text("\n".join(map(json.dumps, lines)))
    return Round(out / "none", out)


def test_session_records_that_are_each_others_parents_are_all_kept(tmp_path: Path) -> None:
    document = checked(
        conversation_of("codex", [linked_records(tmp_path, {"a": "b", "b": "c", "c": "a", "d": "d"})])
    )
    assert [each["message"] for each in steps(document, "agent")] == [f"I am {name}." for name in "abcd"]


def test_sub_agents_nested_too_deep_are_left_out_with_a_note(tmp_path: Path) -> None:
    names = [f"s{number:02}" for number in range(20)]
    chain = linked_records(tmp_path, dict(zip(names, ["", *names], strict=False)))
    below = [*walk(checked(conversation_of("codex", [chain])))]
    assert [each["steps"][0]["message"] for each in below] == [f"I am {name}." for name in names[:11]]
    assert below[-1]["notes"] == "1 sub-agents are left out"


def test_two_rounds_are_one_conversation_with_the_sum_of_their_usage(
    codex_round: Round, tmp_path: Path
) -> None:
    stream = CONVERSATIONS / "claude-sub.jsonl"
    rounds = [*only_round(stream, prompt="First."), *only_round(stream, prompt="Second.")]
    document = checked(conversation_of("claude", rounds))
    assert [each["message"] for each in steps(document, "user")] == ["First.", "Second."]
    assert document["final_metrics"]["total_cost_usd"] == pytest.approx(2 * 0.4383)
    other = tmp_path / "other"
    shutil.copytree(codex_round.out / "codex", other / "codex")
    (record,) = (path for path in (other / "codex").rglob("rollout-*") if "bfc2" in path.name)
    for path in (other / "codex").rglob("rollout-*"):
        path.write_text(path.read_text().replace("01a22ce2-", "02a22ce2-"))
    assert record.exists()
    document = checked(conversation_of("codex", [codex_round, Round(codex_round.stdout, other)]))
    assert len(steps(document, "agent")) == 8
    assert len(document["subagent_trajectories"]) == 2


def test_mini_is_read_from_its_trajectory(tmp_path: Path) -> None:
    shutil.copy(CONVERSATIONS / "mini-trajectory.json", tmp_path / "trajectory.json")
    document = checked(conversation_of("mini-swe-agent", [Round(tmp_path / "stdout", tmp_path, "Fix it.")]))
    answers = steps(document, "agent")
    assert [each["message"] for each in answers] == ["I will fix it.", "Done."]
    assert answers[1]["tool_calls"][0]["arguments"] == {
        "command": "echo COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT"
    }
    assert answers[1]["observation"]["results"][0]["content"].startswith('{\n  "returncode": -1')
    assert document["final_metrics"]["total_cost_usd"] == pytest.approx(0.0045)
    assert document["final_metrics"]["total_cached_tokens"] == 40_000
    assert document["steps"][-1]["extra"]["exit_status"] == "Submitted"


def test_acp_shows_the_title_of_a_tool_call_and_its_outcome() -> None:
    document = checked(conversation_of("acp", only_round(DATA / "toolchains" / "acp-success.jsonl")))
    doing, done = steps(document, "agent")
    assert doing["tool_calls"][0]["function_name"] == "Edit calc.py"
    assert doing["observation"]["results"][0]["source_call_id"] == "call-1"
    assert (done["message"], done["extra"]["stop_reason"]) == ("Corrected the sign.", "end_turn")
    assert document["agent"]["version"] == "calc-agent 1.2.3"


def test_what_mini_printed_is_used_where_it_left_no_trajectory() -> None:
    document = checked(conversation_of("mini-swe-agent", only_round(CONVERSATIONS / "mini-printed.txt")))
    answers = steps(document, "agent")
    assert [each["message"].partition("\n")[0] for each in answers] == ["I will fix it.", "Done."]
    assert "action was not executed" in answers[1]["observation"]["results"][0]["content"]


def test_aider_is_read_from_its_chat_history(tmp_path: Path) -> None:
    shutil.copy(CONVERSATIONS / "aider-chat.md", tmp_path)
    shutil.copy(CONVERSATIONS / "aider-events.jsonl", tmp_path)
    document = checked(conversation_of("aider", [Round(tmp_path / "stdout", tmp_path, "Fix it.")]))
    (answer,) = steps(document, "agent")
    assert answer["message"].startswith("Here are the fixes.")
    assert answer["message"].endswith("```")
    assert answer["message"].count(">>>>>>> REPLACE") == 3
    assert answer["metrics"] == {"prompt_tokens": 24_200, "completion_tokens": 350, "cost_usd": 0.00225}
    (prompt,) = steps(document, "user")
    assert prompt["message"].startswith("# Fix the bugs in mathbox.py\n\nThe tests fail")


@pytest.mark.parametrize("program", ["opencode", "pi", "gemini", "qwen", "copilot"])
def test_each_program_shows_its_command_and_what_it_returned(program: str, tmp_path: Path) -> None:
    paths = {
        "opencode": RECORDED / "opencode" / "success.jsonl",
        "copilot": RECORDED / "copilot" / "fix.jsonl",
    }
    path = paths.get(program, CONVERSATIONS / f"{program}-fix.jsonl")
    if (spans := path.with_name(f"{path.name}.spans.jsonl")).exists():
        shutil.copy(spans, tmp_path / "copilot-spans.jsonl")
    document = checked(conversation_of(program, only_round(path, tmp_path)))
    (doing,) = (each for each in steps(document, "agent") if each.get("tool_calls"))
    (call,) = doing["tool_calls"]
    assert call["arguments"]["command"].startswith("sed -i")
    (result,) = doing["observation"]["results"]
    assert result["source_call_id"] == call["tool_call_id"]
    assert steps(document, "agent")[-1]["message"] == "Fixed the bug in mathbox.py; the tests pass."
    assert document["final_metrics"]["total_completion_tokens"] == 700


def test_every_trajectory_below_another_has_an_id_of_its_own() -> None:
    document = conversation_of("claude", only_round(CONVERSATIONS / "claude-sub.jsonl"))
    names = [each["trajectory_id"] for each in walk(document)]
    assert len(names) == len(set(names)) == 2
