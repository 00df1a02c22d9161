"""The login side: discovery documents, keys and the token endpoint of Microsoft Entra ID."""
