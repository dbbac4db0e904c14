"""Arms whose work no gate judged are named in reports, with the reason."""

import sqlalchemy as sa

from bench.results.answer import recommendation_of
from bench.results.documents import report_document
from bench.results.markdown import report_markdown
from bench.results.read import read_results
from tests.fixtures.lease_scenarios import complete
from tests.fixtures.rows import admit_all, claim, make_bench

TOO_LARGE = (
    "there is no patch to judge: patch_too_large: 9.0 MB of changed files; most of it in data.bin (9.0 MB)"
)


def test_reports_name_them_with_the_reason(engine: sa.Engine) -> None:
    bench = make_bench(engine, cases=4, max_retries=0)
    admit_all(engine, bench)
    for status, error_class, codes, message in (
        ("failed", None, ["patch_too_large", "not_run"], TOO_LARGE),
        ("failed", None, ["protected_path", "tests_failed"], "gates failed: test"),
        ("error", "infra", ["cannot_try"], "the gate runs Python 3.8"),
        ("success", None, ["unsafe_path"], ""),
    ):
        complete(
            engine, claim(engine), status=status, error_class=error_class, fail_codes=codes, message=message
        )
    results = read_results(engine, bench)
    answer = recommendation_of(engine, bench)
    told = {(one.reason, one.executions, one.message) for one in results.unjudged}
    assert told == {("patch_too_large", 1, TOO_LARGE), ("infra", 1, "the gate runs Python 3.8")}
    assert report_document(results, "none", answer)["unjudged"] == [
        {
            "issue_id": one.issue_id,
            "class": one.reason,
            "message": one.message,
            "executions": one.executions,
            "execution_ids": one.execution_ids,
        }
        for one in results.unjudged
    ]
    text = report_markdown(results, "none", answer)
    assert "Arms that no gate judged" in text
    assert "data.bin (9.0 MB)" in text.replace("\\", "")
