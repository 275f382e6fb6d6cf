"""`intake coach` 训练师工具: from a misread turn to a model in service, and back."""

from __future__ import annotations

import argparse
import importlib

# Tool → (module, what follows `add_` and `run` in the names of its functions, help).
TOOLS = {
    "data": ("bot.coach.data_report", "", "report on the training data; exit 1 if it must be mended"),
    "split": ("bot.coach.split", "", "move whole situations into the held-out set"),
    "compare": ("bot.coach.compare", "", "measure ways of modelling side by side"),
    "inbox": ("bot.coach.inbox", "", "gather turns worth a label and show them"),
    "label": ("bot.coach.labels", "", "label, skip or divide turns"),
    "promote": ("bot.coach.promote", "", "make settled labels into training sentences"),
    "new-intent": ("bot.coach.new_intent", "", "check or add a new type from an answer file"),
    "near": ("bot.coach.near_types", "", "show which types sentences come near, while one writes"),
    "situations": ("bot.coach.situations", "", "show a type's situations, to divide it by"),
    "rename-intent": ("bot.coach.change_intent", "rename", "rename a type with all that hangs on it"),
    "merge-intent": ("bot.coach.change_intent", "merge", "merge a type into another"),
    "retire-intent": ("bot.coach.change_intent", "retire", "take a type out of service"),
    "words": ("bot.coach.lexicon", "", "preview and save words and raising signals"),
    "train": ("bot.coach.training_run", "", "train a candidate"),
    "gate": ("bot.coach.gate", "", "examine a candidate beside the model in service"),
    "shadow": ("bot.coach.shadow", "", "let a candidate read live turns without answering"),
    "canary": ("bot.coach.switch", "canary", "let a model answer a share of the conversations"),
    "switch": ("bot.coach.switch", "", "put a model into service"),
    "rollback": ("bot.coach.switch", "rollback", "return to a kept model"),
    "guard": ("bot.coach.switch", "guard", "look once at live signals after a switch or beside a canary"),
    "history": ("bot.coach.history", "", "show kept models and changes of model"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the tools; the arguments of one are declared when it is called."""
    parser.add_argument("tool", choices=TOOLS, metavar="TOOL", help=", ".join(TOOLS))
    parser.add_argument("rest", nargs=argparse.REMAINDER, help="arguments of the tool")
    lines = "\n".join(f"  {name:<14} {line}" for name, (_, _, line) in TOOLS.items())
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = f"tools (each has --help):\n{lines}"


def run(args: argparse.Namespace) -> int:
    """Run the chosen tool."""
    name, part, line = TOOLS[args.tool]
    module = importlib.import_module(name)
    parser = argparse.ArgumentParser(prog=f"intake coach {args.tool}", description=line)
    getattr(module, f"add_{part}_arguments" if part else "add_arguments")(parser)
    run_it = getattr(module, f"run_{part}" if part else "run")
    return int(run_it(parser.parse_args(args.rest)) or 0)
