"""What the options say, checked: everything that can be refused before the first user starts."""

from __future__ import annotations

import os
from argparse import Namespace
from pathlib import Path
from typing import Any

import msgspec
from msgspec import structs

from mcstress.arrival_settings import (
    OWN_CHECKS,
    ArrivalSettings,
    arrivals_of,
    with_own_checks,
)
from mcstress.check_settings import checks_of, refuse_checks_of_nothing
from mcstress.clock_settings import ClockSettings, check_timeline, clock_of, mail_of, with_timeline
from mcstress.errors import UsageError
from mcstress.evidence.report.writers import Assets
from mcstress.evidence.store.policy import parse_policy
from mcstress.host_names import Authority, allowed_hosts
from mcstress.lists_at_rest_file import read_rest
from mcstress.metrics.verdict import Check
from mcstress.mix_settings import mix_of
from mcstress.option_values import (
    at_least,
    base_url,
    from_zero,
    seconds,
    seconds_from_to,
    share,
    whole,
)
from mcstress.phase_selection import choose_phases
from mcstress.services.byte_size import parse_size
from mcstress.services.embedded.faults import LLM_FAULTS, InjectedFaults, names_of, parse_faults
from mcstress.services.failure_reason import clip
from mcstress.services.http.bearer_token import TokenHosts, token_hosts
from mcstress.services.llm.language_model import ModelSetup
from mcstress.services.preflight import ModelFacts
from mcstress.services.target import TargetSetup
from mcstress.services.target_class import TargetName
from mcstress.services.toml.numbers import parse_numbers
from mcstress.services.toml.secrets import Allowed, parse_allowed
from mcstress.target_options import LlmChoice, read_llm, read_named_target
from mcstress.tracing.otlp.settings import METRICS, TRACES, Signal, load_otlp
from mcstress.tracing.trace import LEVELS, MaskLevel
from mcstress.users.lists_at_rest import RestLists
from mcstress.users.mail import MailSource
from mcstress.users.run import model_setup_of, setup_of
from mcstress.users.scenarios.load import load_scenario
from mcstress.users.scenarios.model import Scenario
from mcstress.users.truth import Truth, read_truth

MIN_TOP_K, MAX_TOP_K = 1, 1000
ANSWER_BYTES = 1_000, 1_000_000_000
"""The least and the most that ``--max-answer`` may be."""


class Settings(msgspec.Struct, frozen=True):
    """One run's settings, from Locust's parsed options.

    A URL of "" is the embedded stack, but for the gateway's where a ``target`` is named.
    """

    scenario: Scenario
    scenario_source: str
    phases: list[str]
    checks: list[Check]
    gateway_url: str
    target: str
    llm: LlmChoice
    rounds: int
    seed: int
    top_k: int
    think_from_s: float
    think_to_s: float
    reference_s: float
    report_dir: Path
    report_assets: Assets
    run_id: str
    evidence: str
    playbook_prefix: str
    timeout_s: float
    max_answer_bytes: int
    wait_deadline_s: float
    llm_parallel: int
    junit: str
    json_progress: bool
    langfuse_env: Path
    otlp_traces: str
    otlp_metrics: str
    trace_sample: float
    mask: MaskLevel
    web_allowed_hosts: list[Authority]
    token_hosts: TokenHosts
    stack_faults: InjectedFaults
    arrivals: ArrivalSettings | None = None
    mix: dict[str, float] = {}
    clock: ClockSettings | None = None
    truth: Truth = Truth()
    rest_path: str = ""
    rest: RestLists = {}
    target_name: TargetName = TargetName()
    target_tokens: tuple[Allowed, ...] = ()
    memory_size: int = 0
    mail: MailSource | None = None
    inbox_repeat: bool = False

    @property
    def keeps_what_is_written(self) -> bool:
        """Whether the system under test is a user's own, and not embedded: it outlives the run."""
        return bool(self.gateway_url or self.target)

    def target_setup(self, url: str) -> TargetSetup:
        """What the target is made from, before there is a run."""
        return setup_of(
            self.scenario,
            url=url,
            seed=self.seed,
            timeout_s=self.timeout_s,
            max_answer_bytes=self.max_answer_bytes,
            token_hosts=self.token_hosts,
            file=self.target_name.file,
            text=self.target_name.text,
            numbers=self.target_name.numbers,
            tokens=self.target_tokens,
        )

    def llm_setup(self, url: str, model: ModelFacts | None) -> ModelSetup:
        """What the language model's client is made from, for what was found at ``url``."""
        if model is None:
            return ModelSetup(url="", model="")
        return model_setup_of(
            self.scenario,
            url=url,
            # Ollama knows more names of a model than it lists.
            model=self.llm.model if model.api == "ollama" else model.name,
            seed=self.seed,
            max_tokens=self.llm.max_tokens,
            timeout_s=self.llm.timeout_s,
            token=self.llm.token,
            max_answer_bytes=self.max_answer_bytes,
            token_hosts=self.token_hosts,
            rules=model.rule_based,
        )


_OPTIONS = {
    "scenario_source": "--scenario",
    "phases": "--tags",
    "checks": "--check",
    "gateway_url": "--host",
    "llm_url": "--llm-host",
    "llm_place": "--llm-host",
    "llm_absent": "--llm-host",
    "llm_timeout_s": "--llm-timeout",
    "llm_token": "--target",
    "think_from_s": "--think-time",
    "think_to_s": "--think-time",
    "reference_s": "--reference",
    "timeout_s": "--timeout",
    "max_answer_bytes": "--max-answer",
    "wait_deadline_s": "--wait-deadline",
    "web_allowed_hosts": "--web-allowed-host",
    "token_hosts": "--host",
    "target_name": "--target",
    "target_tokens": "--target-token",
    "stack_faults": "--stack-fault",
    "mail": "--inbox",
}
"""The options of settings that are not named as their option is."""


_SCHEDULES = {
    "arrivals": {
        "rate": "--arrival-rate",
        "kind": "--arrivals",
        "max_wait_s": "--max-wait",
        "find_capacity": "--find-capacity",
    },
    "clock": {
        "hours": "--clock",
        "time_scale": "--time-scale",
        "max_wait_s": "--max-wait",
        "overload": "--overload",
    },
}
"""The options that a schedule is made of; the first alone where a run has none."""


def options_that_differ(one: Settings, other: Settings) -> list[str]:
    """The options, each once, whose values differ between two runs' settings.

    A check that a schedule brings along is none of the user's.
    """
    values, others = (_flat(settings) for settings in (one, other))
    for of in (values, others):
        of["checks"] = [check for check in of["checks"] if check not in OWN_CHECKS]
    differing = [
        option
        for name, value in values.items()
        if value != others[name]
        for option in _options_of(name, value, others[name])
    ]
    return list(dict.fromkeys(differing))


def _options_of(name: str, value: Any, other: Any) -> list[str]:
    """The options by which a setting that differs was given."""
    options = _SCHEDULES.get(name)
    if options is None:
        return [_OPTIONS.get(name, f"--{name.replace('_', '-')}")]
    if value is None or other is None:
        return [*options.values()][:1]
    return [
        option
        for field, option in options.items()
        if getattr(value, field) != getattr(other, field)
    ]


def _flat(settings: Settings) -> dict[str, Any]:
    """The settings by name, those of the language model with ``llm_`` before them."""
    values = structs.asdict(settings)
    llm: LlmChoice = values.pop("llm")
    return values | {f"llm_{name}": value for name, value in structs.asdict(llm).items()}


def read_settings(
    options: Namespace, host: str | None, hosts: TokenHosts | None = None
) -> Settings:
    """Check all the options at once. Raises UsageError for the first that is wrong.

    ``hosts`` are the services that tokens belong to; None: those that the options name.
    """
    scenario, clock = load_scenario(options.scenario), clock_of(options)
    if clock is not None:
        scenario = with_timeline(scenario)
    think_from_s, think_to_s = seconds_from_to("--think-time", options.think_time)
    mix = mix_of(options, scenario)
    target = read_named_target(options.target, host, parse_numbers(options.set))
    tokens = parse_allowed(options.target_token)
    llm = read_llm(options, target, tokens)
    settings = Settings(
        scenario=scenario,
        scenario_source=options.scenario,
        mix=mix,
        phases=[*mix]
        or choose_phases(
            getattr(options, "tags", None) or [], getattr(options, "exclude_tags", None) or []
        ),
        checks=checks_of(scenario, options.check),
        gateway_url=base_url("--host", host),
        target=target.name,
        llm=llm,
        rounds=at_least(0, "--rounds", options.rounds),
        seed=whole("--seed", options.seed),
        top_k=_top_k(options.top_k, scenario),
        think_from_s=think_from_s,
        think_to_s=think_to_s,
        reference_s=from_zero("--reference", options.reference),
        report_dir=Path(options.report_dir),
        report_assets=options.report_assets,
        run_id=options.run_id,
        evidence=_policy(options.evidence),
        playbook_prefix=options.playbook_prefix,
        timeout_s=seconds("--timeout", options.timeout),
        max_answer_bytes=parse_size(options.max_answer, "--max-answer", *ANSWER_BYTES),
        wait_deadline_s=seconds("--wait-deadline", options.wait_deadline),
        llm_parallel=at_least(1, "--llm-parallel", options.llm_parallel),
        junit=options.junit,
        json_progress=bool(options.json_progress),
        langfuse_env=Path(options.langfuse_env),
        otlp_traces=_collector(options, TRACES),
        otlp_metrics=_collector(options, METRICS),
        trace_sample=share("--trace-sample", options.trace_sample),
        mask=_level("--mask", options.mask),
        web_allowed_hosts=allowed_hosts(options.web_allowed_host),
        token_hosts=hosts or token_hosts(host, llm.url),
        truth=read_truth(Path(options.truth), scenario) if options.truth else Truth(),
        rest_path=options.rest,
        rest=read_rest(Path(options.rest), scenario, _top_k(options.top_k, scenario))
        if options.rest
        else {},
        target_name=target,
        target_tokens=tokens,
        memory_size=_memory_size(options.memory_size),
        mail=mail_of(options, scenario, clock),
        inbox_repeat=bool(options.inbox_repeat),
        stack_faults=_stack_faults(options.stack_fault, host, options.target, llm.url),
        arrivals=arrivals_of(options),
        clock=clock,
    )
    if clock is not None:
        check_timeline(clock, scenario, settings.phases)
    _refuse_other_encodings(settings)
    refuse_checks_of_nothing(settings)
    own = with_own_checks(settings.checks, settings.arrivals, by_clock=settings.clock is not None)
    return structs.replace(settings, checks=own)


def _memory_size(value: Any) -> int:
    if "," in str(value):
        raise UsageError(
            f"--memory-size: found {clip(str(value))}, expected one number; "
            "mcstress run makes one run for each of several"
        )
    return at_least(0, "--memory-size", value)


def _refuse_other_encodings(settings: Settings) -> None:
    """Texts become part of reports and messages, which are UTF-8; a path may be any bytes."""
    for name, value in _flat(settings).items():
        if not isinstance(value, str | Path):
            continue
        try:
            str(value).encode()
        except UnicodeEncodeError:
            option = name.removesuffix("_source").replace("_", "-")
            raise UsageError(f"--{option}: found {os.fsencode(value)!r}, expected UTF-8") from None


def _top_k(value: Any, scenario: Scenario) -> int:
    top_k = whole("--top-k", value) or scenario.top_k
    if not MIN_TOP_K <= top_k <= MAX_TOP_K:
        raise UsageError(f"--top-k: found {top_k}, expected {MIN_TOP_K} to {MAX_TOP_K}")
    if scenario.record_rank > top_k:
        raise UsageError(
            f"--top-k: found {top_k}, expected at least the scenario's record_rank, "
            f"{scenario.record_rank}"
        )
    return top_k


def _stack_faults(texts: list[str] | None, host: Any, target: Any, llm_host: Any) -> InjectedFaults:
    """Those of the embedded stack. A service of the user's own cannot be given any."""
    faults = parse_faults(texts, "--stack-fault")
    for option, given in (("--host", host), ("--target", target)):
        if faults and given:
            raise UsageError(
                f"--stack-fault: found {faults.text} and {option} {clip(str(given))}, "
                f"expected no {option}; faults are for the embedded stack alone"
            )
    if llm_host and (of_llm := [name for name in names_of(faults) if name in LLM_FAULTS]):
        raise UsageError(
            f"--stack-fault: found {', '.join(of_llm)} and --llm-host {clip(str(llm_host))}, "
            "expected no --llm-host; it is a fault of the built-in LLM"
        )
    return faults


def _policy(text: str) -> str:
    return parse_policy(text).text


def _level(option: str, value: Any) -> MaskLevel:
    for level in LEVELS:
        if value == level:
            return level
    raise UsageError(f"{option}: found {value!r}, expected {', '.join(LEVELS)}")


def _collector(options: Namespace, signal: Signal) -> str:
    """Where a signal goes over OTLP, as option and variables say; empty: nowhere."""
    given = vars(options)[f"otlp_{signal.name}"] or ""
    if not given:
        return ""
    if getattr(options, "otel", False):
        raise UsageError(
            f"{signal.option}: found Locust's own --otel with it, expected one of the two: "
            f"both send {signal.name} of the same requests"
        )
    return load_otlp(given, os.environ, signal)[0].url
