"""How a run begins: its number, its uid, the system that it runs against."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from mcstress.clock_settings import said_of_run_time
from mcstress.errors import UsageError
from mcstress.evidence.store.paths import claim, release
from mcstress.generator_cost import said_of_rate
from mcstress.master.memory_fill import checks_of
from mcstress.master.run_state import RunState
from mcstress.mix_settings import refuse_what_target_cannot
from mcstress.services.http.bearer_token import GATEWAY_TOKEN, withheld
from mcstress.settings import Settings
from mcstress.system_under_test import SystemUnderTest, TargetFacts
from mcstress.users.run import MailFacts, Run


def check_claim(settings: Settings) -> None:
    """Refuse folders that cannot be written, and an id that is wrong or taken."""
    release(claim(settings.report_dir, settings.run_id or None))
    folder = Path(settings.junit).absolute().parent
    if settings.junit and not (folder.is_dir() and os.access(folder, os.W_OK)):
        raise UsageError(f"--junit {settings.junit}: {folder} is not a writable folder")
    if settings.junit and Path(settings.junit).is_dir():
        raise UsageError(f"--junit {settings.junit}: found a folder, expected a file's name")


def begin_run(settings: Settings, system: SystemUnderTest, mode: str) -> RunState:
    """Claim the next number and make the run that every worker will be sent.

    Raises UsageError where the report folder cannot be written.
    """
    refuse_what_target_cannot(settings.mix, system.target.capabilities)
    paths = claim(settings.report_dir, settings.run_id or None, settings.report_assets)
    own = system.own_prefix
    skipped = system.skipped_phases()
    run = Run(
        uid=system.uid,
        label=paths.run_id,
        target=settings.target,
        target_setup=settings.target_setup(system.gateway_url),
        llm_api=system.model.api if system.model else None,
        llm_setup=settings.llm_setup(system.llm_url, system.model),
        scenario=settings.scenario,
        truth=settings.truth.questions,
        rest=settings.rest,
        mail=_mail_facts(settings),
        reference=settings.reference_s > 0,
        phases=[phase for phase in settings.phases if phase not in skipped],
        mix=settings.mix,
        rounds=settings.rounds,
        seed=settings.seed,
        top_k=settings.top_k,
        playbook_prefix=system.playbook_prefix,
        fresh_prefix="f-" + own.replace("_", "-"),
        wait_deadline_s=settings.wait_deadline_s,
        think_from_s=settings.think_from_s,
        think_to_s=settings.think_to_s,
        trace_sample=settings.trace_sample,
        clock=settings.clock.pace(system.busy.default_scale) if settings.clock else None,
        memory_size=settings.memory_size,
        memory_trios=system.memory_trios,
    )
    settings = msgspec.structs.replace(settings, checks=checks_of(settings, system))
    return RunState(settings, run, system, paths, mode)


def _mail_facts(settings: Settings) -> MailFacts | None:
    if (mail := settings.mail) is None:
        return None
    return MailFacts(mail.source, len(mail.messages), settings.inbox_repeat)


def said_before(
    run: RunState, system: SystemUnderTest, processes: int, run_time: str | None
) -> list[str]:
    """What a user should know before the first event, a line each; the report has some of it."""
    settings = run.settings
    run.said += said_of_rate(settings, system.gateway_url, processes)
    run.said += said_of_run_time(settings.clock, run.run.clock, run_time)
    own = _said_of_own_system(settings, run.run, system.target)
    return [*own, *_said_of_mail(settings), *run.said, *_tokens_not_sent(settings)]


def _said_of_mail(settings: Settings) -> list[str]:
    """A line where mail from outside could not all be read."""
    mail = settings.mail
    if mail is None or not mail.left_out:
        return []
    said = (
        f"--inbox {mail.source}: {mail.left_out} messages left out, {len(mail.messages)} can be "
        f"read: {'; '.join(mail.faults)}"
    )
    return [said]


def _tokens_not_sent(settings: Settings) -> list[str]:
    """A line for each token that there is and that the service of this run does not get."""
    pairs = ((GATEWAY_TOKEN, settings.gateway_url), (settings.llm.token, settings.llm.url))
    hosts = settings.token_hosts
    return [said for token, url in pairs if url and (said := withheld(token, url, hosts))]


def _said_of_own_system(settings: Settings, run: Run, target: TargetFacts) -> list[str]:
    """What a user's own system keeps of a run, and who rates what it finds; else nothing."""
    if not settings.keeps_what_is_written:
        return []
    told = [writes(run, target)]
    if not settings.llm.url and not settings.llm.absent:
        told.append("no --llm-host is given: built-in rules parse and rate, no LLM")
    return told


def writes(run: Run, target: TargetFacts) -> str:
    """One line that says what the run will leave in the system under test."""
    scenario, can = run.scenario, target.capabilities
    new_items = scenario.words.fill("{new_items}")
    namespaces = f"{run.playbook_prefix}{{{','.join(scenario.personas)}}}[_N]"
    left = [
        (can.record, f"playbook namespaces {namespaces}"),
        (can.add, f"{new_items} {run.fresh_prefix}* in {scenario.fresh_corpus}"),
        (can.inbox, "observer inbox records"),
    ]
    written = ", ".join(words for is_there, words in left if is_there) or "nothing"
    where = run.target_setup.url or f"target {target.title}"
    return f"This run writes to {where}: {written}; nothing of it is deleted afterwards"
