"""Closed forms over the depth of a stack are proved by their residual; wrong recurrences meet a counterexample."""

import pytest

from lectcode.verify import LatexError, Refuted, check_recurrence

SIZE = r"\mathbf{r}[j + 1] = \mathbf{r}[j] + (\mathbf{k}[j] - 1) \cdot \mathbf{d}[j] \cdot \mathbf{e}[j]"
STEP = r"\mathbf{e}[j + 1] = \mathbf{e}[j] \cdot \mathbf{s}[j]"
START = r"\mathbf{a}[j + 1] = \mathbf{a}[j] - \mathbf{p}[j] \cdot \mathbf{e}[j]"
PAGE = r"""
$$
\begin{aligned}
\mathbf{k}, \mathbf{s}, \mathbf{d}, \mathbf{p} & \in \mathbb{R}^{J} \\
\mathbf{e}, \mathbf{r}, \mathbf{a} & \in \mathbb{R}^{(J + 1)}
\end{aligned}
$$

$$
\boxed{
\mathbf{e}[j] = \prod_{m=0}^{j-1} \mathbf{s}[m]
}
$$ (receptive-field-step)

$$
\boxed{
\mathbf{r}[j] = 1 + \sum_{i=0}^{j-1} (\mathbf{k}[i] - 1) \cdot \mathbf{d}[i] \cdot \prod_{m=0}^{i-1} \mathbf{s}[m]
}
$$ (receptive-field)

$$
\boxed{
\mathbf{a}[j] = - \sum_{i=0}^{j-1} \mathbf{p}[i] \cdot \prod_{m=0}^{i-1} \mathbf{s}[m]
}
$$ (receptive-field-start)
"""


@pytest.fixture
def book(tmp_path):
    def write(old="", new=""):
        assert old in PAGE
        (tmp_path / "_toc.yml").write_text("format: jb-book\nroot: page\n")
        (tmp_path / "page.md").write_text("---\nproofs: 0\n---\n" + PAGE.replace(old, new))
        return tmp_path

    return write


@pytest.mark.parametrize(
    ("label", "recurrence"),
    [("receptive-field", SIZE), ("receptive-field-step", STEP), ("receptive-field-start", START)],
)
def test_the_books_closed_forms_solve_their_recurrences(label, recurrence):
    assert "for every depth" in repr(check_recurrence(label, recurrence))


@pytest.mark.parametrize(
    ("label", "right", "wrong"),
    [
        ("receptive-field", SIZE, SIZE.replace(r"\mathbf{e}[j]", r"\mathbf{e}[j + 1]")),
        ("receptive-field", SIZE, SIZE.replace(" - 1)", ")")),
        ("receptive-field", SIZE, SIZE.replace(r" \cdot \mathbf{d}[j]", "")),
        ("receptive-field-step", STEP, STEP.replace(r"\mathbf{s}[j]", r"\mathbf{k}[j]")),
        ("receptive-field-start", START, START.replace("- ", "+ ")),
    ],
)
def test_a_wrong_recurrence_is_refuted_with_numbers(label, right, wrong):
    assert right != wrong
    with pytest.raises(Refuted, match=r"\[\d\] is -?\d+, the recurrence gives -?\d+; k = "):
        check_recurrence(label, wrong)


def test_one_page_alone(book):
    assert "adds" in repr(check_recurrence("receptive-field", SIZE, book()))
    assert "multiplies" in repr(check_recurrence("receptive-field-step", STEP, book()))
    assert "adds" in repr(check_recurrence("receptive-field-start", START, book()))


@pytest.mark.parametrize(
    ("label", "recurrence", "old", "new", "part"),
    [
        (
            "receptive-field",
            SIZE,
            r"\mathbf{d}[i] \cdot \prod_{m=0}^{i-1}",
            r"\mathbf{d}[i] \cdot \prod_{m=0}^{j-1}",
            "i",
        ),
        ("receptive-field", SIZE, r"\mathbf{d}[i]", r"\mathbf{d}[j]", "i"),
        ("receptive-field", SIZE, r"\sum_{i=0}^{j-1} (", r"\mathbf{s}[j] \cdot \sum_{i=0}^{j-1} (", "i"),
        ("receptive-field-step", STEP, r"\prod_{m=0}^{j-1} \mathbf{s}[m]", r"\prod_{m=0}^{j-1} \mathbf{s}[j]", "m"),
        (
            "receptive-field-start",
            START,
            r"\mathbf{p}[i] \cdot \prod_{m=0}^{i-1}",
            r"\mathbf{p}[i] \cdot \prod_{m=0}^{j-1}",
            "i",
        ),
    ],
    ids=["product over all layers", "an entry of the depth", "a factor of the depth", "step", "start"],
)
def test_a_layer_that_contributes_by_the_depth_is_refused(book, label, recurrence, old, new, part):
    # The residual of such a closed form is not what layer j contributes: the earlier layers change as well.
    with pytest.raises(Refuted, match=rf"what layer {part} contributes to {label} depends on the depth j"):
        check_recurrence(label, recurrence, book(old, new))


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (r"\mathbf{r}[j] = 1 + \sum_{i=0}", r"\mathbf{r}[j] = 1 + \sum_{i=1}", "does not run over the layers"),
        (r"\mathbf{r}[j] = 1 +", r"\mathbf{r}[j] = j +", "outside its sums"),
        (r"\mathbf{r}[j] = 1 +", r"\mathbf{r}[j] = 1 + 2 \cdot", "the recurrence gives"),
    ],
)
def test_a_changed_closed_form_is_refused(book, old, new, words):
    with pytest.raises(Refuted, match=words):
        check_recurrence("receptive-field", SIZE, book(old, new))


def test_another_product_is_not_taken_for_the_step(book):
    s, d = r"\prod_{m=0}^{i-1} \mathbf{s}[m]", r"\prod_{m=0}^{i-1} \mathbf{d}[m]"
    with pytest.raises(Refuted, match="the recurrence gives"):
        check_recurrence("receptive-field", SIZE, book(s, d))


def test_what_is_true_but_not_proved_is_refused_without_numbers():
    with pytest.raises(Refuted, match="no counterexample was found"):
        check_recurrence("receptive-field", r"\mathbf{r}[j + 1] = \mathbf{r}[j + 1]")


def test_the_recurrence_names_its_own_tensor():
    with pytest.raises(LatexError, match="has to begin with r"):
        check_recurrence("receptive-field", STEP)
    with pytest.raises(Refuted, match="not an equation"):
        check_recurrence("receptive-field", r"\mathbf{r}[j + 1]")
