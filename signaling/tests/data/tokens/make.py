"""Makes tokens.json with PyJWT, for tests that read it: python3 make.py > tokens.json (PyJWT 2, cryptography)."""

import base64
import hashlib
import hmac
import json
import pathlib
import tomllib

import jwt

HERE = pathlib.Path(__file__).parent
KEYS = tomllib.loads((HERE / "keys.toml").read_text())["keys"]
SECRET = base64.b64decode(KEYS["shared"]["secret"])
TENANT = base64.b64decode(KEYS["tenant"]["secret"])
PRIVATE = (HERE / "test-only-private.pem").read_text()
PUBLIC = KEYS["public"]["public_key"].strip()
NOW = 1_800_000_000
GOOD = {"channel": "kitchen", "iat": NOW - 5, "nbf": NOW - 5, "exp": NOW + 600}
FULL = GOOD | {
    "channel": "Acme.*",
    "publish": ["sound", "screen"],
    "subscribe": False,
    "moderate": True,
    "admin": True,
    "name": " Sam ",
    "metadata": {"colour": "#ff0000", "level": 3},
    "limits": {"bitrate_up": 500000, "bitrate_down": 900000, "publications": 2},
    "aud": "somebody else's business",
}


def shared(claims, kid="shared", **headers):
    return jwt.encode(claims, SECRET, algorithm="HS256", headers={"kid": kid} | headers)


def part(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=")


def confused():
    """HS256 with the public key, as text, for a secret: what a naive server checks with its public key. PyJWT refuses to make it."""
    signed = part({"alg": "HS256", "typ": "JWT", "kid": "public"}) + b"." + part(GOOD)
    mac = hmac.new(PUBLIC.encode(), signed, hashlib.sha256).digest()
    return (signed + b"." + base64.urlsafe_b64encode(mac).rstrip(b"=")).decode()


def changed(token):
    head, _, signature = token.split(".")
    return ".".join([head, part(GOOD | {"moderate": True}).decode(), signature])


print(
    json.dumps(
        {
            "good": shared(GOOD),
            "full": shared(FULL),
            "eddsa": jwt.encode(GOOD, PRIVATE, algorithm="EdDSA", headers={"kid": "public"}),
            "tenant": jwt.encode(GOOD | {"channel": "acme.x"}, TENANT, algorithm="HS256", headers={"kid": "tenant"}),
            "tenant_elsewhere": jwt.encode(GOOD | {"channel": "*"}, TENANT, algorithm="HS256", headers={"kid": "tenant"}),
            "tenant_admin": jwt.encode(FULL, TENANT, algorithm="HS256", headers={"kid": "tenant"}),
            "expired": shared(GOOD | {"exp": NOW - 1}),
            "not_yet": shared(GOOD | {"nbf": NOW + 31}),
            "not_yet_within_skew": shared(GOOD | {"nbf": NOW + 29}),
            "future": shared(GOOD | {"iat": NOW + 31}),
            "unsigned": jwt.encode(GOOD, None, algorithm="none", headers={"kid": "shared"}),
            "unsigned_public": jwt.encode(GOOD, None, algorithm="none", headers={"kid": "public"}),
            "wrongly_signed": jwt.encode(GOOD, b"x" * 32, algorithm="HS256", headers={"kid": "shared"}),
            "hs512": jwt.encode(GOOD, SECRET * 2, algorithm="HS512", headers={"kid": "shared"}),
            "confused": confused(),
            "changed": changed(shared(GOOD)),
            "unknown_kid": shared(GOOD, kid="nobody"),
            "no_kid": jwt.encode(GOOD, SECRET, algorithm="HS256"),
            "crit": shared(GOOD, crit=["exp"]),
            "no_exp": shared({"channel": "kitchen"}),
            "no_channel": shared({"exp": NOW + 600}),
            "bad_publish": shared(GOOD | {"publish": ["smell"]}),
            "fraction": shared(GOOD | {"exp": NOW + 600.5, "iat": NOW - 0.25}),
            "before_1970": shared(GOOD | {"nbf": -5}),
            "bad_name": shared(GOOD | {"name": "x" * 33}),
            "bad_channel": shared(GOOD | {"channel": "a b"}),
            "bad_metadata": shared(GOOD | {"metadata": {"x": "y" * 1100}}),
        },
        indent=1,
    )
)
