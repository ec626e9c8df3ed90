from __future__ import annotations

from pathlib import Path

from bellwire.reload.noise import SETTLE_S, Heard, Noise


STATE, OTHER = Path("/s/state.json"), Path("/s/other.json")


def heard(changed: list[Path], muted: list[Path]) -> Heard:
    return Heard(frozenset(changed), frozenset(muted))


def test_a_file_that_always_changes_right_after_its_reload_is_muted_for_good() -> None:
    noise = Noise()
    for now_s in (10.0, 11.0, 12.0):
        assert noise.hear([STATE], [STATE], now_s) == heard([STATE], [])
        noise.reloaded([STATE], [STATE], now_s + 0.5)
    assert noise.hear([STATE, OTHER], [STATE, OTHER], 13.0) == heard([OTHER], [STATE])
    assert noise.hear([STATE], [STATE], 1000.0) == heard([], [])


def test_who_saves_a_few_times_in_haste_is_heard() -> None:
    noise = Noise()
    for now_s in (10.0, 11.0, 12.0, 15.0, 16.0, 17.0, 20.0):
        assert noise.hear([STATE], [STATE], now_s) == heard([STATE], [])
        noise.reloaded([STATE], [STATE], now_s + 0.1)


def test_a_file_that_is_saved_again_later_counts_each_time() -> None:
    noise = Noise()
    for now_s in (10.0, 10.0 + SETTLE_S, 10.0 + 2 * SETTLE_S):
        assert noise.hear([STATE], [STATE], now_s).changed == {STATE}
        noise.reloaded([STATE], [STATE], now_s)


def test_of_files_that_are_ever_new_the_folder_is_muted() -> None:
    noise = Noise()
    files = [Path(f"/s/uploads/{number}.bin") for number in range(6)]
    for number in range(3):
        assert noise.hear([files[number]], files[:number], number).changed == {files[number]}
        noise.reloaded([files[number]], files[:number], number + 0.1)
    assert noise.hear(files[3:5], files[:3], 3.0) == heard([], [files[3].parent])
    assert noise.hear([files[5], files[5].parent / "in" / "x"], files[:5], 60.0) == heard([], [])


def test_many_new_files_at_once_count_once() -> None:
    noise = Noise()
    files = [Path(f"/s/uploads/{number}.bin") for number in range(100)]
    assert noise.hear(files[:50], [], 1.0).changed == set(files[:50])
    noise.reloaded(files[:50], [], 1.1)
    assert noise.hear(files[50:], files[:50], 1.2).changed == set(files[50:])
