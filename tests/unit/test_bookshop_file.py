"""The sample as a file: made once, complete or not there, and the same wherever it is made."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from examples import bookshop
from tests.unit.bookshop_reading import ROOT, ROWS, sqlite_runner


@pytest.mark.parametrize("dialect", bookshop.DIALECTS)
def test_another_process_makes_the_same_script(dialect: str) -> None:
    program = (
        f"import sys; from examples import bookshop; sys.stdout.buffer.write(bookshop.script({dialect!r}).encode())"
    )
    made = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": "7"},
        capture_output=True,
        check=True,
    )
    assert made.stdout.decode() == bookshop.script(dialect)


def test_two_loadings_are_equal(tmp_path: Path) -> None:
    for name in ("one", "two"):
        bookshop.load_sqlite(tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_the_sample_file_is_made_once_and_then_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "cache" / "reflector"
    sample = bookshop.ensure_sample(folder)
    sqlite_runner(sample)("UPDATE book SET title = 'Mine now' WHERE id = 1")
    assert bookshop.ensure_sample(folder) == sample
    assert sqlite_runner(sample)("SELECT title FROM book WHERE id = 1") == [("Mine now",)]
    assert list(folder.iterdir()) == [sample]


def test_a_newer_release_makes_a_file_of_its_own(tmp_path: Path) -> None:
    release = tmp_path / "release"
    shutil.copytree(ROOT / "examples", release / "examples")
    with (release / "examples" / "bookshop" / "sqlite.sql").open("a") as schema:
        schema.write("\nCREATE TABLE voucher (code TEXT PRIMARY KEY);\n")
    old = bookshop.ensure_sample(tmp_path / "cache")
    new = Path(ensured_elsewhere(release, tmp_path / "cache").communicate()[0].strip())
    assert new.parent == old.parent
    assert new != old
    assert sqlite_runner(new)("SELECT count(*) FROM voucher") == [(0,)]


def ensured_elsewhere(root: Path, folder: Path) -> subprocess.Popen[str]:
    program = (
        "import sys, pathlib; from examples import bookshop; print(bookshop.ensure_sample(pathlib.Path(sys.argv[1])))"
    )
    return subprocess.Popen([sys.executable, "-c", program, str(folder)], cwd=root, stdout=subprocess.PIPE, text=True)


def test_processes_that_start_together_agree_on_one_complete_file(tmp_path: Path) -> None:
    started = [ensured_elsewhere(ROOT, tmp_path / "cache") for _ in range(3)]
    named = {process.communicate()[0].strip() for process in started}
    assert [process.returncode for process in started] == [0, 0, 0]
    (sample,) = map(Path, named)
    assert sqlite_runner(sample)("SELECT count(*) FROM reading_survey") == [(len(ROWS["reading_survey"]),)]
    assert list(sample.parent.iterdir()) == [sample]


def test_a_folder_that_cannot_be_made_is_an_error_of_the_system(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        bookshop.ensure_sample(tmp_path / "file" / "cache")
