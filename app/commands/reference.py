"""``bancada completion`` and ``bancada man``."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Final

from app import cli
from app.cli import DONE, Command, Parser
from app.command_reference import Option, Reference, reference
from app.crash_report import version

GROUP: Final = "Help"

_BASH: Final = """\
_bancada() {{
  local word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD-1]}} command=${{COMP_WORDS[1]}}
  COMPREPLY=()
  if [ "$COMP_CWORD" = 1 ]; then
    COMPREPLY=($(compgen -W "{commands} --help --version" -- "$word"))
    return
  fi
  case "$command $before" in
{choices}  esac
  case "$command" in
{options}  esac
  if [[ $word != -* ]]; then
    local IFS=$'\\n'
    case "$command" in
      {named}) COMPREPLY=($(compgen -W "$(bancada list --names 2>/dev/null)" -- "$word")) ;;
    esac
    COMPREPLY+=($(compgen -f -- "$word"))
  fi
}}
complete -o filenames -F _bancada bancada
"""


def completion(parser: Parser, arguments: Sequence[str]) -> int:
    parser.add_argument("shell", choices=("bash", "zsh", "fish"), help="for which shell")
    options = parser.parse(arguments)
    references = [reference(command) for command in cli.commands().values()]
    print({"bash": bash, "zsh": zsh, "fish": fish}[options.shell](references), end="")
    return DONE


def manual(parser: Parser, arguments: Sequence[str]) -> int:
    parser.parse(arguments)
    print(man_page([reference(command) for command in cli.commands().values()]), end="")
    return DONE


def bash(references: list[Reference]) -> str:
    """To be read by ``source <(bancada completion bash)``."""
    choices, options, named = "", "", []
    for one in references:
        name = one.command.name
        flags = [flag for option in one.options for flag in option.flags]
        for option in one.options:
            for flag in option.flags if option.choices else ():
                words = " ".join(option.choices)
                choices += f'    "{name} {flag}") COMPREPLY=($(compgen -W "{words}" -- "$word")); return ;;\n'
        options += f'    {name}) COMPREPLY=($(compgen -W "{" ".join([*flags, "--help"])}" -- "$word")) ;;\n'
        if any(option.value == "NAME" and not option.flags for option in one.options):
            named.append(name)
    commands = " ".join(one.command.name for one in references)
    return _BASH.format(commands=commands, choices=choices, options=options, named="|".join(named))


def zsh(references: list[Reference]) -> str:
    """zsh reads bash's."""
    return "autoload -U +X bashcompinit && bashcompinit\n" + bash(references)


def fish(references: list[Reference]) -> str:
    """To be read by ``bancada completion fish | source``."""
    lines = ["complete -c bancada -f -n __fish_use_subcommand -l version -d 'the version'"]
    for one in references:
        name = one.command.name
        lines.append(f"complete -c bancada -f -n __fish_use_subcommand -a {name} -d {_quoted(one.command.summary)}")
        within = f"-n '__fish_seen_subcommand_from {name}'"
        for option in one.options:
            if not option.flags:
                if option.value == "NAME":
                    lines.append(f"complete -c bancada {within} -a '(bancada list --names 2>/dev/null)'")
                continue
            flags = " ".join(f"-l {flag[2:]}" if flag.startswith("--") else f"-s {flag[1:]}" for flag in option.flags)
            value = f" -x -a {_quoted(' '.join(option.choices))}" if option.choices else " -r" if option.value else ""
            lines.append(f"complete -c bancada {within} {flags}{value} -d {_quoted(option.help)}")
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def man_page(references: list[Reference]) -> str:
    """In the man macros of groff; groff_man(7)."""
    lines = [
        f'.TH BANCADA 1 "{datetime.date.today():%Y-%m-%d}" "bancada {version()}" "User commands"',
        ".SH NAME",
        r"bancada \- a desktop virtual machine manager with its own PC inside",
        ".SH SYNOPSIS",
        ".B bancada",
        "[COMMAND ...]",
        ".SH DESCRIPTION",
        "Without a command, the window opens. A machine is named by its name, its id or its folder.",
        ".SH COMMANDS",
    ]
    for one in references:
        lines += [f".SS {_troff(one.usage)}", _troff(one.command.summary[0].upper() + one.command.summary[1:] + ".")]
        for option in one.options:
            lines += [".TP", _troff_option(option), _troff(option.help) or r"\&"]
    lines += [
        ".SH EXIT STATUS",
        "0: done. 1: the guest failed, a wait timed out or the host refused. 2: what was asked cannot be done as given.",
        ".SH ENVIRONMENT",
        ".TP",
        ".B BANCADA_HOME",
        "One folder for machines, preferences and logs, in place of the usual ones.",
        ".TP",
        ".B BANCADA_DEBUG",
        "Anything: all messages of the log on standard error.",
    ]
    return "\n".join(lines) + "\n"


def _troff_option(option: Option) -> str:
    if not option.flags:
        return rf"\fI{_troff(option.value)}\fR"
    flags = ", ".join(rf"\fB{_troff(flag)}\fR" for flag in option.flags)
    return rf"{flags} \fI{_troff(option.value)}\fR" if option.value else flags


def _troff(text: str) -> str:
    text = text.replace("\\", r"\e").replace("-", r"\-")
    return rf"\&{text}" if text.startswith((".", "'")) else text


COMMANDS = (
    Command("completion", GROUP, "print completion for bash, zsh or fish", completion),
    Command("man", GROUP, "print the manual page", manual),
)
