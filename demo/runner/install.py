"""Installs what the services need: nginx, one Python environment, two sets of npm packages. All cached by content."""

import glob
import hashlib
import os
import shutil
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

from .output import DemoError, step, tail, timed
from .settings import CACHE, LOGS, SERVICES

NODE_MAJOR_MIN = 20
_apt = threading.Lock()  # apt allows one at a time


def run(name, argv, *, cwd=None, check=True, **environment):
    """Runs an installer with its output in a log, and shows the end of that log when it fails."""
    log = LOGS / f"install-{name}.log"
    with open(log, "ab") as out:
        out.write(f"$ {' '.join(map(str, argv))}\n".encode())
        out.flush()
        env = {**os.environ, **environment}
        try:
            done = subprocess.run(argv, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
            code = done.returncode
        except FileNotFoundError:
            raise DemoError(f"{argv[0]} is needed to install {name}, and was not found") from None
    if check and code != 0:
        raise DemoError(f"installing {name} failed; the end of {log}:\n{tail(log)}")
    return code == 0


def digest(*parts):
    total = hashlib.sha256()
    for part in parts:
        total.update(part if isinstance(part, bytes) else part.read_bytes())
    return total.hexdigest()[:16]


def as_root():
    if os.geteuid() == 0:
        return []
    if shutil.which("sudo"):
        return ["sudo"]
    raise DemoError("apt-get needs root: run as root, install sudo, or install nginx and python3-venv yourself")


def apt_update(name):
    step("refreshing the package lists (apt-get update)")
    run(name, [*as_root(), "apt-get", "update"], DEBIAN_FRONTEND="noninteractive")


def apt_install(name, *packages):
    """Refreshes the package lists only when the packages cannot be had without."""
    install = [*as_root(), "apt-get", "install", "-y", "--no-install-recommends", *packages]
    with _apt:
        if not run(name, install, check=False, DEBIAN_FRONTEND="noninteractive"):
            apt_update(name)
            run(name, install, DEBIAN_FRONTEND="noninteractive")


def nginx():
    """The nginx of the machine, or else the distribution's package unpacked into the cache.

    Installing the package would start a web server on port 80. The demo needs only the program.
    """
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
    found = shutil.which("nginx", path=path)
    if found:
        return found
    folder = CACHE / "nginx"
    program = folder / "usr/sbin/nginx"
    if not program.exists():
        if not shutil.which("apt-get"):
            raise DemoError("nginx was not found, and there is no apt-get here: install nginx and try again")
        with timed("nginx unpacked"):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            download = ["apt-get", "download", "nginx"]
            with _apt:
                # Without root apt-get cannot drop to its own user; that is only a notice.
                if not run("nginx", download, cwd=folder, check=False):
                    apt_update("nginx")
                    run("nginx", download, cwd=folder)
            run("nginx", ["dpkg-deb", "-x", *glob.glob(f"{folder}/*.deb"), folder])
    if not run("nginx", [program, "-v"], check=False):
        with timed("nginx installed, because the unpacked one misses libraries"):
            apt_install("nginx", "nginx")
        return shutil.which("nginx", path=path) or "/usr/sbin/nginx"
    return str(program)


def python_environment():
    """One virtual environment for both backends, named by what is in it."""
    lists = [SERVICES / name / "requirements.txt" for name in ("backend1", "backend2")]
    folder = CACHE / f"venv-{digest(sys.version.encode(), *lists)}"
    if not (folder / "complete").exists():
        with timed("Python packages installed"):
            for old in CACHE.glob("venv-*"):
                shutil.rmtree(old, ignore_errors=True)
            if not run("python", [sys.executable, "-m", "venv", folder], check=False):
                apt_install("python", "python3-venv")
                run("python", [sys.executable, "-m", "venv", "--clear", folder])
            # Byte code is written when a module is first imported: most of boto3 never is.
            command = [folder / "bin/pip", "install", "--no-input", "--no-compile", "--disable-pip-version-check"]
            run("python", [*command, *(word for path in lists for word in ("-r", path))])
            (folder / "complete").touch()
    return str(folder / "bin")


def node():
    found = shutil.which("node")
    if not found or not shutil.which("npm"):
        raise DemoError(f"Node.js {NODE_MAJOR_MIN} or newer with npm is needed, and was not found")
    version = subprocess.run([found, "--version"], capture_output=True, text=True).stdout.strip()
    if int(version.lstrip("v").partition(".")[0]) < NODE_MAJOR_MIN:
        raise DemoError(f"Node.js {NODE_MAJOR_MIN} or newer is needed; {found} is {version}")
    return found, version


def npm_packages(name, version):
    folder = SERVICES / name
    mark = folder / "node_modules/.demo-complete"
    content = digest(version.encode(), folder / "package-lock.json")
    if not mark.exists() or mark.read_text() != content:
        with timed(f"npm packages of {name} installed"):
            # No install scripts: they would build native parts of packages that are only needed for files on disk.
            run(f"npm-{name}", ["npm", "ci", "--omit=dev", "--ignore-scripts"], cwd=folder)
            mark.write_text(content)


def everything():
    """Returns the programs that the services run with. The installations are independent, so they run side by side."""
    CACHE.mkdir(exist_ok=True)
    node_program, version = node()
    with ThreadPoolExecutor() as pool:
        jobs = [
            pool.submit(nginx),
            pool.submit(python_environment),
            pool.submit(npm_packages, "bff", version),
            pool.submit(npm_packages, "dynamodb", version),
        ]
    nginx_program, python_programs, *_ = [job.result() for job in jobs]
    return {"node": node_program, "nginx": nginx_program, "python": python_programs}
