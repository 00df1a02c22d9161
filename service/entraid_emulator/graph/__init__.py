"""The Graph side: the part of Microsoft Graph v1.0 that reads users, groups, memberships and the organization."""
