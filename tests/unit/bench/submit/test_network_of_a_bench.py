"""What submit writes about the network of a bench's toolchains."""

from dataclasses import replace

from bench.submit.sandboxes import Sandboxes, sandboxes_of
from db.repositories.new_bench import NewBench
from tests.fixtures.rows import new_bench, new_case


def plan_asking(**toolchain: object) -> NewBench:
    workcell = {"sandbox": "none", "toolchains": [{"name": "repair", **toolchain}]}
    return new_bench([new_case([], workcell=workcell)])


def test_submit_names_what_the_network_is_in_each_sandbox() -> None:
    everything = (
        "network: in sandbox none repair can reach all that the machine can, its own services on 127.0.0.1 "
        "included"
    )
    sandboxes = Sandboxes({"auto": 2}, None, {"none": 1}, ["repair"], ["pypi.org", "*.corp"])
    assert sandboxes.lines()[-1] == everything
    mixed = replace(sandboxes, machines={"bwrap": 1, "none": 1}).lines()
    assert mixed[-1] == everything
    assert "repair can reach only pypi.org, *.corp (`egress`), and no other service" in mixed[-2]


def test_the_hosts_of_all_cases_are_named_unless_one_case_is_open() -> None:
    plan = plan_asking(name="command", network=True)
    (case,) = plan.cases

    def listing(*lists: list[str]) -> list[str]:
        cases = [replace(case, workcell={**case.workcell, "egress": hosts}) for hosts in lists]
        return list(sandboxes_of(replace(plan, cases=cases), []).egress)

    assert listing(["b.org", "a.org"], ["a.org"]) == ["a.org", "b.org"]
    assert listing(["a.org"], []) == []


def test_agents_without_the_gateway_have_the_network_unless_it_is_denied() -> None:
    for name, network, gateway, expected in (
        ("claude", None, True, []),
        ("claude", None, False, ["claude"]),
        ("claude", False, False, []),
        ("claude", True, True, ["claude"]),
        ("command", None, False, []),
    ):
        plan = plan_asking(name=name, network=network, gateway=gateway)
        assert sandboxes_of(plan, []).networked == expected
