"""Answers to the functions that need a service, for a shell that cannot wait inside evaluation.

The shell evaluates; where an answer is missing, it gets it, in its own way and time, and evaluates
again. A statement asks few questions, and evaluating costs microseconds.
"""

from __future__ import annotations

from bellwire.iot.sql.scope import Question
from bellwire.iot.sql.values import Value


ANSWERED = ("get_thing_shadow", "aws_lambda")
"""The functions that a node answers itself; others only where a function of the service does."""


class UnansweredError(Exception):
    """Evaluation needs the answer to `question` before it can go on."""

    def __init__(self, question: Question) -> None:
        super().__init__(question.function)
        self.question = question


class Answers:
    """The answers that are known so far, for one message: give it as `World.ask`."""

    def __init__(self) -> None:
        self._known: dict[Question, Value] = {}

    def __call__(self, question: Question) -> Value:
        """Return the answer; raises UnansweredError where it is not known yet."""
        try:
            return self._known[question]
        except KeyError:
            raise UnansweredError(question) from None

    def give(self, question: Question, answer: Value) -> None:
        """Tell the answer; UNDEFINED where there is none."""
        self._known[question] = answer
