"""Promotion rules as shop managers write them: ``total >= 50 and not (vip or qty < 3)``."""

import re

Value = float | str | bool
Facts = dict[str, Value]

_TOKEN = re.compile(r"\s*(?:(\d+(?:\.\d+)?)|'([^']*)'|([A-Za-z_]\w*)|(<=|>=|!=|=|<|>|[-+*/()]))")
_WORDS = {"and", "or", "not", "in"}


class BadRule(Exception):
    """The rule cannot be understood; the message says where."""


def tokens(text: str) -> list[tuple[str, str]]:
    """``(kind, text)`` pairs: number, string, name, word or sign."""
    found = []
    position = 0
    text = text.rstrip()
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise BadRule(f"cannot read {text[position:].strip()[:10]!r}")
        number, string, name, sign = match.groups()
        if number is not None:
            found.append(("number", number))
        elif string is not None:
            found.append(("string", string))
        elif name is not None:
            found.append(("word" if name in _WORDS else "name", name))
        else:
            found.append(("sign", sign))
        position = match.end()
    return found


class Parser:
    """Recursive descent over the tokens; computes while it reads.

    or < and < not < comparison < sum < product < minus. Both sides of ``and`` and ``or`` are always read.
    """

    def __init__(self, rule: str, facts: Facts) -> None:
        self._tokens = tokens(rule)
        self._facts = facts
        self._at = 0

    def _peek(self) -> tuple[str, str]:
        return self._tokens[self._at] if self._at < len(self._tokens) else ("end", "end of rule")

    def _next(self) -> tuple[str, str]:
        token = self._peek()
        self._at += 1
        return token

    def _accept(self, *texts: str) -> str | None:
        kind, text = self._peek()
        if kind in ("word", "sign") and text in texts:
            self._at += 1
            return text
        return None

    def parse(self) -> Value:
        value = self._either()
        kind, text = self._peek()
        if kind != "end":
            raise BadRule(f"did not expect {text!r}")
        return value

    def _either(self) -> Value:
        value = self._both()
        while self._accept("or"):
            other = self._both()
            value = bool(value) or bool(other)
        return value

    def _both(self) -> Value:
        value = self._negation()
        while self._accept("and"):
            other = self._negation()
            value = bool(value) and bool(other)
        return value

    def _negation(self) -> Value:
        if self._accept("not"):
            return not self._negation()
        return self._comparison()

    def _comparison(self) -> Value:
        left = self._sum()
        sign = self._accept("<=", ">=", "!=", "=", "<", ">", "in")
        if sign is None:
            return left
        right = self._sum()
        if sign == "=":
            return left == right
        if sign == "!=":
            return left != right
        if sign == "in":
            return str(left) in str(right).split(",")
        if isinstance(left, str) or isinstance(right, str):
            raise BadRule(f"cannot compare {left!r} {sign} {right!r}")
        if sign == "<":
            return left < right
        if sign == "<=":
            return left <= right
        if sign == ">":
            return left > right
        return left >= right

    def _sum(self) -> Value:
        value = self._product()
        while sign := self._accept("+", "-"):
            other = self._product()
            if sign == "+":
                value = self._number(value) + self._number(other)
            else:
                value = self._number(value) - self._number(other)
        return value

    def _product(self) -> Value:
        value = self._atom()
        while sign := self._accept("*", "/"):
            other = self._atom()
            if sign == "*":
                value = self._number(value) * self._number(other)
            elif self._number(other) == 0:
                raise BadRule("division by zero")
            else:
                value = self._number(value) / self._number(other)
        return value

    def _atom(self) -> Value:
        if self._accept("-"):
            return -self._number(self._atom())
        if self._accept("("):
            value = self._either()
            if not self._accept(")"):
                raise BadRule(f"expected ')', found {self._peek()[1]!r}")
            return value
        kind, text = self._next()
        if kind == "number":
            return float(text)
        if kind == "string":
            return text
        if kind == "name":
            if text not in self._facts:
                raise BadRule(f"unknown name {text!r}")
            return self._facts[text]
        raise BadRule(f"did not expect {text!r}")

    @staticmethod
    def _number(value: Value) -> float:
        if isinstance(value, str):
            raise BadRule(f"{value!r} is no number")
        return float(value)


def evaluate(rule: str, facts: Facts) -> Value:
    """The value of a rule for these facts."""
    return Parser(rule, facts).parse()


def applicable(rules: dict[str, str], facts: Facts) -> list[str]:
    """Names of the rules that hold, in the order given; rules that cannot be computed do not."""
    names = []
    for name, rule in rules.items():
        try:
            holds = bool(evaluate(rule, facts))
        except BadRule:
            holds = False
        if holds:
            names.append(name)
    return names
