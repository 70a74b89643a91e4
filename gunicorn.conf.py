"""gunicorn reads this by itself in the folder where it is started; the command line wins over it.

Nothing of ours is imported before a worker runs: a deploy (HUP) must find the new code.
"""


def post_worker_init(worker):
    from sfm.jobs import turnover

    turnover.prepare(worker)


def post_request(worker, _request, _environ, _response):
    from sfm.jobs import turnover

    turnover.after_request(worker)
