"""Field types of work orders and configs: text that is split, checked or bounded when it is read."""

import json
import shlex
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from workers.addresses import check_base_url, check_image, check_provider_name, check_repository
from workers.hosts import check_host_entry
from workers.own_variables import check_passed_names
from workers.patterns import check_patterns


def split_command(value: Any) -> Any:
    """A command written as one string, split as a POSIX shell splits words; no shell ever runs it."""
    return shlex.split(value) if isinstance(value, str) else value


def read_switch(value: Any) -> Any:
    """`on` and `off` as booleans; YAML has them as booleans unless they are quoted."""
    return {"on": True, "off": False}.get(value, value) if isinstance(value, str) else value


def split_listing(value: Any) -> Any:
    """A list written as JSON text, as published data sets hold it."""
    if isinstance(value, str) and value.lstrip().startswith("["):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value
    return value


def passable(names: list[str]) -> list[str]:
    """`names` of variables, if each may be passed to a program. Raises `ValueError`."""
    check_passed_names(names)
    return names


Command = Annotated[list[str], BeforeValidator(split_command), Field(min_length=1)]
Positive = Annotated[float, Field(gt=0, le=1e7, allow_inf_nan=False)]
SecondsPerMinute = Annotated[float, Field(ge=1e-3, le=1e6, allow_inf_nan=False)]
Patterns = Annotated[list[str], AfterValidator(check_patterns)]
Repository = Annotated[str, Field(min_length=1), AfterValidator(check_repository)]
TestIds = Annotated[
    list[Annotated[str, Field(min_length=1, max_length=1000)]],
    BeforeValidator(split_listing),
    Field(max_length=20_000),
]
ImageReference = Annotated[str, AfterValidator(check_image)]
Host = Annotated[str, Field(min_length=1, max_length=260), AfterValidator(check_host_entry)]
ProviderName = Annotated[str, AfterValidator(check_provider_name)]
BaseUrl = Annotated[str, Field(max_length=500), AfterValidator(check_base_url)]
