# SPDX-FileCopyrightText: 2026 pipefitter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each module sends to a host and what it loads there before it looks at the host, as JSON on standard output.

A program, as it needs a collection finder and a sys.modules of its own:

    payloads.py FOLDER [MODULE]
    payloads.py FOLDER --files MODULE

FOLDER holds ansible_collections. Without MODULE it tells by module the files and bytes of ours that AnsiballZ packs;
with one, how many lines of ours that module imports until it is ready to run, and what of the libraries; or the names
of the files that AnsiballZ packs.
"""

from __future__ import annotations

import datetime
import importlib
import io
import json
import pathlib
import sys
import zipfile

PREFIX = "ansible_collections.pipefitter.container_network.plugins."


def packed(module: pathlib.Path) -> list[int]:
    """The files of ours in a module's payload, and their bytes."""
    sizes = list(files(module).values())
    return [len([size for size in sizes if size]), sum(sizes)]


def files(module: pathlib.Path) -> dict[str, int]:
    """The bytes of each file of ours in a module's payload. By ansible-core's own code, which promises nothing."""
    from ansible._internal._ansiballz import _builder
    from ansible.executor import module_common

    name = f"{PREFIX}modules.{module.stem}"
    manager = _builder.ExtensionManager.create(task_vars={})
    now, written = datetime.datetime.now(datetime.timezone.utc), io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_STORED) as payload:
        data = module.read_bytes()
        module_common.recursive_finder(module.stem, name, data, payload, now, manager)
        module_common._add_module_to_zip(payload, now, name, data, str(module), manager)
        return {
            entry.filename: entry.file_size
            for entry in payload.infolist()
            if entry.filename.startswith("ansible_collections/")
        }


def loaded(name: str) -> list[object]:
    """The lines of ours that a module imports, and which libraries come with it."""
    module = importlib.import_module(f"{PREFIX}modules.{name}")
    module.load()
    ours = [found.__file__ for name, found in sys.modules.items() if name.startswith(PREFIX)]
    lines = sum(len(pathlib.Path(path).read_text(encoding="utf-8").splitlines()) for path in ours if path)
    libraries = ("netaddr", "pyroute2", "multiprocessing", "subprocess")
    return [lines, [library for library in libraries if library in sys.modules]]


def main() -> None:
    root = pathlib.Path(sys.argv[1]).absolute()
    if len(sys.argv) == 3:
        sys.path.insert(0, str(root))
        print(json.dumps(loaded(sys.argv[2])))
        return
    from ansible.utils.collection_loader._collection_finder import _AnsibleCollectionFinder

    _AnsibleCollectionFinder(paths=[str(root)])._install()
    folder = root / PREFIX.replace(".", "/") / "modules"
    if len(sys.argv) > 3:
        print(json.dumps(sorted(files(folder / f"{sys.argv[3]}.py"))))
        return
    modules = sorted(folder.glob("*.py"))
    print(json.dumps({module.stem: packed(module) for module in modules}))


if __name__ == "__main__":
    main()
