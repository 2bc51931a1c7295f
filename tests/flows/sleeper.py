"""A part that starts a helper and sleeps: stands for a process whose children could be left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

from broker.kernel.errors import SettingsError
from broker.operate.parent_death import die_with_parent, follow_parent
from broker.operate.part import PARENT, report_to_parent

follow_parent(int(os.environ[PARENT]))
if os.environ.get("COURTIER_TEST_REFUSE"):
    report_to_parent(SettingsError("web.port: must be lower."))
    sys.exit(1)
helper = [sys.executable, "-c", "import time; time.sleep(600)", sys.argv[1]]
subprocess.Popen(helper, preexec_fn=die_with_parent(signal.SIGKILL))
time.sleep(600)
