"""Names of a model: with and without its provider, a date and `latest`."""

import re

_DATED = re.compile(r"[-@](\d{8}|\d{4}-\d{2}-\d{2}|latest)$")


def undated(name: str) -> str:
    return _DATED.sub("", name)


def exact(model: str, provider: str | None) -> list[str]:
    """The names to look a model up by in the built-in price file: its own, none without its provider."""
    name = model.strip().lower()
    return [each for each in in_files(model, provider) if "/" in each or "/" not in name]


def in_files(model: str, provider: str | None) -> list[str]:
    """The names to look a model up by in the user's price file, the most particular first."""
    name = model.strip().lower()
    owner = provider.strip().lower() if provider else ""
    names = [f"{owner}/{name}"] if owner else []
    names += [name, name.rsplit("/", 1)[-1]]
    wildcards = [f"{owner}/*"] if owner else []
    wildcards += [f"{name.split('/', 1)[0]}/*"] if "/" in name else []
    return [form for each in names for form in (each, undated(each))] + wildcards


def published(model: str, provider: str | None) -> list[tuple[str | None, str]]:
    """Pairs of provider and name to look a model up by in the published table, the most particular first.

    The provider None is the one that the bare name implies.
    """
    name = model.strip().lower()
    owner = provider.strip().lower() if provider else ""
    prefix, slash, rest = name.partition("/")
    pairs: list[tuple[str | None, str]] = [(owner, name)] if owner else []
    if slash and rest:
        pairs += [(owner, rest)] if owner == prefix else []
        pairs.append((prefix, rest))
    pairs.append((None, name.rsplit("/", 1)[-1]))
    return [(each, form) for each, text in pairs for form in dict.fromkeys((text, undated(text)))]
