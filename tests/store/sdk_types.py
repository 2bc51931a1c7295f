"""Holds a JSON object to what the gateway's SDK declares of it: every field, every type, the lists of words."""

from __future__ import annotations

import typing
from typing import Any, ForwardRef, Literal, Union, get_args, get_origin

import stripe

CLASSES: dict[str, type[Any]] = {
    "payment_intent": stripe.PaymentIntent,
    "charge": stripe.Charge,
    "refund": stripe.Refund,
    "dispute": stripe.Dispute,
    "balance_transaction": stripe.BalanceTransaction,
    "checkout.session": stripe.checkout.Session,
    "setup_intent": stripe.SetupIntent,
    "payment_method": stripe.PaymentMethod,
    "mandate": stripe.Mandate,
    "customer": stripe.Customer,
    "account": stripe.Account,
    "account_link": stripe.AccountLink,
    "transfer": stripe.Transfer,
    "transfer_reversal": stripe.TransferReversal,
    "payout": stripe.Payout,
    "balance": stripe.Balance,
    "event": stripe.Event,
}


def unlike(value: Any, hint: Any, where: str) -> list[str]:
    """What of a JSON value is not as a type of the SDK says; names of fields with what is wrong."""
    origin = get_origin(hint)
    if hint is Any:
        return []
    if isinstance(hint, ForwardRef | str):
        name = hint if isinstance(hint, str) else hint.__forward_arg__
        return unlike(value, getattr(stripe, name.rpartition(".")[2], dict), where)
    if origin is Union or str(origin) == "<class 'types.UnionType'>":
        found = [unlike(value, one, where) for one in get_args(hint)]
        return min(found, key=len)
    if origin is Literal:
        return [] if value in get_args(hint) else [f"{where}: {value!r} is none of {get_args(hint)[:5]}"]
    if origin is list:
        if not isinstance(value, list):
            return [f"{where}: no list"]
        inner = get_args(hint)[0]
        return [fault for n, one in enumerate(value) for fault in unlike(one, inner, f"{where}[{n}]")]
    if isinstance(hint, type) and issubclass(hint, stripe.StripeObject):
        return unlike_object(value, hint, where)
    if origin is not None:  # a table of texts: metadata
        return [] if isinstance(value, dict) else [f"{where}: no table"]
    if hint is type(None):
        return [] if value is None else [f"{where}: not null"]
    if hint is float and isinstance(value, int):
        return []
    right = isinstance(value, hint) and not (hint is int and isinstance(value, bool))
    return [] if right else [f"{where}: {value!r} is no {getattr(hint, '__name__', hint)}"]


def unlike_object(value: Any, kind: type[Any], where: str) -> list[str]:
    """The same of an object: no field that the SDK does not know, each of its type."""
    if not isinstance(value, dict):
        return [f"{where}: no object"]
    hints = _hints(kind)
    faults = [f"{where}.{name}: unknown to the SDK" for name in value if name not in hints]
    for name, one in value.items():
        if name in hints:
            faults += unlike(one, hints[name], f"{where}.{name}")
    return faults


def _hints(kind: type[Any]) -> dict[str, Any]:
    try:
        return typing.get_type_hints(kind)
    except NameError:  # names that the SDK imports for type checkers only
        found: dict[str, Any] = {}
        for one in reversed(kind.__mro__):
            found |= getattr(one, "__annotations__", {})
        return {name: _resolved(hint, kind) for name, hint in found.items()}


def _resolved(hint: Any, kind: type[Any]) -> Any:
    if not isinstance(hint, str):
        return hint
    module = vars(__import__(kind.__module__, fromlist=["x"]))
    names = {**vars(typing), **vars(stripe), **module, "ExpandableField": _Expandable()}
    try:
        return eval(hint, names)  # noqa: S307 - the SDK's own annotations
    except (NameError, AttributeError):
        return Any


class _Expandable:
    """`ExpandableField["X"]`: an X, or its reference."""

    def __getitem__(self, inner: Any) -> Any:
        return Union[str, inner]  # noqa: UP007 - inner may be the name of a class
