"""Build hook: front-end assets, French post codes and compiled catalogues, made before the project is installed.

Skips what is up to date, by a hash over everything that the outcome depends on. Nothing it makes is committed.
"""

from __future__ import annotations

import hashlib
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

INPUTS = ("package.json", "package-lock.json", "setup/icons.txt", "setup/assets.py", "setup/postcodes.py")


class CustomBuildHook(BuildHookInterface):  # type: ignore[type-arg]
    """Called by hatchling for editable installs and wheels alike."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Make the files, and have wheels carry them although git ignores them."""
        project = Path(self.root)
        sys.path.insert(0, str(project / "setup"))
        import assets
        import postcodes
        import translations

        vendor = project / "web" / "static" / "vendor"
        table = project / "broker" / "bases" / "data" / "postcodes.csv"
        fonts = project / "broker" / "kernel" / "data" / "fonts"
        stamp = vendor / ".inputs"
        digest = hashlib.sha256(b"".join((project / name).read_bytes() for name in INPUTS)).hexdigest()
        if not (table.is_file() and fonts.is_dir() and stamp.is_file() and stamp.read_text() == digest):
            with tempfile.TemporaryDirectory(prefix="courtier-npm-") as scratch:
                try:
                    packages = assets.install_packages(project, Path(scratch))
                    assets.copy_assets(packages, project)
                    assets.copy_pdf_fonts(packages, fonts)
                except assets.SetupError as error:
                    raise SystemExit(str(error)) from None
                postcodes.write_postcodes(packages, table)
            stamp.write_text(digest)
        translations.compile_catalogues(project)
        build_data["artifacts"] += ["/web/static/vendor/**", "/broker/bases/data/postcodes.csv"]
        build_data["artifacts"] += ["/broker/kernel/data/fonts/*", "/web/**/*.mo"]
