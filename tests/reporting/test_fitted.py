import io

from rich.console import Console

from headstart.reporting.fitted import Fitted

HEADER = ["init", "test accuracy, %", "n", "difference to default [95 % interval]", "M parameters", "images/s"]
ROWS = [
    ["default", "36.4 ± 0.5", "3", "–", "0.262", "1,200"],
    ["impulse:sharpness=0.5", "48.5 ± 0.9", "3", "+12.1 [+11.1, +13.1]", "0.262", "1,198"],
]


def shown(width: int, rows: list[list[str]] = ROWS) -> list[str]:
    stream = io.StringIO()
    Console(file=stream, width=width).print(Fitted(HEADER, rows))
    return stream.getvalue().splitlines()


def test_a_wide_terminal_has_a_line_for_each_row() -> None:
    lines = shown(120)
    assert len(lines) == 4
    assert lines[0].split("  ")[0] == "init" and lines[0].endswith("M parameters  images/s")
    assert lines[3].startswith("impulse:sharpness=0.5        48.5 ± 0.9  3")
    assert all(len(line) == len(lines[1]) for line in lines)


def test_headings_are_broken_before_anything_else() -> None:
    lines = shown(90)
    assert lines[0].startswith(" " * 21) and max(map(len, lines)) <= 90
    assert sum("impulse:sharpness=0.5" in line for line in lines) == 1
    assert "images/s" in lines[1]  # a unit stays with its word


def test_long_names_get_lines_of_their_own() -> None:
    name = "impulse:solver=pseudoinverse:offsets=released:value=mimetic"
    lines = shown(80, [[name, *ROWS[1][1:]]])
    assert name in lines
    assert lines[lines.index(name) + 1].split()[-1] == "1,198"
    assert max(map(len, lines)) <= 80


def test_what_does_not_fit_beside_goes_below_and_nothing_is_lost() -> None:
    for width in (80, 60, 45, 30):
        lines = shown(width)
        assert max(map(len, lines)) <= width
        text = "\n".join(lines)
        for cell in [cell for row in ROWS for cell in row]:
            assert cell in text, (width, cell)


def test_names_of_any_letters_stay_in_their_columns() -> None:
    lines = shown(120, [["默认", *ROWS[0][1:]], ["é[bold]", *ROWS[1][1:]]])
    assert lines[2].startswith("默认   ") and lines[3].startswith("é[bold]  ")
