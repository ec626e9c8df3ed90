from __future__ import annotations

from bellwire.functions.launch import Launch


def test_a_launch_is_read_back_as_it_was_written() -> None:
    launch = Launch(
        function="f",
        handler="src/h.main",
        directory="/srv/sérvice",
        function_arn="arn:aws:lambda:eu-west-1:123456789012:function:f",
        variables={"A": "1"},
        channel_names=["CHANNEL"],
        temporary="/srv/tmp/f-1",
        response_bytes=6291556,
        log_bytes_per_s=1048576,
        is_debug=False,
    )
    assert Launch.decode(launch.encode()) == launch
