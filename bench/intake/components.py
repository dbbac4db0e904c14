"""Strongly connected components in linear time, without recursion."""

from collections.abc import Sequence


def strong_components(successors: Sequence[Sequence[int]]) -> list[list[int]]:
    """The strongly connected components of a graph of nodes 0 … n-1, in reverse topological order.

    Pearce's form of Tarjan's algorithm ("An improved algorithm for finding the strongly connected components of
    a directed graph", 2005) with an explicit stack: linear time, paths of any length.
    """
    unseen, closed = -1, len(successors)
    visited_at = [unseen] * len(successors)
    # The first visited node that a node is known to reach and that is in no component yet.
    lowest = [unseen] * len(successors)
    open_nodes: list[int] = []
    components = []
    for root in range(len(successors)):
        todo = [root]
        while todo:
            node = todo.pop()
            if node >= 0 and lowest[node] == unseen:
                visited_at[node] = lowest[node] = len(open_nodes)
                open_nodes.append(node)
                todo.append(~node)  # revisited after all successors of the node
                todo.extend(successors[node])
            elif node < 0:
                node = ~node
                lowest[node] = min([lowest[node], *(lowest[after] for after in successors[node])])
                if lowest[node] == visited_at[node]:
                    components.append(open_nodes[visited_at[node] :])
                    del open_nodes[visited_at[node] :]
                    for member in components[-1]:
                        lowest[member] = closed
    return components
