"""Bounces and complaints that a relay service reports as JSON in a mail (Amazon SES by way of SNS)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from broker.feedback.model import ReturnedMail
from broker.feedback.returned.opened import OpenedMail
from broker.feedback.returned.verdict import find_reply, find_status, judge

_FOLD = re.compile(r"!?\n ?")  # long lines are broken on the way


def read_notification(mail: OpenedMail) -> list[ReturnedMail]:
    """The failures or complaints of a notification; empty when the message is none."""
    if "notificationType" not in mail.notice:
        return []
    content = _read(mail.notice)
    if isinstance(content.get("Message"), str):  # wrapped as it is published
        content = _read(content["Message"])
    kind = content.get("notificationType")
    if kind == "Complaint":
        return [
            ReturnedMail("complaint", str(one.get("emailAddress", "")), reason=_word(_part(content, "complaint")))
            for one in _people(content, "complaint", "complainedRecipients")
        ]
    if kind == "Bounce":
        for_good = _part(content, "bounce").get("bounceType") == "Permanent"
        return [_bounce(one, for_good) for one in _people(content, "bounce", "bouncedRecipients")]
    return []


def _read(text: str) -> Mapping[str, Any]:
    """The first object of a text; empty when there is none."""
    start = text.find("{")
    try:
        content, _ = json.JSONDecoder().raw_decode(_FOLD.sub("", text[max(start, 0) :]))
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _bounce(one: Mapping[str, Any], for_good: bool) -> ReturnedMail:
    words = str(one.get("diagnosticCode", ""))
    status = find_status(words) or find_status(str(one.get("status", "")))
    verdict, reason = judge(words, "", status, find_reply(words), delayed=not for_good)
    return ReturnedMail("bounce", str(one.get("emailAddress", "")), status, find_reply(words), verdict, reason, True)


def _part(content: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = content.get(name)
    return found if isinstance(found, dict) else {}


def _people(content: Mapping[str, Any], part: str, name: str) -> list[Mapping[str, Any]]:
    people = _part(content, part).get(name)
    return [one for one in people if isinstance(one, dict)] if isinstance(people, list) else []


def _word(complaint: Mapping[str, Any]) -> str:
    return re.sub(r"\W+", "_", str(complaint.get("complaintFeedbackType") or "abuse").lower())
