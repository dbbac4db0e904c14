"""Which addresses of repositories are paths, as Git decides it."""

import pytest

from workers.addresses import is_local, is_path


@pytest.mark.parametrize(
    ("address", "path", "local"),
    [
        ("/srv/repo.git", True, True),
        ("../repo", True, True),
        ("~/repo", True, True),
        ("./a:b/c", True, True),
        ("/srv/odd://name", True, True),
        ("file:///srv/repo.git", False, True),
        ("host:repo.git", False, False),
        ("git@host:group/repo.git", False, False),
        ("ssh://host/repo.git", False, False),
        ("https://host/repo.git", False, False),
    ],
)
def test_an_address_is_a_path_or_leads_elsewhere(address: str, path: bool, local: bool) -> None:
    assert (is_path(address), is_local(address)) == (path, local)
