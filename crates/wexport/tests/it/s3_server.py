"""moto's server on two free ports, one of them with TLS, until standard input ends."""

import os
import sys
from threading import Thread

from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from werkzeug.serving import make_server


class Quiet(MotoRequestHandler):
    def log(self, *_):
        pass


app = DomainDispatcherApplication(create_backend_app)
for context in [None, tuple(sys.argv[1:3])]:
    server = make_server(
        "127.0.0.1", 0, app, threaded=True, request_handler=Quiet, ssl_context=context
    )
    server.log = lambda *_: None
    Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_port, flush=True)
sys.stdin.read()
os._exit(0)
