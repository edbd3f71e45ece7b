"""Hosts of a small cluster on one machine: namespaces for network, names and mounts, on a bridge.

One process holds the namespaces of a host; they go with their last process. When the test is
killed it ends what runs there. Network, name and files of the machine itself are never touched."""
import contextlib
import json
import os
import shutil
import signal
import subprocess

from support import wait_for

SUBNET = "10.77.0"
AGENT = os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "host_agent.sh")


def why_not():
    """Why there can be no namespaces here; None when there can."""
    for name in ("ip", "nsenter", "unshare"):
        if shutil.which(name) is None:
            return f"{name} is not installed"
    done = subprocess.run(["unshare", "--net", "--uts", "--mount", "ip", "link", "add", "name", "a",
                           "type", "veth", "peer", "name", "b"], capture_output=True, text=True,
                          timeout=20)
    return f"no namespaces here: {done.stderr.strip()}" if done.returncode != 0 else None


# Standard input ends with the test. No word of it may name the folder of the test: tests look for
# processes that do.
HOLD = """hostname $VX_NAME && mount --bind $VX_KNOWN /etc/hosts && ip link set lo up &&
    echo up && read -r _
own=$(readlink /proc/$$/ns/net)
for try in 1 2 3; do
    for each in /proc/[0-9]*; do
        pid=${each#/proc/}
        [ $pid = $$ ] || [ "$(readlink $each/ns/net)" != "$own" ] || kill -9 $pid
    done
done
"""


class Host:
    """One host: a process that holds its namespaces."""

    def __init__(self, name, number, hosts_file):
        self.name, self.address = name, f"{SUBNET}.{number}"
        self.holder = subprocess.Popen(
            ["unshare", "--net", "--uts", "--mount", "sh", "-c", HOLD], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            env={**os.environ, "VX_NAME": name, "VX_KNOWN": hosts_file})
        assert self.holder.stdout.readline() == "up\n", f"host {name} does not start"
        self.space = os.readlink(f"/proc/{self.holder.pid}/ns/net")

    def enter(self, *words):
        return ["nsenter", "-t", str(self.holder.pid), "--net", "--uts", "--mount", *words]

    def run(self, *words):
        return subprocess.run(self.enter(*words), check=True, capture_output=True, text=True,
                              timeout=20).stdout

    def start(self, *words, **options):
        return subprocess.Popen(self.enter(*words), stdin=subprocess.DEVNULL, **options)

    def processes(self):
        """What runs on this host: pid and words of each."""
        found = {}
        for pid in map(int, filter(str.isdigit, os.listdir("/proc"))):
            try:
                if pid != self.holder.pid and os.readlink(f"/proc/{pid}/ns/net") == self.space:
                    with open(f"/proc/{pid}/cmdline", "rb") as file:
                        found[pid] = file.read().decode(errors="replace").split("\0")[:-1]
            except OSError:
                continue
        return {pid: words for pid, words in found.items() if words}  # without zombies

    def kill(self):
        """SIGKILL to every process at once: what a power cut leaves."""
        def left():
            for pid in self.processes():
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            return not self.processes()
        wait_for(left, 20, f"the end of all processes of {self.name}")

    def end(self):
        self.kill()
        self.holder.kill()
        self.holder.wait()
        self.holder.stdin.close()
        self.holder.stdout.close()


class Hosts:
    """A head and some hosts on a bridge; a context manager."""

    def __init__(self, folder, count=4):
        self.folder, self.all, self.agent = folder, [], os.path.normpath(AGENT)
        self.hosts_file = os.path.join(folder, "etc-hosts")
        names = ["head", *(f"h{number}" for number in range(1, count + 1))]
        with open(self.hosts_file, "w") as file:
            file.write("127.0.0.1 localhost\n")
            for number, name in enumerate(names):
                file.write(f"{SUBNET}.{number + 10} {name}\n")
            file.write(f"{SUBNET}.10 server\n")
        try:
            self.switch = Host("switch", 1, self.hosts_file)
            self.switch.run("ip", "link", "add", "name", "bridge", "type", "bridge")
            self.switch.run("ip", "link", "set", "bridge", "up")
            for number, name in enumerate(names):
                self.plug(name, number + 10)
        except BaseException:
            self.end()
            raise
        self.head, self.workers = self.all[0], self.all[1:]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()

    def plug(self, name, number):
        host = Host(name, number, self.hosts_file)
        self.all.append(host)
        self.switch.run("ip", "link", "add", "name", name, "type", "veth", "peer", "name", "eth0",
                        "netns", str(host.holder.pid))
        self.switch.run("ip", "link", "set", name, "master", "bridge", "up")
        host.run("ip", "address", "add", f"{host.address}/24", "dev", "eth0")
        host.run("ip", "link", "set", "eth0", "up")

    def environment(self):
        """mpirun's remote shell finds the hosts here."""
        return {"VX_HOSTS": " ".join(f"{host.name}={host.holder.pid}" for host in self.all),
                "OMPI_MCA_plm_rsh_agent": self.agent, "PRTE_MCA_plm_ssh_agent": self.agent}

    @contextlib.contextmanager
    def detour(self, host):
        """On this host the name "server" is the switch, not the head. Its address there."""
        path = f"{self.hosts_file}-{host.name}"
        with open(self.hosts_file) as file, open(path, "w") as other:
            other.writelines(line for line in file if not line.endswith(" server\n"))
            other.write(f"{self.switch.address} server\n")
        self.switch.run("ip", "address", "add", f"{self.switch.address}/24", "dev", "bridge")
        host.run("mount", "--bind", path, "/etc/hosts")
        try:
            yield self.switch.address
        finally:
            host.kill()
            host.run("umount", "/etc/hosts")
            self.switch.run("ip", "address", "flush", "dev", "bridge")

    def cut(self, host):
        """Pulls the cable: no process and no connection is told."""
        self.switch.run("ip", "link", "set", host.name, "down")

    def heal(self, host):
        self.switch.run("ip", "link", "set", host.name, "up")

    def slow_down(self, host, rate):
        """Both directions of one host's link."""
        for place, device in ((host, "eth0"), (self.switch, host.name)):
            place.run("tc", "qdisc", "add", "dev", device, "root", "tbf", "rate", rate, "burst",
                      "64kb", "latency", "200ms")

    def bytes_of(self, host):
        """Bytes that the host has sent and received."""
        row = json.loads(host.run("ip", "-s", "-j", "link", "show", "eth0"))[0]["stats64"]
        return row["tx"]["bytes"], row["rx"]["bytes"]

    def left(self):
        """Every process of every host but the holders."""
        return {host.name: host.processes() for host in self.all if host.processes()}

    def end(self):
        for host in self.all:
            host.end()
        if hasattr(self, "switch"):
            self.switch.end()
