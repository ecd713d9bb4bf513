"""The configuration: what it accepts, and what it tells an operator who mistyped."""

from pathlib import Path

import pytest

from orchestrator.config import Config, ConfigError, load
from orchestrator.model import Mode

FULL = """
[daemon]
mode = "approve"
[mail]
from = "host@example.org"
[[service]]
name = "shop"
unit = "shop.service"
probes = [ { http = "http://127.0.0.1:8080/health", contains = "ok" }, { tcp = "127.0.0.1:5432" },
           { file = "/run/shop/beat", max_age_seconds = 60 }, { command = ["/usr/bin/true"] } ]
depends_on = ["db", "redis.service"]
mode = "auto"
[[service]]
name = "db"
[[command]]
name = "requeue"
service = "shop"
argv = ["/usr/bin/shopctl", "requeue"]
about = "requeues"
risk = "low"
[[path]]
path = "/var/cache/shop"
remove_older_than = "1d"
"""


def _load(folder: Path, text: str) -> Config:
    file = folder / "config.toml"
    file.write_text(text)
    return load(file)


def test_an_absent_default_file_gives_the_defaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every key has a default, and the default file may be absent."""
    monkeypatch.setattr("orchestrator.config.reading.DEFAULT_FILE", tmp_path / "none.toml")
    assert load() == Config()


def test_a_named_file_that_is_absent_is_an_error(tmp_path: Path) -> None:
    """Who names a file means it."""
    with pytest.raises(ConfigError, match="no such file"):
        load(tmp_path / "none.toml")


def test_every_section_of_the_contract_is_read(tmp_path: Path) -> None:
    """The documented tables parse, and probes find their own type."""
    config = _load(tmp_path, FULL)
    assert [type(probe).__name__ for probe in config.service[0].probes] == ["HttpProbe", "TcpProbe", "FileProbe", "CommandProbe"]
    assert config.mail.sender == "host@example.org"
    assert config.mode_of("shop.service") is Mode.AUTO
    assert config.mode_of("other.service") is Mode.APPROVE
    assert config.path[0].older_than_seconds == 86_400


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("", "http://127.0.0.1:8888"),
        ("host = '::1'\nport = 81", "http://[::1]:81"),
        ("url = 'https://ops.example.org'", "https://ops.example.org"),
    ],
)
def test_the_dashboard_s_address_is_its_own_unless_another_is_told(tmp_path: Path, text: str, address: str) -> None:
    """What stands before /escalations/N in a mail's links."""
    assert _load(tmp_path, f"[dashboard]\n{text}\n").dashboard.address == address


def test_conf_d_merges_tables_and_appends_arrays(tmp_path: Path) -> None:
    """Tables merge and arrays of tables append, in the order of the file names."""
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d" / "20-b.toml").write_text('[[service]]\nname = "b"\n[limits]\nchanges_per_host_per_hour = 7\n')
    (tmp_path / "conf.d" / "10-a.toml").write_text('[[service]]\nname = "a"\n')
    config = _load(tmp_path, "[limits]\nchanges_per_target_per_hour = 3\n")
    assert [service.name for service in config.service] == ["a", "b"]
    assert (config.limits.changes_per_target_per_hour, config.limits.changes_per_host_per_hour) == (3, 7)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[daemon]\nmod = 'auto'", "daemon.mod: unknown key"),
        ("[daemon]\npoll_seconds = 'soon'", "daemon.poll_seconds: Input should be a valid number"),
        ("[daemon]\nmode = 'yolo'", "daemon.mode: Input should be 'observe', 'suggest', 'approve' or 'auto'"),
        ("[[service]]\nname = 'a'\nprobes = [ { http = 'http://x/', stat = 3 } ]", "service.0.probes.stat: unknown key"),
        ("[[service]]\nname = 'a'\nprobes = [ { ftp = 'x' } ]", "exactly one of http, tcp, file, command"),
        ("[[service]]\nname = 'a'\n[[service]]\nname = 'a'", "'a' is there twice"),
        ("[[service]]\nname = 'a'\nunit = 'a; rm -rf /'", "service.0.unit: String should match"),
        ("[[service]]\nname = 'a'\ndepends_on = ['nobody']", "'nobody' is neither a unit nor a declared service"),
        ("[[service]]\nname = 'a'\nunit = 'a.service'\nstart = ['/bin/a']", "this one has a unit"),
        ("[[command]]\nname='c'\nservice='x'\nargv=['/bin/true']\nabout='a'\nrisk='low'", "service 'x' is not declared"),
        ("[[path]]\npath = '/var'\nremove_older_than = '1d'", "too close to the root"),
        ("[[path]]\npath = '/var/cache/../lib'\nremove_older_than = '1d'", "has '..'"),
        ("[mail]\nto = ['a b@c']", "is no mail address"),
        ("[mail]\ndigest = 'hourly'", "mail.digest: Input should be 'daily', 'weekly' or 'off'"),
        ("[dashboard]\nurl = 'javascript:alert(1)'", "dashboard.url: String should match"),
        ("[dashboard]\nurl = 'http://x:99999'", "dashboard.url: "),
        ("[agents]\nkey_file = 'model.key'", "agents.key_file: an absolute path is expected, as in '/etc/shop.conf' (got 'model.key')"),
        ("nonsense", "is not valid TOML"),
        ("[dashboard\n", "is not valid TOML"),
    ],
)
def test_what_is_wrong_is_told_with_file_and_key(tmp_path: Path, text: str, said: str) -> None:
    """An error says which file, which key, and what was expected."""
    with pytest.raises(ConfigError) as error:
        _load(tmp_path, text)
    assert str(tmp_path / "config.toml") in str(error.value)
    assert said in str(error.value)


def test_a_key_set_in_two_files_is_an_error_that_names_both(tmp_path: Path) -> None:
    """A table's key stands once: the later file does not win in silence."""
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d" / "10.toml").write_text("[daemon]\nworkers = 2\n")
    with pytest.raises(ConfigError, match=r"10.toml: \[daemon\] workers is already set in .*config.toml"):
        _load(tmp_path, "[daemon]\nworkers = 3\n")


def test_built_in_and_own_protection_add_up(tmp_path: Path) -> None:
    """The operator's protected units stand beside the built-in ones, which he cannot remove."""
    config = _load(tmp_path, "[protect]\nunits = ['db.service']\npaths = ['/srv/gold']\n")
    assert all(config.protects_unit(unit) for unit in ("db.service", "ssh.service", "systemd-journald.service", "user@1000.service"))
    assert not config.protects_unit("shop.service")
    assert config.protects_path("/srv/gold/bar")
    assert config.protects_path("/etc/passwd")
    assert not config.protects_path("/srv/golden")
    assert config.protects_path("/dev/sda")
    assert not config.protects_path("/dev/shm/cache")


def test_a_declared_file_gives_way_to_the_built_in_list_only(tmp_path: Path) -> None:
    """A service may declare a file beneath a built-in protected path, never one that the operator protects himself."""
    declared = "[[service]]\nname='a'\nconfig_files=['/etc/ssh/a.conf']\n"
    assert not _load(tmp_path, declared).protects_path("/etc/ssh/a.conf")
    assert _load(tmp_path, declared + "[protect]\npaths=['/etc/ssh']\n").protects_path("/etc/ssh/a.conf")


@pytest.mark.parametrize(
    ("agents", "said"),
    [
        ('backend = "ollama"', "needs a model"),
        ('backend = "openai-compatible"\nmodel = "m"', "needs the url of its server"),
        ('backend = "ollama"\nmodel = "m"\nurl = "http://192.0.2.1:11434"', "neither https nor on this host's loopback"),
        ('backend = "ollama"\nmodel = "m"\nurl = "http://localhost@elsewhere.example"', "neither https nor"),
        ('backend = "ollama"\nmodel = "m"\nurl = "http://127.0.0.1.elsewhere.example"', "neither https nor"),
        ('backend = "ollama"\nmodel = "m"\nurl = "file:///etc/passwd"', "neither https nor"),
        ('backend = "ollama"\nmodel = "m"\nurl = "https://me:secret@models.example"', "the key belongs into key_file"),
        ('backend = "ollama"\nmodel = "m"\nurl = "https://models.example?key=secret"', "the key belongs into key_file"),
        ('backend = "ollama"\nmodel = "m; rm -rf /"', "model"),
        ('backend = "anthropic"\nmodel = "m"\nkey = "sk-x"', "key"),
    ],
)
def test_a_model_that_is_not_safely_asked_is_refused(tmp_path: Path, agents: str, said: str) -> None:
    """What it is told must not be read on the way, and no key stands in the configuration."""
    with pytest.raises(ConfigError) as error:
        _load(tmp_path, f"[agents]\n{agents}\n")
    assert said in str(error.value)
    assert "secret" not in str(error.value)


def test_the_models_are_those_of_the_agents_and_of_the_voters(tmp_path: Path) -> None:
    """None with the embedded engine alone."""
    assert _load(tmp_path, "").agents.models == ()
    voters = '[[agents.voter]]\nbackend = "ollama"\nmodel = "qwen3"\nurl = "http://[::1]:11434"\n[[agents.voter]]\nbackend = "embedded"\n'
    agents = _load(tmp_path, '[agents]\nbackend = "anthropic"\nmodel = "claude-x"\n' + voters).agents
    assert [one.model for one in agents.models] == ["claude-x", "qwen3"]


def test_one_target_is_asked_about_with_what_is_declared_for_it(tmp_path: Path) -> None:
    """Its own declaration; for a need that nobody declared, the declarations of those who need it."""
    shop = '[[service]]\nname = "shop"\nunit = "shop.service"\ndepends_on = ["shop.socket", "store.service"]\n'
    config = _load(tmp_path, shop + '[[service]]\nname = "store"\nunit = "store.service"\n')
    names = {
        target: [service.name for service in config.narrowed(target).service] for target in ("shop.socket", "store.service", "x.socket")
    }
    assert names == {"shop.socket": ["shop"], "store.service": ["store"], "x.socket": []}
