"""Microsoft Graph from the outside: one request, retries and pace, pages, decoding, one tenant's directory.

`MicrosoftGraph` is the way in. Reads only; nothing here knows connections, the store or what the data is for.
"""

from entraid_service.graph.client import MicrosoftGraph
from entraid_service.graph.limits import Limits

__all__ = ["Limits", "MicrosoftGraph"]
