"""A network of its own for a few processes, where packets can be made to vanish. Needs root on Linux."""

from __future__ import annotations

import os
import shutil
import subprocess
import uuid
from pathlib import Path
from typing import Self

import pytest

__all__ = ["Network"]


class Network:
    """A network namespace with nothing but a loopback; processes enter it by `prefix`.

    Args:
        name_server: names are asked for at an address in here, whether somebody answers there or not.
    """

    def __init__(self, *, name_server: bool = False) -> None:
        self._name = f"livetrain-{uuid.uuid4().hex[:8]}"
        self._settings = Path("/etc/netns") / self._name
        self._name_server = name_server
        self.prefix = ["ip", "netns", "exec", self._name]

    def __enter__(self) -> Self:
        if os.name != "posix" or os.geteuid() != 0:
            pytest.skip("a network namespace needs root on Linux")
        try:
            made = subprocess.run(
                ["ip", "netns", "add", self._name], check=False, capture_output=True
            )
        except FileNotFoundError:
            pytest.skip("network namespaces need iproute2")
        if made.returncode:
            pytest.skip(f"no network namespace can be made here: {made.stderr.decode().strip()}")
        try:
            self.run("ip", "link", "set", "lo", "up")
            if self._name_server:
                # `ip netns exec` puts it in the place of /etc/resolv.conf.
                self._settings.mkdir(parents=True)
                (self._settings / "resolv.conf").write_text("nameserver 127.0.0.1\n")
                self.run("ip", "route", "add", "default", "dev", "lo")
            self.run("iptables", "-w", "-L", "-n")
        except (FileNotFoundError, subprocess.CalledProcessError) as error:
            self.__exit__()
            pytest.skip(f"no iptables here: {error}")
        return self

    def __exit__(self, *_: object) -> None:
        subprocess.run(["ip", "netns", "del", self._name], check=False, capture_output=True)
        shutil.rmtree(self._settings, ignore_errors=True)

    def run(self, *command: str) -> None:
        """Run a command inside."""
        subprocess.run([*self.prefix, *command], check=True, capture_output=True)

    def lose(self, port: int, *, up: bool = True, down: bool = True, share: float = 1.0) -> None:
        """Let packets of a port vanish: those to its server (`up`), those back (`down`), all or a share of them.

        UDP too, which asks for names.
        """
        chance = (
            []
            if share >= 1
            else ["-m", "statistic", "--mode", "random", "--probability", str(share)]
        )
        for protocol in ("tcp", "udp"):
            for wanted, flag in ((up, "--dport"), (down, "--sport")):
                if wanted:
                    what = ["-p", protocol, flag, str(port), *chance]
                    self.run("iptables", "-w", "-A", "INPUT", *what, "-j", "DROP")

    def heal(self) -> None:
        """Let every packet pass again."""
        self.run("iptables", "-w", "-F")

    def narrow(self, kilobits: int) -> None:
        """Let no more than this many kilobits a second through."""
        rate = ["rate", f"{kilobits}kbit", "burst", "16kb", "latency", "400ms"]
        self.run("tc", "qdisc", "add", "dev", "lo", "root", "tbf", *rate)
