from __future__ import annotations

from ablate.seeds import stream_seed


def test_a_stream_keeps_its_seed_for_ever() -> None:
    # Computed once with hashlib.blake2s; a change would silently retrain every study.
    assert stream_seed(0, "shuffle/1") == 159_296_836


def test_streams_and_run_seeds_do_not_collide() -> None:
    seeds = {stream_seed(seed, f"layer/{name}") for seed in range(100) for name in range(100)}
    assert len(seeds) > 9_990
    assert all(0 <= seed < 2**31 for seed in seeds)


def test_run_seed_and_stream_are_kept_apart() -> None:
    assert stream_seed(1, "1/a") != stream_seed(11, "/a")
