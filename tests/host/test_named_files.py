"""Which pid, lock and socket files a service's own words name."""

from pathlib import Path

from orchestrator.host import Unit, View
from orchestrator.host.named_files import named_files


def service(program: Path) -> Unit:
    return Unit(name="drum.service", programs=(str(program),), exec_start=((str(program),),))


def test_a_script_and_a_configuration_name_them(tmp_path: Path) -> None:
    """Only what is there and is of such a kind; a program that is no script is not read."""
    lock, pid, data = tmp_path / "drum.lock", tmp_path / "drum.pid", tmp_path / "drum.data"
    for path in (lock, pid, data):
        path.touch()
    script, config, binary = tmp_path / "drum", tmp_path / "drum.conf", tmp_path / "drumd"
    script.write_text(f'#!/bin/sh\nexec 9>"{lock}"\ncat {data} {tmp_path}/absent.lock\n')
    config.write_text(f"pidfile={pid}\n")
    binary.write_bytes(b"\x7fELF " + str(lock).encode())
    view = View(tmp_path)
    assert named_files(view, service(script), [str(config)]) == (str(lock), str(pid))
    assert named_files(view, service(binary), ()) == ()
    view.close()
