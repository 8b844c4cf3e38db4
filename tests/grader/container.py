"""`python container.py KIND COMMAND…`: runs a command in what a container without privileges gives it; needs a whole root.

Everything that Docker's default takes away is taken away: all but its 14 capabilities, and the calls that its seccomp profile
refuses to whoever lacks the others. A notebook on the standard input is /tmp/exercise.ipynb inside.

    docker      root, as `docker run IMAGE` starts it, and Gradescope's containers
    user        an ordinary user there: `docker run --user 1000`
    sysctl      an ordinary user where user.max_user_namespaces is 0, and nothing else is refused
    kubernetes  runAsNonRoot, allowPrivilegeEscalation: false, capabilities dropped, readOnlyRootFilesystem, /tmp an emptyDir
"""

import ctypes
import os
import platform
import sys
import tempfile
from pathlib import Path

from gate import ROOT
from grader.wall import bare
from grader.wall.inside import seccomp

# of https://github.com/moby/profiles: what is left to a container's root
CAPABILITIES = {0, 1, 3, 4, 5, 6, 7, 8, 10, 13, 18, 27, 29, 31}
# calls for which one needs a capability that is not among them, by (x86_64, aarch64), and clone3, which then is not there
REFUSED = {
    "unshare": (272, 97), "setns": (308, 268), "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41),
    "move_mount": (429, 429), "fsopen": (430, 430), "fsconfig": (431, 431), "fsmount": (432, 432), "fspick": (433, 433),
    "open_tree": (428, 428), "mount_setattr": (442, 442), "keyctl": (250, 219), "add_key": (248, 217),
    "request_key": (249, 218), "bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282),
    "kexec_load": (246, 104), "init_module": (175, 105), "quotactl": (179, 60), "swapon": (167, 224),
    "reboot": (169, 142), "settimeofday": (164, 170), "acct": (163, 89), "lookup_dcookie": (212, 18),
    "open_by_handle_at": (304, 265), "kcmp": (312, 272), "io_uring_setup": (425, 425),
}  # fmt: skip
CLONE3, CLONE_NEWUSER = 435, 0x10000000
PR_CAPBSET_DROP, EPERM, ENOSYS = 24, 1, 38
MS_RDONLY, MS_REMOUNT, MS_BIND, MS_REC = 1, 32, 4096, 16384
libc = ctypes.CDLL(None, use_errno=True)


def profile() -> bytes:
    """Docker's default, as far as it refuses anything that matters here."""
    column = seccomp.machine_column(platform.machine())
    lines = [seccomp.instruction(seccomp.LOAD, seccomp.NUMBER)]
    for numbers in REFUSED.values():
        refused = [seccomp.instruction(seccomp.RETURN, seccomp.DENIED | EPERM)]
        lines += seccomp.only_if(numbers[column], refused)
    not_there = [seccomp.instruction(seccomp.RETURN, seccomp.DENIED | ENOSYS)]
    lines += seccomp.only_if(CLONE3, not_there)
    new = [
        seccomp.argument(0),
        seccomp.instruction(seccomp.ANY_BIT, seccomp.NEW_NAMESPACES, otherwise=1),
    ]
    new += [seccomp.instruction(seccomp.RETURN, seccomp.DENIED | EPERM)]
    new += [seccomp.instruction(seccomp.RETURN, seccomp.ALLOW)]
    lines += seccomp.only_if(seccomp.CLONE[column], new)
    return b"".join([*lines, seccomp.instruction(seccomp.RETURN, seccomp.ALLOW)])


def mount(
    source: bytes, target: bytes, kind: bytes | None, flags: int, options: bytes = b""
) -> None:
    if libc.mount(source, target, kind, flags, options):
        raise OSError(ctypes.get_errno(), f"mount {target.decode()}")


def forbid_namespaces() -> None:
    """In a user namespace of our own, so that it is nobody else's; whoever is outside has to say who its users are."""
    ready, told = os.pipe(), os.pipe()
    child = os.fork()
    if child:
        os.read(ready[0], 1)
        for name in ("uid_map", "gid_map"):
            Path(f"/proc/{child}/{name}").write_text("0 0 65536")
        os.write(told[1], b"x")
        sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    if libc.unshare(CLONE_NEWUSER):
        raise OSError(ctypes.get_errno(), "unshare")
    os.write(ready[1], b"x")
    os.read(told[0], 1)
    Path("/proc/sys/user/max_user_namespaces").write_text("0")


def empty_tmp(kept: list[str]) -> None:
    """Nothing is left in /tmp but those of the folders `kept` that lie there: a clone, or an environment."""
    inside = [path for path in dict.fromkeys(kept) if Path(path).is_relative_to("/tmp")]
    opened = [os.open(path, os.O_PATH) for path in inside]
    mount(b"tmpfs", b"/tmp", b"tmpfs", 0, b"mode=1777")
    for path, folder in zip(inside, opened, strict=True):
        Path(path).mkdir(parents=True, exist_ok=True)
        mount(f"/proc/self/fd/{folder}".encode(), path.encode(), None, MS_BIND | MS_REC)
        os.close(folder)


def main() -> None:
    kind, *command = sys.argv[1:]
    notebook = sys.stdin.buffer.read()
    stage = tempfile.mkdtemp()
    bare.open_the_way(stage, [str(ROOT)])
    empty_tmp([str(ROOT), *bare.needed()])
    Path("/tmp/exercise.ipynb").write_bytes(notebook)
    if kind == "kubernetes":
        mount(b"none", b"/", None, MS_REMOUNT | MS_BIND | MS_RDONLY)
    if kind == "sysctl":
        forbid_namespaces()
    else:
        seccomp.install(profile())
    kept = CAPABILITIES if kind != "kubernetes" else set()
    for capability in range(64):
        if capability not in kept:
            libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)
    if kind != "docker":
        os.setgroups([])
        os.setresgid(1000, 1000, 1000)
        os.setresuid(1000, 1000, 1000)
    os.chdir(ROOT)
    os.execvp(command[0], command)


if __name__ == "__main__":
    main()
