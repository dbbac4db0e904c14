"""Encodes the golden documents and compares: needs the encoder and a bare Python, of any version it runs on.

python -m tests.data.encoder_golden.check
"""

import json
import sys
from pathlib import Path

from planner.encoding.encoder import encode
from planner.encoding.layout import LAYOUT_V1, LAYOUT_V2


def main() -> None:
    """Name the cases that differ, and fail if there are any."""
    lines = Path(__file__).with_name("cases.jsonl").read_text(encoding="utf-8").split("\n")
    cases = [json.loads(line) for line in lines if line]
    wrong = [
        f"{case['name']} ({key})"
        for case in cases
        for key, layout in (("v1", LAYOUT_V1), ("v2", LAYOUT_V2))
        if encode(case["planner_input"], layout)._asdict() != case[key]
    ]
    print(f"{len(cases)} cases, wrong: {wrong}")
    sys.exit(bool(wrong) or not cases)


if __name__ == "__main__":
    main()
