"""Who is who: log-ins, sessions, API tokens, roles. Control is the only writer."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from daemon.service.credentials import (
    LoginLimiter,
    PasswordKeeper,
    new_secret,
    password_fault,
    secret_hash,
)
from daemon.service.errors import ServiceError
from daemon.service.messages import Actor, ApiToken, Grant, Session
from daemon.store import people
from daemon.store.people import Role, User
from daemon.store.rows import milliseconds

SESSION_S: Final = 8 * 3600.0  # s; a shift, prolonged by use
TOKEN_PREFIX: Final = "hf_"  # noqa: S105, what secrets begin with, not a secret

IMPLIED: Final = {Role.ADMINISTRATOR: (Role.SUPERVISOR, Role.TECHNICIAN)}
"""Who administers may also see to calls and lines; nobody needs two accounts for it."""


class Accounts:
    """Log-ins and rights."""

    def __init__(
        self,
        clock: Callable[[], float],
        audit: Callable[[Actor, str, str], None],
        passwords: PasswordKeeper | None = None,
    ) -> None:
        self.passwords = passwords or PasswordKeeper()
        self._clock = clock
        self._audit = audit
        self._limiter = LoginLimiter()
        self._roles: dict[str, tuple[str, ...]] = {}
        """Roles of everybody active, so that a right costs no query."""

    async def reload(self) -> None:
        """Read the roles again after people changed."""
        self._roles = {user.login: _roles(user) for user in await User.filter(enabled=True)}

    def require(self, actor: Actor, *allowed: str) -> None:
        """Raise ``forbidden`` unless the actor has one of these roles."""
        if not set(allowed) & set(self._roles.get(actor.login, ())):
            raise ServiceError("forbidden", "Your roles do not allow it.", "您的角色不允许此操作。")

    async def log_in(self, login: str, password: str, address: str) -> Grant:
        """Check a password and open a web session."""
        now = self._clock()
        wait = self._limiter.retry_s(login, address, now)
        if wait > 0:
            raise ServiceError(
                "rate-limited",
                f"Too many attempts; try again in {wait:.0f} s.",
                f"尝试次数过多，请在 {wait:.0f} 秒后重试。",
                retry_s=wait,
            )
        user = await User.get_or_none(login=login, enabled=True)
        stored = user.password_hash if user is not None and user.password_hash else None
        fits = await asyncio.to_thread(self.passwords.check, stored, password)
        actor = Actor(login=login[:64], address=address)
        if user is None or not fits:
            self._limiter.failed(login, address, now)
            self._audit(actor, "session.refuse", login[:64])
            raise ServiceError("wrong-login", "Wrong login or password.", "用户名或密码错误。")
        self._limiter.succeeded(login)
        if stored is not None and self.passwords.outdated(stored):
            user.password_hash = await asyncio.to_thread(self.passwords.hash, password)
            await user.save(update_fields=["password_hash"])
        secret = new_secret()
        await people.Session.create(
            id=secret_hash(secret),
            user=user,
            created_ms=milliseconds(now),
            expires_ms=milliseconds(now + SESSION_S),
            address=address[:64],
        )
        self._audit(actor, "session.open", login)
        return Grant(secret, await self._session(user, now + SESSION_S))

    async def session(self, secret: str) -> Session:
        """The person behind a session's secret; prolongs it."""
        now = self._clock()
        found = await people.Session.get_or_none(id=secret_hash(secret)).prefetch_related("user")
        if found is None or found.expires_ms <= milliseconds(now) or not found.user.enabled:
            raise ServiceError("signed-out", "Please log in.", "请登录。")
        if found.expires_ms - milliseconds(now) < milliseconds(SESSION_S / 2):
            # Written at most twice a shift, not at every click.
            found.expires_ms = milliseconds(now + SESSION_S)
            await found.save(update_fields=["expires_ms"])
        return await self._session(found.user, found.expires_ms / 1000)

    async def token_session(self, secret: str) -> Session:
        """The person behind an API token."""
        now = self._clock()
        digest = secret_hash(secret)
        found = await people.ApiToken.get_or_none(token_hash=digest).prefetch_related("user")
        expired = (
            found is not None
            and found.expires_ms is not None
            and (found.expires_ms <= milliseconds(now))
        )
        if found is None or expired or not found.user.enabled:
            raise ServiceError("signed-out", "The token is not valid.", "令牌无效。")
        found.last_used_ms = milliseconds(now)
        await found.save(update_fields=["last_used_ms"])
        return await self._session(found.user, (found.expires_ms or 0) / 1000)

    async def log_out(self, secret: str) -> None:
        """End a web session."""
        await people.Session.filter(id=secret_hash(secret)).delete()

    async def change_password(self, actor: Actor, old: str, new: str) -> None:
        """Change one's own password; ends every session of the person."""
        user = await self._user(actor.login)
        if not await asyncio.to_thread(self.passwords.check, user.password_hash or None, old):
            raise ServiceError(
                "invalid",
                "The old password is wrong.",
                "原密码错误。",
                fields={"old": "wrong-password"},
            )
        await self.set_password(user, new, field="new")
        await people.Session.filter(user=user).delete()
        self._audit(actor, "password.change", actor.login)

    async def set_password(
        self, user: User, password: str, *, one_time: bool = False, field: str = "password"
    ) -> None:
        """Store a new password; ``invalid`` when it is too weak, naming the form's field."""
        fault = password_fault(password, user.login)
        if fault:
            raise ServiceError(
                "invalid",
                "The new password is too weak.",
                "新密码太弱。",
                fields={field: fault},
            )
        user.password_hash = await asyncio.to_thread(self.passwords.hash, password)
        user.must_change_password = one_time
        await user.save(update_fields=["password_hash", "must_change_password"])

    async def set_language(self, actor: Actor, language: str) -> None:
        """Remember the language of a person's pages."""
        if language not in ("en", "zh"):
            raise ServiceError(
                "invalid", "Choose en or zh.", "请选择 en 或 zh。", fields={"language": "unknown"}
            )
        await User.filter(login=actor.login).update(language=language)

    async def create_token(self, actor: Actor, slug: str, valid_s: float) -> Grant:
        """Make an API token with the actor's roles."""
        user = await self._user(actor.login)
        if not slug or len(slug) > 64 or await people.ApiToken.exists(name=slug, user=user):
            raise ServiceError(
                "invalid", "Choose another name.", "请换一个名称。", fields={"slug": "taken"}
            )
        now = self._clock()
        secret = new_secret(TOKEN_PREFIX)
        expires = now + valid_s if valid_s > 0 else 0.0
        await people.ApiToken.create(
            user=user,
            name=slug,
            token_hash=secret_hash(secret),
            created_ms=milliseconds(now),
            expires_ms=milliseconds(expires) if expires else None,
        )
        self._audit(actor, "token.create", slug)
        return Grant(secret, await self._session(user, expires))

    async def list_tokens(self, actor: Actor) -> Sequence[ApiToken]:
        """The actor's tokens; all of them for an administrator."""
        found = people.ApiToken.all().prefetch_related("user").order_by("name")
        if "administrator" not in self._roles.get(actor.login, ()):
            found = found.filter(user__login=actor.login)
        return [
            ApiToken(
                slug=token.name,
                owner=token.user.login,
                created=token.created_ms / 1000,
                expires=(token.expires_ms or 0) / 1000,
                last_used=(token.last_used_ms or 0) / 1000,
            )
            for token in await found
        ]

    async def revoke_token(self, actor: Actor, slug: str) -> None:
        """Make a token worthless at once."""
        found = people.ApiToken.filter(name=slug)
        if "administrator" not in self._roles.get(actor.login, ()):
            found = found.filter(user__login=actor.login)
        if not await found.delete():
            raise ServiceError("not-found", "There is no such token.", "没有这个令牌。")
        self._audit(actor, "token.revoke", slug)

    async def _user(self, login: str) -> User:
        user = await User.get_or_none(login=login, enabled=True)
        if user is None:
            raise ServiceError("not-found", f"There is no {login}.", f"没有用户 {login}。")
        return user

    async def _session(self, user: User, expires: float) -> Session:
        agent = await people.Agent.get_or_none(user=user)
        return Session(
            login=user.login,
            name=user.name or user.login,
            roles=_roles(user),
            station=agent.station if agent is not None else "",
            language=user.language,
            expires=expires,
            must_change_password=user.must_change_password,
        )


def _roles(user: User) -> tuple[str, ...]:
    roles = [Role(name) for name in user.roles]
    implied = [extra for role in roles for extra in IMPLIED.get(role, ())]
    return tuple(dict.fromkeys(str(role) for role in (*roles, *implied)))
