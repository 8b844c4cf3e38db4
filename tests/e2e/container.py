"""A command as a container without privileges has it: root by name, Docker's default capabilities, no user namespaces.

`python -m tests.e2e.container COMMAND…`, as root. A new user namespace whose own limit of further ones is 0 stands for
Docker's seccomp profile, which refuses them; that profile itself is not tried.
"""

import ctypes
import os
import sys
import tempfile
from pathlib import Path

CLONE_NEWNS, CLONE_NEWUSER = 0x20000, 0x10000000
MS_BIND, MS_REC, MS_PRIVATE = 4096, 16384, 1 << 18
# what Docker gives by default
CAPABILITIES = "chown,dac_override,fowner,fsetid,kill,setgid,setuid,setpcap,net_bind_service,net_raw,sys_chroot,mknod,audit_write,setfcap"
LIBC = ctypes.CDLL(None, use_errno=True)


def check(result):
    if result:
        raise OSError(ctypes.get_errno(), "the container cannot be made: root is needed")


def mount(source, target, kind, flags):
    check(LIBC.mount(source.encode(), str(target).encode(), kind, flags, None))


def open_python():
    """An image's Python is where everybody can read it; this machine's may be below /root."""
    home = Path(sys.base_prefix).resolve()
    closed = [path for path in reversed(home.parents) if not path.stat().st_mode & 0o001]
    if closed:
        stage = tempfile.mkdtemp()
        mount(str(home), stage, None, MS_BIND | MS_REC)
        mount("tmpfs", closed[0], b"tmpfs", 0)
        closed[0].chmod(0o755)
        home.mkdir(parents=True)
        mount(stage, home, None, MS_BIND | MS_REC)
        check(LIBC.umount2(stage.encode(), 2))
        Path(stage).rmdir()


def enter():
    """Become that container's root."""
    check(LIBC.unshare(CLONE_NEWNS))
    mount("none", "/", None, MS_REC | MS_PRIVATE)
    open_python()
    ready = os.pipe()
    parent = os.getpid()
    helper = os.fork()
    if helper == 0:
        # only a process outside may map more than one user
        os.read(ready[0], 1)
        for name in ("uid_map", "gid_map"):
            Path(f"/proc/{parent}/{name}").write_text("0 0 65536\n")
        os._exit(0)
    check(LIBC.unshare(CLONE_NEWUSER))
    os.write(ready[1], b"x")
    ended = os.waitpid(helper, 0)[1]
    for end in ready:
        os.close(end)
    if ended:
        raise OSError("the container's users cannot be mapped")
    Path("/proc/sys/user/max_user_namespaces").write_text("0")


def main():
    if os.geteuid() != 0:
        sys.exit("container.py: only root can make one")
    enter()
    kept = ",".join(f"+{name}" for name in CAPABILITIES.split(","))
    os.execvp(
        "setpriv", ["setpriv", "--bounding-set", f"-all,{kept}", "--inh-caps=-all", *sys.argv[1:]]
    )


if __name__ == "__main__":
    main()
