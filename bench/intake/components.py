"""Strongly connected components, without recursion."""

from collections.abc import Sequence


def strong_components(successors: Sequence[Sequence[int]]) -> list[list[int]]:
    """The components of a graph of nodes 0 … n-1, each after every other one that it leads to.

    Pearce's form of Tarjan's algorithm ("An improved algorithm for finding the strongly connected components of
    a directed graph", 2005) with a stack of its own: linear, and no path is too long for it.
    """
    unseen, closed = -1, len(successors)
    found_at = [unseen] * len(successors)
    # The first found node that a node is known to lead to and that is in no component yet.
    lowest = [unseen] * len(successors)
    open_nodes: list[int] = []
    components = []
    for root in range(len(successors)):
        todo = [root]
        while todo:
            node = todo.pop()
            if node >= 0 and lowest[node] == unseen:
                found_at[node] = lowest[node] = len(open_nodes)
                open_nodes.append(node)
                todo.append(~node)  # comes back when all that the node leads to has been found
                todo.extend(successors[node])
            elif node < 0:
                node = ~node
                lowest[node] = min([lowest[node], *(lowest[after] for after in successors[node])])
                if lowest[node] == found_at[node]:
                    components.append(open_nodes[found_at[node] :])
                    del open_nodes[found_at[node] :]
                    for member in components[-1]:
                        lowest[member] = closed
    return components
