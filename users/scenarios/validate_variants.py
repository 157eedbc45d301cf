"""What the variants of a scenario must keep: the same mix, in other cities and other words."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from mcstress.users.scenarios.model import NAME
from mcstress.users.scenarios.scenario_error import describe, entry, not_all, twice, unknown
from mcstress.users.scenarios.validate_messages import field_faults, message_faults

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mcstress.users.scenarios.model import (
        InboxMessage,
        Resume,
        Scenario,
        Variant,
    )
    from mcstress.users.scenarios.schema import FileSite, FileVariant, ScenarioFile


def variant_faults(file: ScenarioFile) -> Iterator[str]:
    """Variants that lack something, have too much, or differ in more than words."""
    for index, variant in enumerate(file.variants):
        place = entry("variants", index)
        yield from _sites(place, variant.contracts, file)
        yield from _shared_cities(place, variant.contracts)
        yield from _mix(f"{place}.resumes", variant.resumes, file.variants[0].resumes, file)
        yield from _mix(f"{place}.inbox", variant.inbox, file.variants[0].inbox, file)
        yield from _resumes(place, variant)
        yield from message_faults(place, variant, file)


def repeated_faults(scenario: Scenario) -> Iterator[str]:
    """Something that is said twice: such searches give one list, whatever is tested."""
    said: dict[str, str] = {}
    for variant in scenario.variants:
        for place, text in _said(variant):
            if text in said:
                yield (
                    f"{place}: found {describe(text)}, the same text as {said[text]}; every text "
                    "in a scenario must be unique"
                )
            said[text] = place


def _sites(place: str, sites: list[FileSite], file: ScenarioFile) -> Iterator[str]:
    names = [site.name for site in sites]
    roles = {contract.name: contract.roles for contract in file.contracts}
    yield from twice(f"{place}.contracts", names)
    yield from not_all(f"{place}.contracts", names, roles, "contracts")
    for site in sites:
        demanded = [demand.role for demand in site.demands]
        at = f"{place}.{entry('contracts', site.name)}.demands"
        yield from twice(at, demanded)
        yield from not_all(at, demanded, roles[site.name], f"roles of {site.name}")
        yield from field_faults(f"{place}.{entry('contracts', site.name)}.fields", site.fields)
        for demand in site.demands:
            yield from field_faults(f"{at}[{demand.role}].fields", demand.fields)


def _shared_cities(place: str, sites: list[FileSite]) -> Iterator[str]:
    cities: dict[str, str] = {}
    for site in sites:
        if site.location is None:
            continue
        holder = cities.setdefault(" ".join(site.location.casefold().split()), site.name)
        if holder != site.name:
            yield (
                f'{place}.{entry("contracts", site.name)}.location: found "{site.location}", the '
                f"city of {holder}, expected another city for each contract of a variant"
            )


def _mix(
    place: str,
    parts: Sequence[Resume | InboxMessage],
    first: Sequence[Resume | InboxMessage],
    file: ScenarioFile,
) -> Iterator[str]:
    for index, part in enumerate(parts):
        at = f"{place}{entry('', index)}.persona"
        yield from unknown(at, part.persona, file.personas, "personas")
    found, expected = _counts(parts), _counts(first)
    for persona in file.personas:
        if found[persona] != expected[persona]:
            yield (
                f"{place}: found {found[persona]} for {persona}, expected "
                f"{expected[persona]} as in the first variant, so that more users do not "
                "change the mix"
            )


def _counts(parts: Sequence[Resume | InboxMessage]) -> Counter[str]:
    return Counter(part.persona for part in parts)


def _resumes(place: str, variant: FileVariant) -> Iterator[str]:
    for index, resume in enumerate(variant.resumes):
        for key, text in (("text", resume.text), ("query", resume.query)):
            if NAME not in text:
                yield (
                    f"{place}.{entry('resumes', index)}.{key}: found {describe(text)}, expected "
                    f"{NAME} in it, as every round brings another one"
                )


def _said(variant: Variant) -> Iterator[tuple[str, str]]:
    """All that a trio of ``variant`` says, with its place."""
    place = entry("variants", variant.number - 1)
    for contract in variant.contracts:
        for demand in contract.demands:
            at = f"{place}.{entry('contracts', contract.name)}.{entry('demands', demand.role)}"
            yield f"{at}.query", demand.query
            yield f"{at}.surge_query", demand.surge_query
            for index, paraphrase in enumerate(demand.paraphrases):
                yield f"{at}.{entry('paraphrases', index)}", paraphrase
    for index, resume in enumerate(variant.resumes):
        yield f"{place}.{entry('resumes', index)}.text", resume.text
        yield f"{place}.{entry('resumes', index)}.query", resume.query
    for index, message in enumerate(variant.inbox):
        yield f"{place}.{entry('inbox', index)}.body", message.body
