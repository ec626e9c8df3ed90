from __future__ import annotations

from pathlib import Path

from bellwire.reload.noise import SETTLE_S, Heard, Noise


STATE, OTHER = Path("/s/state.json"), Path("/s/other.json")


def heard(changed: list[Path], muted: list[Path]) -> Heard:
    return Heard(frozenset(changed), frozenset(muted))


def test_a_file_that_changes_right_after_its_reload_is_muted_for_good() -> None:
    noise = Noise()
    assert noise.hear([STATE], [STATE], 10.0) == heard([STATE], [])
    noise.reloaded([STATE], [STATE], 10.5)
    assert noise.hear([STATE, OTHER], [STATE, OTHER], 11.0) == heard([OTHER], [STATE])
    assert noise.hear([STATE], [STATE], 1000.0) == heard([], [])


def test_a_file_that_is_saved_again_later_counts_each_time() -> None:
    noise = Noise()
    for now_s in (10.0, 10.0 + SETTLE_S, 10.0 + 2 * SETTLE_S):
        assert noise.hear([STATE], [STATE], now_s).changed == {STATE}
        noise.reloaded([STATE], [STATE], now_s)


def test_of_files_that_are_ever_new_the_folder_is_muted() -> None:
    noise = Noise()
    one, two, three = (Path(f"/s/uploads/{number}.bin") for number in range(3))
    assert noise.hear([one], [], 1.0).changed == {one}
    noise.reloaded([one], [], 1.1)
    assert noise.hear([two], [one], 1.2) == heard([], [two.parent])
    assert noise.hear([three, two.parent / "in" / "x"], [one, two], 60.0) == heard([], [])
