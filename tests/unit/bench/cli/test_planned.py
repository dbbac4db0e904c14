"""The dry run names cases that a cap of the bench can never pay."""

from bench.cli.planned import cap_lines
from db.repositories.new_bench import BenchCaps
from tests.fixtures.rows import CODE, new_arm, new_bench, new_case


def test_a_case_above_a_cap_is_named_with_both_amounts_and_the_option() -> None:
    dear = new_case([new_arm(CODE[0], worst_micro_usd=2_300_000)], issue_id="SHOP-12")
    cheap = new_case([new_arm(CODE[0], worst_micro_usd=2_000_000)], issue_id="SHOP-13")
    assert cap_lines(new_bench([dear, cheap], BenchCaps(micro_usd=2_000_000))) == [
        "SHOP-12: worst case $2.30 is above the cap of $2.00: it would be skipped; raise --max-usd"
    ]
    assert cap_lines(new_bench([dear, cheap], BenchCaps(case_micro_usd=2_200_000))) == [
        "SHOP-12: worst case $2.30 is above the cap of $2.20 per issue: it would be skipped; raise max_usd_per_issue"
    ]
    assert cap_lines(new_bench([dear, cheap], BenchCaps(micro_usd=2_300_000))) == []
    assert cap_lines(new_bench([dear, cheap])) == []
