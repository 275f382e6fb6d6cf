"""Chapters 1.5 and 3: the ticket lifecycle (工单流转) as a table of steps.

Figures: `data/handbook/lifecycle.yml`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.handbook.deadlines import DeadlineClass
from bot.handbook.errors import Refusal
from bot.handbook.requests import RequestKind

SAME = "same"
CAUSES = (
    "take_holder", "release_holder", "rung_up", "tell_dispatch", "tell_hold", "tell_resume",
    "tell_reclass", "tell_rejected", "tell_reopened", "tell_withdrawn", "survey", "ask_mark",
    "end_survey", "close",
)


class IllegalStep(Refusal):
    """Refuse a step that the lifecycle does not allow, and list the legal ones."""

    code = "illegal_step"


class MissingReason(Refusal):
    """Refuse a step that lacks what it needs: a reason, a team, a person."""

    code = "missing_reason"


@dataclass(frozen=True)
class Step:
    """Hold one row of the step table; `sources` None means from every state.

    A `recorded` step is written by the desk as the trace of something that happened (a reply, a
    notice, a survey); nobody can take it by hand. `causes` are the desk's own consequences.
    """

    id: str
    title: str
    sources: frozenset[str] | None
    target: str
    who: frozenset[str]
    needs: tuple[str, ...]
    basis: str
    within_days: int | None = None
    recorded: bool = False
    causes: tuple[str, ...] = ()
    clock: str | None = None

    def owed(self, who: str, *, kind: str | None = None) -> list[str]:
        """Return what `who` must give with the step on a request of the kind (5.5)."""
        return [
            need
            for need in self.needs
            if who in OWED_BY.get(need, (who,))
            and (kind is None or kind in OWED_ON.get(need, (kind,)))
        ]


@dataclass(frozen=True)
class HoldReason:
    """Say why a ticket may be held, for how long, and whether its clock stands still."""

    id: str
    title: str
    longest_h: float
    stops_clock: bool


@dataclass(frozen=True)
class Lifecycle:
    """Hold the states, steps and hold reasons of the lifecycle table."""

    states: Mapping[str, str]
    steps: Mapping[str, Step]
    hold_reasons: Mapping[str, HoldReason]

    def legal_steps(self, state: str, *, who: str | None = None) -> list[str]:
        """Return the ids of the steps that may be taken from `state` (by `who`)."""
        return [
            step.id
            for step in self.steps.values()
            if not step.recorded
            and (step.sources is None or state in step.sources)
            and (who is None or who in step.who)
        ]

    def next_state(
        self,
        step_id: str,
        *,
        state: str,
        who: str,
        given: Mapping[str, object],
        resolved_at: datetime | None = None,
        now: datetime | None = None,
        recorded: bool = False,
        kind: str | None = None,
    ) -> str:
        """Return the state after the step; raise `IllegalStep` or `MissingReason`.

        `recorded` is for the desk itself, which alone may write recorded steps; `kind` is that of
        the request, where what is needed depends on it.
        """
        step = self.steps.get(step_id)
        legal = self.legal_steps(state, who=who)
        if step is None or not self._is_legal(step, state=state, who=who, recorded=recorded):
            raise IllegalStep(
                f"{self.states.get(state, state)}状态下不能执行“{step.title if step else step_id}”",
                state=state,
                step=step_id,
                legal=legal,
            )
        self._check_age(step, resolved_at, now, legal)
        for need in step.owed(who, kind=kind):
            if not str(given.get(need) or "").strip():
                raise MissingReason(
                    f"“{step.title}”需要填写：{NEED_TITLES[need]}", step=step_id, needs=need
                )
        reason = given.get("hold_reason")
        if "hold_reason" in step.needs and reason not in self.hold_reasons:
            raise MissingReason(
                "挂起原因不在表中", step=step_id, needs="hold_reason", known=list(self.hold_reasons)
            )
        return state if step.target == SAME else step.target

    def _is_legal(self, step: Step, *, state: str, who: str, recorded: bool) -> bool:
        fits = (step.sources is None or state in step.sources) and who in step.who
        return fits and (recorded or not step.recorded)

    def _check_age(
        self, step: Step, resolved_at: datetime | None, now: datetime | None, legal: list[str]
    ) -> None:
        if step.within_days is None or resolved_at is None or now is None:
            return
        if now - resolved_at > timedelta(days=step.within_days):
            raise IllegalStep(
                f"办结已超过{step.within_days}天，不能再“{step.title}”，请登记新的诉求",
                step=step.id,
                legal=[other for other in legal if other != step.id],
            )


def check_reclass(
    *,
    old: DeadlineClass,
    new: DeadlineClass,
    who: str,
    due: Iterable[datetime],
    now: datetime,
    legal: list[str],
    drops_answer: bool = False,
) -> None:
    """Refuse a change to a longer class by anyone but a leader, or after a due time (2.4).

    A complaint that becomes something else `drops_answer`: its answer would be owed no longer.
    """
    longer = new.response_h > old.response_h or new.resolution_h > old.resolution_h
    if not longer and not drops_answer:
        return
    values = {"step": "reclassify", "legal": legal, "from": old.id, "to": new.id}
    what = f"由“{old.title}”调整为时限更长的“{new.title}”" if longer else "投诉改为其他类型会取消答复时限，"
    if who != "leader":
        raise IllegalStep(f"{what}须由班长操作", **values)
    if any(now > each for each in due):
        raise IllegalStep("时限已过，不能再调整为时限更长的等级或取消答复时限", **values)


# Only the customer's own withdrawal is asked back; staff write why instead. Only who records a
# confirmation for the customer writes what was said. A complaint has a cause that a person found.
OWED_BY = {
    "confirmed": ("customer",), "said": ("staff", "leader"), "cause": ("staff", "leader"),
}
OWED_ON = {"cause": (RequestKind.COMPLAINT.value,)}
NEED_TITLES = {
    "reason": "原因或说明",
    "hold_reason": "挂起原因",
    "team": "团队",
    "person": "人员",
    "confirmed": "客户确认",
    "said": "客户在电话中的答复",
    "by": "承诺时间",
    "cause": "投诉原因",
}
OPEN_STATES = frozenset({"submitted", "accepted", "processing", "on_hold"})
ENDED_STATES = frozenset({"closed", "closed_unconfirmed", "rejected", "withdrawn"})
