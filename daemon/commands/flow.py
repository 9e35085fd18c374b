"""``hookflash flow check`` and ``flow test``: faults with file and line, tests with coverage."""

import argparse
import sys
from pathlib import Path

import msgspec

from daemon.command_line import FAILURE, WRONG_USAGE, add_json, command, site_path
from daemon.errors import CommandError
from daemon.language import current_language, pick
from ivr.errors import FlowError, FlowFault
from ivr.flow import Flow, load_flow
from ivr.rehearsal import Rehearsal, rehearse


def _arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(
        dest="action", metavar="ACTION", required=True, prog=parser.prog
    )
    for name, what in (
        ("check", pick("find every fault", "查找所有错误")),
        ("test", pick("run the tests inside the flows as well", "同时运行流程内的测试")),
    ):
        action = actions.add_parser(name, help=what, description=what)
        action.add_argument(
            "files",
            nargs="*",
            metavar="FILE",
            help=pick(
                "flow files; else all of the site's flows/",
                "流程文件；不写则为站点 flows/ 下的全部流程",
            ),
        )
        # --site may stand before or after the action.
        action.add_argument(
            "--site",
            metavar="DIR",
            default=argparse.SUPPRESS,
            help=pick("the site directory", "站点目录"),
        )
        add_json(action)


@command("flow", "Check and test call flows", "检查并测试呼叫流程", arguments=_arguments)
def flow(arguments: argparse.Namespace) -> int:
    """Exit 2 when a flow has faults, 1 when a test fails, else 0."""
    flows, faults = _load(_files(arguments))
    rehearsals = [rehearse(found) for found in flows] if arguments.action == "test" else []
    if arguments.json:
        _write_json(flows, faults, rehearsals)
    else:
        _write_text(flows, faults, rehearsals)
    if faults:
        return WRONG_USAGE
    return 0 if all(rehearsal.passed for rehearsal in rehearsals) else FAILURE


def _files(arguments: argparse.Namespace) -> list[Path]:
    if arguments.files:
        return [Path(name) for name in arguments.files]
    folder = site_path(arguments) / "flows"
    files = sorted(folder.glob("*.yaml"))
    if not files:
        raise CommandError(
            pick(f"{folder} holds no flow (*.yaml)", f"{folder} 下没有流程（*.yaml）"),
            exit_code=WRONG_USAGE,
        )
    return files


def _load(files: list[Path]) -> tuple[list[Flow], list[FlowFault]]:
    flows: list[Flow] = []
    faults: list[FlowFault] = []
    for file in files:
        try:
            flows.append(load_flow(file.read_bytes(), str(file)))
        except FlowError as error:
            faults.extend(error.faults)
        except OSError as error:
            raise CommandError(
                pick(f"cannot read {file}: {error.strerror}", f"无法读取 {file}：{error.strerror}"),
                exit_code=WRONG_USAGE,
            ) from error
    return flows, faults


def _write_json(flows: list[Flow], faults: list[FlowFault], rehearsals: list[Rehearsal]) -> None:
    answer = {
        "valid": not faults,
        "flows": [found.name for found in flows],
        "faults": faults,
        "tests": [{**msgspec.to_builtins(r), "passed": r.passed} for r in rehearsals],
    }
    sys.stdout.write(msgspec.json.encode(answer).decode() + "\n")


def _write_text(flows: list[Flow], faults: list[FlowFault], rehearsals: list[Rehearsal]) -> None:
    for fault in faults:
        sys.stderr.write(f"{fault.text(current_language())}\n")
    for rehearsal in rehearsals:
        _write_rehearsal(rehearsal)
    if not rehearsals:
        for found in flows:
            nodes, tests = len(found.nodes), len(found.tests)
            sys.stdout.write(
                pick(
                    f"{found.name}: valid, {nodes} nodes, {tests} tests\n",
                    f"{found.name}：有效，{nodes} 个节点，{tests} 个测试\n",
                )
            )


def _write_rehearsal(rehearsal: Rehearsal) -> None:
    for result in rehearsal.results:
        verdict = pick("failed", "失败") if result.failures else pick("passed", "通过")
        sys.stdout.write(f"{rehearsal.flow}: {result.name}: {verdict}\n")
        for failure in result.told(current_language()):
            sys.stderr.write(f"{rehearsal.flow}: {result.name}: {failure}\n")
            path = " > ".join(result.path)
            sys.stderr.write(pick(f"  path: {path}\n", f"  路径：{path}\n"))
    nodes = f"{rehearsal.nodes_reached}/{rehearsal.nodes}"
    exits = f"{rehearsal.exits_reached}/{rehearsal.exits}"
    sys.stdout.write(
        pick(
            f"{rehearsal.flow}: coverage: nodes {nodes}, exits {exits}\n",
            f"{rehearsal.flow}：覆盖：节点 {nodes}，出口 {exits}\n",
        )
    )
    if rehearsal.missed:
        missed = ", ".join(rehearsal.missed)
        sys.stdout.write(pick(f"  not reached: {missed}\n", f"  未到达：{missed}\n"))
