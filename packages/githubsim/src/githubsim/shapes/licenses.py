"""Licences as JSON in GitHub's shape."""

from githubsim.ids import node_id
from githubsim.shapes.accounts import Json

# Key → name and SPDX identifier of some that GitHub knows: https://docs.github.com/rest/licenses
LICENSES = {
    "apache-2.0": ("Apache License 2.0", "Apache-2.0"),
    "bsd-3-clause": ('BSD 3-Clause "New" or "Revised" License', "BSD-3-Clause"),
    "gpl-3.0": ("GNU General Public License v3.0", "GPL-3.0"),
    "mit": ("MIT License", "MIT"),
    "other": ("Other", "NOASSERTION"),
}


def license_shape(key: str | None, api: str) -> Json | None:
    """`license-simple`; of `other` there is no page."""
    if key is None:
        return None
    name, spdx = LICENSES[key]
    url = None if key == "other" else f"{api}/licenses/{key}"
    return {"key": key, "name": name, "spdx_id": spdx, "url": url, "node_id": node_id("L", key)}
