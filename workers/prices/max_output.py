"""Output limits of the models that refuse the default one."""

import re
from typing import Final

from workers.prices.rate import DEFAULT_MAX_OUTPUT

_LIMITS: Final = tuple(
    (re.compile(rf"(?<![a-z0-9])(?:{pattern})"), limit)
    for pattern, limit in (
        (r"claude-3-(haiku|opus|sonnet)|claude-2|claude-instant", 4_096),
        (r"claude-3[.-]5-", 8_192),
        (r"gpt-4o-2024-05-13|gpt-4-turbo|gpt-4-(1106|0125)|gpt-3\.5", 4_096),
        (r"gpt-4o|chatgpt-4o|gpt-5[\d.]*-chat", 16_384),
        (r"gpt-4(-0314|-0613|-32k|$)", 4_096),
        (r"deepseek-(chat|coder)", 8_192),
        (r"gemini-(1\.5|2\.0)", 8_192),
        (r"command-(r|a)", 4_096),
        (r"qwen-max|qwen-?2", 8_192),
        (r"llama-?3(\.1)?-", 8_192),
    )
)


def max_output(model: str) -> int:
    """Tokens: a limit on output that `model` accepts, its own where that is below the default."""
    bare = model.strip().lower().rsplit("/", 1)[-1]
    return next((limit for pattern, limit in _LIMITS if pattern.search(bare)), DEFAULT_MAX_OUTPUT)
