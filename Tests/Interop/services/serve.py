"""One library's service, asked through pipes: each library runs with the packages it needs.

    python Tests/Interop/services/serve.py MODULE

A line of standard input is a JSON object, a line of standard output its answer. {"settings":…}
makes the service anew and answers {"versions":…}. {"method":…,"path":…,"token":…,"json":…} goes
through the application whole, by Starlette's test client, and answers {"status":…,"body":…}; what
the application lets fall through is a 500 in its own words.
"""

import importlib
import importlib.metadata
import json
import os
import sys
import warnings

warnings.simplefilter("ignore")

from fastapi.testclient import TestClient  # noqa: E402  The warning comes on import.

from common import Settings, words  # noqa: E402


def ask(client, method, path, token=None, json=None):
    headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
    try:
        answer = client.request(method, path, headers=headers, json=json)
    except Exception as error:
        return {"status": 500, "body": words(error)}
    return {"status": answer.status_code, "body": answer.json()}


def main():
    module = importlib.import_module(sys.argv[1])
    # What a library prints must not come between the answers.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    client = None
    for line in sys.stdin:
        question = json.loads(line)
        if "settings" in question:
            settings = Settings(**question["settings"])
            client = TestClient(module.app(settings))
            packages = dict.fromkeys([settings.library, *module.PACKAGES])
            versions = {name: importlib.metadata.version(name) for name in packages}
            answer = {"versions": versions}
        else:
            answer = ask(client, **question)
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
