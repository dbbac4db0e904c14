import pytest

from depot.skus import case_gtin, check_digit, is_gtin, parse_sku, same_article, to_gtin14


@pytest.mark.parametrize(
    ("digits", "check"),
    [("400638133393", 1), ("9638507", 4), ("03600029145", 2), ("629104150021", 3), ("000000000000", 0)],
)
def test_check_digit(digits, check):
    assert check_digit(digits) == check


@pytest.mark.parametrize("code", ["4006381333931", "96385074", "036000291452"])
def test_real_codes_are_gtins(code):
    assert is_gtin(code)


@pytest.mark.parametrize("code", ["4006381333932", "9638507", "", "40063813339a1", "400638133393"])
def test_mistyped_codes_are_no_gtins(code):
    assert not is_gtin(code)


def test_gtin14_is_zero_padded():
    assert to_gtin14("4006381333931") == "04006381333931"
    with pytest.raises(ValueError):
        to_gtin14("4006381333930")


def test_case_gtin_has_its_own_check_digit():
    assert case_gtin("4006381333931", 1) == "14006381333938"
    assert is_gtin(case_gtin("96385074", 8))
    for level in (0, 9):
        with pytest.raises(ValueError):
            case_gtin("4006381333931", level)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("TEE-00120-XL", ("TEE", 120, "XL")),
        (" tee-00120-xl ", ("TEE", 120, "XL")),
        ("mug_450", ("MUG", 450, None)),
        ("AB - 123", ("AB", 123, None)),
    ],
)
def test_parse_sku(text, parts):
    assert parse_sku(text) == parts


@pytest.mark.parametrize("text", ["", "A-123", "ABCDE-123", "AB-12", "AB-123-WXYZ", "AB-1234567"])
def test_parse_sku_refuses(text):
    with pytest.raises(ValueError):
        parse_sku(text)


def test_same_article_ignores_the_variant():
    assert same_article("TEE-120-S", "tee-120-xl")
    assert not same_article("TEE-120", "TEE-121")
    assert not same_article("TEE-120", "CAP-120")
