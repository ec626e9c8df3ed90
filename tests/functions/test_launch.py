from __future__ import annotations

from bellwire.functions.launch import Launch


def test_a_launch_is_read_back_as_it_was_written() -> None:
    launch = Launch(
        handler="src/h.main",
        directory="/srv/sérvice",
        function_arn="arn:aws:lambda:eu-west-1:123456789012:function:f",
        control_fd=7,
        channel_fds=[9, 11],
        parent_pid=42,
        response_bytes=6291556,
        log_bytes_per_s=1048576,
    )
    again = Launch.decode(launch.encode())
    assert {name: getattr(again, name) for name in Launch.__slots__} == {
        "handler": "src/h.main",
        "directory": "/srv/sérvice",
        "function_arn": "arn:aws:lambda:eu-west-1:123456789012:function:f",
        "control_fd": 7,
        "channel_fds": (9, 11),
        "parent_pid": 42,
        "response_bytes": 6291556,
        "log_bytes_per_s": 1048576,
    }
