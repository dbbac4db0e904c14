"""Loading and encoding of the training and validation splits for one kind of network."""

from array import array
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from planner.actions import JOB_TYPES
from planner.dataset.arrays import EncodedExamples, encode_examples
from planner.dataset.read import Dataset
from planner.encoding.encoder import encode
from planner.encoding.layout import LAYOUTS
from planner.encoding.tokens import tokenize
from planner.training.networks.network import Kind, NetworkConfig

Json = dict[str, Any]
Change = Callable[[Json], Json]
Ids = Callable[[Mapping[str, Any]], list[int]]


@dataclass(frozen=True, slots=True)
class EncodedSplit:
    """One split in two encodings: with the positions of layout 1, and with the ids that the network reads."""

    encoded: EncodedExamples
    read: EncodedExamples


def ids_of(kind: Kind, network: NetworkConfig) -> Ids:
    """The encoder or tokeniser of a kind of network."""
    if kind == "sequence":
        return tokenize
    layout = LAYOUTS[network.layout]
    return lambda planner_input: encode(planner_input, layout).positions


def read_split(
    dataset: Dataset,
    name: Literal["train", "val", "test"],
    ids: Ids,
    change: Change | None,
    done: Callable[[int], None],
) -> EncodedSplit:
    """Encode a split; `change` transforms each example, `done` is called with 1 after each."""
    flat, offsets = array("i"), array("q", [0])

    def examples() -> Iterator[Json]:
        for example in dataset.examples(name):
            changed = change(example) if change else example
            flat.extend(ids(changed["planner_input"]))
            offsets.append(len(flat))
            done(1)
            yield changed

    encoded = encode_examples(examples())
    read = replace(encoded, positions=np.array(flat, np.int32), offsets=np.array(offsets, np.int64))
    return EncodedSplit(encoded, read)


def with_outcomes(examples: EncodedExamples) -> EncodedExamples:
    """The examples with logged outcomes."""
    return examples.take(np.unique(examples.outcomes.example))


def with_shuffled_answers(examples: EncodedExamples, seed: int) -> EncodedExamples:
    """Permute labels and outcomes among the examples of a job type, for the control."""
    rng = np.random.default_rng(seed)
    order = np.arange(len(examples))
    for job_type in range(len(JOB_TYPES)):
        own = np.flatnonzero(examples.job_types == job_type)
        order[own] = rng.permutation(own)
    others = examples.take(order)
    return replace(
        examples,
        hard_cells=others.hard_cells,
        target_cells=others.target_cells,
        target_weights=others.target_weights,
        target_offsets=others.target_offsets,
        outcomes=others.outcomes,
    )
