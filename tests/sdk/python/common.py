"""What the scripts share: their arguments, and checks that run one after another and are counted."""

import argparse
import sys
import traceback

CHECKS = []


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--base-url", required=True, help="the gateway, with /v1")
    parser.add_argument("--provider-url", required=True, help="the healthy provider itself, with /v1")
    parser.add_argument("--key", required=True, help="a key that the gateway knows")
    return parser.parse_args()


def direct_arguments():
    """The arguments of a script that talks to providers without a gateway between; URLs without `/v1`."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--base-url", required=True, help="a provider that answers")
    parser.add_argument("--limited-url", required=True, help="one that answers 429")
    parser.add_argument("--overloaded-url", required=True, help="one that answers 529")
    parser.add_argument("--broken-url", required=True, help="one whose streams end with an error")
    parser.add_argument("--key", required=True, help="a key that they know")
    return parser.parse_args()


def check(function):
    """Marks a function as a check."""
    CHECKS.append(function)
    return function


def raises(kind, call):
    """Returns the error of exactly this class that `call` raises."""
    try:
        value = call()
    except kind as error:
        assert type(error) is kind, f"{type(error).__name__}, not {kind.__name__}: {error}"
        return error
    raise AssertionError(f"no {kind.__name__}, but {value!r}")


def run():
    """Runs every check, tells of each that fails, and exits 1 if one did."""
    failed = 0
    for function in CHECKS:
        try:
            function()
            print(f"ok      {function.__name__}", flush=True)
        except Exception:
            failed += 1
            print(f"FAILED  {function.__name__}\n{traceback.format_exc()}", flush=True)
    print(f"{len(CHECKS) - failed} passed, {failed} failed")
    sys.exit(1 if failed or not CHECKS else 0)
