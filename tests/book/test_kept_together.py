"""A formula in a line stays with the signs that touch it."""

import pytest

from _ext.kept_together import together

X = r'<span class="math notranslate nohighlight">\(x\)</span>'


@pytest.mark.parametrize(
    ("before", "after"),
    [("", ","), ("(", ")."), ("", "-th"), ("[", "];"), ("“", "”")],
)
def test_the_signs_around_a_formula_stay_with_it(before, after):
    assert together(f"<p>let {before}{X}{after} be</p>") == (
        f'<p>let <span class="together">{before}{X}{after}</span> be</p>'
    )


def test_displayed_formulas_and_words_are_left_alone():
    body = f'<div class="math notranslate nohighlight">\\[x\\]</div>, {X} and <span class="pre">x</span>, (y)'
    assert together(body) == body
