"""Why an agent gets no calls, as the facade tells it: the floor and the directory together."""

from collections.abc import Sequence

from acd_core.engine import AcdEngine
from acd_core.floor.why_idle import Lack, Served, why_idle
from daemon.control.facade.directory import AgentInfo, Directory, QueueInfo
from daemon.service.errors import ServiceError
from daemon.service.messages import Text


def why_agent(
    directory: Directory, engine: AcdEngine, agent: AgentInfo, now: float
) -> Sequence[Text]:
    """Sentences for one agent; not-found when the engine does not know him yet."""
    snapshot = engine.snapshot(now)
    views = {view.agent: view for view in snapshot.agents}
    found = next((view for view in snapshot.agents if view.agent == agent.key), None)
    if found is None:
        raise ServiceError(
            "not-found", f"{agent.login} is not an agent.", f"{agent.login} 不是座席。"
        )
    standings = {standing.queue: standing for standing in engine.standings(found.agent)}
    queues = []
    for view in snapshot.queues:
        info = directory.queue(view.queue)
        if info is None:
            continue
        others = tuple(
            views[other.key]  # type: ignore[index]
            for other in directory.agents
            if other.key != agent.key and other.key in views and directory.serves(other, info)
        )
        lacks = _lacks(agent, info)
        unmet = "" if lacks or directory.serves(agent, info) else info.skill_expression
        queues.append(
            Served(
                view=view,
                name=info.slug,
                lacks=lacks,
                unmet=unmet,
                others=others,
                standing=standings.get(view.queue),
            )
        )
    return tuple(Text(said.en, said.zh) for said in why_idle(found, queues, now))


def _lacks(agent: AgentInfo, queue: QueueInfo) -> tuple[Lack, ...]:
    return tuple(
        Lack(skill, level, agent.skills.get(skill, 0))
        for skill, level in sorted(queue.skills.items())
        if agent.skills.get(skill, 0) < level
    )
