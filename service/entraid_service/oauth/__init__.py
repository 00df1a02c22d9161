"""The login side of Entra: tokens, what its refusals mean, and the box in which credentials are kept."""
