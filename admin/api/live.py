"""The live picture, queues and agents for programs."""

from sanic import Blueprint, HTTPResponse

from admin.api.openapi import endpoint, read_body, reply
from admin.context import ConsoleRequest
from admin.errors import PageMissing
from daemon.service.live import LiveAgent, LiveQueue, LiveState
from daemon.service.messages import Applied, Text
from daemon.service.settings import PersonSettings, QueueSettings

blueprint = Blueprint("api_live")

WATCHERS = ("supervisor", "administrator")
SET_UP = ("administrator",)


@endpoint(
    blueprint,
    "GET",
    "/live",
    "Queues, agents and calls now",
    "当前的队列、座席和通话",
    roles=WATCHERS,
    result=LiveState,
)
async def live(request: ConsoleRequest) -> HTTPResponse:
    """The picture as control has it."""
    return reply(await request.console.service.live())


@endpoint(
    blueprint,
    "GET",
    "/queues",
    "Queues with their callers and today's counters",
    "队列及其来电者和今日计数",
    roles=WATCHERS,
    result=list[LiveQueue],
)
async def queues(request: ConsoleRequest) -> HTTPResponse:
    """The queues of the live picture."""
    return reply((await request.console.service.live()).queues)


@endpoint(
    blueprint,
    "GET",
    "/queues/<slug:str>",
    "One queue's settings",
    "一个队列的设置",
    roles=WATCHERS,
    result=QueueSettings,
)
async def queue(request: ConsoleRequest, slug: str) -> HTTPResponse:
    """The settings, with the version that a change must name."""
    for found in await request.console.service.list_queues():
        if found.slug == slug:
            return reply(found)
    raise PageMissing


@endpoint(
    blueprint,
    "PUT",
    "/queues/<slug:str>",
    "Add or change a queue; in force at once",
    "添加或修改队列，立即生效",
    roles=SET_UP,
    body=QueueSettings,
    result=Applied,
)
async def put_queue(request: ConsoleRequest, slug: str) -> HTTPResponse:
    """Version 0 adds; any other must be the present one."""
    given = read_body(request, QueueSettings)
    if given.slug != slug:
        raise PageMissing
    return reply(await request.console.service.put_queue(request.actor, given))


@endpoint(
    blueprint,
    "GET",
    "/agents",
    "Agents with their states",
    "座席及其状态",
    roles=WATCHERS,
    result=list[LiveAgent],
)
async def agents(request: ConsoleRequest) -> HTTPResponse:
    """The agents of the live picture."""
    return reply((await request.console.service.live()).agents)


@endpoint(
    blueprint,
    "GET",
    "/agents/<login:str>",
    "One person's settings",
    "一个人员的设置",
    roles=WATCHERS,
    result=PersonSettings,
)
async def agent(request: ConsoleRequest, login: str) -> HTTPResponse:
    """The settings, without anything secret."""
    for found in await request.console.service.list_people():
        if found.login == login:
            return reply(found)
    raise PageMissing


@endpoint(
    blueprint,
    "GET",
    "/agents/<login:str>/why",
    "Why a person gets no calls, the most telling reason first",
    "某人没有来电的原因，最主要的在前",
    roles=("agent", *WATCHERS),
    result=list[Text],
)
async def why_agent(request: ConsoleRequest, login: str) -> HTTPResponse:
    """Agents may ask about themselves, supervisors about everybody."""
    return reply(await request.console.service.why_agent(request.actor, login))


@endpoint(
    blueprint,
    "PUT",
    "/agents/<login:str>",
    "Add or change a person; in force at once",
    "添加或修改人员，立即生效",
    roles=SET_UP,
    body=PersonSettings,
    result=Applied,
)
async def put_agent(request: ConsoleRequest, login: str) -> HTTPResponse:
    """The password stays as it is; a new person gets one in the console."""
    given = read_body(request, PersonSettings)
    if given.login != login:
        raise PageMissing
    return reply(await request.console.service.put_person(request.actor, given, ""))
