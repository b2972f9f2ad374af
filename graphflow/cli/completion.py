"""``graphflow completion``: scripts by which shells complete commands, options and files.

They are made from the parser itself. The package `shtab` does the same for any parser; ours needs
three short templates, which is less than a dependency.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

SHELLS = ("bash", "zsh", "fish")

_BASH = """# Completion of graphflow for bash: eval "$(graphflow completion bash)"
_graphflow() {{
    local word="${{COMP_WORDS[COMP_CWORD]}}"
    local words="{commands}" files=""
    if [ "$COMP_CWORD" -gt 1 ]; then
        case "${{COMP_WORDS[1]}} ${{COMP_WORDS[COMP_CWORD - 1]}}" in
{cases}
            *) words="" files=yes ;;
        esac
    fi
    COMPREPLY=($(compgen -W "$words" -- "$word"))
    if [ -n "$files" ] && [ "${{word#-}}" = "$word" ]; then
        COMPREPLY+=($(compgen -f -- "$word"))
    fi
}}
complete -o filenames -F _graphflow graphflow
"""


def completion(parser: argparse.ArgumentParser, shell: str) -> str:
    """The script for a shell.

    Parameters
    ----------
    parser : the whole command line's.
    shell : one of `SHELLS`.
    """
    commands = dict(_commands(parser))
    if shell == "fish":
        return _fish(commands)
    if shell == "zsh":
        return _zsh(commands)
    cases = "\n".join(
        f'            {quoted}) words="{" ".join(words)}" {"files=yes " if files else ""};;'
        for quoted, words, files in _cases(commands)
    )
    return _BASH.format(commands=" ".join(commands), cases=cases)


def _cases(
    commands: dict[str, tuple[str, argparse.ArgumentParser]],
) -> Iterator[tuple[str, list[str], bool]]:
    """What may follow a command and a word: a pattern, words, and whether files may too."""
    for name, (_, command) in commands.items():
        for option, action in _options(command):
            if action.nargs != 0:
                yield f'"{name} {option}"', _choices(action), not _choices(action)
        closed = [a for a in command._actions if not a.option_strings and _choices(a)]
        yield f'"{name} "*', _words(command), not closed


def _choices(action: argparse.Action) -> list[str]:
    """The words that an argument takes, where it does not take any."""
    found = action.choices or getattr(action.type, "names", None)
    return [str(choice) for choice in found or ()]


def _commands(
    parser: argparse.ArgumentParser,
) -> Iterator[tuple[str, tuple[str, argparse.ArgumentParser]]]:
    """Each command with its description and its own parser."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            helps = {choice.dest: choice.help or "" for choice in action._choices_actions}
            for name, command in action.choices.items():
                yield name, (helps.get(name, ""), command)


def _options(parser: argparse.ArgumentParser) -> Iterator[tuple[str, argparse.Action]]:
    for action in parser._actions:
        for option in action.option_strings:
            yield option, action


def _words(parser: argparse.ArgumentParser) -> list[str]:
    """The options of a command, and the choices of its arguments."""
    words = [option for option, _ in _options(parser)]
    for action in parser._actions:
        if not action.option_strings:
            words += _choices(action)
    return words


def _fish(commands: dict[str, tuple[str, argparse.ArgumentParser]]) -> str:
    lines = ["# Completion of graphflow for fish: graphflow completion fish | source"]
    for name, (text, command) in commands.items():
        lines.append(
            f"complete -c graphflow -f -n __fish_use_subcommand -a {name} -d {_quoted(text)}"
        )
        inside = f"complete -c graphflow -n '__fish_seen_subcommand_from {name}'"
        for option, action in _options(command):
            form = f"-l {option[2:]}" if option.startswith("--") else f"-s {option[1:]}"
            needs = "" if action.nargs == 0 else " -r"
            if _choices(action):
                needs = f" -x -a {_quoted(' '.join(_choices(action)))}"
            lines.append(f"{inside} {form}{needs} -d {_quoted(action.help or '')}")
        for action in command._actions:
            if not action.option_strings and _choices(action):
                lines.append(f"{inside} -f -a {_quoted(' '.join(_choices(action)))}")
    return "\n".join(lines) + "\n"


def _zsh(commands: dict[str, tuple[str, argparse.ArgumentParser]]) -> str:
    lines = [
        '# Completion of graphflow for zsh: eval "$(graphflow completion zsh)"',
        "_graphflow() {",
        "    if (( CURRENT == 2 )); then",
        "        local -a found",
        "        found=(",
        *(
            f"            {_quoted(f'{name}:{text}')}"
            for name, (text, _) in commands.items()
        ),
        "        )",
        "        _describe command found",
        "        return",
        "    fi",
        '    case "$words[2] $words[CURRENT-1]" in',
    ]  # fmt: skip
    for quoted, words, files in _cases(commands):
        parts = [f"compadd -- {' '.join(words)}"] * bool(words) + ["_files"] * files
        lines.append(f"        {quoted}) {'; '.join(parts)} ;;")
    lines += ["    esac", "}", "compdef _graphflow graphflow"]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"
