"""Settings: the file, the environment, and the one warning where something is wrong."""

from __future__ import annotations

import os

import pytest
from free_ports import free_port
from langfuse_standin import PUBLIC_KEY, SECRET_KEY, StandIn

from mcstress.tracing.langfuse.check import check_langfuse
from mcstress.tracing.langfuse.settings import LangfuseSettings, is_asked_for, load_settings

URL = "https://langfuse.example:3001/prefix"
WHOLE = f"LANGFUSE_URL={URL}/\nLANGFUSE_PUBLIC_KEY={PUBLIC_KEY}\nLANGFUSE_SECRET_KEY={SECRET_KEY}\n"
ENVIRON = {
    "LANGFUSE_HOST": "http://elsewhere:3000",
    "LANGFUSE_PUBLIC_KEY": "pk-environment",
    "LANGFUSE_SECRET_KEY": "sk-environment",
}


@pytest.fixture
def env_file(tmp_path):
    """Writes the env file, for its owner only, and returns its path."""

    def write(content, mode=0o600):
        path = tmp_path / "langfuse.env"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        path.chmod(mode)
        return path

    return write


@pytest.mark.parametrize(
    "content",
    [
        WHOLE,
        "\ufeff" + WHOLE,
        f"# ours\nexport LANGFUSE_HOST='{URL}'\n\n" + WHOLE.partition("\n")[2],
        f'LANGFUSE_BASE_URL = "{URL}" # there\r\n' + WHOLE.partition("\n")[2],
        WHOLE + "UNRELATED=${HOME}\n",
    ],
)
def test_a_whole_file(env_file, content):
    assert load_settings(env_file(content), {}) == (
        LangfuseSettings(URL, PUBLIC_KEY, SECRET_KEY),
        (),
    )


def test_the_file_wins_variable_by_variable(env_file):
    path = env_file(f"LANGFUSE_URL={URL}\n")
    assert load_settings(path, ENVIRON) == (
        LangfuseSettings(URL, "pk-environment", "sk-environment"),
        (),
    )
    assert load_settings(env_file(WHOLE), ENVIRON)[0] == LangfuseSettings(
        URL, PUBLIC_KEY, SECRET_KEY
    )


def test_the_environment_alone(tmp_path):
    settings, warnings = load_settings(tmp_path / "none.env", ENVIRON)
    assert settings == LangfuseSettings("http://elsewhere:3000", "pk-environment", "sk-environment")
    assert warnings == ()


UNUSABLE = {
    "is empty": ["", "\n# nothing\n", "LANGFUSE_URL=\n"],
    "is not text in UTF-8": [b"LANGFUSE_URL=\xff\xfe\n"],
    "is not a file of KEY=VALUE lines": [b"\x7fELF\x00\x01", b"A=b\n" * 30_000],
    "line 2 is not KEY=VALUE": [
        f"LANGFUSE_URL={URL}\nLANGFUSE_PUBLIC_KEY {PUBLIC_KEY}\nLANGFUSE_SECRET_KEY={SECRET_KEY}",
        f"LANGFUSE_URL={URL}\nLANGFUSE_PUBLIC_KEY\nLANGFUSE_SECRET_KEY={SECRET_KEY}",
        f"LANGFUSE_URL={URL}\nLANGFUSE_SECRET_KEY='{SECRET_KEY}\n",
    ],
}
INCOMPLETE = {
    "has no LANGFUSE_SECRET_KEY": [WHOLE.replace("SECRET_KEY", "SECRET")],
    "has no LANGFUSE_PUBLIC_KEY": [WHOLE.replace("PUBLIC_KEY", "PUBLIC")],
    "has no LANGFUSE_URL": [WHOLE.partition("\n")[2]],
    "has no LANGFUSE_URL and no LANGFUSE_PUBLIC_KEY": [f"LANGFUSE_SECRET_KEY={SECRET_KEY}\n"],
    "no http:// or https:// address": [
        WHOLE.replace("https://", "ftp://"),
        f"LANGFUSE_URL=x\n{WHOLE[50:]}",
    ],
    "is no URL": [
        WHOLE.replace(":3001", each)
        for each in (":port", ":0", ":-1", ":65536", ":99999", ":1:2", "%20x", " x", "\x01")
    ]
    + [f"LANGFUSE_URL=http://{host}\n" + WHOLE.partition("\n")[2] for host in ("xn--a", "[::1")],
    "LANGFUSE_PUBLIC_KEY, from": [WHOLE.replace(PUBLIC_KEY, "pk:lf")],
    "has a colon in it": [WHOLE.replace(SECRET_KEY, "sk:lf")],
    "more than a scheme, host, port and path": [
        WHOLE.replace("https://", f"https://a:{SECRET_KEY}@")
    ],
}


@pytest.mark.parametrize(
    ("reason", "content"),
    [(reason, each) for reason, found in (UNUSABLE | INCOMPLETE).items() for each in found],
)
def test_one_warning_names_file_and_reason_and_no_value(env_file, reason, content):
    path = env_file(content)
    settings, warnings = load_settings(path, {})
    assert settings is None
    (warning,) = warnings
    assert warning.startswith("Langfuse tracing is off: ")
    assert str(path) in warning
    assert reason in warning
    assert "langfuse.example" not in warning
    assert PUBLIC_KEY not in warning
    assert SECRET_KEY not in warning


def test_a_key_that_is_no_text(tmp_path):
    settings, (warning,) = load_settings(
        tmp_path / "none.env", ENVIRON | {"LANGFUSE_SECRET_KEY": "sk-\udcff"}
    )
    assert settings is None
    assert "LANGFUSE_SECRET_KEY, from" in warning
    assert "is not text in UTF-8" in warning


def test_a_missing_file(tmp_path):
    path = tmp_path / "none.env"
    settings, (warning,) = load_settings(path, {})
    assert settings is None
    assert warning == (
        f"Langfuse tracing is off: {path} is missing, and the environment has no LANGFUSE_URL"
        " and no LANGFUSE_PUBLIC_KEY and no LANGFUSE_SECRET_KEY (see docs/tracing.md)"
    )


@pytest.mark.parametrize(
    ("named", "environ", "asked"),
    [
        (False, {}, False),
        (False, {"LANGFUSE_URL": ""}, False),
        (False, {"LANGFUSE_URL": "http://127.0.0.1:1"}, True),
        (True, {}, True),
    ],
)
def test_that_nobody_asked_for_tracing_is_no_fault(tmp_path, named, environ, asked):
    default = tmp_path / "default.env"
    env_file = tmp_path / "other.env" if named else default
    assert is_asked_for(env_file, str(default), environ) is asked


def test_a_default_file_that_is_there_asks_for_tracing(env_file):
    path = env_file("")
    assert is_asked_for(path, str(path), {})


def test_a_folder(tmp_path):
    settings, (warning,) = load_settings(tmp_path, {})
    assert settings is None
    assert "cannot be read: Is a directory" in warning


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_of_somebody_else(env_file):
    _, (warning,) = load_settings(env_file(WHOLE, 0), {})
    assert "cannot be read: Permission denied" in warning


def test_a_broken_file_beside_a_whole_environment(env_file):
    path = env_file("nothing of the kind")
    settings, (warning,) = load_settings(path, ENVIRON)
    assert settings == LangfuseSettings("http://elsewhere:3000", "pk-environment", "sk-environment")
    assert warning.startswith(f"{path} is broken: line 1 is not KEY=VALUE: ")


@pytest.mark.parametrize(("mode", "warned"), [(0o600, 0), (0o640, 0), (0o644, 1), (0o604, 1)])
def test_a_secret_file_that_others_can_read(env_file, mode, warned):
    path = env_file(WHOLE, mode)
    settings, warnings = load_settings(path, {})
    assert settings
    assert len(warnings) == warned
    assert all("others can read it" in warning for warning in warnings)


def test_settings_show_no_key():
    settings = LangfuseSettings(URL, PUBLIC_KEY, SECRET_KEY)
    assert repr(settings) == f"LangfuseSettings(url='{URL}')"
    assert PUBLIC_KEY not in f"{settings!s}"


@pytest.mark.parametrize("version", ["2.95.9", "4.16.0"])
def test_check(version):
    with StandIn(version) as standin:
        reached, line = check_langfuse(LangfuseSettings(standin.url, PUBLIC_KEY, SECRET_KEY))
        assert reached
        wire = "ingestion" if version < "3" else "otlp"
        assert line == f"Langfuse {version} at {standin.url}, project stand-in, by {wire}"
        reached, line = check_langfuse(LangfuseSettings(standin.url, PUBLIC_KEY, "sk-wrong"))
        assert not reached
        assert line.startswith(f"Langfuse {version} is there, but ")
        assert "answers 401: check LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY" in line
        assert "sk-wrong" not in line


def test_check_of_a_server_that_is_not_there():
    url = f"http://127.0.0.1:{free_port()}"
    reached, line = check_langfuse(LangfuseSettings(url, PUBLIC_KEY, SECRET_KEY))
    assert not reached
    assert line == f"Langfuse: {url} cannot be reached: [Errno 111] Connection refused"
