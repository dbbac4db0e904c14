import pytest

from depot.ledger import Ledger, Posting, Unbalanced


@pytest.fixture
def ledger():
    ledger = Ledger()
    ledger.sale(1, "o1", 12000, 2000)
    ledger.sale(10, "o2", 6000, 1000)
    ledger.sale(40, "o3", 2400, 400)
    return ledger


def test_entries_must_balance():
    ledger = Ledger()
    with pytest.raises(Unbalanced, match="x: 1 cents left over"):
        ledger.post(1, "x", Posting("bank", 100), Posting("cash", -99))
    with pytest.raises(Unbalanced, match="two sides"):
        ledger.post(1, "x", Posting("bank", 0))
    assert ledger.balance("bank") == 0


def test_a_sale_splits_revenue_and_tax(ledger):
    assert ledger.balance("receivable") == 20400
    assert ledger.balance("revenue") == -17000
    assert ledger.balance("tax") == -3400


def test_balance_at_the_end_of_a_day(ledger):
    assert [ledger.balance("receivable", day) for day in (0, 1, 9, 10, 40)] == [0, 12000, 12000, 18000, 20400]


def test_a_payment_settles_what_is_owed(ledger):
    ledger.payment(12, "o1", 12000)
    assert ledger.owed("o1") == 0
    assert ledger.balance("bank") == 12000
    assert ledger.balance("fees") == 0


def test_the_providers_fee_is_not_the_customers(ledger):
    ledger.payment(12, "o2", 6000, fee=180)
    assert ledger.owed("o2") == 0
    assert ledger.balance("bank") == 5820
    assert ledger.balance("fees") == 180


def test_part_payments_leave_a_rest(ledger):
    ledger.payment(12, "o1", 5000)
    ledger.payment(13, "o1", 3000, fee=90)
    assert ledger.owed("o1") == 4000


def test_reverse_undoes_the_latest_entry(ledger):
    ledger.payment(12, "o1", 5000, fee=150)
    entry = ledger.reverse(14, "o1")
    assert entry.reference == "o1-R"
    assert (ledger.balance("bank"), ledger.balance("fees")) == (0, 0)
    assert ledger.balance("receivable") == 20400


def test_reverse_needs_an_entry(ledger):
    with pytest.raises(KeyError):
        ledger.reverse(14, "o9")


def test_aging(ledger):
    assert ledger.aging(31) == {"current": 20400, "due": 0, "overdue": 0}
    assert ledger.aging(41) == {"current": 2400, "due": 18000, "overdue": 0}
    assert ledger.aging(70) == {"current": 2400, "due": 6000, "overdue": 12000}
    assert ledger.aging(101) == {"current": 0, "due": 0, "overdue": 20400}


def test_aging_counts_what_is_left(ledger):
    ledger.payment(45, "o1", 11000)
    ledger.payment(45, "o2", 7000)
    assert ledger.aging(45) == {"current": 2400, "due": 1000, "overdue": 0}


def test_reconcile_settles_and_leaves_open(ledger):
    match = ledger.reconcile([("o1", 12000), ("o3", 2400)])
    assert match.settled == [("o1", 12000), ("o3", 2400)]
    assert match.open == ["o2"]
    assert (match.short, match.over, match.unknown) == ([], [], [])


def test_reconcile_adds_up_payments(ledger):
    match = ledger.reconcile([("o2", 2500), ("o1", 12000), ("o2", 3500)])
    assert match.settled == [("o2", 6000), ("o1", 12000)]


def test_reconcile_names_differences(ledger):
    match = ledger.reconcile([("o1", 11900), ("o2", 6300), ("zz", 5)])
    assert match.short == [("o1", 100)]
    assert match.over == [("o2", 300)]
    assert match.unknown == ["zz"]
    assert match.open == ["o3"]


def test_reconcile_within_tolerance(ledger):
    match = ledger.reconcile([("o1", 11900), ("o2", 6101), ("o3", 2500)], tolerance=100)
    assert match.settled == [("o1", 11900), ("o3", 2500)]
    assert match.over == [("o2", 101)]


def test_paid_references_are_not_expected_again(ledger):
    ledger.payment(12, "o1", 12000)
    match = ledger.reconcile([("o1", 12000)])
    assert match.unknown == ["o1"]
    assert match.open == ["o2", "o3"]
