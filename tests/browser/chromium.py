"""Where a Chromium is, and how it is started."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from playwright.sync_api import Browser, Playwright

ROOT = Path(__file__).resolve().parent.parent.parent
NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
FLAGS = ["--no-sandbox", "--disable-background-networking", "--disable-dev-shm-usage"]
AXE = ROOT / ".tools" / "node_modules" / "axe-core" / "axe.min.js"


def chromium_path(playwright: Playwright) -> str | None:
    """The one that CHROMIUM names, an installed one, or Playwright's own; None when there is none."""
    named = os.environ.get("CHROMIUM")
    found = [named] if named else [shutil.which(name) for name in NAMES]
    found.append(playwright.chromium.executable_path)
    return next((path for path in found if path and Path(path).exists()), None)


def launched(playwright: Playwright) -> Browser | None:
    """A browser; None when there is none on this machine."""
    path = chromium_path(playwright)
    return None if path is None else playwright.chromium.launch(executable_path=path, args=FLAGS)


def axe_source() -> str | None:
    """axe-core's rules as a script; None when they are not installed."""
    path = Path(os.environ.get("AXE_CORE", AXE))
    return path.read_text(encoding="utf-8") if path.exists() else None
