"""The AADSTS codes that the emulator knows, as a table: OAuth word, status and text of each. Data only.

Codes and meanings: https://learn.microsoft.com/entra/identity-platform/reference-error-codes. Where the OAuth word or
the HTTP status of a code is not published, what has been observed is used, and otherwise what RFC 6749 would say.
Texts take their values by name.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus


@dataclass(frozen=True, slots=True)
class Code:
    """How one code is told.

    Attributes:
        error: the OAuth word.
        text: what follows `AADSTS<code>: `.
        status: of the token endpoint's answer.
        on_page: whether a browser is shown a page instead of being sent back to the app.
    """

    error: str
    text: str
    status: HTTPStatus = HTTPStatus.BAD_REQUEST
    on_page: bool = False


_UNAUTHORIZED = HTTPStatus.UNAUTHORIZED
_CHECK = "https://learn.microsoft.com/entra/workload-id/workload-identity-federation"
_NO_SUCH_APP = (
    "This can happen if the application has not been installed by the administrator of the tenant or consented to by"
    " any user in the tenant."
)

CODES: Mapping[int, Code] = {
    16000: Code("interaction_required", "The user must choose one of several accounts to sign in."),
    50005: Code("interaction_required", "The sign-in comes from a platform that Conditional Access does not allow."),
    50011: Code(
        "invalid_request",
        "The redirect URI '{uri}' specified in the request does not match the redirect URIs configured for the"
        " application '{client_id}'. Make sure the redirect URI sent in the request matches one added to your"
        " application in the Azure portal. Navigate to https://aka.ms/redirectUriMismatchError to learn more.",
        on_page=True,
    ),
    50013: Code(
        "invalid_client",
        "Assertion failed signature validation. [Reason - {reason}, Thumbprint of key used by client: '{key}'].",
        _UNAUTHORIZED,
    ),
    50020: Code(
        "access_denied",
        "User account '{user}' does not exist in tenant '{tenant}' and cannot access the application"
        " '{client_id}'({name}) in that tenant. The account needs to be added as an external user in the tenant first."
        " Sign out and sign in again with a different Microsoft Entra user account.",
        on_page=True,
    ),
    50027: Code("invalid_request", "JWT token is invalid or malformed."),
    50034: Code(
        "invalid_grant",
        "The user account {user} does not exist in the {tenant} directory. To sign into this application, the account"
        " must be added to the directory.",
        on_page=True,
    ),
    50049: Code("invalid_instance", "Unknown or invalid instance."),
    50053: Code("invalid_grant", "The account is locked, you've tried to sign in too many times.", on_page=True),
    50055: Code("invalid_grant", "The password is expired.", on_page=True),
    50057: Code("invalid_grant", "The user account is disabled.", on_page=True),
    50058: Code("login_required", "Session information is not sufficient for single-sign-on."),
    50059: Code(
        "invalid_request",
        "No tenant-identifying information found in either the request or implied by any provided credentials.",
    ),
    50076: Code(
        "interaction_required",
        "Due to a configuration change made by your administrator, or because you moved to a new location, you must use"
        " multi-factor authentication to access '{resource}'.",
    ),
    50079: Code(
        "interaction_required",
        "Due to a configuration change made by your administrator, or because you moved to a new location, you must"
        " enroll in multi-factor authentication to access '{resource}'.",
    ),
    50105: Code(
        "access_denied",
        "Your administrator has configured the application {name} ('{client_id}') to block users unless they are"
        " specifically granted ('assigned') access to the application.",
        on_page=True,
    ),
    50166: Code("invalid_client", "Request to External OIDC endpoint failed: '{issuer}'.", _UNAUTHORIZED),
    50173: Code("invalid_grant", "The provided grant has expired due to it being revoked, a fresh token is needed."),
    50194: Code(
        "invalid_request",
        "Application '{client_id}'({name}) is not configured as a multi-tenant application. Usage of the /common"
        " endpoint is not supported for such apps created after '10/15/2018'. Use a tenant-specific endpoint or"
        " configure the application to be multi-tenant.",
        on_page=True,
    ),
    50196: Code("invalid_grant", "The server terminated an operation because it encountered a client request loop."),
    53003: Code(
        "access_denied",
        "Access has been blocked by Conditional Access policies. The access policy does not allow token issuance.",
    ),
    54005: Code("invalid_grant", "OAuth2 Authorization code was already redeemed, please retry with a new valid code."),
    65001: Code(
        "invalid_grant",
        "The user or administrator has not consented to use the application with ID '{client_id}' named '{name}'. Send"
        " an interactive authorization request for this user and resource.",
    ),
    65004: Code("access_denied", "User declined to consent to access the app."),
    70000: Code("invalid_grant", "The provided value for the input parameter '{field}' is not valid."),
    70003: Code("unsupported_grant_type", "The app requested an unsupported grant type '{grant}'."),
    70008: Code(
        "invalid_grant",
        "The provided authorization code or refresh token has expired due to inactivity. Send a new interactive"
        " authorization request for this user and resource.",
    ),
    70011: Code(
        "invalid_scope",
        "The provided request must include a 'scope' input parameter. The provided value for the input parameter"
        " 'scope' is not valid. The scope {scope} is not valid.",
    ),
    70016: Code(
        "authorization_pending",
        "OAuth 2.0 device flow error. Authorization is pending. Continue polling.",
    ),
    70018: Code(
        "bad_verification_code", "Invalid verification code due to User typing in wrong user code for device code flow."
    ),
    70019: Code("expired_token", "Verification code expired. Have the user retry the sign-in."),
    70021: Code(
        "invalid_request",
        f"No matching federated identity record found for presented assertion. {_CHECK}",
    ),
    90002: Code(
        "invalid_request",
        "Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID and are signing into the"
        " correct cloud. Check with your subscription administrator, this may happen if there are no active"
        " subscriptions for the tenant.",
    ),
    90014: Code("invalid_request", "The required field '{field}' is missing from the credential."),
    90023: Code("invalid_request", "Unsupported '{field}' value."),
    90033: Code("temporarily_unavailable", "A transient error has occurred. Please try again."),
    90055: Code("temporarily_unavailable", "The tenant is throttled due to too many incoming requests."),
    90094: Code(
        "access_denied",
        "{name} needs permission to access resources in your organization that only an admin can grant. Please ask an"
        " admin to grant permission to this app before you can use it.",
        HTTPStatus.FORBIDDEN,
        on_page=True,
    ),
    90095: Code("access_denied", "Admin consent is required for the permissions requested by this application."),
    500011: Code(
        "invalid_resource",
        f"The resource principal named {{resource}} was not found in the tenant named {{tenant}}. {_NO_SUCH_APP} You"
        " might have sent your authentication request to the wrong tenant.",
    ),
    500112: Code(
        "invalid_client",
        "The reply address '{uri}' does not match the reply address '{known}' provided when requesting Authorization"
        " code.",
        _UNAUTHORIZED,
    ),
    501481: Code(
        "invalid_grant", "The Code_Verifier does not match the code_challenge supplied in the authorization request."
    ),
    501491: Code("invalid_request", "Invalid size of Code_Challenge parameter."),
    650053: Code(
        "invalid_client",
        "The application '{name}' asked for scope '{scope}' that doesn't exist on the resource"
        " '00000003-0000-0000-c000-000000000000'. Contact the app vendor.",
    ),
    700005: Code(
        "invalid_grant", "Provided Authorization Code is intended to use against other tenant, thus rejected."
    ),
    700016: Code(
        "unauthorized_client",
        f"Application with identifier '{{client_id}}' was not found in the directory '{{tenant}}'. {_NO_SUCH_APP} You"
        " may have sent your authentication request to the wrong tenant.",
        on_page=True,
    ),
    700021: Code(
        "invalid_client",
        "Client assertion application identifier doesn't match 'client_id' parameter. Expected: '{client_id}'.",
        _UNAUTHORIZED,
    ),
    700023: Code(
        "invalid_client",
        "Client assertion audience claim does not match Realm issuer. Expected: '{expected}'.",
        _UNAUTHORIZED,
    ),
    700024: Code(
        "invalid_client",
        "Client assertion is not within its valid time range. Current time: {now}, assertion valid from {since}, expiry"
        " time of assertion {until}.",
        _UNAUTHORIZED,
    ),
    700025: Code(
        "invalid_client",
        "Client is public so neither 'client_assertion' nor 'client_secret' should be presented.",
        _UNAUTHORIZED,
    ),
    700027: Code(
        "invalid_client",
        "The certificate with identifier used to sign the client assertion is not registered on application or the"
        " signature is invalid. [Reason - {reason}, Thumbprint of key used by client: '{key}', Application"
        " '{client_id}'].",
        _UNAUTHORIZED,
    ),
    700054: Code("unsupported_response_type", "response_type '{kind}' is not enabled for the application."),
    700211: Code(
        "invalid_client",
        f"No matching federated identity record found for presented assertion issuer '{{issuer}}'. {_CHECK}",
        _UNAUTHORIZED,
    ),
    700212: Code(
        "invalid_client",
        f"No matching federated identity record found for presented assertion audience '{{audience}}'. {_CHECK}",
        _UNAUTHORIZED,
    ),
    700213: Code(
        "invalid_client",
        f"No matching federated identity record found for presented assertion subject '{{subject}}'. Check your"
        f" federated identity credential Subject, Audience and Issuer against the presented assertion. {_CHECK}",
        _UNAUTHORIZED,
    ),
    700229: Code(
        "invalid_client",
        "Only app tokens can be used as Federated Identity Credentials for Microsoft Entra issuer.",
        _UNAUTHORIZED,
    ),
    900023: Code(
        "invalid_request",
        "Specified tenant identifier '{tenant}' is neither a valid DNS name, nor a valid external domain.",
    ),
    900144: Code("invalid_request", "The request body must contain the following parameter: '{field}'."),
    900561: Code("invalid_request", "The endpoint only accepts POST requests. Received a {method} request."),
    5002723: Code(
        "invalid_client",
        "Invalid JWT token. No certificate thumbprint (x5t), nor keyId (kid) specified in token header.",
        _UNAUTHORIZED,
    ),
    7000112: Code("unauthorized_client", "Application '{client_id}'({name}) is disabled.", on_page=True),
    7000215: Code(
        "invalid_client",
        "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not"
        " the client secret ID, for a secret added to app '{client_id}'.",
        _UNAUTHORIZED,
    ),
    7000218: Code(
        "invalid_client",
        "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
        _UNAUTHORIZED,
    ),
    7000222: Code(
        "invalid_client",
        "The provided client secret keys for app '{client_id}' are expired. Visit the Azure portal to create new keys"
        " for your app: https://aka.ms/NewClientSecret, or consider using certificate credentials for added security:"
        " https://aka.ms/certCreds.",
        _UNAUTHORIZED,
    ),
    7000229: Code(
        "invalid_client",
        "The client application {client_id} is missing service principal in the tenant {tenant_id}. See instructions"
        " here: https://go.microsoft.com/fwlink/?linkid=2225119",
        _UNAUTHORIZED,
    ),
    9002313: Code("invalid_grant", "Invalid request. Request is malformed or invalid."),
}
