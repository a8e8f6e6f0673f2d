"""How a verdict looks: on a page, in a terminal, for those who see no colour, or not at all."""

import math
import re
import sys
from html.parser import HTMLParser
from types import SimpleNamespace

import pytest
import torch
from torch.nn.functional import cross_entropy

from mlteach import checks
from mlteach.checks._verdict import GREEN, RED, Entry

NASTY = "x < 3 & \"y\" > 'z' <script>alert(1)</script>"
FULL = checks.Verdict(
    False,
    "use `a < b` instead",
    "Case 2 of 3: with `k` = 1.",
    (Entry("[0, 1]", "1.0000", "2.0000"), Entry("[1, 1]", "3.0000", "nan")),
    ("first <line>", "second"),
)
DARK = "#111111"  # JupyterLab's background in its dark theme


class Page(HTMLParser):
    """The text that a page shows, line by line, and its elements."""

    def __init__(self, html):
        super().__init__()
        self.words, self.tags, self.opened = [], [], []
        self.feed(html)
        assert self.opened == []

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        self.opened.append(tag)

    def handle_endtag(self, tag):
        assert self.opened.pop() == tag

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self):
        return " ".join("".join(self.words).split())


def luminance(colour):
    """Relative luminance of #rrggbb, as the Web Content Accessibility Guidelines define it."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    dark, light = sorted([luminance(one), luminance(other)])
    return (light + 0.05) / (dark + 0.05)


def test_a_verdict_of_two_arguments_is_one_line():
    assert repr(checks.Verdict(True, "fine")) == "✔ fine"
    assert repr(checks.Verdict(False, "why")) == "✘ why"
    assert str(checks.Verdict(False, "two\nlines")) == "✘ two lines"


def test_the_text_has_four_lines_at_most():
    assert repr(FULL).splitlines() == [
        "✘ use `a < b` instead",
        "Case 2 of 3: with `k` = 1.",
        "In entry [0, 1] expected 1.0000, got 2.0000; in entry [1, 1] expected 3.0000, got nan",
        "Your function printed: first <line> / second",
    ]


def test_the_page_has_what_the_text_has():
    page = Page(FULL._repr_html_())
    assert page.text.startswith("✘ Not yet use a < b instead")
    for part in ("Case 2 of 3: with k = 1.", "[0, 1]1.00002.0000", "first <line> second"):
        assert part in page.text
    assert [tag for tag, _ in page.tags].count("code") == 2
    assert [tag for tag, _ in page.tags].count("tr") == 3


def test_a_single_number_needs_no_table():
    verdict = checks.Verdict(False, "why", entries=(Entry("", "1.0000", "2.0000"),))
    assert repr(verdict) == "✘ why\nExpected 1.0000, got 2.0000"
    assert "table" not in verdict._repr_html_()
    assert "Expected 1.0000, got 2.0000" in Page(verdict._repr_html_()).text


def test_passed_and_not_yet_are_words():
    assert Page(checks.Verdict(True, "fine")._repr_html_()).text == "✔ Passed fine"
    assert Page(checks.Verdict(False, "why")._repr_html_()).text == "✘ Not yet why"


@pytest.mark.parametrize("field", ["message", "where", "printed", "entries"])
def test_whatever_comes_from_a_learner_is_text_on_the_page(field):
    value = {"printed": (NASTY,), "entries": (Entry(NASTY, NASTY, NASTY), Entry("", "", ""))}
    fields = {"message": "why", field: value.get(field, NASTY)}
    page = Page(checks.Verdict(False, **fields)._repr_html_())
    assert NASTY in page.text
    plain = {tag for tag, _ in page.tags}
    assert plain <= {"div", "strong", "span", "pre", "table", "thead", "tbody", "tr", "th", "td"}


def test_the_page_works_where_only_inline_styles_are_kept():
    """No class, no script, nothing to load; a reader of screens is told when it appears."""
    tags = Page(FULL._repr_html_()).tags
    assert {name for _, attributes in tags for name in attributes} == {
        "style",
        "role",
        "scope",
        "aria-hidden",
    }
    assert tags[0][1]["role"] == "status"
    assert "url(" not in FULL._repr_html_()


def test_lines_break_between_words():
    style = Page(FULL._repr_html_()).tags[0][1]["style"]
    assert "overflow-wrap: break-word" in style
    assert "word-break: normal" in style


@pytest.mark.parametrize("colour", [GREEN, RED])
def test_colours_can_be_told_from_both_backgrounds(colour):
    """A border needs 3 : 1 to its background, text 4.5 : 1 (WCAG 2.2, AA)."""
    assert contrast(colour, "#ffffff") >= 4.5  # the badge's white text, too
    assert contrast(colour, DARK) >= 3
    assert contrast("#000000", "#ffffff") == pytest.approx(21)


def test_text_has_the_colour_of_the_theme():
    """The only colour of letters that is set stands on the badge, which sets its background too."""
    styles = [attributes.get("style", "") for _, attributes in Page(FULL._repr_html_()).tags]
    fixed = [style for style in styles if re.search(r"(?<!-)color: #", style)]
    assert len(fixed) == 1
    assert "background-color" in fixed[0]


# --- what is told of a function -------------------------------------------------------------------


def mean_of(x, *, power):
    return x.pow(power).mean(1)


CASES = [
    checks.Case(f"with power {power}", (torch.arange(6.0).view(2, 3),), {"power": power})
    for power in (1, 2, 3)
]


def judged(given, **options):
    return checks.judge(given, mean_of, CASES, [], gradients=False, **options)


def test_an_error_is_told_with_its_case_and_its_line():
    def fails(x, power):
        if power == 2:
            return x @ x  # of shape (2, 3)
        return mean_of(x, power=power)

    verdict = judged(fails)
    assert verdict.message.startswith("your function raised RuntimeError: mat1 and mat2")
    case, counted = "Case 2 of 3: with power 2.", "Right in 2 of 3 cases."
    assert re.fullmatch(
        rf"{case} {counted} Line \d+: `return x @ x  # of shape \(2, 3\)`".replace("  ", " "),
        verdict.where,
    )
    assert "<code>return x @ x # of shape (2, 3)</code>" in verdict._repr_html_()


def test_an_error_within_a_library_is_told_with_the_learners_line():
    def fails(x, power):
        return torch.nn.functional.normalize(x, dim=7)

    assert "`return torch.nn.functional.normalize(x, dim=7)`" in judged(fails).where


def test_ending_python_is_told():
    assert "`exit()`" in judged(lambda x, power: exit(1)).message


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda right: -right, "every value has the wrong sign"),
        (lambda right: 3 * right, "every value is 3 times the right one: is a sum taken where"),
        (lambda right: right / -4, "every value is -1/4 times the right one: is a mean taken"),
        (lambda right: right * 1.276, "every value is 1.276 times the right one"),
        (lambda right: right - 0.5, "every value is 0.5 too small"),
        (lambda right: right**2, "every value is the square of the right one"),
        (lambda right: right.flip(0), "the order is reversed: the last entry comes first"),
        (lambda right: right[:, None], "the numbers are right, but not their shape"),
    ],
)
def test_what_a_wrong_result_is_of_the_right_one_is_told(change, message):
    verdict = judged(lambda x, power: change(mean_of(x, power=power)))
    assert verdict.message.startswith(message)
    assert verdict.where.startswith("Case 1 of 3: with power 1.")


def test_one_number_that_was_not_reduced_is_told():
    def loss(x):
        return x.square().mean()

    cases = [checks.Case(f"with {n} numbers", (torch.arange(float(n)),)) for n in (3, 4)]
    verdict = checks.judge(lambda x: x.square(), loss, cases, [])
    assert (
        verdict.message
        == "the mean is missing: the right result is the mean of yours (shape (3,), expected ())"
    )


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (lambda x: x.exp(), "the whole of the right result sums to 1, and yours to "),
        (lambda x: share(x).flip(1).roll(1, 0), "the right numbers in another order"),
        (lambda x: share(x).roll(1, 0), "the entries are shifted by one place: the last one comes"),
        (lambda x: share(x).triu() * 2 - share(x).diag().diag(), "symmetric, and yours is not"),
        (lambda x: share(x) * len(x), "right up to a factor, which changes from case to case"),
        (lambda x: share(x) * x.sum(1, keepdim=True), "each of your rows is right up to a factor"),
        (lambda x: share(x).fill_diagonal_(0), "only the diagonal is wrong"),
        (
            lambda x: torch.zeros_like(x) + 0.5,
            "one and the same number in every case, 0.5",
        ),
        (lambda x: share(x) + torch.rand(()), "two calls with the same arguments give different"),
        (lambda x: x / x.sum(), "what the right formula gives with the roots of `x`"),
        (lambda x: share(x).sum(), "a sum too much is taken (shape (), expected (3, 3))"),
        (
            lambda x: x.square().sum(),
            "shape (), expected (3, 3): do a sum, a mean or an index take",
        ),
        (lambda x: share(x)[None], "the numbers are right, but not their shape: it is (1, 3, 3)"),
        (lambda x: share(x)[None] + x, "expected (3, 3): does a dimension stay that"),
    ],
)
def test_what_the_results_have_in_common_is_told(given, message):
    generator = torch.Generator().manual_seed(0)
    cases = []
    for n in (3, 4):
        x = torch.rand(n, n, generator=generator)
        cases.append(checks.Case(f"with {n} rows", (x + x.T,)))
    assert message in checks.judge(given, share, cases, [], gradients=False).message


def share(x):
    return x.square() / x.square().sum()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (lambda x: x.new_zeros(2) + x.new_zeros(3), "as in `x[:, None]`"),
        (lambda x: x @ x, "is a `.T` missing?"),
        (lambda x: x[None].bmm(x[None]), "is a `.mT` missing"),
        (
            lambda x: cross_entropy(torch.ones(2, 4, 3), torch.zeros(2, 4).long()),
            "cross_entropy takes the classes from dimension 1",
        ),
        (
            lambda x: cross_entropy(x, torch.arange(3)),
            "cross_entropy takes one target for every row",
        ),
        (lambda x: max(0, x), "take one number"),
        (lambda x: math.sqrt(x), "take one number"),
    ],
)
def test_errors_of_torch_come_with_what_they_mean(given, message):
    cases = [checks.Case("with two rows", (torch.ones(2, 3),))]
    verdict = checks.judge(given, torch.square, cases, [])
    assert "your function raised" in verdict.message
    assert message in verdict.message


def test_a_mask_is_no_float():
    def judged(given):
        cases = [checks.Case("with two rows", (torch.eye(2),))]
        return checks.judge(given, lambda x: x > 0, cases, [], gradients=False)

    assert "True and False" in judged(lambda x: (x > 0).float()).message
    assert judged(lambda x: [[True, False], [False, True]]).passed


def test_a_hyperparameter_without_effect_is_named():
    verdict = judged(lambda x, power: mean_of(x, power=2))
    assert (
        verdict.message
        == "your result does not change with `power`: it is right for power = 2 only"
    )
    assert "Right in 1 of 3 cases." in verdict.where
    assert verdict.entries[0] == ("[0]", "1.0000", "1.6667")


def test_results_in_one_tensor_that_is_written_again_are_judged_one_by_one():
    buffer = torch.zeros(2)

    def reuses(x, power):
        return buffer.copy_(mean_of(x, power=power))

    assert judged(reuses).passed


# --- what a function writes -----------------------------------------------------------------------


def test_what_is_printed_stands_below_the_verdict(capfd):
    """Of the case that the verdict speaks of, and not on the page."""

    def talks(x, power):
        print("power is", power)
        return mean_of(x, power=power) + (power == 2)

    verdict = judged(talks)
    assert verdict.printed == ("power is 2",)
    assert repr(verdict).splitlines()[-1] == "Your function printed: power is 2"
    assert capfd.readouterr() == ("", "")


def test_what_is_printed_before_an_error_is_shown_too():
    def fails(x, power):
        print(x.shape)
        raise ValueError(power)

    assert judged(fails).printed == ("torch.Size([2, 3])",)


def test_only_the_first_lines_are_shown():
    def talks(x, power):
        print("\n".join(map(str, range(100))))
        return mean_of(x, power=power)

    verdict = judged(talks)
    assert verdict.passed
    assert verdict.printed == ("0", "1", "2", "… and 97 more lines")


def test_what_is_displayed_is_not_shown_ten_times(monkeypatch):
    class Publisher:
        """A notebook's page, as IPython reaches it."""

        shown = []

        def publish(self, data):
            self.shown.append(data)

    page = Publisher()
    shell = SimpleNamespace(display_pub=page)
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))

    def displays(x, power):
        page.publish(data={"text/plain": "x"})
        return mean_of(x, power=power)

    verdict = judged(displays)
    assert verdict.passed
    assert verdict.printed == ("a figure: call your function yourself to see it",)
    page.publish("mine")
    assert page.shown == ["mine"]


def test_figures_are_not_shown_ten_times():
    pyplot = pytest.importorskip("matplotlib.pyplot")
    pyplot.switch_backend("agg")
    mine = pyplot.figure().number

    def draws(x, power):
        pyplot.figure()
        return mean_of(x, power=power)

    verdict = judged(draws)
    assert verdict.passed
    assert verdict.printed == ("a figure: call your function yourself to see it",)
    assert pyplot.get_fignums() == [mine]
    pyplot.close(mine)
