"""The processes: who is started, watched, restarted and stopped."""

import gc
import sys

# Looking for garbage among what stays is a tenth of a child's start. `child.importing` ends this.
if sys.argv[0] == "-m" and sys.orig_argv[-1] in (f"{__name__}.web", f"{__name__}.worker"):
    gc.disable()
