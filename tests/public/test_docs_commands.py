"""Every command of the documentation is one: its program, options, subcommands and files exist."""

from __future__ import annotations

import importlib.util
import re
import subprocess

import click
import pytest
from documented import FENCE, KNOWN, PAGES, ROOT, Command, blocks, commands, every_command

from mcstress import cli
from mcstress.commands.check import make_parser

AS_LOCUST = {"check", "run"}
"""Subcommands that take the options of a run."""
ELSEWHERE = {
    "docker", "systemctl", "cp", "cd", "export", "echo", "source", "openssl", "jq", "git",
    "/opt/mcstress/venv/bin/pip", "python3", "uvx", "pip", "ip", "ssh", "kubectl",
}  # fmt: skip
"""Programs that are not ours."""
MADE = {"by_llm.toml", "my.toml", "truth.jsonl", "mail/", "candidate.json"}
"""Files that a page tells its reader to make."""


def told_wrong(command: Command) -> str:
    """What is wrong with the command; empty where it could be run."""
    program, arguments = command.program, [*command.arguments]
    if program == "locust" or (program == "mcstress" and arguments[:1] == ["run"]):
        return wrong_options(arguments[program == "mcstress" :])
    if program == "mcstress":
        return wrong_subcommand(arguments)
    if program == "make":
        targets = {*re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)}
        return ", ".join({word for word in arguments if "=" not in word} - targets)
    if program.removeprefix("../.venv-targets/bin/") == "python":
        return wrong_program(arguments)
    return "" if program in ELSEWHERE else f"{program} is unknown"


def wrong_options(arguments: list[str]) -> str:
    if arguments == ["--help"]:
        return ""
    parser = make_parser()
    parser.allow_abbrev = False
    try:
        options, rest = type(parser).parse_known_args(parser, arguments)
    except SystemExit:
        return "the parser refuses it"
    files = [
        options.target.partition(":")[0],
        *options.locustfile.split(","),
        options.scenario if options.scenario.endswith(".toml") else "",
    ]
    lacking = [one for one in files if one.endswith((".py", ".toml")) and not is_there(one)]
    return ", ".join([*rest, *lacking])


def is_there(name: str) -> bool:
    return name in MADE or name.isupper() or name.startswith("FILE") or (ROOT / name).exists()


def wrong_subcommand(arguments: list[str]) -> str:
    if arguments == ["--help"]:
        return ""
    if not arguments or arguments[0] not in cli.main.commands:
        return f"no subcommand {arguments[:1]}"
    name, *rest = arguments
    if name in AS_LOCUST:
        return wrong_options(rest)
    if not rest or rest[-1] in {
        option for p in cli.main.commands[name].params for option in p.opts
    }:
        return ""  # the command, or one of its options, by name
    try:
        cli.main.commands[name].make_context(name, rest)
    except click.ClickException as fault:
        return fault.format_message()
    return ""


def wrong_program(arguments: list[str]) -> str:
    if arguments[:2] == ["-m", "benchmarks"] and len(arguments) > 2:
        arguments = ["-m", f"benchmarks.{arguments[2]}"]
    if arguments[0] == "-m":
        module = arguments[1]
        where = ROOT / "tests" if module.startswith("real.") else ROOT
        local = where.joinpath(*module.split("."))
        ours = local.is_dir() or local.with_suffix(".py").is_file()
        elsewhere = "." not in module and importlib.util.find_spec(module)
        return "" if ours or elsewhere else f"no module {module}"
    return "" if (ROOT / arguments[0]).exists() else f"no file {arguments[0]}"


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_every_block_says_what_it_is_and_shell_blocks_are_shell(page):
    assert {language for language, _ in FENCE.findall(page.read_text())} <= KNOWN
    for block in blocks(page):
        told = subprocess.run(
            ["bash", "-n"], input=block, capture_output=True, text=True, check=False
        )
        assert told.returncode == 0, told.stderr


def test_every_command_is_one():
    all_of_them = [*every_command()]
    assert len(all_of_them) > 100
    wrong = {str(command): said for command in all_of_them if (said := told_wrong(command))}
    assert wrong == {}


@pytest.mark.parametrize(
    "line",
    [
        "locust --headles -u 3",
        "X=1 locust -u 3 --stack-falt noise=1",
        "locust -f examples/none.py",
        "mcstress chek",
        "mcstress stack --prot 1",
        "make tests",
        "python docs/picture.py",
        "python -m benchmarks stal",
        "cd tests; ../.venv-targets/bin/python -m real.at_sice x",
        "for n in 1 2; do .venv/bin/locust --rounds $n --hots x; done",
    ],
)
def test_a_wrong_command_would_be_found(line):
    assert any(told_wrong(command) for command in commands("page.md", line))
