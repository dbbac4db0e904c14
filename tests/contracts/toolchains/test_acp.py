"""The client of the Agent Client Protocol around a real agent: files, permissions, stop reasons, its provider."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.contracts.toolchains.tests_toolchains_support import ref_of
from workers.errors import WorkerError
from workers.spec import ToolchainRef
from workers.toolchains.base import ProviderEndpoint, RoundContext
from workers.toolchains.registry import can_spend, check_ref, get_toolchain

ACP = get_toolchain("acp")
MakeContext = Callable[..., RoundContext]


def lines(context: RoundContext) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (context.out / "stdout").read_text().splitlines()]


def test_it_edits_through_its_client_with_permission(
    make_context: MakeContext, run: Callable[..., Any]
) -> None:
    context = make_context(ref_of("acp"))
    assert run(ACP, context).fixed
    events = lines(context)
    assert [event["type"] for event in events] == [
        *("session", "update", "update", "permission", "update", "update", "result")
    ]
    assert (events[0]["agent"], events[0]["version"]) == ("calc-agent", "1.2.3")
    assert events[2]["update"] == {
        "sessionUpdate": "tool_call",
        "toolCallId": "call-1",
        "title": "Edit calc.py",
        "kind": "edit",
        "status": "pending",
    }
    assert events[3]["option"] == "Allow"


def test_its_client_reads_and_writes_nothing_beyond_the_checkout(
    make_context: MakeContext, run: Callable[..., Any]
) -> None:
    context = make_context(ref_of("acp"))
    (context.checkout / "link").symlink_to("..")
    prompt = context.prompt.read_text()
    assert run(ACP, context, "outside").fixed
    assert context.prompt.read_text() == prompt
    texts = [event["update"]["content"]["text"] for event in lines(context) if "content" in str(event)]
    assert sum("lies outside" in text for text in texts) == 3


@pytest.mark.parametrize(
    ("how", "status", "error_class", "fail_code"),
    [
        ("refusal", "failed", None, "refused"),
        ("turns", "partial", None, None),
        ("cut-off", "failed", None, None),
        ("dies", "error", "provider", None),
    ],
)
def test_each_reason_to_stop_has_its_report(
    how: str,
    status: str,
    error_class: str | None,
    fail_code: str | None,
    make_context: MakeContext,
    run: Callable[..., Any],
) -> None:
    report = run(ACP, make_context(ref_of("acp")), how).report
    assert (report.status, report.error_class, report.fail_code) == (status, error_class, fail_code)
    assert (report.micro_usd, report.priced_micro_usd) == (None, None)


@pytest.mark.parametrize("agent", ["no-such-agent", "false"])
def test_an_agent_without_a_session_cannot_run_here_and_costs_nothing(
    agent: str, make_context: MakeContext, run: Callable[..., Any]
) -> None:
    report = run(ACP, make_context(ref_of("acp", argv=[agent]))).report
    assert (report.status, report.error_class, report.micro_usd) == ("error", "infra", 0)
    assert agent in report.message


@pytest.mark.parametrize(
    ("provider", "url", "variables"),
    [
        ("anthropic", "http://127.0.0.1:8377/anthropic", {"ANTHROPIC_BASE_URL", "ANTHROPIC_HOST"}),
        ("openai", "http://127.0.0.1:8377/openai/v1", {"OPENAI_BASE_URL", "OPENAI_API_BASE"}),
        ("gemini", "http://127.0.0.1:8377/gemini", {"GOOGLE_GEMINI_BASE_URL"}),
        ("moonshot", "http://127.0.0.1:8377/moonshot/v1", {"OPENAI_BASE_URL", "MOONSHOT_BASE_URL"}),
    ],
)
def test_behind_the_gateway_an_agent_gets_the_door_and_no_secret(
    provider: str, url: str, variables: set[str], make_context: MakeContext
) -> None:
    ref = ToolchainRef(name="acp", argv=["agent"], provider=provider)
    context = replace(make_context(ref), endpoint=ProviderEndpoint(provider, url, "token"))
    invocation = ACP.invocation(context)
    assert {invocation.env[name] for name in variables | {"LLM_BASE_URL"}} == {url}
    assert "token" in {value for name, value in invocation.env.items() if name.endswith("_API_KEY")}
    assert (invocation.secrets, invocation.network) == ((), False)


def test_goose_gets_host_and_path_of_the_door_apart(make_context: MakeContext) -> None:
    ref = ToolchainRef(name="acp", argv=["goose", "acp"], model="openai/gpt-5-mini")
    endpoint = ProviderEndpoint("openai", "http://127.0.0.1:8377/openai/v1", "token")
    env = ACP.invocation(replace(make_context(ref), endpoint=endpoint)).env
    assert env["OPENAI_HOST"] == "http://127.0.0.1:8377"
    assert env["OPENAI_BASE_PATH"] == "openai/v1/chat/completions"
    assert (env["GOOSE_MODEL"], env["LLM_MODEL"]) == ("gpt-5-mini", "openai/gpt-5-mini")


def test_without_the_gateway_an_agent_gets_its_providers_secret_and_the_network(
    make_context: MakeContext,
) -> None:
    ref = ToolchainRef(name="acp", argv=["agent"], provider="gemini")
    endpoint = ProviderEndpoint("gemini", "https://proxy.example/gemini")
    invocation = ACP.invocation(replace(make_context(ref), endpoint=endpoint))
    assert invocation.env["GOOGLE_GEMINI_BASE_URL"] == "https://proxy.example/gemini"
    assert "GEMINI_API_KEY" in invocation.secrets
    assert invocation.network


@pytest.mark.parametrize("network", [None, False, True])
def test_without_a_provider_an_agent_has_the_network_only_on_request(
    network: bool | None, make_context: MakeContext
) -> None:
    ref = ToolchainRef(name="acp", argv=["agent"], network=network)
    invocation = ACP.invocation(make_context(ref))
    assert (invocation.network, invocation.secrets) == (network is True, ())
    assert can_spend(ref)  # whatever it is: an agent, and submit wants its provider


def test_it_wants_an_agent(make_context: MakeContext) -> None:
    with pytest.raises(WorkerError, match="toolchain acp has no argv: give the agent"):
        check_ref(ToolchainRef(name="acp"))
