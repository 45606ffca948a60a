"""What the scripts share: their arguments, and checks that run one after another and are counted."""

import argparse
import inspect
import json
import sys
import traceback
from pathlib import Path

CHECKS = []
# An image of one pixel.
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
# What every provider says of it first.
SEEN = "I see image/png of 70 bytes."


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--base-url", required=True, help="the gateway, with /v1")
    parser.add_argument("--provider-url", required=True, help="the healthy provider itself, with /v1")
    parser.add_argument("--key", required=True, help="a key that the gateway knows")
    return parser.parse_args()


class Target:
    """A provider of some dialect, asked directly or through the gateway; its sites differ in what is the matter."""

    def __init__(self, told):
        self.name = told["name"]
        self.provider = told["provider"]
        self.through = self.name != "direct"
        self._sites = told["sites"]

    def url(self, site="steady"):
        return self._sites[site]["url"]

    def model(self, site="steady"):
        return self._sites[site]["model"]

    def thinking(self):
        """The site whose model thinks if it is told to."""
        return "thinking" if self.provider == "openai" else "steady"

    def steady(self):
        """The sites that answer well."""
        return ("steady", "sealing") if self.provider == "gemini" else ("steady",)


def targets():
    """The key that all know, and the targets of this run."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--targets", required=True, type=Path, help="a file that tells them")
    told = json.loads(parser.parse_args().targets.read_text())
    return told["key"], [Target(target) for target in told["targets"]]


def check(function):
    """Marks a function as a check; one with a parameter is done for every target."""
    CHECKS.append(function)
    return function


def raises(kind, call):
    """Returns the error of exactly this class that `call` raises, or of one that an SDK on top has made of it."""
    try:
        value = call()
    except kind as error:
        assert type(error) is kind or type(error).__bases__[0] is kind, f"{type(error).__name__}, not {kind.__name__}: {error}"
        return error
    raise AssertionError(f"no {kind.__name__}, but {value!r}")


def run(over=()):
    """Runs every check, tells of each that fails, and exits 1 if one did."""
    done, failed = 0, 0
    for function in CHECKS:
        for target in over if inspect.signature(function).parameters else [None]:
            name = function.__name__ if target is None else f"{target.name}: {function.__name__}"
            done += 1
            try:
                function() if target is None else function(target)
                print(f"ok      {name}", flush=True)
            except Exception:
                failed += 1
                print(f"FAILED  {name}\n{traceback.format_exc(limit=-4)}", flush=True)
    print(f"{done - failed} passed, {failed} failed")
    sys.exit(1 if failed or not done else 0)
