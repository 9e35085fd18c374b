"""Tiers of callers: stored, told to the engine, found by number."""

import msgspec
import pytest

from acd_core.events import TierConfigured, TierRemoved
from daemon.service.settings import TierSettings
from tests.daemon.control.facade.test_new_settings import told
from tests.fakes.facade_rig import ROOT, FacadeRig
from tests.fakes.refusals import refused

GOLD = TierSettings(
    slug="gold", name="Gold", priority=3, agents=("ann",), limit_s=8, numbers=("+4930*", "5551")
)


async def test_tier_is_told_to_the_engine_and_found_by_number(hotline: FacadeRig) -> None:
    applied = await hotline.service.put_tier(ROOT, GOLD)
    (stored,) = await hotline.service.list_tiers()
    assert stored == msgspec.structs.replace(GOLD, version=applied.version)
    last = told(hotline)[-1]
    assert isinstance(last, TierConfigured)
    directory = hotline.rig.controller.directory
    assert last.version == directory.version
    assert (last.config.name, last.config.priority, last.config.limit_s) == ("gold", 3, 8)
    assert len(last.config.agents) == 1
    for ani, slug in (("+493012", "gold"), ("5551", "gold"), ("55512", ""), ("", "")):
        found = directory.tier_of(ani)
        assert (found.slug if found else "") == slug
    await hotline.service.delete_tier(ROOT, "gold")
    assert isinstance(told(hotline)[-1], TierRemoved)
    assert directory.tier_of("5551") is None
    assert (await hotline.acts())[-1] == ("root", "tier.delete", "gold")


async def test_number_itself_counts_before_a_prefix_and_a_long_prefix_before_a_short_one(
    hotline: FacadeRig,
) -> None:
    for slug, numbers in (("a", ("49*",)), ("b", ("4930*",)), ("c", ("49301",)), ("d", ("*",))):
        await hotline.service.put_tier(ROOT, TierSettings(slug=slug, numbers=numbers))
    directory = hotline.rig.controller.directory
    found = [directory.tier_of(ani) for ani in ("49", "493", "49301", "493012", "1", "")]
    assert [tier.slug if tier else "" for tier in found] == ["a", "a", "c", "b", "d", "d"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"slug": "no slug"}, "slug"),
        ({"priority": 11}, "priority"),
        ({"agents": ("sue",)}, "agents"),
        ({"agents": ()}, "limit_s"),
        ({"keep_lines": -1}, "keep_lines"),
        ({"numbers": ("12 3",)}, "numbers"),
        ({"numbers": ("777",)}, "numbers"),
    ],
)
async def test_unusable_tier_is_refused_with_its_field(
    hotline: FacadeRig, change: dict[str, object], field: str
) -> None:
    await hotline.service.put_tier(ROOT, TierSettings(slug="silver", numbers=("777",)))
    fault = await refused(hotline.service.put_tier(ROOT, msgspec.structs.replace(GOLD, **change)))
    assert (fault.code, list(fault.fields)) == ("invalid", [field])
