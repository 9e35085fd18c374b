"""In whose name a command asks the running hotline."""

from daemon.errors import CommandError
from daemon.language import pick
from daemon.service.api import Service


async def first_administrator(service: Service) -> str:
    """Log-in of the first administrator who may still log in; CommandError without one."""
    people = await service.list_people()
    found = [one.login for one in people if one.enabled and "administrator" in one.roles]
    if not found:
        raise CommandError(
            pick("the site has no administrator", "站点没有管理员"),
            todo=pick("name somebody with --as LOGIN", "请用 --as LOGIN 指定"),
        )
    return found[0]
